"""Clips from videos: several frames in order with all their objects."""

from __future__ import annotations

from typing import Any

import numpy as np

from dmtrack.boxes import clip_xyxy, xywh_to_xyxy
from dmtrack.config import Count
from dmtrack.data.samples import Clip, Sample
from dmtrack.data.sampling.building import built
from dmtrack.data.sequences import Video, VideoList
from dmtrack.errors import ConfigError, DataError
from dmtrack.registry import DATASETS


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
