"""From videos: pairs of two frames that are good enough to train on, and clips of several frames with all objects."""

from __future__ import annotations

from collections import OrderedDict
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmtrack.boxes import clip_xyxy, xywh_to_xyxy
from dmtrack.config import Count
from dmtrack.data.samples import Clip, Sample, built
from dmtrack.data.sequences import Sequence, Video, VideoList
from dmtrack.errors import ConfigError, DataError
from dmtrack.registry import DATASETS

MIN_AREA = 20.0
SIDE_RANGE = (10.0, 960.0)
SHARE_RANGE = (0.01, 0.75)
RATIO_RANGE = (0.2, 5.0)


def valid_frames(
    boxes_xywh: NDArray[np.float64],
    frame_size_wh: tuple[int, int],
    visibility: NDArray[np.float64] | None = None,
) -> NDArray[np.bool_]:
    """Per frame, whether the box is neither tiny, nor huge, nor a sliver, nor mostly hidden.

    A box is valid when its area is above 20; both sides lie in [10, 960] pixels and between 1 % and 75 % of the
    frame's; 0.2 <= width / height < 5; and, if the visible share is known, it is above an eighth and above 0.3 x its
    maximum over the sequence.

    Args:
        boxes_xywh: (frames, 4); NaN rows are never valid.
        frame_size_wh: (width, height) of the frames.
        visibility: (frames,) visible share from 0 to 1.
    """
    sides = np.nan_to_num(boxes_xywh[:, 2:], nan=0.0, posinf=0.0, neginf=0.0)
    width, height = sides[:, 0], sides[:, 1]
    share = sides / np.asarray(frame_size_wh, dtype=np.float64)
    ratio = width / np.maximum(height, 1e-9)
    valid = (width * height > MIN_AREA) & np.isfinite(boxes_xywh).all(axis=1)
    valid &= ((sides >= SIDE_RANGE[0]) & (sides <= SIDE_RANGE[1])).all(axis=1)
    valid &= ((share >= SHARE_RANGE[0]) & (share <= SHARE_RANGE[1])).all(axis=1)
    valid &= (ratio >= RATIO_RANGE[0]) & (ratio < RATIO_RANGE[1])
    if visibility is not None and len(visibility):
        # In eighths, because that is what the rule was written for.
        eighths = visibility * 8
        valid &= eighths > max(1.0, 0.3 * float(eighths.max()))
    return np.asarray(valid)


def pick_frames(
    valid: NDArray[np.bool_], max_gap: int, rng: np.random.Generator, tries: int = 100
) -> tuple[int, int] | None:
    """Two distinct valid frames, the earlier one first, at most `max_gap` apart if `tries` draws find such.

    Args:
        valid: (frames,) bool.
        max_gap: largest distance in frames.
        rng: where the draws come from.
        tries: draws before the gap no longer matters.

    Returns:
        (earlier, later), or None where fewer than two frames are valid.
    """
    places = np.flatnonzero(valid)
    if len(places) < 2:
        return None
    first = last = 0
    for _ in range(tries):
        first, last = sorted(int(place) for place in rng.choice(places, 2, replace=False))
        if last - first <= max_gap:
            break
    return first, last


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


@DATASETS.register
class VideoClips:
    """Equally spaced frames of a video drawn at random, with the boxes and identities of all objects in each frame.

    Identities are counted through the source: those of a video follow those of the video before it.

    Args:
        source: a dataset that knows several objects per video, built or as a config dict; or a list of videos.
        frames: of a clip; still images are repeated.
        max_step: the distance of two frames is drawn from 1 to this.
        classes: the categories of the source that are drawn, in the order of their numbers from 0; None draws
            everything as one class.

    Attributes:
        identity_count: how many objects the source has; identities are below.

    Raises:
        ConfigError: fewer than one frame or step.
        DataError: the source is empty.
    """

    def __init__(
        self, source: Any, frames: Count = 2, max_step: Count = 1, classes: tuple[str, ...] | None = None
    ) -> None:
        if frames < 1 or max_step < 1:
            raise ConfigError(f"VideoClips: frames is {frames}, max_step {max_step}: expected 1 or more")
        found = built(source)
        self.videos: VideoList = getattr(found, "videos", found)
        self.frames, self.max_step, self.classes = frames, max_step, classes
        if not len(self.videos):
            raise DataError(f"{type(found).__name__} has no videos to draw clips from")
        counts = [len(self.videos[index].tracks) for index in range(len(self.videos))]
        self._first_identities = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        self.identity_count = int(self._first_identities[-1])

    def __len__(self) -> int:
        return len(self.videos)

    def sample(self, rng: np.random.Generator, image_size_wh: tuple[int, int] | None = None) -> Clip:
        """One clip; `image_size_wh` is ignored. A frame may show no object."""
        index = int(rng.integers(len(self.videos)))
        video = self.videos[index]
        longest_step = max(min(self.max_step, (len(video) - 1) // max(self.frames - 1, 1)), 1)
        step = int(rng.integers(1, longest_step + 1))
        first = int(rng.integers(max(len(video) - (self.frames - 1) * step, 1)))
        numbers = [min(first + step * place, len(video) - 1) for place in range(self.frames)]
        return Clip(
            tuple(_sample(video, number, int(self._first_identities[index]), self.classes) for number in numbers),
            aligned=False,
        )


def _sample(video: Video, frame: int, first_identity: int, names: tuple[str, ...] | None) -> Sample:
    image = video.read_frame(frame)
    tracks = list(video.tracks.values())
    boxes_xyxy = xywh_to_xyxy(np.stack([track.boxes_xywh[frame] for track in tracks]) if tracks else np.zeros((0, 4)))
    masks = None
    if tracks and all(track.read_mask is not None for track in tracks):
        masks = np.stack([track.read_mask(frame) for track in tracks if track.read_mask is not None])
    clipped = clip_xyxy(boxes_xyxy, image.shape[1], image.shape[0])
    shown = np.array([track.present[frame] for track in tracks], dtype=bool)
    shown &= (clipped[:, 2:] > clipped[:, :2]).all(axis=1)
    classes = None
    if names is not None:
        numbers = {name: number for number, name in enumerate(names)}
        classes = np.array([numbers.get(track.category, -1) for track in tracks], np.int64)
        shown &= classes >= 0
    return Sample(image, clipped, first_identity + np.arange(len(tracks)), masks, classes).select(shown)
