"""When frames are shown, and which are lacking between them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

MOST_STEPS = 1000
"""Different steps between frames that are told apart; more of them are no rhythm in which anything could be lacking."""

MOST_GAPS_NAMED = 3
REGULAR_SHARE = 0.8
"""Where fewer of the steps are one frame long, times vary by nature and a long step lacks nothing."""

TOLERANCE = 0.25
"""Of a frame time, by which a regular step may be off."""


@dataclass
class FrameClock:
    """Times of the frames of one pass through a video, and the gaps between them; memory does not grow.

    Attributes:
        fps: frames per second by which frames without a time are spaced, None where it is unknown.
        frames: seen so far.
    """

    fps: float | None
    frames: int = 0
    _first: float | None = None
    _last: float = 0.0
    _steps: Counter[int] = field(default_factory=Counter)
    """How often each step was seen, in milliseconds: Matroska has no finer ones."""
    _seen_first: dict[int, list[tuple[int, float]]] = field(default_factory=dict)
    """By step: the frames before the first few, and their times."""

    def tick(self, seconds: float | None) -> float:
        """The time of the next frame in seconds from the first.

        Args:
            seconds: presentation time in the file; None where it has none: one frame time after the frame before.
        """
        time = self._last + (1 / self.fps if self.fps else 0.0) if self.frames else 0.0
        if seconds is not None:
            self._first = seconds if self._first is None else self._first
            time = seconds - self._first
        step = round(1000 * (time - self._last))
        if self.frames and (step in self._steps or len(self._steps) < MOST_STEPS):
            self._steps[step] += 1
            places = self._seen_first.setdefault(step, [])
            if len(places) < MOST_GAPS_NAMED:
                places.append((self.frames - 1, self._last))
        self._last = time
        self.frames += 1
        return time

    def lacking(self) -> tuple[int, list[tuple[int, float, int]]]:
        """How many frames are lacking in the rhythm of the others, and the first gaps: frame before, its time, number.

        Nothing is lacking where there is no rhythm.
        """
        if not self._steps:
            return 0, []
        usual = self._steps.most_common(1)[0][0]
        regular = {step: count for step, count in self._steps.items() if abs(step - usual) <= max(TOLERANCE * usual, 1)}
        seen = sum(regular.values())
        frame_time = sum(step * count for step, count in regular.items()) / seen
        if frame_time <= 0 or seen < REGULAR_SHARE * (self.frames - 1):
            return 0, []
        total, places = 0, []
        for step, count in self._steps.items():
            missing = round(step / frame_time) - 1
            # A step that is no whole number of frames long is no gap but another rate.
            if missing > 0 and abs(step / frame_time - (missing + 1)) <= TOLERANCE:
                total += missing * count
                places += [(frame, time, missing) for frame, time in self._seen_first[step]]
        return total, sorted(places)[:MOST_GAPS_NAMED]

    def notes(self, declared: tuple[int, bool] | None, bad: int) -> tuple[str, ...]:
        """Sentences about lacking frames.

        Args:
            declared: frames of the file, and whether it counts them itself; None where it does not say.
            bad: places that did not decode and were passed over.
        """
        notes = []
        if bad:
            notes.append(
                f"{bad} place{'s' if bad > 1 else ''} did not decode and {'were' if bad > 1 else 'was'} left out"
            )
        lost, places = self.lacking()
        if lost:
            gaps = "; ".join(f"{count} after frame {frame} ({time:.2f} s)" for frame, time, count in places)
            total = f"{lost} frames are" if lost > 1 else "1 frame is"
            more = " and more" if lost > sum(count for _, _, count in places) else ""
            notes.append(
                f"by the times of the frames {total} lacking: {gaps}{more}; later rows count the frames there are, "
                "their column `time` is right"
            )
        if declared is not None:
            count, exact = declared
            at_the_end = count - self.frames - (0 if exact else lost)
            # Lengths are rounded, and those of a whole file go on as long as its sound.
            if at_the_end > (1 if exact else max(2, 0.1 * count)):
                notes.append(
                    f"the file declares {count} frames and {self.frames} decode: about {at_the_end} are lacking at the "
                    "end, it may be cut off"
                )
        return tuple(notes)
