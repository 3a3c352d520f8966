"""The protocols that are known by name. One's own joins them through `register`."""

from __future__ import annotations

from collections.abc import Iterator

from dmtrack.errors import EvaluationError
from dmtrack.evaluation.protocols.rules import Protocol, check_protocol
from dmtrack.registry import did_you_mean

PROTOCOLS: dict[str, Protocol] = {}


def register(protocol: Protocol) -> Protocol:
    """Makes a protocol known under its name.

    Raises:
        EvaluationError: another protocol has that name, a rule has an unknown value, or a score would be read where the
            curve has no threshold.
    """
    if PROTOCOLS.get(protocol.name, protocol) != protocol:
        raise EvaluationError(f"two different protocols are called {protocol.name!r}; choose another name for yours")
    check_protocol(protocol)
    PROTOCOLS[protocol.name] = protocol
    return protocol


def get_protocol(name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        EvaluationError: there is none; the message names the nearest one.
    """
    if name not in PROTOCOLS:
        from dmtrack.evaluation.vot.rules import VOT_PROTOCOLS

        if name in VOT_PROTOCOLS:
            raise EvaluationError(
                f"protocol {name!r} needs more than one box per frame (restarts, confidences or presence), so it is "
                "read from stored results: `dmtrack report` shows it, `dmtrack eval protocols` its rules"
            )
        raise EvaluationError(f"unknown protocol {name!r}{did_you_mean(name, PROTOCOLS)}")
    return PROTOCOLS[name]


def names() -> Iterator[str]:
    """Names of all protocols, sorted."""
    return iter(sorted(PROTOCOLS))
