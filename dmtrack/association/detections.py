"""What was found in one frame: the one container of detections, from a network's output to a file of a benchmark.

Detecting and deciding are apart so that a policy can run again on stored detections, without the network, and give the
very boxes of the live run: both see the numbers that stand in `Detections`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from dmtrack.boxes import Boxes, xywh_to_xyxy, xyxy_to_xywh
from dmtrack.errors import DMTrackError

Index = NDArray[np.int64] | NDArray[np.bool_] | slice


class Rows:
    """Base of dataclasses whose arrays have a row per thing. Fields that are no arrays belong to all of the things."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """By name; fields of subclasses among them, without those that are None."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}

    def __len__(self) -> int:
        return len(getattr(self, next(iter(self.__dataclass_fields__))))

    def select(self, index: Index) -> Self:
        """Some of them, in that order: integers, a mask or a slice."""
        # An association selects several times a frame: rows of what has been checked need no second check, and numpy
        # takes rows by their numbers faster than by a mask.
        rows = index.nonzero()[0] if isinstance(index, np.ndarray) and index.dtype == bool else index
        some = object.__new__(type(self))
        for name in self.__dataclass_fields__:
            values = getattr(self, name)
            if isinstance(values, np.ndarray):
                values = values[rows] if isinstance(rows, slice) else values.take(rows, axis=0)
            some.__dict__[name] = values
        return some

    def joined(self, *others: Self) -> Self:
        """These and all others, one after the other; all of them have the same fields."""
        parts = (self, *others)
        return replace(self, **{name: np.concatenate([getattr(part, name) for part in parts]) for name in self.arrays})


_NAMED = "field of supervision.Detections"
"""What a field's metadata say under this key."""


@dataclass(frozen=True, eq=False)
class Detections(Rows):
    """Boxes of one frame with what is known of each; row i of every array is box i.

    Attributes:
        boxes_xyxy: (n, 4) corners in pixels of the frame; a detector's are float32, as they are stored.
        scores: (n,) in [0, 1]; a detector gives the best first.
        classes: (n,) integers; None where there is one class.
        embeddings: (n, channels) unit vectors of what each looks like (stored as float16); None for models without.
        masks: (n, height, width) bool in the frame; None for models without.
        inclusive: whether the right and bottom corners name the last pixel, as in DMTrack, instead of the border behind
            it. Corners keep the convention of the model, because a conversion in float32 would round them.

    Raises:
        DMTrackError: boxes have another shape, or arrays another number of rows.
    """

    boxes_xyxy: NDArray[np.floating] = field(metadata={_NAMED: "xyxy"})
    scores: NDArray[np.floating] = field(metadata={_NAMED: "confidence"})
    classes: NDArray[np.integer] | None = field(default=None, metadata={_NAMED: "class_id"})
    embeddings: NDArray[np.floating] | None = None
    masks: NDArray[np.bool_] | None = field(default=None, metadata={_NAMED: "mask"})
    inclusive: bool = False

    def __post_init__(self) -> None:
        if self.boxes_xyxy.shape[1:] != (4,):
            raise DMTrackError(f"boxes_xyxy has shape {self.boxes_xyxy.shape}; expected (n, 4)")
        for name, values in self.arrays.items():
            if len(values) != len(self.boxes_xyxy):
                raise DMTrackError(f"{name} has {len(values)} rows for {len(self.boxes_xyxy)} boxes; expected as many")

    @classmethod
    def from_xywh(cls, boxes_xywh: NDArray[np.floating], scores: NDArray[np.floating], **more: Any) -> Self:
        """Detections of (n, 4) boxes left, top, width, height; further fields by name."""
        return cls(xywh_to_xyxy(boxes_xywh).reshape(-1, 4), np.asarray(scores), **more)

    @classmethod
    def nothing(cls) -> Self:
        """A frame in which nothing was found."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))

    @cached_property
    def boxes_xywh(self) -> Boxes:
        """(n, 4) float64 left, top, width, height in pixels of the frame, whatever the convention of the corners."""
        return xyxy_to_xywh(self.boxes_xyxy, self.inclusive)

    @classmethod
    def concatenate(cls, several: Iterable[Self]) -> Self:
        """All of several frames or detectors, one after the other; those that hold no boxes do not count.

        Raises:
            DMTrackError: they differ in the convention of corners, or some have a field that others lack.
        """
        parts = list(several)
        full = [part for part in parts if len(part)] or parts[:1]
        if not full:
            return cls.nothing()
        first = full[0]
        for part in full[1:]:
            if part.inclusive != first.inclusive or part.arrays.keys() != first.arrays.keys():
                known, other = (
                    ", ".join(one.arrays) + (" (inclusive corners)" if one.inclusive else "") for one in (first, part)
                )
                raise DMTrackError(
                    f"detections with {known} cannot be joined with those with {other}; give all of them the same "
                    "fields"
                )
        return first.joined(*full[1:])

    @classmethod
    def from_supervision(cls, found: Any) -> Self:
        """Detections of a `supervision.Detections`: continuous corners; scores are 1 where it has none.

        Its identities are kept by `Tracks`, embeddings are those in `data["embeddings"]`.
        """
        given = {item.name: getattr(found, item.metadata[_NAMED]) for item in fields(cls) if item.metadata}
        given["embeddings"] = found.data.get("embeddings")
        more: dict[str, Any] = {name: np.asarray(one) for name, one in given.items() if one is not None}
        more["boxes_xyxy"] = more["boxes_xyxy"].reshape(-1, 4)
        return cls(**{"scores": np.ones(len(more["boxes_xyxy"]), np.float32), **more})

    def to_supervision(self) -> Any:
        """The same as a `supervision.Detections`, corners continuous.

        Raises:
            DMTrackError: supervision is not installed.
        """
        try:
            supervision = importlib.import_module("supervision")
        except ImportError as error:
            raise DMTrackError(
                "supervision is not installed, so there is nothing to convert to; run `pip install supervision`"
            ) from error
        given = {item.metadata[_NAMED]: getattr(self, item.name) for item in fields(self) if item.metadata}
        if self.inclusive:
            given["xyxy"] = xywh_to_xyxy(self.boxes_xywh)
        return supervision.Detections(**given, data={} if self.embeddings is None else {"embeddings": self.embeddings})


@dataclass(frozen=True, eq=False)
class Tracks(Detections):
    """Boxes of one frame that have an identity: what a multi-object tracker says of it.

    Attributes:
        ids: (n,) int64; an identity is never given twice between two resets.
    """

    ids: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64), metadata={_NAMED: "tracker_id"})


@dataclass(frozen=True)
class TrackResult:
    """What a tracker of one target says of one frame.

    Attributes:
        box_xywh: (4,) float64 pixels of the frame: the best guess, also where `present` is False; the last box where
            nothing at all was found.
        score: how sure it is that the box is the target, in [0, 1].
        present: whether the target is in the frame.
        candidates: all that was considered, best first.
    """

    box_xywh: Boxes
    score: float
    present: bool
    candidates: Detections = field(default_factory=Detections.nothing, repr=False)


@dataclass(frozen=True)
class TrackletView:
    """The tracklets of one frame, for those who want to look: one row each.

    Attributes:
        ids: (n,).
        boxes_xywh: (n, 4) pixels of the frame, where each was last seen.
        belief: (n,) nats, logarithm of the probability that each is the target.
        scores: (n,) of the candidate that each was seen as, NaN where not seen.
        unseen: (n,) frames since each was last seen.
    """

    ids: NDArray[np.int64]
    boxes_xywh: Boxes
    belief: NDArray[np.float64]
    scores: NDArray[np.float64]
    unseen: NDArray[np.int64]


@dataclass(frozen=True)
class Decision(TrackResult):
    """What a policy says of one frame, and why.

    Attributes:
        target_id: of the tracklet that is the target's.
        margin: how far the target's tracklet is ahead of the best other one in sight, in the unit of the policy's
            timeline view (nats of belief for `DistractorAware`); inf without another one.
        events: what changed in this frame and why, in words; empty in most frames.
        tracklets: all of them; None for policies that keep none.
    """

    target_id: int = 0
    margin: float = np.inf
    events: tuple[str, ...] = ()
    tracklets: TrackletView | None = field(default=None, repr=False)
