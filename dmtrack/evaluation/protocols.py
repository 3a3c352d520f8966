"""Protocols: which frames count, which thresholds are used, what is averaged. Every score carries a protocol's name.

Toolkits disagree on these rules by up to a point for the same boxes, so a rule is never implied by code elsewhere: it
stands here, declared. A new protocol is one more `Protocol(...)`, given to `register`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from dmtrack.errors import EvaluationError
from dmtrack.registry import did_you_mean


def grid(last: float, count: int) -> tuple[float, ...]:
    """`count` thresholds from 0 to `last`, evenly spaced."""
    return tuple(float(value) for value in np.linspace(0.0, last, count))


@dataclass(frozen=True)
class Protocol:
    """The rules by which boxes become scores.

    Attributes:
        name: what every number that follows these rules is labelled with.
        description: the rules in one or two sentences, for people.
        first_frame: "skipped" does not count it; "truth" counts it with the result replaced by the true box.
        counted_frames: "visible" counts frames in which the target is present; "positive-corners" counts frames whose
            four inclusive true corners (left, top, left + width - 1, top + height - 1), as the benchmark's files number
            them, are all above zero.
        success_thresholds: of IoU.
        success_strict: a frame succeeds with IoU > t; with IoU >= t where False.
        precision_thresholds: of the centre distance in pixels; a frame is precise at or below.
        precision_at: the pixels at which the precision score is read.
        normalized_precision_thresholds: of the centre distance over the true box's sides; empty: not reported.
        normalized_precision_at: where the normalised precision score is read.
        pooling: "sequences" averages the curves of sequences, each with the same weight; sequences without a counted
            frame are left out and named.
    """

    name: str
    description: str
    first_frame: Literal["skipped", "truth"] = "skipped"
    counted_frames: Literal["visible", "positive-corners"] = "visible"
    success_thresholds: tuple[float, ...] = grid(1.0, 21)
    success_strict: bool = True
    precision_thresholds: tuple[float, ...] = grid(50.0, 51)
    precision_at: float = 20.0
    normalized_precision_thresholds: tuple[float, ...] = grid(0.5, 51)
    normalized_precision_at: float = 0.2
    pooling: Literal["sequences"] = "sequences"


PROTOCOLS: dict[str, Protocol] = {}


def register(protocol: Protocol) -> Protocol:
    """Makes a protocol known under its name.

    Raises:
        EvaluationError: another protocol has that name, or a score would be read where the curve has no threshold.
    """
    if PROTOCOLS.get(protocol.name, protocol) != protocol:
        raise EvaluationError(f"two different protocols are called {protocol.name!r}; choose another name for yours")
    threshold_index(protocol.precision_thresholds, protocol.precision_at)
    if protocol.normalized_precision_thresholds:
        threshold_index(protocol.normalized_precision_thresholds, protocol.normalized_precision_at)
    PROTOCOLS[protocol.name] = protocol
    return protocol


def get_protocol(name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        EvaluationError: there is none; the message names the nearest one.
    """
    if name not in PROTOCOLS:
        raise EvaluationError(f"unknown protocol {name!r}{did_you_mean(name, PROTOCOLS)}")
    return PROTOCOLS[name]


def threshold_index(thresholds: tuple[float, ...], value: float) -> int:
    """The position of a threshold in its grid.

    Raises:
        EvaluationError: the grid has no such threshold.
    """
    matches = np.flatnonzero(np.isclose(thresholds, value))
    if not len(matches):
        raise EvaluationError(
            f"a score is read at {value:g}, which is none of the protocol's {len(thresholds)} thresholds"
        )
    return int(matches[0])


def names() -> Iterator[str]:
    """Names of all protocols, sorted."""
    return iter(sorted(PROTOCOLS))


DMTRACK_VISIBLE = register(
    Protocol(
        name="dmtrack-visible",
        description=(
            "Visible frames after the first one; success: mean over 21 thresholds of the share with IoU > t; "
            "precision: centre within 20 px; normalised precision: centre within 0.2 of the box sides; "
            "mean over sequences."
        ),
    )
)
"""This project's headline protocol. A perfect tracker gets 20/21 = 0.952, because no IoU exceeds the last threshold."""

DMTRACK_PAPER = register(
    Protocol(
        name="dmtrack-paper",
        description=(
            "As the DMTrack code scores LaSOT: first frame replaced by the truth and counted, frames counted where all "
            "four inclusive corners are above 0, 21 thresholds with IoU > t, precision at 20 px, mean over sequences."
        ),
        first_frame="truth",
        counted_frames="positive-corners",
        normalized_precision_thresholds=(),
    )
)
"""Spec section 7 (the reference's OTB-style evaluator) with the 21 thresholds it uses on LaSOT and OTB-2013."""

DMTRACK_PAPER_101 = register(
    Protocol(
        name="dmtrack-paper-101",
        description="As dmtrack-paper, with the 101 IoU thresholds that the DMTrack code uses on its other benchmarks.",
        first_frame="truth",
        counted_frames="positive-corners",
        success_thresholds=grid(1.0, 101),
        normalized_precision_thresholds=(),
    )
)
