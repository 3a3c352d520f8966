"""The mix of two domains, and the defect of the published merging."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from dmtrack.config import build
from dmtrack.registry import DATASETS
from dmtrack.running.adaptation.training import duplicated_boxes, mixed_images


def labels(folder, images, boxes):
    """A data set of so many images with so many boxes each."""
    folder.mkdir()
    entries, annotations = [], []
    for number in range(1, images + 1):
        file = folder / f"{number}.png"
        cv2.imwrite(str(file), np.full((24, 32, 3), 50, np.uint8))
        entries.append({"id": number, "file_name": str(file), "width": 32, "height": 24})
        for place in range(boxes):
            box = [4.0 * place, 2.0, 8.0, 10.0]
            annotations.append(
                {"id": len(annotations) + 1, "image_id": number, "category_id": 1, "bbox": box, "area": 80.0}
            )
    path = folder / "labels.json"
    path.write_text(json.dumps({"images": entries, "annotations": annotations, "categories": [{"id": 1, "name": "p"}]}))
    return path


def test_twenty_times_as_often_is_not_twenty_boxes_on_top_of_each_other(tmp_path):
    source, target = labels(tmp_path / "a", 30, 2), labels(tmp_path / "b", 3, 1)
    rng = np.random.default_rng(0)

    def drawn(node, times=300):
        sampler = build(node, DATASETS)
        return np.array([len(sampler.sample(rng).query.boxes_xyxy) for _ in range(times)])

    ours = drawn(mixed_images(source, target, 20.0))
    # 3 images twenty times among 30: two thirds of all draws, every one with its one box.
    assert set(ours.tolist()) == {1, 2} and (ours == 1).mean() == pytest.approx(2 / 3, abs=0.08)
    (tmp_path / "mixed").mkdir()
    published = duplicated_boxes(target, 20, tmp_path / "mixed")
    assert len(json.loads(target.read_text())["annotations"]) == 3
    theirs = drawn(mixed_images(source, published, 1.0))
    # 3 images once among 30: an eleventh of all draws, with one box twenty times.
    assert set(theirs.tolist()) == {2, 20} and (theirs == 20).mean() == pytest.approx(1 / 11, abs=0.05)
