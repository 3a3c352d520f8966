"""What an association policy is: settings that a config names, and the online state that is made of them.

A policy is one file in `policies/`: a frozen dataclass of settings (an `Association`, registered with
`ASSOCIATIONS.register`), which says what a parameter search tries and what a timeline shows, and a class of online
state. Trackers, replay, search and timeline ask the settings and know no policy by name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from dmtrack.association.detections import Decision, Detections, TrackletView, Tracks
from dmtrack.boxes import Boxes, pairwise_iou_xyxy, xywh_to_xyxy
from dmtrack.config import check_fields
from dmtrack.errors import ConfigError

Affine = NDArray[np.float32]
"""(2, 3) from pixels of the frame before to pixels of this one."""

Regressor = Callable[[Boxes], Detections]
"""Where the things are in the frame at hand whose boxes, (n, 4) left, top, width, height, are roughly these: n rows."""

SAME_OBJECT_IOU = 0.5
"""A track that overlaps the target's last box by this much is the target's, where no other track is."""


@dataclass(frozen=True)
class TimelineView:
    """How a timeline shows the margins of a policy's decisions.

    Attributes:
        margin: what they are.
        unit: of them, in words of the page.
        meaning: what they tell, as the page explains it.
        limit: larger margins are drawn here: nothing changes within a frame from that far away.
        doubt: below this margin the runner-up is a serious rival.
    """

    margin: str
    unit: str
    meaning: str
    limit: float
    doubt: float


class TargetPolicy(Protocol):
    """Follows one target: decides from detections alone which of them it is."""

    @property
    def timeline_view(self) -> TimelineView | None:
        """None for policies that keep no tracklets, of which no timeline can be drawn."""

    def start(
        self,
        box_xywh: Boxes,
        template_embedding: NDArray[np.floating] | None,
        found: Detections,
        others_xywh: Boxes | None = None,
        others_embeddings: NDArray[np.floating] | None = None,
    ) -> Decision:
        """The first frame.

        Args:
            box_xywh: (4,) float64 given box of the target.
            template_embedding: (channels,) of the template; None or without channels where there is none.
            found: what the detector found there.
            others_xywh: (n, 4) boxes of things that are known not to be the target: other targets.
            others_embeddings: (n, channels) of them.
        """

    def step(self, found: Detections, camera_motion: Affine | None = None) -> Decision:
        """The next frame; how the camera moved before it, where that is known."""


class MultiObjectPolicy(Protocol):
    """Follows everything: gives detections identities."""

    def reset(self) -> None:
        """To the state before the first frame of a video."""

    def step(self, found: Detections, camera_motion: Affine | None = None) -> Tracks:
        """The tracks of the next frame, in which nothing may have been found."""


class Association(ABC):
    """Base of the settings of policies. Subclasses are frozen dataclasses, whose fields are the keys of a config."""

    search_space: ClassVar[Mapping[str, str]] = {}
    """What a parameter search tries unless it is told: `LOW,HIGH[,log]` by the name of a setting."""

    timeline_view: ClassVar[TimelineView | None] = None

    section: ClassVar[str] = "policy"
    """Key of a config under which the settings stand, for messages."""

    def __post_init__(self) -> None:
        check_fields(self, self.section)

    @abstractmethod
    def target_policy(self, presence_threshold: float) -> TargetPolicy:
        """A policy for one target, which counts as present where its score reaches the threshold, in [0, 1]."""

    def multi_object_policy(self) -> MultiObjectPolicy:
        """A policy for everything in sight.

        Raises:
            ConfigError: this one follows a given target.
        """
        raise ConfigError(
            f"{type(self).__name__} follows a target whose first box is given; give a policy that needs none, such as "
            "Sort"
        )


class FollowedTrack:
    """One target followed by a multi-object policy: the answer is the track that lies on the given box.

    Where the target's track is out of sight, a track on its last box takes over.

    Args:
        policy: gives identities.
        presence_threshold: the target counts as present where its track's score reaches this, in [0, 1].
    """

    timeline_view: ClassVar[TimelineView | None] = TimelineView(
        "clearance", "1 - IoU", "how little the next track in sight overlaps the target's", limit=1.0, doubt=0.5
    )

    def __init__(self, policy: MultiObjectPolicy, presence_threshold: float) -> None:
        self._policy, self._presence_threshold = policy, presence_threshold
        self._target_id, self._last_box_xywh = -1, np.zeros(4)

    def start(
        self,
        box_xywh: Boxes,
        template_embedding: NDArray[np.floating] | None,
        found: Detections,
        others_xywh: Boxes | None = None,
        others_embeddings: NDArray[np.floating] | None = None,
    ) -> Decision:
        """The first frame; nothing but the box and the detections is used."""
        self._policy.reset()
        self._target_id, self._last_box_xywh = -1, np.array(box_xywh, np.float64)
        return self.step(found)

    def step(self, found: Detections, camera_motion: Affine | None = None) -> Decision:
        """The next frame."""
        tracks = self._policy.step(found, camera_motion)
        boxes_xywh, scores = tracks.boxes_xywh, tracks.scores.astype(np.float64)
        rows = np.flatnonzero(tracks.ids == self._target_id)
        events: tuple[str, ...] = ()
        if not len(rows) and len(tracks):
            overlap = pairwise_iou_xyxy(xywh_to_xyxy(boxes_xywh), xywh_to_xyxy(self._last_box_xywh))[:, 0]
            if overlap.max() >= SAME_OBJECT_IOU:
                rows, before = np.array([overlap.argmax()]), self._target_id
                self._target_id = int(tracks.ids[rows[0]])
                if before >= 0:
                    events = (f"changed: track {before} is out of sight, {self._target_id} lies on its last box",)
        score, margin = 0.0, np.inf
        if len(rows):
            self._last_box_xywh, score = boxes_xywh[rows[0]], float(scores[rows[0]])
            others = np.delete(xywh_to_xyxy(boxes_xywh), rows[0], axis=0)
            if len(others):
                margin = 1.0 - float(pairwise_iou_xyxy(xywh_to_xyxy(self._last_box_xywh), others).max())
        belief = np.where(tracks.ids == self._target_id, 0.0, -np.inf)
        view = TrackletView(tracks.ids, boxes_xywh, belief, scores, np.zeros(len(tracks), np.int64))
        present = bool(len(rows)) and score >= self._presence_threshold
        return Decision(self._last_box_xywh, score, present, found, self._target_id, margin, events, view)


class MultiObjectAssociation(Association):
    """Base of the settings of multi-object policies, which follow one target as well."""

    timeline_view = FollowedTrack.timeline_view

    def target_policy(self, presence_threshold: float) -> TargetPolicy:
        """The policy, asked for the track on the given box."""
        return FollowedTrack(self.multi_object_policy(), presence_threshold)

    @abstractmethod
    def multi_object_policy(self) -> MultiObjectPolicy:
        """A policy for everything in sight."""
