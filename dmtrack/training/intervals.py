"""When checkpoints and validations are due."""

from __future__ import annotations

import time
from typing import NamedTuple

from dmtrack.config.top_level import Evaluation
from dmtrack.training.schedules import epoch_of


class Moment(NamedTuple):
    """A place in a run.

    Attributes:
        done: optimiser steps done, at least 1.
        total_iterations: of the run.
        total_epochs: equal parts of the run.
    """

    done: int
    total_iterations: int
    total_epochs: int

    @property
    def epochs_done(self) -> int:
        """Whole epochs."""
        return epoch_of(self.done, self.total_iterations, self.total_epochs)


def is_due(now: Moment, interval_iterations: int | None, interval_epochs: int | None) -> bool:
    """Whether an interval ends with the iteration just done; every interval ends with the run."""
    if now.done == now.total_iterations or is_multiple(now.done, interval_iterations):
        return True
    before = now._replace(done=now.done - 1).epochs_done
    return before != now.epochs_done and is_multiple(now.epochs_done, interval_epochs)


def evaluation_due(now: Moment, evaluation: Evaluation) -> bool:
    """Whether to validate after the iteration just done; at the end of the run in any case."""
    started = now.epochs_done >= evaluation.start or now.done == now.total_iterations
    return started and is_due(now, evaluation.interval_iterations, evaluation.interval)


def is_multiple(number: int, interval: int | None) -> bool:
    """Whether an interval that may be None ends at a number."""
    return interval is not None and number % interval == 0


def seconds_passed(since: float, interval: float | None) -> bool:
    """Whether an interval that may be None has passed."""
    return interval is not None and time.monotonic() - since >= interval
