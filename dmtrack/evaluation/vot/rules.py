"""Protocols of the VOT challenges and of benchmarks with absent targets: rules as data, known by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, TypeVar

from dmtrack.errors import EvaluationError
from dmtrack.evaluation.vot.overlap import OverlapRule
from dmtrack.registry import did_you_mean

Fragments = Literal["through-restart", "until-failure"]
"""How a run is cut at its failures for the expected average overlap.

`through-restart`: a fragment ends with the frame in which the tracker is started again, and the next begins there; the
failure and the skipped frames count as overlap 0. `until-failure`: a fragment begins at a start and ends before the
failure. Either way a fragment that ends in a failure goes on with overlap 0, and another one stops."""

AccuracyPooling = Literal["frames", "sequences"]
"""`frames`: all frames of all sequences count alike, each with its mean over the repetitions. `sequences`: the mean of
a run is weighted by the length of its sequence, whatever the number of frames that it stands for."""

Experiment = Literal["supervised", "realtime", "unsupervised"]
"""`supervised`: started again after each failure. `realtime`: likewise, on frames that do not wait for the tracker.
`unsupervised`: in one go, for the average overlap alone."""

ThresholdRanks = Literal["vot-toolkit", "pysot"]
"""Which confidences become thresholds: those at even ranks, where the first and the last lie equally far from the ends
(`vot-toolkit`), or the last one rank higher (`pysot`)."""

Confidence = Literal["number", "zero"]
"""A confidence that is no number: `number`: the frame is reported at no threshold but the lowest. `zero`: it is 0, and
the lowest threshold takes confidences above 0."""


@dataclass(frozen=True)
class VotProtocol:
    """Short-term measures: accuracy, robustness and expected average overlap (EAO), or average overlap.

    Attributes:
        name: what every number that follows these rules is labelled with.
        description: the rules in one or two sentences, for people.
        source: where the rules are from.
        experiment: see `Experiment`.
        accuracy_overlap: overlap of a frame for accuracy (and for the average overlap).
        eao_overlap: overlap of a frame for the expected average overlap.
        eao_window: shortest and longest run, in frames after the start, whose expected overlaps are averaged, both
            included; None where the protocol has no expected average overlap.
        fragments: see `Fragments`.
        accuracy_pooling: see `AccuracyPooling`.
        skip: frames from a failure to the next start.
        burn_in: frames from a start, itself included, that do not count for accuracy.
        realtime_fps: frames per second of the camera; None where frames wait for the tracker.
        realtime_grace: late answers per start that are forgiven.
    """

    name: str
    description: str
    source: str
    experiment: Experiment = "supervised"
    accuracy_overlap: OverlapRule = field(default_factory=OverlapRule)
    eao_overlap: OverlapRule = field(default_factory=OverlapRule)
    eao_window: tuple[int, int] | None = None
    fragments: Fragments = "through-restart"
    accuracy_pooling: AccuracyPooling = "frames"
    skip: int = 5
    burn_in: int = 10
    realtime_fps: float | None = None
    realtime_grace: int = 3

    def headings(self) -> dict[str, str]:
        """Column titles by the key of the measure, first the one that trackers are ranked by."""
        if self.experiment == "unsupervised":
            return {"average_overlap": "AO"}
        return {"eao": "EAO", "accuracy": "accuracy", "robustness": "failures/100 frames", "lost": "failures"}


@dataclass(frozen=True)
class LongTermProtocol:
    """Precision, recall and F-score over thresholds of confidence (Lukezic et al., 2018).

    Attributes:
        name: what every number that follows these rules is labelled with.
        description: the rules in one or two sentences, for people.
        source: where the rules are from.
        overlap: overlap of a frame.
        thresholds: number of thresholds, taken from the confidences of all sequences at even ranks.
        threshold_ranks: see `ThresholdRanks`.
        confidence: see `Confidence`.
    """

    name: str
    description: str
    source: str
    overlap: OverlapRule
    thresholds: int = 100
    threshold_ranks: ThresholdRanks = "vot-toolkit"
    confidence: Confidence = "number"

    def headings(self) -> dict[str, str]:
        """Column titles by the key of the measure, first the one that trackers are ranked by."""
        return {"f_score": "F", "precision": "precision", "recall": "recall"}


@dataclass(frozen=True)
class PresenceProtocol:
    """True positive and true negative rates of a tracker that says whether the target is there (Valmadre et al., 2018).

    Attributes:
        name: what every number that follows these rules is labelled with.
        description: the rules in one or two sentences, for people.
        source: where the rules are from.
        iou_threshold: IoU from which on, itself included, a box is right.
    """

    name: str
    description: str
    source: str
    iou_threshold: float = 0.5

    def headings(self) -> dict[str, str]:
        """Column titles by the key of the measure, first the one that trackers are ranked by."""
        return {"max_gm": "MaxGM", "gm": "GM", "tpr": "TPR", "tnr": "TNR"}


AnyVotProtocol: TypeAlias = VotProtocol | LongTermProtocol | PresenceProtocol

Declared = TypeVar("Declared", VotProtocol, LongTermProtocol, PresenceProtocol)

VOT_PROTOCOLS: dict[str, AnyVotProtocol] = {}
"""All that are known, by name; `dmtrack.evaluation.protocols` holds those for one-pass evaluation."""


def register(protocol: Declared) -> Declared:
    """Makes a protocol known under its name.

    Raises:
        EvaluationError: another protocol has that name, or a rule is impossible.
    """
    if VOT_PROTOCOLS.get(protocol.name, protocol) != protocol:
        raise EvaluationError(f"two different protocols are called {protocol.name!r}; choose another name for yours")
    _check(protocol)
    VOT_PROTOCOLS[protocol.name] = protocol
    return protocol


def get_vot_protocol(name: str) -> AnyVotProtocol:
    """The protocol of that name.

    Raises:
        EvaluationError: there is none; the message names the nearest one.
    """
    if name not in VOT_PROTOCOLS:
        raise EvaluationError(f"unknown protocol {name!r}{did_you_mean(name, VOT_PROTOCOLS)}")
    return VOT_PROTOCOLS[name]


def vot_protocol_names() -> Iterator[str]:
    """Names of all protocols of this kind, sorted."""
    return iter(sorted(VOT_PROTOCOLS))


def _check(protocol: AnyVotProtocol) -> None:
    problem = ""
    if isinstance(protocol, VotProtocol):
        if protocol.eao_window and not 1 <= protocol.eao_window[0] <= protocol.eao_window[1]:
            problem = f"eao_window={protocol.eao_window} is no range of lengths from 1 on"
        elif protocol.skip < 1 or protocol.burn_in < 0:
            problem = f"skip={protocol.skip} must be at least 1 and burn_in={protocol.burn_in} at least 0"
        elif (protocol.experiment == "realtime") != (protocol.realtime_fps is not None):
            problem = "realtime_fps belongs to the experiment 'realtime', and to no other"
        elif protocol.realtime_fps is not None and not protocol.realtime_fps > 0:
            problem = f"realtime_fps={protocol.realtime_fps} must be above 0"
    elif isinstance(protocol, LongTermProtocol):
        if protocol.thresholds < 3:
            problem = f"thresholds={protocol.thresholds} must be at least 3"
    elif not 0 <= protocol.iou_threshold <= 1:
        problem = f"iou_threshold={protocol.iou_threshold} must lie in [0, 1]"
    if problem:
        raise EvaluationError(f"protocol {protocol.name!r}: {problem}")
