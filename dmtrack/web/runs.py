"""One project while it is tracked: what is left, how fast it goes, and the last rows for pages that watch."""

from __future__ import annotations

import math
import time
from array import array
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dmtrack.running.box_log import latency
from dmtrack.web.live import LiveFrames
from dmtrack.web.project import Project
from dmtrack.web.targets import Segment, Target

State = Literal["waiting", "tracking", "paused", "done", "cancelled", "failed"]

WORKING = ("waiting", "tracking")
ACTIVE = (*WORKING, "paused")

SAVE_EVERY = 2.0
"""Seconds between writings of what a tracker found."""

REMEMBERED_ROWS = 4000
"""Rows that a page which was away for a moment can still ask for; one that was away longer reads all again."""


@dataclass
class Run:
    """One project while it is tracked.

    Attributes:
        project: whose targets are tracked.
        todo: targets and segments that are left.
        total: frames of all of them; both ways count twice.
        done: frames so far.
        state: what it is doing.
        error: the sentence of what ended it.
        seconds: that the last steps took, without waiting for others; of a live source from when a frame arrived.
        live: what arrives, where the source is live.
        missed: frames that came before its targets were followed.
        rows: the last rows with their serial numbers, for pages that watch.
        serial: of the last row.
        started: when it began, later by all pauses.
        halted: when it ended or was paused.
    """

    project: Project
    todo: list[tuple[Target, Segment]]
    total: int
    done: int = 0
    state: State = "waiting"
    error: str = ""
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=300))
    rows: deque[tuple[int, int, int, list[float | None]]] = field(default_factory=lambda: deque(maxlen=REMEMBERED_ROWS))
    serial: int = 0
    live: LiveFrames | None = None
    missed: int = 0
    started: float = field(default_factory=time.monotonic)
    halted: float | None = None

    def describe(self) -> dict[str, Any]:
        """State, progress, rate, seconds to go and latency."""
        elapsed = max((self.halted or time.monotonic()) - self.started, 1e-6)
        rate = self.done / elapsed
        speed = latency(array("f", self.seconds))
        known = rate and self.state == "tracking" and self.live is None
        left = round((self.total - self.done) / rate, 1) if known else None
        return {
            "state": self.state,
            "error": self.error,
            "done": self.done,
            "total": self.total,
            "dropped": None if self.live is None else max(self.live.newest.dropped - self.missed, 0),
            "frames_per_second": round(rate, 2),
            "seconds_left": left,
            "latency_p50_ms": round(speed.get("latency_p50_ms", 0.0), 1),
            "latency_p95_ms": round(speed.get("latency_p95_ms", 0.0), 1),
        }

    def remember(self, target: int, frame: int, row: NDArray[np.float32]) -> None:
        """Keeps a row for the pages that watch."""
        self.serial += 1
        values = [round(float(value), 3) if math.isfinite(value) else None for value in row]
        self.rows.append((self.serial, target, frame, values))

    def after(self, serial: int) -> list[tuple[int, int, int, list[float | None]]] | None:
        """Rows behind a serial number; None where some of them are no longer remembered."""
        rows = [row for row in list(self.rows) if row[0] > serial]
        return rows if not rows or rows[0][0] == serial + 1 else None
