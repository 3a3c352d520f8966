"""Benchmarks as experiments of the got10k toolkit's contract: `Experiment*(root).run(tracker).report([names])`.

    from dmtrack.running.experiments import ExperimentLaSOT
    ExperimentLaSOT("data/LaSOT").run(tracker).report()

`tracker` is one of ours, or any subclass of got10k's `Tracker`. Result files are those of the got10k toolkit: what one
of the two has run, the other reports on. What an experiment in one pass has run with a tracker of `load_tracker`,
`dmtrack test` resumes and scores, and the other way round.
"""

from dmtrack.running.experiments.base import Experiment
from dmtrack.running.experiments.long_term import ExperimentOxUvA, ExperimentVOTLT
from dmtrack.running.experiments.one_pass import (
    ExperimentGOT10k,
    ExperimentLaSOT,
    ExperimentOTB,
    ExperimentTLP,
    ExperimentTrackingNet,
    ExperimentUAV123,
)
from dmtrack.running.experiments.vot import ExperimentVOT

__all__ = [
    "Experiment",
    "ExperimentGOT10k",
    "ExperimentLaSOT",
    "ExperimentOTB",
    "ExperimentOxUvA",
    "ExperimentTLP",
    "ExperimentTrackingNet",
    "ExperimentUAV123",
    "ExperimentVOT",
    "ExperimentVOTLT",
]
