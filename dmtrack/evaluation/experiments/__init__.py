"""Benchmarks as experiments of the got10k toolkit's contract: `Experiment*(root).run(tracker).report([names])`.

    from dmtrack.evaluation.experiments import ExperimentLaSOT
    ExperimentLaSOT("data/LaSOT").run(tracker).report([tracker.name])

`tracker` is one of ours, or any subclass of got10k's `Tracker`. Result files are those of the got10k toolkit: what one
of the two has run, the other reports on.
"""

from dmtrack.evaluation.experiments.base import Experiment
from dmtrack.evaluation.experiments.got10k import ExperimentGOT10k
from dmtrack.evaluation.experiments.lasot import ExperimentLaSOT
from dmtrack.evaluation.experiments.one_pass import OnePassExperiment
from dmtrack.evaluation.experiments.otb import ExperimentOTB
from dmtrack.evaluation.experiments.oxuva import ExperimentOxUvA
from dmtrack.evaluation.experiments.tlp import ExperimentTLP
from dmtrack.evaluation.experiments.trackingnet import ExperimentTrackingNet
from dmtrack.evaluation.experiments.uav123 import ExperimentUAV123
from dmtrack.evaluation.experiments.vot import ExperimentVOT
from dmtrack.evaluation.experiments.vot_lt import ExperimentVOTLT

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
    "OnePassExperiment",
]
