"""Frames of sequences as an image dataset in COCO's layout."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dmtrack import files
from dmtrack.data.sequences import Sequence
from dmtrack.data.writers.folders import Progress, atomic_folder, write_jpeg


def write_coco(
    sequences: Iterable[Sequence],
    root: str | Path,
    split: str = "train2017",
    quality: int = 95,
    progress: Progress | None = None,
    stride: int = 1,
) -> list[str]:
    """Writes `annotations/instances_<split>.json` and `<split>/<12 digits>.jpg`; replaces a split of that name.

    Args:
        sequences: each is a category; frames without target become images without objects.
        root: of the dataset.
        split: name of the split.
        quality: of the JPEG, 0 to 100.
        progress: called after every frame.
        stride: take every so many frames.

    Returns:
        The file names of the images.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    categories: list[dict[str, Any]] = []
    with atomic_folder(Path(root) / split) as folder:
        for sequence in sequences:
            categories.append({"id": len(categories) + 1, "name": sequence.name, "supercategory": "object"})
            for index in range(0, len(sequence), stride):
                frame = sequence.read_frame(index)
                number = len(images) + 1
                height, width = frame.shape[:2]
                images.append({"id": number, "file_name": f"{number:012d}.jpg", "width": width, "height": height})
                write_jpeg(folder / f"{number:012d}.jpg", frame, quality)
                if sequence.present[index]:
                    annotations.append(_annotation(len(annotations) + 1, number, len(categories), sequence, index))
                if progress is not None:
                    progress()
    content = {"images": images, "annotations": annotations, "categories": categories}
    files.write_text(Path(root) / "annotations" / f"instances_{split}.json", json.dumps(content) + "\n")
    return [str(image["file_name"]) for image in images]


def _annotation(number: int, image: int, category: int, sequence: Sequence, index: int) -> dict[str, Any]:
    x, y, width, height = (round(float(value), 4) for value in sequence.boxes_xywh[index])
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "bbox": [x, y, width, height],
        "area": round(width * height, 4),
        "iscrowd": 0,
        "segmentation": [[x, y, x + width, y, x + width, y + height, x, y + height]],
    }
