"""Protocols of general toolkits, which score every benchmark by rules of their own."""

from __future__ import annotations

from dataclasses import replace

from dmtrack.evaluation.protocols.protocol import register
from dmtrack.evaluation.protocols.rules import CurveMeasure, Protocol

PYTRACKING = register(
    Protocol(
        name="pytracking",
        description=(
            "PyTracking on LaSOT, OTB, NfS: absent frames are never hit but stay in the denominator; a frame with an "
            "invalid true box is a miss, except that it is a hit for normalised precision; 21 thresholds with IoU > t, "
            "precision at 20 px, normalised precision at 0.2; mean over sequences."
        ),
        source="pytracking: analysis/extract_results.py (it refuses results with NaN or negative sizes: a miss here)",
        first_frame="truth",
        absent_frames="miss",
        invalid_truth_frames="normalized-hit",
        invalid_results="previous-if-empty",
        negative_sizes="kept",
        center_offset="last-pixel",
    )
)
"""A perfect tracker gets 20/21 times the share of frames that are measured, in success."""

PYTRACKING_UAV123 = register(
    replace(
        PYTRACKING,
        name="pytracking-uav123",
        description=(
            "PyTracking on UAV123: as pytracking, but a frame with an invalid true box is a hit for precision too."
        ),
        absent_frames="measured",
        invalid_truth_frames="distance-hit",
    )
)

PYSOT = register(
    Protocol(
        name="pysot",
        description=(
            "PySOT: all frames as given; absent frames are removed from the numerator only, where the benchmark flags "
            "them; IoU counts where the true sides are above 0, and a true centre that is not above 0 makes the "
            "distance -1, a hit; 21 thresholds with IoU > t, precision at 20 px, normalised at 0.2; mean of sequences."
        ),
        source="PySOT: toolkit/evaluation/ope_benchmark.py, toolkit/utils/statistics.py",
        first_frame="given",
        absent_frames="miss",
        distance_condition="center",
        invalid_truth_frames="distance-hit",
        negative_sizes="kept",
        center_offset="last-pixel",
    )
)
"""A perfect tracker gets 20/21 times the share of frames that are measured, in success."""

MMTRACKING = register(
    replace(
        PYSOT,
        name="mmtracking",
        description=(
            "MMTracking's OPE: as pysot, with centres at left + width / 2; the tool prints these numbers times 100."
        ),
        source="MMTracking: core/evaluation/eval_sot_ope.py",
        center_offset="middle",
    )
)

GOT10K_TOOLKIT = register(
    Protocol(
        name="got10k-toolkit",
        description=(
            "The got10k toolkit on OTB and LaSOT: first frame replaced by the truth, all frames measured, also absent "
            "ones (true box 0,0,0,0); 21 thresholds with IoU > t, precision at 20 px, normalised precision as the mean "
            "over 51 thresholds from 0 to 0.5; mean over sequences."
        ),
        source="got10k toolkit: experiments/otb.py, experiments/lasot.py",
        first_frame="truth",
        absent_frames="measured",
        invalid_truth_frames="measured",
        negative_sizes="kept",
        center_offset="last-pixel",
        normalization="truth-size-at-least-1",
        measures=(
            CurveMeasure("success", "success", "success", "mean"),
            CurveMeasure("precision", "P@20px", "precision", "at", 20.0),
            CurveMeasure("normalized_precision", "Pnorm mean", "normalized_precision", "mean"),
            CurveMeasure("success_rate", "IoU>0.5", "success", "at", 0.5),
            CurveMeasure("average_overlap", "mean IoU", "success", "mean-overlap"),
        ),
    )
)
"""A perfect tracker gets 20/21 in success and 1 in the others."""

GOT10K_TOOLKIT_UAV123 = register(
    replace(
        GOT10K_TOOLKIT,
        name="got10k-toolkit-uav123",
        description="The got10k toolkit on UAV123: as got10k-toolkit, but frames without annotation (NaN) are dropped.",
        source="got10k toolkit: experiments/uav123.py",
        invalid_truth_frames="dropped",
    )
)
