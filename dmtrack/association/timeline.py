"""What a policy decided, frame by frame: compact enough to be kept of long videos, complete enough to be drawn.

Of every frame the answer is kept, and who was seen with which score; boxes and pictures only where something changed.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmtrack.association.detections import Decision
from dmtrack.association.policy import TimelineView
from dmtrack.boxes import paired_iou_xyxy, xywh_to_xyxy

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

RIGHT_IOU = 0.5
"""An answer that overlaps the truth less is wrong."""

MOST_SIGHTINGS = 12
"""Tracklets that are remembered of one frame: the target's, those on the true target, then the best scores."""

MOST_SAMPLES = 4
"""Pictures of frames, evenly spread, that are kept as long as nothing changes."""

MOST_TURNS = 400
"""Snapshots of frames in which the target gets lost."""


@dataclass(frozen=True)
class Snapshot:
    """All of one frame that can be drawn on it.

    Attributes:
        frame: its number, from 0.
        box_xywh: (4,) the answer.
        score: of the answer.
        present: whether the target was thought to be there.
        target_id: of the tracklet that was thought to be the target.
        answer_id: of the tracklet whose box the answer is: another one where the target's is out of sight.
        ids: (n,) tracklets in sight.
        boxes_xywh: (n, 4) of them.
        scores: (n,) likewise.
        belief: (n,) nats, logarithm of the probability that each is the target.
        truth_xywh: (4,) where the target really is; None where that is not known, or nowhere.
        jpeg: the frame itself; None where nobody kept it.
    """

    frame: int
    box_xywh: Floats
    score: float
    present: bool
    target_id: int
    answer_id: int
    ids: Integers
    boxes_xywh: Floats
    scores: Floats
    belief: Floats
    truth_xywh: Floats | None = None
    jpeg: bytes | None = None

    @classmethod
    def of(cls, frame: int, decision: Decision, truth_xywh: Floats | None = None) -> Snapshot:
        """Of the decision on a frame."""
        answer, target = (decision.box_xywh, decision.score, decision.present), decision.target_id
        view = decision.tracklets
        if view is None:
            none = np.zeros(0)
            return cls(frame, *answer, target, target, np.zeros(0, np.int64), np.zeros((0, 4)), none, none, truth_xywh)
        rows = np.flatnonzero(view.unseen == 0)
        ids, boxes_xywh = view.ids[rows], view.boxes_xywh[rows]
        same = np.flatnonzero((boxes_xywh == decision.box_xywh).all(axis=1))
        answer_id = target if target in ids or not len(same) else int(ids[same[0]])
        return cls(frame, *answer, target, answer_id, ids, boxes_xywh, view.scores[rows], view.belief[rows], truth_xywh)


@dataclass(frozen=True)
class Event:
    """A frame in which the policy changed its mind: `text` says what changed, and why.

    The frame before and the frame itself are None where nothing was kept of them.
    """

    frame: int
    text: str
    before: Snapshot | None = None
    after: Snapshot | None = None


@dataclass(frozen=True)
class Sightings:
    """Who was seen when: one row per tracklet and frame, ordered by frame.

    Attributes:
        frames: (n,).
        ids: (n,).
        scores: (n,) of the candidate that each was seen as, NaN where there was none.
        true: (n,) whether it covers the true target (IoU of at least 0.5); all False where that is not known.
    """

    frames: Integers
    ids: Integers
    scores: Floats
    true: NDArray[np.bool_]


@dataclass(frozen=True)
class Timeline:
    """One target of one sequence.

    Attributes:
        name: of the sequence.
        view: how margins are shown.
        boxes_xywh: (frames, 4) the answers.
        scores: (frames,) of the answers.
        present: (frames,) whether the target was thought present.
        target_ids: (frames,) the tracklet that was thought to be the target.
        answer_ids: (frames,) the tracklet whose box the answer is: a guess where the target's is out of sight.
        margins: (frames,) of the target's tracklet over the runner-up in sight, in the view's unit; inf without one.
        sightings: who was seen when.
        events: in order.
        truth_xywh: (frames, 4) true boxes, NaN rows where the target is absent; None where they are unknown.
        snapshots: by frame, of those before and in which an answer turns from right to wrong or "absent", and of a few
            others with their pictures, where nothing changed.
    """

    name: str
    view: TimelineView
    boxes_xywh: Floats
    scores: Floats
    present: NDArray[np.bool_]
    target_ids: Integers
    answer_ids: Integers
    margins: Floats
    sightings: Sightings
    events: tuple[Event, ...] = ()
    truth_xywh: Floats | None = None
    snapshots: Mapping[int, Snapshot] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def of(
        cls, name: str, view: TimelineView, decisions: Iterable[Decision], truth_xywh: ArrayLike | None = None
    ) -> Timeline:
        """From the decisions of a whole sequence, the first frame included."""
        recorder = TimelineRecorder(view)
        truth = None if truth_xywh is None else np.asarray(truth_xywh, np.float64)
        for frame, decision in enumerate(decisions):
            recorder.add(decision, None if truth is None else truth[frame])
        return recorder.timeline(name)

    @cached_property
    def truth_iou(self) -> Floats:
        """(frames,) of the answers with the truth; NaN where there is no target or the truth is unknown."""
        if self.truth_xywh is None:
            return np.full(len(self), np.nan)
        iou = paired_iou_xyxy(xywh_to_xyxy(self.boxes_xywh), xywh_to_xyxy(self.truth_xywh))
        return np.where(np.isnan(self.truth_xywh).any(axis=1), np.nan, iou)

    @property
    def lost(self) -> NDArray[np.bool_]:
        """(frames,) where the target is there and the answer does not cover it or says that it is absent."""
        return self.wrong | (np.isfinite(self.truth_iou) & ~self.present)

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """(frames,) where the target is there and the answer does not cover it, whatever was said of its presence."""
        return np.asarray(self.truth_iou < RIGHT_IOU)


class TimelineRecorder:
    """Collects a timeline while a tracker runs: about 200 bytes per frame, and pictures of at most so many events.

    Args:
        view: of the policy that decides.
        most_pictures: events whose frames are kept; where there are more, those go whose choice lasted shortest.
    """

    def __init__(self, view: TimelineView, most_pictures: int = 60) -> None:
        self._view, self._most_pictures = view, most_pictures
        self._answers, self._truth = array("d"), array("d")
        self._targets, self._guesses, self._counts = array("q"), array("q"), array("l")
        self._ids, self._scores, self._true = array("q"), array("f"), array("b")
        self._events: list[Event] = []
        self._was_lost = False
        self._turns: dict[int, Snapshot] = {}
        self._samples: dict[int, Snapshot] = {}
        self._stride = 1
        self._before: tuple[Snapshot, Callable[[], bytes] | None] | None = None

    def __len__(self) -> int:
        return len(self._targets)

    @property
    def events(self) -> list[Event]:
        """So far."""
        return list(self._events)

    def add(
        self, decision: Decision, truth_xywh: Floats | None = None, encode: Callable[[], bytes] | None = None
    ) -> None:
        """The next frame.

        Args:
            decision: on it.
            truth_xywh: (4,) true box, NaN where the target is absent; in all frames or in none.
            encode: gives the frame as JPEG. It is called for the frames of an event: of this one, and of the frame
                before, whose pixels must therefore stay as they are until the next call; and, until the first event,
                for frames at distances that double.
        """
        known = None if truth_xywh is None or np.isnan(truth_xywh).any() else truth_xywh
        snapshot = Snapshot.of(len(self), decision, known)
        if truth_xywh is not None:
            self._truth.extend(truth_xywh.tolist())
        margin = decision.margin
        self._answers.extend([*decision.box_xywh.tolist(), decision.score, float(decision.present), margin])
        self._targets.append(decision.target_id)
        self._guesses.append(snapshot.answer_id)
        self._sight(snapshot)
        self._keep_turn(snapshot)
        if decision.events:
            self._note(snapshot, decision.events, encode)
        elif encode is not None and not self._events and snapshot.frame % self._stride == 0:
            self._samples[snapshot.frame] = replace(snapshot, jpeg=encode())
            if len(self._samples) > MOST_SAMPLES:
                self._stride *= 2
                self._samples = {frame: kept for frame, kept in self._samples.items() if frame % self._stride == 0}
        self._before = (snapshot, encode)

    def _sight(self, seen: Snapshot) -> None:
        true = np.zeros(len(seen.ids), bool)
        if seen.truth_xywh is not None and len(seen.ids):
            truth = np.broadcast_to(seen.truth_xywh, (len(seen.ids), 4))
            true = paired_iou_xyxy(xywh_to_xyxy(seen.boxes_xywh), xywh_to_xyxy(truth)) >= RIGHT_IOU
        order = np.lexsort((-np.nan_to_num(seen.scores), ~true, seen.ids != seen.target_id))[:MOST_SIGHTINGS]
        self._counts.append(len(order))
        self._ids.extend(seen.ids[order].tolist())
        self._scores.extend(seen.scores[order].tolist())
        self._true.extend(true[order].astype(int).tolist())

    def _keep_turn(self, seen: Snapshot) -> None:
        """Keeps what was in sight where the target gets lost; of the first times, if that happens very often."""
        if seen.truth_xywh is None:
            return
        corners = xywh_to_xyxy(np.stack([seen.box_xywh, seen.truth_xywh]))
        lost = not seen.present or paired_iou_xyxy(corners[:1], corners[1:])[0] < RIGHT_IOU
        if lost and not self._was_lost and len(self._turns) < MOST_TURNS:
            before = [] if self._before is None else [self._before[0]]
            self._turns.update({item.frame: item for item in [*before, seen]})
        self._was_lost = lost

    def _note(self, snapshot: Snapshot, texts: tuple[str, ...], encode: Callable[[], bytes] | None) -> None:
        before = None
        if self._before is not None:
            before, encode_before = self._before
            before = replace(before, jpeg=None if encode_before is None else encode_before())
        after = replace(snapshot, jpeg=None if encode is None else encode())
        self._events += [Event(snapshot.frame, text, before, after) for text in texts]
        pictured = [number for number, event in enumerate(self._events) if event.after is not None]
        if len(pictured) > self._most_pictures:
            # The newest cannot be judged yet.
            lasted = {number: self._events[number + 1].frame - self._events[number].frame for number in pictured[:-1]}
            shortest = min(lasted, key=lambda number: lasted[number])
            self._events[shortest] = replace(self._events[shortest], before=None, after=None)

    def timeline(self, name: str) -> Timeline:
        """Of the frames so far."""
        answers = np.array(self._answers).reshape(-1, 7)
        return Timeline(
            name,
            self._view,
            answers[:, :4],
            answers[:, 4],
            answers[:, 5] > 0.5,
            np.array(self._targets, np.int64),
            np.array(self._guesses, np.int64),
            answers[:, 6],
            Sightings(
                np.repeat(np.arange(len(self)), np.array(self._counts, np.int64)),
                np.array(self._ids, np.int64),
                np.array(self._scores, np.float64),
                np.array(self._true, np.int8) > 0,
            ),
            tuple(self._events),
            np.array(self._truth).reshape(-1, 4) if self._truth else None,
            self._turns if self._events else self._samples | self._turns,
        )
