"""Average precision: the numbers of pycocotools, of one sequence and of several together."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from dmtrack.data.sequences import MultiObjectSequence
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.measures.detection import average_precision, paired_detections
from dmtrack.evaluation.protocols import get_protocol
from dmtrack.evaluation.reporting.study import make_study
from dmtrack.evaluation.results import SequenceResult, TrackerResults


def crowd(seed, frames=12):
    """True rows, of which some do not count, and detections near most of them, with false ones."""
    rng = np.random.default_rng(seed)
    truth, found = [], []
    for frame in range(1, frames + 1):
        for person in range(int(rng.integers(0, 6))):
            box = np.array([*rng.uniform(0, 300, 2), *rng.uniform(20, 60, 2)])
            truth.append([frame, person, *box, float(rng.random() > 0.15), 1, 1])
            if rng.random() < 0.8:
                found.append([frame, -1, *(box + rng.normal(0, 4, 4)), rng.random(), 1, 1])
        found += [
            [frame, -1, *rng.uniform(0, 300, 2), *rng.uniform(20, 60, 2), 0.6 * rng.random(), 1, 1]
            for _ in range(int(rng.integers(0, 3)))
        ]
    return np.array(truth), np.array(found)


def by_pycocotools(parts):
    """AP, AP50, AP75 and AR of sequences whose images follow each other."""
    known, answers = COCO(), COCO()
    entries, boxes, images = [], [], []
    for place, (truth, found) in enumerate(parts):
        images += [{"id": 1000 * place + frame} for frame in range(1, 13)]
        for rows, kept in ((truth, entries), (found, boxes)):
            kept += [
                {"id": len(kept) + 1 + number, "image_id": 1000 * place + int(row[0]), "category_id": 1,
                 "bbox": row[2:6].tolist(), "area": row[4] * row[5], "score": row[6], "iscrowd": int(row[6] == 0)}
                for number, row in enumerate(rows)
            ]  # fmt: skip
    for box in boxes:
        box["iscrowd"] = 0
    with contextlib.redirect_stdout(io.StringIO()):
        for data, annotations in ((known, entries), (answers, boxes)):
            data.dataset = {"images": images, "annotations": annotations, "categories": [{"id": 1}]}
            data.createIndex()
        score = COCOeval(known, answers, "bbox")
        score.evaluate()
        score.accumulate()
        score.summarize()
    return [score.stats[number] for number in (0, 1, 2, 8)]


@pytest.mark.parametrize("seeds", [(1,), (2, 3, 4)])
def test_average_precision_is_that_of_pycocotools(seeds):
    parts = [crowd(seed) for seed in seeds]
    paired = [paired_detections(truth, truth[:, 6] != 0, found) for truth, found in parts]
    assert list(average_precision(paired).values()) == pytest.approx(by_pycocotools(parts), abs=1e-12)


def test_nothing_to_find_has_no_number_and_nothing_found_is_zero():
    truth, found = crowd(1)
    nobody = paired_detections(truth[:0], np.zeros(0, bool), found)
    assert np.isnan(average_precision([nobody])["AP"])
    blind = paired_detections(truth, truth[:, 6] != 0, found[:0])
    assert average_precision([blind]) == {"AP": 0.0, "AP50": 0.0, "AP75": 0.0, "AR": 0.0}


def test_protocol_coco_scores_detections_with_intervals():
    sequences, results = [], {}
    for seed in range(4):
        truth, found = crowd(seed)
        nowhere = (np.full((12, 4), np.nan), np.zeros(12, bool), lambda frame: None)
        sequences.append(MultiObjectSequence(f"s{seed}", *nowhere, truth=truth))
        results[f"s{seed}"] = SequenceResult(np.zeros((0, 4)), tracks=found)
    study = make_study("made-up", [get_protocol("coco")], sequences, [TrackerResults("one", results)], rounds=50)
    number = study.report.scores[0].scores["AP"]
    interval = study.significance.intervals["one"]["AP"]
    assert interval.low < number < interval.high
    assert number == pytest.approx(by_pycocotools([crowd(seed) for seed in range(4)])[0], abs=1e-12)


def test_every_class_of_several_has_a_precision_of_its_own():
    sequences, results, alone = [], {}, {}
    for seed in range(3):
        truth, found = [], []
        for kind in (1, 2):
            true_rows, own = crowd(10 * seed + kind)
            true_rows[:, 7] = own[:, 7] = kind
            # Class 2 is a distractor in MOTChallenge, which says nothing about the user's own.
            true_rows[:, 1] += 100 * kind
            alone.setdefault(kind, []).append((true_rows, own))
            truth.append(true_rows)
            found.append(own)
        nowhere = (np.full((12, 4), np.nan), np.zeros(12, bool), lambda frame: None)
        sequences.append(MultiObjectSequence(f"s{seed}", *nowhere, truth=np.concatenate(truth)))
        results[f"s{seed}"] = SequenceResult(np.zeros((0, 4)), tracks=np.concatenate(found))
    rules = [get_protocol("coco").of_class(kind) for kind in (1, 2, 3)]
    study = make_study("made-up", rules, sequences, [TrackerResults("one", results)], rounds=5)
    first, second, third = (report.scores[0].scores["AP"] for report in study.reports)
    assert (first, second) == pytest.approx([by_pycocotools(alone[kind])[0] for kind in (1, 2)], abs=1e-12)
    assert first != second and np.isnan(third)
    results["s0"].tracks[0, 7] = -1
    with pytest.raises(EvaluationError, match="boxes without a class"):
        make_study("made-up", rules, sequences, [TrackerResults("one", results)], rounds=5)
