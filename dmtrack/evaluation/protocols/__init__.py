"""Protocols: which frames count, which thresholds are used, what is averaged. Every score carries a protocol's name.

Toolkits disagree on these rules by up to a point for the same boxes, so a rule is never implied by code elsewhere: it
stands here, declared, as a field of `Protocol`. A new protocol is one more `Protocol(...)`, given to `register`.
"""

from dmtrack.evaluation.protocols.official import (
    GOT10K,
    LASOT_OFFICIAL,
    OTB_OFFICIAL,
    OTB_TOOLKIT,
    TLP,
    TRACKINGNET_OFFICIAL,
    UAV123_OFFICIAL,
)
from dmtrack.evaluation.protocols.own import DMTRACK_PAPER, DMTRACK_PAPER_101, DMTRACK_VISIBLE
from dmtrack.evaluation.protocols.registry import PROTOCOLS, get_protocol, names, register
from dmtrack.evaluation.protocols.rules import Measure, Protocol, grid, threshold_index
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
    "PROTOCOLS",
    "PYSOT",
    "PYTRACKING",
    "PYTRACKING_UAV123",
    "TLP",
    "TRACKINGNET_OFFICIAL",
    "UAV123_OFFICIAL",
    "Measure",
    "Protocol",
    "get_protocol",
    "grid",
    "names",
    "register",
    "threshold_index",
]
