"""The record of a run: `log.jsonl`, TensorBoard files and the console."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from dmtrack.errors import OutputError
from dmtrack.files import ODD_NAMES, json_value, write_text
from dmtrack.progress import ProgressBar

LOG_NAME = "log.jsonl"
"""One JSON object per line with everything that a run determines: the same, byte for byte, however often it was
interrupted."""

SPEED_NAME = "speed.jsonl"
"""How long things took, which no two runs share."""


class RunLog:
    """Writes records of a run; only process 0 has one.

    Args:
        folder: the run's folder.
        total_iterations: of the run, for the remaining time.
        iteration: where the run goes on; later records of an interrupted run are dropped.
        tensorboard: whether to write TensorBoard files below `folder/tensorboard`.
    """

    def __init__(self, folder: Path, total_iterations: int, iteration: int = 0, tensorboard: bool = True) -> None:
        self.folder = folder
        self.total_iterations = total_iterations
        truncate_log(folder / LOG_NAME, iteration)
        truncate_log(folder / SPEED_NAME, iteration)
        self._log = _open(folder / LOG_NAME)
        self._speed = _open(folder / SPEED_NAME)
        self._board: Any = None
        if tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=iteration + 1)
        self._bar = ProgressBar(
            "iterations", total_iterations, done=iteration, description="training", rate=False, only_on_terminal=True
        )

    def __enter__(self) -> RunLog:
        self._bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.__exit__(kind, error, traceback)
        self._log.close()
        self._speed.close()
        if self._board is not None:
            self._board.close()

    def train(self, iteration: int, values: Mapping[str, float], speed: Mapping[str, float]) -> None:
        """A record of the iterations since the last one.

        Args:
            iteration: optimiser steps done.
            values: means of the losses, learning rate, gradient norm.
            speed: `iterations_per_second` and `data_share` (of the time, spent waiting for data).
        """
        self._write(self._log, {"iteration": iteration, **values})
        self._write(self._speed, {"iteration": iteration, **speed})
        if self._board is not None:
            for name, value in {**values, **{f"speed/{key}": value for key, value in speed.items()}}.items():
                self._board.add_scalar(name if "/" in name else f"train/{name}", value, iteration)
        remaining = (self.total_iterations - iteration) / max(speed["iterations_per_second"], 1e-9)
        losses = "  ".join(f"{name} {value:.4g}" for name, value in values.items() if name != "epoch")
        self._say(
            iteration,
            f"{losses}  {speed['iterations_per_second']:.2f} it/s  data {speed['data_share']:.0%}",
            timedelta(seconds=round(remaining)),
        )

    def validation(self, iteration: int, metrics: Mapping[str, float], best: bool) -> None:
        """A record of a validation."""
        self._write(self._log, {"iteration": iteration, "validation": dict(metrics), "best": best})
        if self._board is not None:
            for name, value in metrics.items():
                self._board.add_scalar(f"validation/{name}", value, iteration)
        figures = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        self.note(f"iteration {iteration}: validation {figures}{' (best so far)' if best else ''}")

    def note(self, text: str) -> None:
        """A line on the console."""
        self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def sync(self) -> None:
        """Everything written so far is on the disk when this returns; a checkpoint may then rely on it."""
        try:
            for opened in (self._log, self._speed):
                opened.flush()
                os.fsync(opened.fileno())
        except OSError as error:
            raise OutputError(f"cannot write {self.folder / LOG_NAME}: {error.strerror}; free some space") from error

    def _say(self, iteration: int, status: str, remaining: timedelta) -> None:
        if self._bar.drawn:
            self._bar.update(done=iteration, note=status)
        else:
            line = f"iteration {iteration}/{self.total_iterations}  {status}  ETA {remaining}"
            print(line, file=sys.stderr, flush=True)

    def _write(self, opened: TextIO, record: Mapping[str, Any]) -> None:
        try:
            opened.write(json.dumps(json_value(record)) + "\n")
            opened.flush()
        except OSError as error:
            raise OutputError(f"cannot write {self.folder / LOG_NAME}: {error.strerror}; free some space and resume "
                              "with --resume auto") from error  # fmt: skip


def truncate_log(path: Path, iteration: int) -> None:
    """Drops the records after an iteration, and a line that was cut off by a kill."""
    if not path.exists():
        return
    text = path.read_text(encoding="utf-8")
    kept = []
    for line in text.splitlines(keepends=True):
        try:
            record = json.loads(line)
        except ValueError:
            break
        if not line.endswith("\n") or record["iteration"] > iteration:
            break
        kept.append(line)
    if "".join(kept) != text:
        write_text(path, "".join(kept))


def _open(path: Path) -> TextIO:
    try:
        return open(path, "a", encoding="utf-8", errors=ODD_NAMES)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}; choose another --work-dir") from error
