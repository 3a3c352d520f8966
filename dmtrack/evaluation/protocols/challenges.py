"""The protocols of this kind that ship with dmtrack, years of the challenge included.

The windows of the expected average overlap are the years' published lengths. The VOT tools count them with the frame in
which the tracker is started, so that they begin one frame earlier here; MMTracking takes the same numbers as frames
after the start.
"""

from __future__ import annotations

from dataclasses import replace

from dmtrack.evaluation.measures.overlap import INCLUSIVE, INCLUSIVE_LAST_PIXEL, ROUNDED
from dmtrack.evaluation.protocols.long_term import LongTermProtocol, PresenceProtocol
from dmtrack.evaluation.protocols.protocol import register
from dmtrack.evaluation.protocols.restarts import VotProtocol

WINDOWS = {
    "vot2016": (108, 371),
    "vot2017": (100, 356),
    "vot2018": (100, 356),
    "vot2019": (46, 291),
    "vot2020": (115, 755),
    "vot2021": (115, 755),
}
"""Lengths of runs over which the year's expected average overlap is averaged."""

LAST_YEAR_WITH_RESTARTS = "vot2019"
"""Later challenges start trackers at several anchors instead of after failures."""

_OFFICIAL_SOURCE = (
    "VOT challenge with restarts: vot-toolkit (MATLAB), as in PySOT's AccuracyRobustness and EAO benchmarks"
)
_MMTRACKING_SOURCE = "MMTracking 0.14: eval_sot_vot.py"


def _official(year: str) -> VotProtocol:
    first, last = WINDOWS[year]
    return VotProtocol(
        name=year,
        description=(
            f"{year.upper()} with restarts 5 frames after overlap 0: accuracy over all frames but the 10 from each "
            "start on, failures per 100 frames, and the expected average overlap of runs of "
            f"{first} to {last} frames; overlaps count pixels with both borders."
        ),
        source=_OFFICIAL_SOURCE,
        accuracy_overlap=INCLUSIVE,
        eao_overlap=INCLUSIVE_LAST_PIXEL,
        eao_window=(first - 1, last - 1),
    )


def _mmtracking(year: str) -> VotProtocol:
    first, last = WINDOWS[year]
    note = (
        ""
        if year <= LAST_YEAR_WITH_RESTARTS
        else f" The {year.upper()} challenge itself has no restarts: not comparable with its tables."
    )
    return VotProtocol(
        name=f"{year}-mmtracking",
        description=(
            "Restarts 5 frames after overlap 0: mean accuracy of each sequence weighted by its length, failures per "
            f"100 frames, and the expected average overlap {first} to {last} frames after a start, over runs that end "
            f"before their failure; overlaps count pixels after rounding.{note}"
        ),
        source=_MMTRACKING_SOURCE,
        accuracy_overlap=ROUNDED,
        eao_overlap=ROUNDED,
        eao_window=(first, last),
        fragments="until-failure",
        accuracy_pooling="sequences",
    )


def _unsupervised(official: VotProtocol) -> VotProtocol:
    return replace(
        official,
        name=f"{official.name}-unsupervised",
        description=(
            f"{official.name.upper()} in one go: the overlap averaged over all frames of all sequences, the first of "
            "each excluded, where the tracker is given the target."
        ),
        experiment="unsupervised",
        eao_window=None,
        burn_in=1,
    )


def _realtime(official: VotProtocol) -> VotProtocol:
    return replace(
        official,
        name=f"{official.name}-realtime",
        description=(
            f"{official.name.upper()} with restarts at 20 frames per second: a tracker that needs longer misses "
            "frames, for which its last answer counts; 3 late answers after each start are forgiven."
        ),
        experiment="realtime",
        realtime_fps=20.0,
    )


_OFFICIAL = {year: register(_official(year)) for year in WINDOWS if year <= LAST_YEAR_WITH_RESTARTS}
_MMTRACKING = {year: register(_mmtracking(year)) for year in WINDOWS if year >= "vot2018"}
_UNSUPERVISED = {year: register(_unsupervised(_OFFICIAL[year])) for year in ("vot2017", "vot2018", "vot2019")}
_REALTIME = {year: register(_realtime(_OFFICIAL[year])) for year in ("vot2017", "vot2018", "vot2019")}

VOT2018 = _OFFICIAL["vot2018"]
VOT2018_MMTRACKING = _MMTRACKING["vot2018"]
VOT2018_UNSUPERVISED = _UNSUPERVISED["vot2018"]
VOT2018_REALTIME = _REALTIME["vot2018"]

VOT_LT = register(
    LongTermProtocol(
        name="vot-lt",
        description=(
            "VOT long-term: precision (mean overlap of reported frames) and recall (sum of overlaps per visible frame) "
            "at 100 thresholds of confidence, averaged over sequences; the F-score is the best of their harmonic "
            "means. Overlaps count pixels after rounding."
        ),
        source="vot-toolkit (Python): analysis/longterm.py; Lukezic et al., 2018",
        overlap=ROUNDED,
    )
)

VOT_LT_PYSOT = register(
    LongTermProtocol(
        name="vot-lt-pysot",
        description=(
            "As vot-lt by PySOT: overlaps count pixels with both borders, a confidence that is no number is 0, and the "
            "lowest threshold takes confidences above 0."
        ),
        source="PySOT: toolkit/evaluation/f1_benchmark.py",
        overlap=INCLUSIVE,
        threshold_ranks="pysot",
        confidence="zero",
    )
)

OXUVA = register(
    PresenceProtocol(
        name="oxuva",
        description=(
            "OxUvA: share of annotated frames with target that are reported as present with IoU >= 0.5 (TPR) and of "
            "those without that are reported as absent (TNR), over the frames of all sequences; GM is their geometric "
            "mean, MaxGM the best one after saying absent at random."
        ),
        source="Long-term Tracking in the Wild, ECCV 2018; long-term-tracking-benchmark: assess.py",
    )
)
