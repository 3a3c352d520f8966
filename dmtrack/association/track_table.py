"""What multi-object policies know of their tracks: one table, a row per track, whatever the filter of its boxes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from dmtrack.association.detections import Detections, Tracks
from dmtrack.association.kalman import BoxStates
from dmtrack.association.policy import Affine, MultiObjectAssociation
from dmtrack.boxes import xywh_to_xyxy
from dmtrack.errors import DMTrackError

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

NO_CLASS = -1
"""Class of tracks whose detections have none."""


@dataclass(eq=False)
class TrackTable(BoxStates):
    """n tracks and the states of their boxes.

    Attributes:
        ids: (n,) from 1 on; none is given twice between two resets.
        started: (n,) frame in which each began; the first frame is 1.
        seen: (n,) frame in which each was last seen.
        hits: (n,) frames in which it was seen; in a row, for SORT and its kin.
        scores: (n,) of the detection that each was last seen as.
        classes: (n,) of the detection that it began as, `NO_CLASS` without.
        looks: (n, channels) unit vectors; no channels without embeddings.
    """

    ids: Integers
    started: Integers
    seen: Integers
    hits: Integers
    scores: Floats
    classes: Integers
    looks: Floats

    @classmethod
    def begin(
        cls,
        states: BoxStates,
        found: Detections,
        first_id: int,
        frame: int,
        hits: int,
        looks: Floats,
        **more: NDArray[Any],
    ) -> Self:
        """Tracks of what is seen for the first time.

        Args:
            states: n, of the boxes of the detections.
            found: n detections.
            first_id: the identities count on from here.
            frame: its number.
            hits: what a first sighting counts.
            looks: (n, channels) unit vectors.
            more: fields of subclasses.
        """
        now, one = np.full(len(found), frame), np.full(len(found), hits)
        classes = class_numbers(found)
        ids, scores = np.arange(first_id, first_id + len(found)), found.scores.astype(np.float64)
        return cls(states.means, states.covariances, ids, now, now.copy(), one, scores, classes, looks, **more)

    def states(self, rows: Integers) -> BoxStates:
        """Copies of the states of some tracks."""
        return BoxStates(self.means.take(rows, axis=0), self.covariances.take(rows, axis=0))

    def put(self, rows: Integers, states: BoxStates) -> None:
        """Writes states of some tracks into the table."""
        self.means[rows], self.covariances[rows] = states.means, states.covariances

    def told(self, rows: Integers, boxes_xywh: Floats, **more: Any) -> Tracks:
        """Some of them as an answer, row by row with those boxes (n, 4)."""
        classes = self.classes[rows]
        known = len(classes) and classes.min() != NO_CLASS
        return Tracks(
            xywh_to_xyxy(boxes_xywh), self.scores[rows], classes if known else None, ids=self.ids[rows], **more
        )


Settings = TypeVar("Settings", bound=MultiObjectAssociation)
Table = TypeVar("Table", bound=TrackTable)


class TablePolicy(ABC, Generic[Settings, Table]):
    """Base of multi-object policies: tracks of one video; memory grows with what is in sight or lost of late."""

    tracks: Table

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.reset()

    def reset(self) -> None:
        """To the state before the first frame of a video; identities begin again."""
        self._frame, self._next_id = 0, 1
        self.tracks = self._begin(Detections.nothing())

    @abstractmethod
    def _begin(self, found: Detections) -> Table:
        """Tracks of what is seen for the first time."""

    @abstractmethod
    def step(self, found: Detections, camera_motion: Affine | None = None) -> Tracks:
        """The tracks of the next frame, in which nothing may have been found."""


def class_numbers(found: Detections) -> Integers:
    """(n,) classes, `NO_CLASS` where the detections have none."""
    if found.classes is None:
        return np.full(len(found), NO_CLASS)
    return found.classes.astype(np.int64)


def apart_by_class(costs: Floats, classes: Integers, found_classes: Integers) -> Floats:
    """Costs (n, m) that are infinite between a track and a detection of different classes, (n,) and (m,)."""
    if not costs.size or ((classes == classes[0]).all() and (found_classes == classes[0]).all()):
        return costs
    return np.where(classes[:, None] == found_classes, costs, np.inf)


def unit_looks(found: Detections, who: str) -> Floats:
    """(n, channels) embeddings of length 1.

    Args:
        found: n detections.
        who: needs them, for the message.

    Raises:
        DMTrackError: the detections have none.
    """
    if found.embeddings is None:
        if len(found):
            raise DMTrackError(
                f"{who} compares what things look like, and the detections have no embeddings; give those of a model "
                "with embeddings, or take a policy that needs none, such as ByteTrack"
            )
        return np.zeros((0, 0))
    looks = found.embeddings.astype(np.float64)
    return np.asarray(looks / np.maximum(np.linalg.norm(looks, axis=1, keepdims=True), 1e-12))
