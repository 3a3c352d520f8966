"""Reports on confidences and presence: numbers are those of the measures, also in every round of the bootstrap."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from dmtrack.data.sequences import Annotation
from dmtrack.evaluation.measures.long_term import precision_recall, score_presence
from dmtrack.evaluation.protocols.challenges import OXUVA, VOT_LT, VOT_LT_PYSOT
from dmtrack.evaluation.reporting.bootstrap import draw_sequences
from dmtrack.evaluation.reporting.loading import build_report, load_tracker_results
from dmtrack.evaluation.reporting.significance import assess
from dmtrack.evaluation.reporting.study import make_study
from dmtrack.evaluation.results import SequenceResult, TrackerResults
from dmtrack.pages.report.output import write_study


def make_tracker(name, sequences, error, seed, sure=False):
    random = np.random.default_rng(seed)
    results = {}
    for sequence in sequences:
        boxes = np.nan_to_num(sequence.boxes_xywh, nan=30.0) + random.normal(0, error, (len(sequence), 4))
        boxes[:, 2:] = np.abs(boxes[:, 2:]) + 1
        scores = None if sure else np.clip(0.8 * sequence.present + random.normal(0, 0.3, len(sequence)), 0, 1)
        present = None if sure else scores > 0.4
        results[sequence.name] = SequenceResult(boxes, np.full(len(sequence), 0.01), scores, present)
    return TrackerResults(name, results, provenance={"weights_sha256": name[0] * 64})


@pytest.fixture
def pair(sequences):
    return [make_tracker("near", sequences, 1.0, 1), make_tracker("far", sequences, 6.0, 2, sure=True)]


@pytest.mark.parametrize("protocol", [VOT_LT, VOT_LT_PYSOT], ids=lambda item: item.name)
def test_every_round_is_the_best_mean_of_the_drawn_curves(protocol, sequences, pair):
    report = build_report("lt", protocol, sequences, pair)
    significance = assess(report, rounds=10, seed=3)
    draws = next(draw_sequences(len(sequences), 10, 3))
    for score in report.scores:
        curves = [precision_recall(protocol, item.observed, score.pooled.thresholds) for item in score.sequences]
        best = []
        for row in draws:
            drawn = [curve for curve, times in zip(curves, row, strict=True) for _ in range(int(times))]
            precision, recall = np.mean(drawn, axis=0)
            best.append(np.max(2 * precision * recall / np.maximum(precision + recall, 1e-300)))
        interval = significance.intervals[score.tracker]["f_score"]
        assert (interval.low, interval.high) == pytest.approx(tuple(np.quantile(best, [0.025, 0.975])), abs=1e-9)
        assert interval.value == score.pooled.scores["f_score"]
    assert report.scores[0].frames_per_second == pytest.approx(100)
    assert [text for text in report.remarks() if "far hold no confidences" in text]


def test_rates_are_counted_anew_in_every_round(sequences, pair):
    report = build_report("presence", OXUVA, sequences, pair)
    significance = assess(report, rounds=20, seed=1)
    draws = next(draw_sequences(len(sequences), 20, 1))
    for score in report.scores:
        counts = [item.observed[0] for item in score.sequences]
        drawn = [
            score_presence([one for one, n in zip(counts, row, strict=True) for _ in range(int(n))]) for row in draws
        ]
        for metric in report.protocol.headings():
            ends = np.quantile([scores[metric] for scores in drawn], [0.025, 0.975])
            interval = significance.intervals[score.tracker][metric]
            assert (interval.low, interval.high) == pytest.approx(tuple(ends), abs=1e-9)
    assert report.scores[1].scores["tnr"] == 0 and "far do not say" in " ".join(report.remarks())


def test_both_kinds_stand_in_one_study(sequences, pair, tmp_path):
    study = make_study("long", [OXUVA, VOT_LT], sequences, pair, rounds=50)
    page = write_study(study, tmp_path, suffixes=(".png",)).read_text()
    assert {"presence", "pair", "speed", "precision_recall@vot-lt"} == {
        path.stem for path in (tmp_path / "plots").iterdir()
    }
    assert "in frames without target 1 where the tracker says so" in page and "protocol vot-lt" in page
    stored = json.loads((tmp_path / "report.json").read_text())
    assert set(stored["trackers"]["near"]) >= {"max_gm", "gm", "tpr", "tnr"}
    assert set(stored["other_protocols"][0]["precision_recall"]["near"]) >= {"recall", "precision", "thresholds"}
    assert r"MaxGM" in (tmp_path / "report.tex").read_text()


def test_without_absent_frames_the_numbers_that_need_them_are_no_numbers(make_sequence, tmp_path):
    sequences = [make_sequence(index, absent=False) for index in range(3)]
    study = make_study("present", [OXUVA], sequences, [make_tracker("t", sequences, 1.0, 1)], rounds=20)
    assert np.isnan(study.report.scores[0].scores["max_gm"]) and study.report.scores[0].scores["tpr"] > 0
    assert "no annotated frame is without target" in " ".join(study.remarks())
    assert "No tracker has a number for MaxGM" in write_study(study, tmp_path, suffixes=()).read_text()


def test_tables_of_oxuva_are_read(make_sequence, tmp_path):
    sequence = make_sequence(0)
    sequence = replace(sequence, name="v_o", annotation=Annotation(frame_numbers=30 * np.arange(30)))
    lines = []
    for index in range(1, 30):
        box = sequence.boxes_xywh[index]
        left, top, right, bottom = [*(box[:2] / [120, 100]), *((box[:2] + box[2:]) / [120, 100])]
        said = bool(sequence.present[index])
        corners = f"{left},{right},{top},{bottom}" if said else "0,0,0,0"
        lines.append(f"v,o,{30 * index},{str(said).lower()},0.5,{corners}\n")
    (tmp_path / "v_o.csv").write_text("".join(lines))
    read = load_tracker_results(tmp_path, [sequence])
    report = build_report("oxuva", OXUVA, [sequence], [read])
    assert report.scores[0].scores == {"max_gm": 1.0, "gm": 1.0, "tpr": 1.0, "tnr": 1.0}
    assert any("layout: oxuva" in note for note in read.notes)
