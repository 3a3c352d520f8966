"""Pairs for Siamese trackers: which two frames they are, of one target or of two."""

from __future__ import annotations

from collections import abc
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from dmtrack.config import Share
from dmtrack.data.samples import Clip, ClipSampler, built
from dmtrack.data.siamese.crop_folder import cropped_source
from dmtrack.data.siamese.targets import Target, Targets, targets_of
from dmtrack.data.transforms.base import Draws, integer
from dmtrack.errors import ConfigError, DataError
from dmtrack.registry import DATASETS


class FramePair(NamedTuple):
    """Template and search frame of a pair.

    Attributes:
        template: (which of the two videos, frame).
        search: likewise.
        positive: whether both show the same target.
    """

    template: tuple[int, int]
    search: tuple[int, int]
    positive: bool


def pair_frames(
    lengths: tuple[int, int], rng: Draws, frame_range: int = 100, positive_probability: float = 0.8
) -> FramePair:
    """Frames of two videos, drawn as MMTracking does.

    A positive pair takes both frames from the first video, the search frame from [t - range, t + range) around the
    template's t, which may be t itself. A negative one takes the search frame from the second video. Where one of them
    is a still image, the first frames are taken.

    Args:
        lengths: frames of the two videos.
        rng: source of chance.
        frame_range: largest distance of the frames of a positive pair.
        positive_probability: share of positive pairs.
    """
    first, second = lengths
    if first > 1 and second > 1:
        template = integer(rng, 0, first)
        if rng.random() < positive_probability:
            low, high = max(template - frame_range, 0), min(template + frame_range, first)
            return FramePair((0, template), (0, low + integer(rng, 0, high - low)), True)
        return FramePair((0, template), (1, integer(rng, 0, second)), False)
    positive = rng.random() < positive_probability
    return FramePair((0, 0), (0, 0) if positive else (1, 0), positive)


def pair_valid_frames(
    valid: tuple[NDArray[np.int64], NDArray[np.int64]], rng: Draws, frame_range: int, positive: bool
) -> FramePair:
    """Frames of two videos by PySOT's rule: distances count frames that show the target, both ends included.

    Args:
        valid: numbers of the frames that show the target, of the two videos, ascending and not empty.
        rng: source of chance.
        frame_range: largest distance of the frames of a positive pair.
        positive: whether the second frame is taken from the first video, too.
    """
    own, other = valid
    place = integer(rng, 0, len(own))
    template = (0, int(own[place]))
    if positive:
        low, high = max(place - frame_range, 0), min(place + frame_range, len(own) - 1) + 1
        return FramePair(template, (0, int(own[integer(rng, low, high)])), True)
    return FramePair(template, (1, int(other[integer(rng, 0, len(other))])), False)


Rule = Literal["mmtracking", "pysot"]

VIDEOS_TRIED = 100
FRAMES_TRIED = 20


@DATASETS.register
class SiamesePairs:
    """Positive and negative pairs from videos and still images, by the rule of either implementation.

    `mmtracking` draws a source by its share, two of its targets, and frames by `pair_frames`. `pysot` draws a source by
    its share, a video, one of the video's targets, and frames by `pair_valid_frames`; the other target of a negative
    pair comes from any source.

    Args:
        sources: datasets of sequences or of images with boxes, built or as config dicts. Every object in a still image
            is a video of one frame.
        shares: how often each source is drawn, numbers of any sum; None in the place of a number, or of them all, is
            the number of the source's videos (PySOT: targets of still images do not count).
        frame_range: largest distance of the frames of a positive pair, for all sources or one per source.
        positive_probability: share of pairs that show the same target.
        rule: see above.
        crops: folder of finished crops that `dmtrack crops` made of these very sources; read instead of the frames.

    Raises:
        ConfigError: no sources, or not one share and range for each; a rule that does not exist; crops of other
            sources.
        DataError: a dataset that is not there or empty, or crops that are not complete.
    """

    def __init__(
        self,
        sources: abc.Sequence[Any],
        shares: abc.Sequence[float | None] | None = None,
        frame_range: int | abc.Sequence[int] = 100,
        positive_probability: Share = 0.8,
        rule: Rule = "mmtracking",
        crops: str | None = None,
    ) -> None:
        if not sources:
            raise ConfigError("SiamesePairs: `sources` is empty; name at least one dataset")
        ranges = [frame_range] * len(sources) if isinstance(frame_range, int) else list(frame_range)
        given = [None] * len(sources) if shares is None else list(shares)
        for key, values in (("frame_range", ranges), ("shares", given)):
            if len(values) != len(sources):
                raise ConfigError(f"SiamesePairs: {len(sources)} sources but {len(values)} {key}; give one each")
        if min(ranges) < 1:
            raise ConfigError(f"SiamesePairs: frame_range is {min(ranges)}: expected 1 or more frames")
        if not 0 <= positive_probability <= 1:
            raise ConfigError(f"SiamesePairs: positive_probability is {positive_probability}: expected 0 to 1")
        if rule not in get_args(Rule):
            raise ConfigError(f"SiamesePairs: rule is {rule!r}: expected one of {', '.join(get_args(Rule))}")
        self.rule, self.positive_probability, self.frame_ranges = rule, positive_probability, ranges
        nodes = sources if crops is None else [cropped_source(crops, place, one) for place, one in enumerate(sources)]
        self.sources: list[Targets] = [targets_of(built(node)) for node in nodes]
        counts = [len(targets.video_starts) - 1 for targets in self.sources]
        weights = np.array([count if share is None else share for share, count in zip(given, counts, strict=True)])
        if not np.isfinite(weights).all() or weights.min() < 0 or weights.sum() <= 0:
            raise ConfigError(f"SiamesePairs: shares {given}; expected numbers from 0 up, not all 0")
        self.shares: NDArray[np.float64] = weights / weights.sum()

    def __len__(self) -> int:
        return sum(len(targets) for targets in self.sources)

    def sample(self, rng: np.random.Generator, image_size_wh: tuple[int, int] | None = None) -> Clip:
        """One pair of whole frames with one box each; `image_size_wh` is ignored.

        Raises:
            DataError: a hundred draws in a row found no two frames that show their targets.
        """
        for _ in range(VIDEOS_TRIED):
            place = int(rng.choice(len(self.sources), p=self.shares))
            draw = self._mmtracking if self.rule == "mmtracking" else self._pysot
            targets, frames = draw(place, rng)
            if frames is not None:
                return _pair(targets, frames)
        raise DataError(
            f"SiamesePairs: {VIDEOS_TRIED} draws in a row found no frames that show their targets (last: "
            f"{targets[0].name}); expected boxes of at least a pixel in most videos"
        )

    def _mmtracking(self, place: int, rng: np.random.Generator) -> tuple[tuple[Target, Target], FramePair | None]:
        source = self.sources[place]
        targets = source[int(rng.integers(len(source)))], source[int(rng.integers(len(source)))]
        for _ in range(FRAMES_TRIED):
            lengths = len(targets[0]), len(targets[1])
            frames = pair_frames(lengths, rng, self.frame_ranges[place], self.positive_probability)
            if all(np.isfinite(targets[video].boxes_xyxy[at]).all() for video, at in frames[:2]):
                return targets, frames
        return targets, None

    def _pysot(self, place: int, rng: np.random.Generator) -> tuple[tuple[Target, Target], FramePair | None]:
        positive = bool(rng.random() < self.positive_probability)
        template = _target_of_a_video(self.sources[place], rng)
        other = template
        if not positive:
            other = _target_of_a_video(self.sources[int(rng.integers(len(self.sources)))], rng)
        if not len(template.valid) or not len(other.valid):
            return (template, other), None
        frames = pair_valid_frames((template.valid, other.valid), rng, self.frame_ranges[place], positive)
        return (template, other), frames


def _target_of_a_video(targets: Targets, rng: np.random.Generator) -> Target:
    video = int(rng.integers(len(targets.video_starts) - 1))
    return targets[int(rng.integers(targets.video_starts[video], targets.video_starts[video + 1]))]


def _pair(targets: tuple[Target, Target], frames: FramePair) -> Clip:
    (query, query_frame), (search, search_frame) = ((targets[video], at) for video, at in frames[:2])
    query_image = query.read_frame(query_frame)
    same = query is search and query_frame == search_frame
    return Clip.pair(
        query_image,
        query_image if same else search.read_frame(search_frame),
        query.boxes_xyxy[query_frame][None],
        search.boxes_xyxy[search_frame][None],
        positive=frames.positive,
    )


@DATASETS.register
class PairsWithNegatives:
    """Pairs of another sampler, of which some get the search side of a second pair.

    Args:
        sampler: of pairs, such as `SyntheticPairs`, built or as a config dict.
        positive_probability: share of pairs that show the same target.

    Raises:
        ConfigError: no sampler of pairs, or a share out of range.
    """

    def __init__(self, sampler: Any, positive_probability: Share = 0.8) -> None:
        self.sampler: ClipSampler = built(sampler)
        if not hasattr(self.sampler, "sample"):
            raise ConfigError(f"PairsWithNegatives: {type(self.sampler).__name__} gives no pairs; name a sampler")
        if not 0 <= positive_probability <= 1:
            raise ConfigError(f"PairsWithNegatives: positive_probability is {positive_probability}: expected 0 to 1")
        self.positive_probability = positive_probability

    def sample(self, rng: np.random.Generator, image_size_wh: tuple[int, int] | None = None) -> Clip:
        """One instance of a pair, or an instance each of two pairs."""
        positive = bool(rng.random() < self.positive_probability)
        first = self.sampler.sample(rng, image_size_wh)
        second = first if positive else self.sampler.sample(rng, image_size_wh)
        row = int(rng.integers(len(first.query.boxes_xyxy)))
        other = row if positive else int(rng.integers(len(second.search.boxes_xyxy)))
        return Clip.pair(
            first.query.image,
            second.search.image,
            first.query.boxes_xyxy[row][None],
            second.search.boxes_xyxy[other][None],
            positive=positive,
        )
