"""Why the target was lost, in words: what each lost frame is due to, where a loss begins, and what ended it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dmtrack.association.timeline import Timeline

CAUSES = {
    "undetected": "nothing was found on it",
    "box": "the box fits badly",
    "mistaken": "another thing was taken for it",
    "unrecognised": "it was seen, but not taken for the target",
    "doubted": "the box is right, but the target was said absent",
}
"""What a lost frame can be due to."""

SHORTEST = 3
"""Losses of fewer frames are flicker; they are counted, not told."""


@dataclass(frozen=True)
class Loss:
    """Frames in a row in which the target is there and the answer is elsewhere (IoU below 0.5) or "absent".

    A change of the target's tracklet ends one and begins the next.

    Attributes:
        first: its first frame.
        last: its last frame.
        frames: those of them in which the target is there.
        text: what happened, in words.
        ending: how it ended, in words.
    """

    first: int
    last: int
    frames: int
    text: str
    ending: str


def losses_of(timeline: Timeline, shortest: int = SHORTEST) -> list[Loss]:
    """Losses of at least so many frames, in order; frames without the target neither end nor lengthen one."""
    there = np.flatnonzero(np.isfinite(timeline.truth_iou))
    changes = np.array([event.frame for event in timeline.events], np.int64)
    found = []
    for start, end in runs(timeline.lost[there]):
        frames = there[start : end + 1]
        parts = np.split(frames, np.unique(np.searchsorted(frames, changes)))
        found += [_loss(timeline, part) for part in parts if len(part) >= shortest]
    return found


def _cause(timeline: Timeline, frame: int) -> str:
    """What a lost frame is due to: a key of `CAUSES`."""
    iou = float(timeline.truth_iou[frame])
    if iou >= 0.5:
        return "doubted"
    on_target = [number for number, _ in _on_the_target(timeline, frame)]
    if not on_target or int(timeline.answer_ids[frame]) in on_target:
        return "box" if iou > 0.1 else "undetected"
    return "mistaken" if timeline.present[frame] else "unrecognised"


def _loss(timeline: Timeline, frames: NDArray[np.int64]) -> Loss:
    first, last = int(frames[0]), int(frames[-1])
    causes = [_cause(timeline, int(frame)) for frame in frames]
    counted = Counter(causes).most_common()
    text = CAUSES[counted[0][0]]
    # The first frame of the main cause shows what it is about.
    at = int(frames[causes.index(counted[0][0])])
    others = [(number, score) for number, score in _on_the_target(timeline, at) if number != timeline.target_ids[at]]
    if others and counted[0][0] in ("mistaken", "unrecognised"):
        text += f": it is tracklet {others[0][0]} (score {others[0][1]:.2f})"
    text += _where_the_tracklet_is(timeline, at)
    if len(counted) > 1:
        rest = ", ".join(f"in {count} {CAUSES[cause]}" for cause, count in counted[1:])
        text += f" ({counted[0][1]} frames; {rest})"
    event = next((event for event in timeline.events if event.frame == first), None)
    if event is not None:
        text = f"{event.text}; {text}"
    return Loss(first, last, len(frames), text, _ending(timeline, last))


def _where_the_tracklet_is(timeline: Timeline, frame: int) -> str:
    """What became of the target's tracklet by a frame."""
    target = int(timeline.target_ids[frame])
    seen = timeline.sightings
    frames = seen.frames[(seen.ids == target) & (seen.frames <= frame)]
    if not len(frames):
        return ""
    unseen = frame - int(frames[-1])
    if unseen:
        return f", while its tracklet {target} was last seen in frame {frames[-1]}"
    if target in [number for number, _ in _on_the_target(timeline, frame)]:
        return f", in its tracklet {target}"
    was_true = frames[seen.true[(seen.ids == target) & (seen.frames <= frame)]]
    if len(was_true):
        return f", while its tracklet {target} left it after frame {was_true[-1]}"
    return f", and tracklet {target} never was it"


def _ending(timeline: Timeline, last: int) -> str:
    frame = last + 1
    if frame >= len(timeline):
        return "to the end"
    event = next((event for event in timeline.events if event.frame == frame), None)
    if event is not None:
        return f"ends in frame {frame}: {event.text}"
    if np.isnan(timeline.truth_iou[frame]):
        return f"ends in frame {frame}, in which the target leaves"
    return f"right again in frame {frame}, in tracklet {timeline.answer_ids[frame]}"


def _on_the_target(timeline: Timeline, frame: int) -> list[tuple[int, float]]:
    """Tracklets that cover the true target in a frame, with their scores."""
    seen = timeline.sightings
    low, high = np.searchsorted(seen.frames, [frame, frame + 1])
    return [(int(seen.ids[row]), float(seen.scores[row])) for row in range(low, high) if seen.true[row]]


def summary(timeline: Timeline) -> str:
    """The sequence in a few sentences."""
    changes = len(timeline.events)
    text = f"{len(timeline)} frames, {changes} change{'' if changes == 1 else 's'} of the target's tracklet."
    absent = ~timeline.present
    there = np.isfinite(timeline.truth_iou)
    if not there.any():
        return f"{text} Said absent in {int(absent.sum())}."
    text += (
        f" On the target (IoU of at least 0.5) in {(~timeline.wrong[there]).mean():.0%} of its frames. Said absent in "
        f"{int(absent.sum())}"
    )
    text += f", though it was there in {int((absent & there).sum())} of them." if (absent & there).any() else "."
    lost = np.flatnonzero(timeline.lost)
    if not len(lost):
        return text
    causes = Counter(_cause(timeline, int(frame)) for frame in lost).most_common()
    parts = [f"{count}: {CAUSES[cause]}" for cause, count in causes]
    return f"{text} Lost in {len(lost)} frames ({'; '.join(parts)})."


def runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last index of every stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return [(int(first), int(end) - 1) for first, end in zip(edges[::2], edges[1::2], strict=True)]
