"""The work behind `dmtrack test`, and what `dmtrack demo` shares with it."""

from __future__ import annotations

from rich.console import Console

from dmtrack.evaluation.report import Report
from dmtrack.evaluation.session import session_of
from dmtrack.evaluation.sweeps.benchmarks import SYNTHETIC_DISTRACTORS, open_synthetic
from dmtrack.evaluation.sweeps.running import print_report, run_sweep, write_report
from dmtrack.evaluation.sweeps.settings import SweepSettings
from dmtrack.evaluation.trackers import TrackerChoice

__all__ = [
    "SYNTHETIC_DISTRACTORS",
    "TrackerChoice",
    "open_synthetic",
    "print_report",
    "run",
    "session_of",
    "write_report",
]


def run(settings: SweepSettings) -> list[Report]:
    """Tracks, scores, prints the tables, writes the reports, prints where they are.

    Raises:
        DMTrackError: see `run_sweep`.
    """
    return run_sweep(settings, Console())
