"""Measures of the VOT challenges and of benchmarks with absent targets, as pure functions on arrays.

One-pass protocols (`lasot-official`, `otb-official`, ...) are in `dmtrack.evaluation.protocols`; those here need more
than one box per frame: restarts, confidences, or whether the tracker says that the target is there.
"""

from dmtrack.evaluation.vot.declared import (
    OXUVA,
    VOT2018,
    VOT2018_MMTRACKING,
    VOT2018_REALTIME,
    VOT2018_UNSUPERVISED,
    VOT_LT,
    VOT_LT_PYSOT,
)
from dmtrack.evaluation.vot.eao import EaoCurve
from dmtrack.evaluation.vot.long_term import LongTermRun, LongTermScore, score_long_term
from dmtrack.evaluation.vot.overlap import EXACT, INCLUSIVE, INCLUSIVE_LAST_PIXEL, ROUNDED, OverlapRule, region_overlaps
from dmtrack.evaluation.vot.presence import PresenceCounts, PresenceScore, count_presence, score_presence
from dmtrack.evaluation.vot.rules import (
    VOT_PROTOCOLS,
    LongTermProtocol,
    PresenceProtocol,
    VotProtocol,
    get_vot_protocol,
    register,
    vot_protocol_names,
)
from dmtrack.evaluation.vot.supervised import VotRuns, VotScore, score_vot
from dmtrack.evaluation.vot.trajectory import Trajectory, read_trajectory, write_trajectory

__all__ = [
    "EXACT",
    "INCLUSIVE",
    "INCLUSIVE_LAST_PIXEL",
    "OXUVA",
    "ROUNDED",
    "VOT2018",
    "VOT2018_MMTRACKING",
    "VOT2018_REALTIME",
    "VOT2018_UNSUPERVISED",
    "VOT_LT",
    "VOT_LT_PYSOT",
    "VOT_PROTOCOLS",
    "EaoCurve",
    "LongTermProtocol",
    "LongTermRun",
    "LongTermScore",
    "OverlapRule",
    "PresenceCounts",
    "PresenceProtocol",
    "PresenceScore",
    "Trajectory",
    "VotProtocol",
    "VotRuns",
    "VotScore",
    "count_presence",
    "get_vot_protocol",
    "read_trajectory",
    "region_overlaps",
    "register",
    "score_long_term",
    "score_presence",
    "score_vot",
    "vot_protocol_names",
    "write_trajectory",
]
