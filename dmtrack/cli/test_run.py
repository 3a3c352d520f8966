"""The work behind `dmtrack test`, and what `dmtrack demo` shares with it."""

from __future__ import annotations

from rich.console import Console

from dmtrack.evaluation.report import Report
from dmtrack.running.session import session_of
from dmtrack.running.sweeps.benchmarks import SYNTHETIC_DISTRACTORS, open_synthetic
from dmtrack.running.sweeps.running import print_report, run_sweep, write_report
from dmtrack.running.sweeps.settings import SweepSettings
from dmtrack.running.trackers import TrackerChoice

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
