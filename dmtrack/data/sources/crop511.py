"""Crops of 511 pixels around targets, as PySOT and `dmtrack crops` make them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmtrack.data.sequences import Sequence
from dmtrack.data.sources.base import SequenceSource, find_root
from dmtrack.data.sources.frames import NumberedFrames
from dmtrack.errors import DataError
from dmtrack.files import at_home, read_json
from dmtrack.registry import DATASETS

LAYOUT = "<root>/train.json and <root>/crop511/<video>/<frame>.<track>.x.jpg"


@DATASETS.register
class Crop511(SequenceSource):
    """One sequence per target: squares in which the target's context fills the middle 127 pixels.

    Frames are numbered as in the video, from the first one that shows the target; those without it are absent.

    Args:
        root: folder with `train.json` and `crop511/`.
        annotations: json file instead of `<root>/train.json`.
        crops: folder of the crops instead of `<root>/crop511`.

    Attributes:
        video_starts: (videos + 1,) the first sequence of every video.
    """

    def __init__(self, root: str | Path, annotations: str | None = None, crops: str | None = None) -> None:
        self.root = find_root(root, "Crop511", LAYOUT)
        self.crops = at_home(crops) if crops else self.root / "crop511"
        if not self.crops.is_dir():
            raise DataError(f"Crop511: no folder {self.crops}; expected {LAYOUT}, or give `crops`")
        path = at_home(annotations) if annotations else self.root / "train.json"
        content = read_json(path, f"{LAYOUT}, or give `annotations`")
        self.names, starts = [], [0]
        frames: list[NDArray[np.int32]] = []
        sizes: list[NDArray[np.float32]] = []
        try:
            for video, tracks in content.items():
                for track, boxes in tracks.items():
                    # PySOT's own files hold a few entries that are no frames.
                    numbers = sorted(int(key) for key in boxes if key.isdecimal())
                    wh = [_size(boxes[f"{number:06d}"]) for number in numbers]
                    if wh:
                        self.names.append(f"{video}/{track}")
                        frames.append(np.array(numbers, dtype=np.int32))
                        sizes.append(np.array(wh, dtype=np.float32))
                if len(self.names) > starts[-1]:
                    starts.append(len(self.names))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"{path}: video {video!r} is not of the form {{track: {{frame: [x1, y1, x2, y2]}}}} ({error})"
            ) from error
        self._frames, self._sizes_wh = frames, sizes
        self.video_starts = np.array(starts, dtype=np.int64)

    def read_sequence(self, name: str) -> Sequence:
        """The target of that name, `<video>/<track>`."""
        from dmtrack.data.siamese.cropping import CROP_SIZE, box_in_crop  # costs the import of torch and cv2

        place = self.places[name]
        video, track = name.rsplit("/", 1)
        numbers, sizes = self._frames[place], self._sizes_wh[place]
        first = int(numbers[0])
        boxes_xywh = np.full((int(numbers[-1]) - first + 1, 4), np.nan)
        for number, size in zip(numbers, sizes, strict=True):
            x1, y1, x2, y2 = box_in_crop(size)
            boxes_xywh[number - first] = x1, y1, x2 - x1, y2 - y1
        present = np.isfinite(boxes_xywh).all(axis=1)
        files = NumberedFrames(self.crops / video, f"{{:06d}}.{track}.x.jpg", first)
        size_wh = (CROP_SIZE, CROP_SIZE)
        return Sequence(f"{video}/{track}", boxes_xywh, present, files, size_wh, video_name=video, track_id=track)


def _size(box: list[float]) -> tuple[float, float]:
    """Width and height of x1, y1, x2, y2, or as they stand."""
    width, height = box if len(box) == 2 else (box[2] - box[0], box[3] - box[1])
    if not (width > 0 and height > 0):
        raise ValueError(f"box {box} has no area")
    return float(width), float(height)
