"""Protocols: which frames count, which thresholds are used, what is averaged. Every score carries a protocol's name.

Toolkits disagree on these rules by up to a point for the same boxes, so a rule is never implied by code elsewhere: it
stands here, declared, as a field of `Protocol`. A new protocol is one more `Protocol(...)`, given to `register`. A new
kind of number is a `SequenceMeasure` in a `MeasuredProtocol`, or a subclass of `BaseProtocol` where numbers share work.
"""

from dmtrack.evaluation.protocols import challenges, official, toolkits  # noqa: F401 (registers what they declare)
from dmtrack.evaluation.protocols.long_term import LongTermProtocol, PresenceProtocol
from dmtrack.evaluation.protocols.multi_object import MultiObjectProtocol
from dmtrack.evaluation.protocols.official import DMTRACK_VISIBLE
from dmtrack.evaluation.protocols.protocol import (
    PROTOCOLS,
    BaseProtocol,
    MeasuredProtocol,
    get_protocol,
    protocols_of,
    register,
)
from dmtrack.evaluation.protocols.restarts import VotProtocol
from dmtrack.evaluation.protocols.rules import CurveMeasure, Protocol, grid

__all__ = [
    "DMTRACK_VISIBLE",
    "PROTOCOLS",
    "BaseProtocol",
    "CurveMeasure",
    "LongTermProtocol",
    "MeasuredProtocol",
    "MultiObjectProtocol",
    "PresenceProtocol",
    "Protocol",
    "VotProtocol",
    "get_protocol",
    "grid",
    "protocols_of",
    "register",
]
