"""Protocols: which frames count, which thresholds are used, what is averaged. Every score carries a protocol's name.

Toolkits disagree on these rules by up to a point for the same boxes, so a rule is never implied by code elsewhere: it
stands here, declared, as a field of `Protocol`. A new protocol is one more `Protocol(...)`, given to `register`. A new
kind of number is a `SequenceMeasure` in a `MeasuredProtocol`, or a subclass of `BaseProtocol` where numbers share work.
"""

from dmtrack.evaluation.protocols.challenges import (
    OXUVA,
    VOT2018,
    VOT2018_MMTRACKING,
    VOT2018_REALTIME,
    VOT2018_UNSUPERVISED,
    VOT_LT,
    VOT_LT_PYSOT,
)
from dmtrack.evaluation.protocols.long_term import LongTermProtocol
from dmtrack.evaluation.protocols.official import (
    DMTRACK_PAPER,
    DMTRACK_PAPER_101,
    DMTRACK_VISIBLE,
    GOT10K,
    LASOT_OFFICIAL,
    OTB_OFFICIAL,
    OTB_TOOLKIT,
    TLP,
    TRACKINGNET_OFFICIAL,
    UAV123_OFFICIAL,
)
from dmtrack.evaluation.protocols.presence import PresenceProtocol
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
from dmtrack.evaluation.protocols.toolkits import (
    GOT10K_TOOLKIT,
    GOT10K_TOOLKIT_UAV123,
    MMTRACKING,
    PYSOT,
    PYTRACKING,
    PYTRACKING_UAV123,
)

__all__ = [
    "DMTRACK_PAPER",
    "DMTRACK_PAPER_101",
    "DMTRACK_VISIBLE",
    "GOT10K",
    "GOT10K_TOOLKIT",
    "GOT10K_TOOLKIT_UAV123",
    "LASOT_OFFICIAL",
    "MMTRACKING",
    "OTB_OFFICIAL",
    "OTB_TOOLKIT",
    "OXUVA",
    "PROTOCOLS",
    "PYSOT",
    "PYTRACKING",
    "PYTRACKING_UAV123",
    "TLP",
    "TRACKINGNET_OFFICIAL",
    "UAV123_OFFICIAL",
    "VOT2018",
    "VOT2018_MMTRACKING",
    "VOT2018_REALTIME",
    "VOT2018_UNSUPERVISED",
    "VOT_LT",
    "VOT_LT_PYSOT",
    "BaseProtocol",
    "CurveMeasure",
    "LongTermProtocol",
    "MeasuredProtocol",
    "PresenceProtocol",
    "Protocol",
    "VotProtocol",
    "get_protocol",
    "grid",
    "protocols_of",
    "register",
]
