"""Average precision of detections by COCO's rules: boxes are paired by pycocotools, and pooled here.

Lin et al., "Microsoft COCO: common objects in context", ECCV 2014, and its evaluation code: precision at 101 recalls,
averaged over ten thresholds of overlap, at most 100 detections per image.
"""

from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dmtrack.errors import EvaluationError

Array = NDArray[np.float64]
Rows = NDArray[np.float64]

OVERLAPS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)
MOST_DETECTIONS = 100


@dataclass(frozen=True)
class PairedDetections:
    """The detections of some images, each with what it was paired with.

    Attributes:
        scores: (n,).
        right: (10, n) bool, paired with a true box that counts, by threshold of overlap.
        ignored: (10, n) bool, paired with one that does not count.
        objects: true boxes that count.
    """

    scores: Array
    right: NDArray[np.bool_]
    ignored: NDArray[np.bool_]
    objects: int


def paired_detections(truth: Rows, counts: NDArray[np.bool_], found: Rows) -> PairedDetections:
    """Pairs the detections of a sequence with its true boxes, image by image.

    Args:
        truth: (n, 6 or more) frame, identity, left, top, width, height.
        counts: (n,) which of them count; pairs with the others neither help nor harm, and these may have several.
        found: (m, 7 or more) likewise, with scores.

    Raises:
        EvaluationError: pycocotools is not installed.
    """
    try:
        coco, evaluation = (importlib.import_module(f"pycocotools.{name}") for name in ("coco", "cocoeval"))
    except ImportError as error:
        raise EvaluationError("average precision needs pycocotools: pip install 'dmtrack[mot]'") from error
    frames = np.union1d(truth[:, 0], found[:, 0]).astype(int).tolist()
    areas, sizes = truth[:, 4] * truth[:, 5], found[:, 4] * found[:, 5]
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what it does
        known, answers = coco.COCO(), coco.COCO()
        shared = {"images": [{"id": frame} for frame in frames], "categories": [{"id": 1}]}
        known.dataset = {
            **shared,
            "annotations": [
                {"id": number + 1, "image_id": int(row[0]), "category_id": 1, "bbox": row[2:6].tolist(),
                 "area": float(areas[number]), "iscrowd": int(not counts[number])}
                for number, row in enumerate(truth)
            ],
        }  # fmt: skip
        answers.dataset = {
            **shared,
            "annotations": [
                {"id": number + 1, "image_id": int(row[0]), "category_id": 1, "bbox": row[2:6].tolist(),
                 "area": float(sizes[number]), "score": float(row[6]), "iscrowd": 0}
                for number, row in enumerate(found)
            ],
        }  # fmt: skip
        known.createIndex()
        answers.createIndex()
        pairs = evaluation.COCOeval(known, answers, "bbox")
        pairs.params.maxDets, pairs.params.areaRng = [MOST_DETECTIONS], [[0, 1e10]]
        pairs.params.areaRngLbl = ["all"]
        pairs.evaluate()
    images = [image for image in pairs.evalImgs if image is not None]
    nothing = np.zeros((len(OVERLAPS), 0), bool)
    return PairedDetections(
        np.concatenate([np.zeros(0), *(np.asarray(image["dtScores"], np.float64) for image in images)]),
        np.concatenate([nothing, *(np.asarray(image["dtMatches"]) > 0 for image in images)], axis=1),
        np.concatenate([nothing, *(np.asarray(image["dtIgnore"]) > 0 for image in images)], axis=1),
        sum(int((np.asarray(image["gtIgnore"]) == 0).sum()) for image in images),
    )


def average_precision(parts: Sequence[PairedDetections]) -> dict[str, float]:
    """AP over all thresholds, AP50, AP75, and AR (the recall reached) of several sequences; NaN without true boxes.

    Args:
        parts: of the sequences; one may stand there several times.
    """
    objects = sum(part.objects for part in parts)
    if not objects:
        return dict.fromkeys(("AP", "AP50", "AP75", "AR"), float("nan"))
    order = np.argsort(-np.concatenate([part.scores for part in parts]), kind="mergesort")
    right, ignored = (
        np.concatenate([getattr(part, name) for part in parts], axis=1)[:, order] for name in ("right", "ignored")
    )
    hits, misses = np.cumsum(right & ~ignored, axis=1), np.cumsum(~right & ~ignored, axis=1)
    recall, precision = hits / objects, hits / np.maximum(hits + misses, np.spacing(1))
    # The best precision at this recall or a higher one.
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    at_recalls = np.zeros((len(OVERLAPS), len(RECALLS)))
    for place in range(len(OVERLAPS)):
        found = np.searchsorted(recall[place], RECALLS, side="left")
        inside = found < envelope.shape[1]
        at_recalls[place, inside] = envelope[place, found[inside]]
    by_overlap = at_recalls.mean(axis=1)
    reached = recall[:, -1].mean() if recall.shape[1] else 0.0
    return {
        "AP": float(by_overlap.mean()),
        "AP50": float(by_overlap[0]),
        "AP75": float(by_overlap[5]),
        "AR": float(reached),
    }
