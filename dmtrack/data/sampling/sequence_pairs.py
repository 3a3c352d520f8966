"""Pairs from videos: two frames of one sequence."""

from __future__ import annotations

from collections import OrderedDict
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmtrack.boxes import clip_xyxy, xywh_to_xyxy
from dmtrack.data.samples import Clip
from dmtrack.data.sampling.building import built
from dmtrack.data.sequences import Sequence, Video
from dmtrack.data.validity import pick_frames, valid_frames
from dmtrack.errors import DataError
from dmtrack.registry import DATASETS

_SEQUENCES_KEPT = 256
_SEQUENCES_TRIED = 100

_Annotations = tuple[Video, NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64]]
"""A video with (tracks, frames, 4) boxes xywh, (tracks, frames) whether they are valid, and (tracks,) identities."""


@DATASETS.register
class SequencePairs:
    """Two valid frames of a sequence drawn at random, the earlier one as query.

    A video pairs every object that is valid in both frames, a sequence its target. The pairs' `identities` are the
    numbers of the tracks, counted through the source.

    Args:
        source: a dataset of sequences or of videos, built or as a config dict.
        max_gap: largest distance of the two frames; given up after 100 draws that found none.
        all_objects: takes the videos of a source that knows several objects, instead of its one-target sequences.

    Raises:
        DataError: the source is empty.
    """

    def __init__(self, source: Any, max_gap: int = 300, all_objects: bool = False) -> None:
        self.source = built(source).videos if all_objects else built(source)
        self.max_gap = max_gap
        if not len(self.source):
            raise DataError(f"{type(self.source).__name__} has no sequences to draw pairs from")
        # Annotations of the sequences used last, because sequences come again and parsing takes milliseconds.
        self._kept: OrderedDict[int, _Annotations] = OrderedDict()

    def __len__(self) -> int:
        return len(self.source)

    @property
    def identity_count(self) -> int:
        """How many tracks the source has; identities are below."""
        return int(self._first_identities[-1])

    @cached_property
    def _first_identities(self) -> NDArray[np.int64]:
        """(sequences + 1,) number of the first track of every sequence, and of all tracks."""
        if isinstance(self.source[0], Sequence):
            return np.arange(len(self.source) + 1)
        counts = [len(self.source[index].tracks) for index in range(len(self.source))]
        return np.concatenate([[0], np.cumsum(counts)])

    def sample(self, rng: np.random.Generator, image_size_wh: tuple[int, int] | None = None) -> Clip:
        """One pair of frames; `image_size_wh` is ignored.

        Raises:
            DataError: a hundred sequences in a row have fewer than two valid frames.
        """
        for _ in range(_SEQUENCES_TRIED):
            index = int(rng.integers(len(self.source)))
            video, boxes, valid, identities = self._annotations(index)
            frames = pick_frames(np.asarray(valid.any(axis=0)), self.max_gap, rng)
            if frames is None:
                continue
            rows = valid[:, frames[0]] & valid[:, frames[1]]
            if rows.any():
                return _pair(video, boxes[rows], frames, identities[rows])
        raise DataError(
            f"{type(self.source).__name__}: {_SEQUENCES_TRIED} sequences in a row have fewer than two valid frames "
            f"(last: {self.source[index].name}); expected boxes of 10 to 960 pixels that fill 1 to 75 % of the "
            "frame's sides"
        )

    def _annotations(self, index: int) -> _Annotations:
        if index in self._kept:
            self._kept.move_to_end(index)
            return self._kept[index]
        item = self.source[index]
        video: Video = item.video if isinstance(item, Sequence) else item
        tracks, size_wh = list(video.tracks.values()), video.size_wh()
        boxes = np.stack([track.boxes_xywh for track in tracks])
        valid = np.stack(
            [track.present & valid_frames(track.boxes_xywh, size_wh, track.visibility) for track in tracks]
        )
        first, after = self._first_identities[index : index + 2]
        # A video may have other tracks than when all were counted; then they are unknown.
        identities = np.arange(first, after) if after - first == len(tracks) else np.full(len(tracks), -1)
        self._kept[index] = video, boxes, valid, identities
        if len(self._kept) > _SEQUENCES_KEPT:
            self._kept.popitem(last=False)
        return self._kept[index]


def _pair(
    video: Video, boxes_xywh: NDArray[np.float64], frames: tuple[int, int], identities: NDArray[np.int64]
) -> Clip:
    query, search = (video.read_frame(frame) for frame in frames)
    query_boxes, search_boxes = (
        clip_xyxy(xywh_to_xyxy(boxes_xywh[:, frame]), image.shape[1], image.shape[0])
        for frame, image in zip(frames, (query, search), strict=True)
    )
    seen = ((query_boxes[:, 2:] > query_boxes[:, :2]) & (search_boxes[:, 2:] > search_boxes[:, :2])).all(axis=1)
    return Clip.pair(query, search, query_boxes, search_boxes, identities).select(seen)
