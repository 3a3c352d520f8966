"""When frames are shown, and which are lacking between them."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

MOST_STEPS = 1000
"""Different steps between frames that are told apart; more of them are no rhythm in which anything could be lacking."""

MOST_GAPS_NAMED = 3
REGULAR_SHARE = 0.8
"""Where fewer of the steps are one frame long, times vary by nature and a long step lacks nothing."""

TOLERANCE = 0.25
"""Of a frame time, by which a regular step may be off."""

_SAME = 1e-6
"""Seconds by which times of one frame may differ, which float numbers are."""


@dataclass(frozen=True)
class Declared:
    """What a file says about its length.

    Attributes:
        frames: how many it has, None where it does not say.
        exact: the file counts them itself; otherwise its length in seconds tells about.
        end: when the last frame ends, in seconds on the clock of the file; None where it does not say.
        own: `end` is that of the video, and not of a whole file with sound.
        numbered: packets are counted instead of timed (AVI): where some are gone, the times of the others may not tell.
    """

    frames: int | None = None
    exact: bool = False
    end: float | None = None
    own: bool = False
    numbered: bool = False


class Lost(NamedTuple):
    """Frames that are lacking at one place: the frame before them, its time in seconds, and how many."""

    after: int
    time: float
    frames: int


@dataclass
class FrameClock:
    """Times of the frames of one pass through a video, and the gaps between them.

    Memory does not grow with the number of frames.

    Attributes:
        fps: frames per second by which frames without a time are spaced, None where it is unknown.
        constant: the source declares a rate; where it does not (recordings of screens), a long step is a pause.
        frames: seen so far.
        packets: with a frame, read so far.
        damaged: frames that the decoder made up in part, and the first of them.
        restarted: the clock of the file went back; which packets gave no frame can no longer be told.
    """

    fps: float | None
    constant: bool = True
    frames: int = 0
    packets: int = 0
    damaged: tuple[int, int] = (0, 0)
    restarted: bool = False
    _first: float | None = None
    _last: float = 0.0
    _steps: Counter[int] = field(default_factory=Counter)
    """How often each step was seen, in milliseconds: Matroska has no finer ones."""
    _seen_first: dict[int, list[tuple[int, float]]] = field(default_factory=dict)
    """By step: the frames before the first few, and their times."""
    _expected: list[float] = field(default_factory=list)
    """Times in the file of the packets whose frames have not come yet, a heap; as many as the decoder reorders."""
    _undecoded: list[Lost] = field(default_factory=list)
    """The first few places where frames of packets never came."""
    _undecoded_count: int = 0
    _before_first: int = 0
    _decoding: float | None = None

    def expect(self, seconds: float | None, decoding: float | None = None) -> None:
        """A packet with a frame was read.

        Args:
            seconds: when the frame is shown, on the clock of the file; None where it is not known.
            decoding: when it is to be decoded, on the same clock; that goes back only where the clock does.
        """
        self.packets += 1
        if decoding is not None and self._decoding is not None and decoding < self._decoding:
            self.restarted = True
            self._expected.clear()
        self._decoding = decoding
        if seconds is not None and not self.restarted:
            heapq.heappush(self._expected, seconds)

    def tick(self, seconds: float | None, damaged: bool = False) -> float:
        """The time of the next frame in seconds from the first.

        Args:
            seconds: presentation time in the file; None where it has none: one frame time after the frame before. So it
                is where the clock of the file goes back, as in recordings that were joined.
            damaged: the decoder made up a part of it.
        """
        following = self._last + (1 / self.fps if self.fps else 0.0) if self.frames else 0.0
        time = following
        if seconds is not None:
            self._first = seconds if self._first is None else self._first
            time = seconds - self._first
            if self.frames and time <= self._last:
                time = following
                self._first = seconds - following
                self.restarted = True
            self._miss(seconds)
        step = round(1000 * (time - self._last))
        if self.frames and (step in self._steps or len(self._steps) < MOST_STEPS):
            self._steps[step] += 1
            places = self._seen_first.setdefault(step, [])
            if len(places) < MOST_GAPS_NAMED:
                places.append((self.frames - 1, self._last))
        if damaged:
            self.damaged = (self.damaged[0] + 1, self.damaged[1] if self.damaged[0] else self.frames)
        self._last = time
        self.frames += 1
        return time

    def _miss(self, seconds: float) -> None:
        """Frames come in the order of their times: what should have come before this one never will."""
        missed = 0
        while self._expected and self._expected[0] <= seconds + _SAME:
            missed += heapq.heappop(self._expected) < seconds - _SAME
        if not missed:
            return
        if not self.frames:
            self._before_first += missed
        else:
            self._undecoded_count += missed
            if len(self._undecoded) < MOST_GAPS_NAMED:
                self._undecoded.append(Lost(self.frames - 1, self._last, missed))

    def frame_time(self) -> float | None:
        """Seconds from one frame to the next where most steps are alike; None where there is no rhythm."""
        if not self._steps:
            return None
        usual = self._steps.most_common(1)[0][0]
        regular = {step: count for step, count in self._steps.items() if abs(step - usual) <= max(TOLERANCE * usual, 1)}
        seen = sum(regular.values())
        mean = sum(step * count for step, count in regular.items()) / seen / 1000
        return mean if mean > 0 and seen >= REGULAR_SHARE * (self.frames - 1) else None

    def lacking(self) -> tuple[int, list[Lost]]:
        """How many frames are lacking between the first and the last, and where the first few of them are.

        The rhythm of the others tells, and packets that gave no frame; whichever tells of more.
        """
        frame_time = self.frame_time() if self.constant else None
        total, places = 0, []
        for step, count in self._steps.items() if frame_time else ():
            frames = step / 1000 / frame_time  # type: ignore[operator]
            missing = round(frames) - 1
            # A step that is no whole number of frames long is no gap but another rate.
            if missing > 0 and abs(frames - (missing + 1)) <= TOLERANCE:
                total += missing * count
                places += [Lost(frame, time, missing) for frame, time in self._seen_first[step]]
        # Some containers keep the two fields of a frame in two packets.
        in_pairs = self._undecoded_count > 0.4 * self.packets
        if self._undecoded_count > total and not in_pairs:
            return self._undecoded_count, self._undecoded
        return total, sorted(places)[:MOST_GAPS_NAMED]

    def lacking_at_the_end(self, declared: Declared, lost: int) -> int:
        """About how many frames are lacking after the last one, beyond those `lost` before it."""
        undecoded = sum(
            1 for seconds in self._expected if self._first is not None and seconds - self._first > self._last
        )
        frame_time = self.frame_time() or (1 / self.fps if self.fps else None)
        short = None  # frames that would fit between the last one and the declared end
        if declared.end is not None and frame_time:
            short = round((declared.end - (self._first or 0.0) - self._last) / frame_time) - 1
        if declared.frames is None or self.restarted:
            return undecoded
        if declared.numbered and declared.exact:
            unread = declared.frames - self.packets - max(lost - self._undecoded_count, 0)
            return undecoded + unread if unread > 1 else undecoded
        if declared.exact:
            # Of a file that was trimmed, frames are counted that it does not show; then it is no longer than it says.
            unread = declared.frames - self.packets
            return undecoded + unread if unread > 1 and (short is None or short > 1) else undecoded
        if declared.own and self.frame_time() and self.constant:
            return max(undecoded, short or 0) if (short or 0) > 1 else undecoded
        # Lengths are rounded, and those of a whole file go on as long as its sound.
        missing = declared.frames - self.frames - lost - self._before_first
        # Where times vary, a length in seconds tells no number of frames: the last one may well end with the file.
        reached = short is not None and short <= 1
        return missing if missing > max(2, 0.1 * declared.frames) and not reached else undecoded

    def notes(self, declared: Declared | None, bad: int) -> tuple[str, ...]:
        """Sentences about lacking frames.

        Args:
            declared: what the file says about its length; None where it was not read to its end.
            bad: places that did not decode and were passed over.
        """
        notes = []
        if bad:
            notes.append(
                f"{bad} place{'s' if bad > 1 else ''} did not decode and {'were' if bad > 1 else 'was'} left out"
            )
        if self._before_first:
            notes.append(
                f"{self._before_first} frames before the first do not decode (the file begins without a key frame); "
                "frame 0 is the first one that does"
            )
        lost, places = self.lacking()
        if lost:
            gaps = "; ".join(f"{count} after frame {frame} ({time:.2f} s)" for frame, time, count in places)
            total = f"{lost} frames are" if lost > 1 else "1 frame is"
            more = " and more" if lost > sum(place.frames for place in places) else ""
            notes.append(
                f"by the times of the frames {total} lacking: {gaps}{more}; later rows count the frames there are, "
                "their column `time` is right"
            )
        at_the_end = self.lacking_at_the_end(declared, lost) if declared else 0
        if declared and at_the_end:
            declares = "" if declared.frames is None else f"the file declares {declared.frames} frames and "
            inside = "or inside (an AVI does not tell where; the times behind that place are too early), "
            notes.append(
                f"{declares}{self.frames} decode: about {at_the_end} {'are' if at_the_end > 1 else 'is'} lacking at "
                f"the end, {inside if declared.numbered else ''}it may be cut off"
            )
        if self.damaged[0]:
            notes.append(
                f"{self.damaged[0]} frame{'s' if self.damaged[0] > 1 else ''} decoded only in part, the first is frame "
                f"{self.damaged[1]}; the rest of the picture is made up"
            )
        if self.restarted:
            notes.append(
                "the clock of the file goes back on its way (recordings joined?); the times of the frames go on"
            )
        return tuple(notes)
