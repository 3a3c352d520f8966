"""Clips with masks for the generator: two moments of one object, between which it bends, turns and moves by itself."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from dmtrack.boxes import xywh_to_xyxy
from dmtrack.data.sequences import Video
from dmtrack.data.sources.davis import Davis
from dmtrack.data.synthetic.objects import cut_out
from dmtrack.data.synthetic.patches import Patch
from dmtrack.data.synthetic.real_images import Photo
from dmtrack.errors import DataError

_TRIED = 100
_CLIPS_KEPT = 64
"""Of these the boxes are remembered; finding them takes all masks of a clip."""


class RealClips:
    """Draws two frames of a clip in which the same objects show.

    Args:
        folders: what `Davis` takes: dicts with `root` and optionally `names`, `resolution`.

    Raises:
        DataError: a folder is missing or of another layout.
    """

    def __init__(self, folders: Collection[Mapping[str, Any]]) -> None:
        sources = [Davis(**one) for one in folders]
        self._clips = [(source, number) for source in sources for number in range(len(source.clips))]
        if not self._clips:
            raise DataError("real_clips is empty: give at least one dict(root=...), or None")
        self._kept: OrderedDict[int, Video] = OrderedDict()

    def sample(self, rng: np.random.Generator) -> tuple[Photo, Photo]:
        """Two moments of a clip, in either order; row i of both is the same object."""
        for _ in range(_TRIED):
            video = self._video(int(rng.integers(len(self._clips))))
            first, second = (int(frame) for frame in rng.choice(len(video), 2, replace=False))
            tracks = [track for track in video.tracks.values() if track.present[first] and track.present[second]]
            if not tracks:
                continue
            moments = []
            for frame in (first, second):
                boxes_xyxy = xywh_to_xyxy(np.stack([track.boxes_xywh[frame] for track in tracks]))
                masks = [None if track.read_mask is None else track.read_mask(frame) for track in tracks]
                outlines = tuple(None if mask is None else mask.astype(np.uint8) * 255 for mask in masks)
                moments.append(Photo(video.read_frame(frame), boxes_xyxy, outlines))
            return moments[0], moments[1]
        raise DataError(
            f"real_clips: {_TRIED} draws in a row found no object that shows in two frames; give other clips"
        )

    def cut_outs(self, rng: np.random.Generator, size: float) -> tuple[Patch, Patch] | None:
        """The same object cut out of two moments; see `cut_out`."""
        moments = self.sample(rng)
        row = int(rng.integers(len(moments[0].boxes_xyxy)))
        first, second = (cut_out(rng, moment, row, size) for moment in moments)
        return None if first is None or second is None else (first, second)

    def _video(self, place: int) -> Video:
        if place not in self._kept:
            source, number = self._clips[place]
            self._kept[place] = source.read_video(number)
            if len(self._kept) > _CLIPS_KEPT:
                self._kept.popitem(last=False)
        return self._kept[place]
