"""MOTSynth (https://motchallenge.net/data/MOTSynth-MOT-CVPR22): videos of a game, with its people and their joints."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from dmtrack.data.sources.base import find_root
from dmtrack.data.sources.coco import read_lists
from dmtrack.data.sources.coco_vid import label_video
from dmtrack.data.sources.labelled import LabelledSource, LabelledVideo
from dmtrack.errors import DataError
from dmtrack.registry import DATASETS

MISSING = ("524", "629", "652", "757")
"""Sequences that the baselines leave out."""
VISIBLE = 2
"""Flag of a joint that can be seen."""


@DATASETS.register
class MOTSynth(LabelledSource):
    """Videos of MOTSynth in COCO's format: one file per sequence, or one that its baselines have combined.

    Identities are those of people (`ped_id`), not of their models (`model_id`), which several people share. The visible
    share is that of the joints. Boxes without area do not count.

    Args:
        root: with `annotations/<sequence>.json` or `comb_annotations/<split>.json`, and `frames`.
        split: name of a combined file, which is read whole; None takes the files of the sequences, one at a time.
    """

    layout: ClassVar[str] = (
        "<root>/{annotations/000.json ..., comb_annotations/<split>.json, frames/000/rgb/0000.jpg}, as the baselines "
        "of MOTSynth extract it"
    )

    def __init__(self, root: str | Path, split: str | None = None) -> None:
        self.root = find_root(root, "MOTSynth", self.layout)
        if split is None:
            files = sorted((self.root / "annotations").glob("*.json"))
            self.items: list[Any] = [file for file in files if file.stem not in MISSING]
        else:
            path = self.root / "comb_annotations" / f"{split}.json"
            content = read_lists(path, self.layout)
            sequences: dict[str, dict[str, list[Any]]] = defaultdict(lambda: {"images": [], "annotations": []})
            owners = {}
            for image in content["images"]:
                owners[image["id"]] = own = sequences[_sequence_of(image, path)]
                own["images"].append(image)
            for entry in content["annotations"]:
                owners[entry["image_id"]]["annotations"].append(entry)
            self.items = [(path, own) for _, own in sorted(sequences.items())]
        if not self.items:
            raise DataError(f"{self.root} has no annotations/*.json; expected {self.layout}")

    def read(self, number: int) -> LabelledVideo:
        """The sequence of that number."""
        item = self.items[number]
        path, content = item if isinstance(item, tuple) else (item, read_lists(item, self.layout))
        try:
            images = sorted(content["images"], key=lambda image: image["frame_n"])
            objects = [entry for entry in content["annotations"] if entry["area"] > 0]
            joints = [np.asarray(entry.get("keypoints") or [0, 0, VISIBLE])[2::3] for entry in objects]
        except (KeyError, TypeError) as error:
            raise DataError(f"{path}: an entry lacks {error}; expected {self.layout}") from error
        visibility = np.array([float(np.mean(one == VISIBLE)) for one in joints])
        name = _sequence_of(images[0], path) if images else path.stem
        return label_video(name, images, objects, self.root, path, visibility=visibility)


def _sequence_of(image: Any, path: Path) -> str:
    """The sequence of an image, `000` of `frames/000/rgb/0000.jpg`."""
    parts = Path(str(image.get("file_name", ""))).parts
    if len(parts) < 3:
        raise DataError(f"{path}: file_name {image.get('file_name')!r}; expected frames/<sequence>/rgb/<number>.jpg")
    return parts[1] if parts[0] == "frames" else parts[0]
