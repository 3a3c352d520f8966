from __future__ import annotations

import numpy as np
import pytest

from dmtrack.data.sequences import Sequence
from dmtrack.evaluation.protocols import DMTRACK_VISIBLE
from dmtrack.evaluation.report import Report, csv_text
from dmtrack.evaluation.results import ResultStore, SequenceResult
from dmtrack.evaluation.scoring import score_store
from dmtrack.running.sweeps.absence import with_absence

FRAMES = 21
GONE = np.arange(FRAMES) >= 16


def sequence(name, gone=GONE):
    boxes = np.tile([10.0, 10, 20, 20], (FRAMES, 1))
    boxes[gone] = np.nan
    return Sequence(name, boxes, ~gone, lambda index: np.zeros((64, 64, 3), np.uint8), (64, 64))


def result(right, scores=None, present=None):
    boxes = np.tile([10.0, 10, 20, 20], (FRAMES, 1))
    boxes[~right] = [40, 40, 10, 10]
    return SequenceResult(boxes, None, scores, present)


def report_on(tmp_path, sequences, by_tracker):
    scores, stores = [], {}
    for name, results in by_tracker.items():
        stores[name] = store = ResultStore(tmp_path / name)
        store.start({"tracker": name})
        for item, own in zip(sequences, results, strict=True):
            store.write(item.name, own)
        scores.append(score_store(DMTRACK_VISIBLE, "benchmark", sequences, store))
    return with_absence(Report("benchmark", DMTRACK_VISIBLE, tuple(scores)), sequences, stores)


def test_numbers_about_absence_stand_beside_success(tmp_path):
    # Present in 15 counted frames, of which 3 are wrong; absent in 5, of which it says so in 4.
    right = ~GONE & ~np.isin(np.arange(FRAMES), (3, 4, 5))
    said = right.copy()
    said[20] = True
    scores = np.where(right, 0.9, np.where(said, 0.5, 0.1))
    report = report_on(tmp_path, [sequence("one")], {"knows": [result(right, scores, said)]})
    numbers = report.scores[0].scores
    assert numbers["tpr"] == pytest.approx(12 / 15)
    assert numbers["tnr"] == pytest.approx(4 / 5)
    assert numbers["gm"] == numbers["max_gm"] == pytest.approx(0.8)
    # With the threshold between right and wrong frames all reported ones overlap; the first frame's region is a code.
    assert numbers["long_term_precision"] == pytest.approx(1.0)
    assert numbers["long_term_recall"] == pytest.approx(12 / 16)
    assert numbers["long_term_f_score"] == pytest.approx(2 * 0.75 / 1.75)
    assert numbers["success"] == pytest.approx(12 / 15 * 20 / 21)
    assert [report.further["absence"][key] for key in ("absent_frames", "present_frames")] == [5, 15]
    values = report.to_dict()
    assert values["trackers"]["knows"]["gm"] == pytest.approx(0.8)
    assert values["sequences"]["knows"]["one"]["tnr"] == pytest.approx(0.8)
    assert set(values["absence"]["protocols"]) == {"oxuva", "vot-lt"}
    assert "max_gm" in csv_text([report])


def test_a_tracker_that_never_says_absent(tmp_path):
    everywhere = np.ones(FRAMES, bool)
    report = report_on(tmp_path, [sequence("one")], {"silent": [result(everywhere)]})
    numbers = report.scores[0].scores
    assert (numbers["tpr"], numbers["tnr"], numbers["gm"]) == (1.0, 0.0, 0.0)
    assert numbers["max_gm"] == pytest.approx(0.5)
    assert any("silent does not say where the target is absent" in remark for remark in report.remarks())
    assert any("silent gives no confidences" in remark for remark in report.remarks())


def test_rates_pool_frames_of_all_sequences(tmp_path):
    never = np.zeros(FRAMES, bool)
    sequences = [sequence("one"), sequence("two", never)]
    right = ~GONE
    known = [result(right, np.where(right, 0.9, 0.1), right), result(right, np.where(right, 0.9, 0.1), right)]
    report = report_on(tmp_path, sequences, {"a": known})
    # 15 of 15 and 15 of 20 frames with target; a mean over sequences would say 0.875.
    assert report.scores[0].scores["tpr"] == pytest.approx(30 / 35)
    assert report.scores[0].scores["tnr"] == 1.0
    assert np.isnan(report.scores[0].sequences[1].scores["tnr"])
