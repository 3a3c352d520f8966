"""Stopping in good order when somebody asks for it.

Slurm sends SIGTERM before it takes a machine away; people press Ctrl-C.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class StopRequest:
    """Remembers that SIGTERM or SIGINT has come, inside a `with` block; a second SIGINT interrupts at once.

    Attributes:
        requested: whether to stop after the current iteration.
        exit_code: what shells report for a process ended by that signal, 128 + its number.
    """

    def __init__(self) -> None:
        self.requested = False
        self.exit_code = 128 + signal.SIGTERM
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        # Python allows signal handlers in the main thread only.
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._remember) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        self.exit_code = 128 + number
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.default_int_handler)
