"""Protocols of the benchmarks' own evaluation code, of this project, and of the DMTrack code."""

from __future__ import annotations

from dataclasses import replace

from dmtrack.evaluation.protocols.protocol import register
from dmtrack.evaluation.protocols.rules import CurveMeasure, Protocol, grid

OTB_OFFICIAL = register(
    Protocol(
        name="otb-official",
        description=(
            "OTB as its papers define it: all frames measured, the first replaced by the truth; success: mean over 21 "
            "thresholds of the share with IoU > t; precision: centre within 20 px; mean over sequences, without those "
            "whose curve is zero everywhere."
        ),
        source="Wu et al., CVPR 2013 and TPAMI 2015; tracker_benchmark: genPerfMat.m, plotDrawSave.m",
        first_frame="truth",
        absent_frames="measured",
        invalid_truth_frames="measured",
        invalid_results="previous",
        negative_sizes="kept",
        center_offset="last-pixel",
        normalized_precision_thresholds=(),
        pooling="nonzero-sequences",
    )
)
"""A perfect tracker gets 20/21 in success."""

OTB_TOOLKIT = register(
    replace(
        OTB_OFFICIAL,
        name="otb-toolkit",
        description=(
            "OTB as its code computes it since version 1.1: as otb-official, but where left, top, width or height of "
            "the true box is not above 0 (ten frames of four OTB-100 sequences), IoU is a miss and the distance, set "
            "to -1, a hit."
        ),
        source="tracker_benchmark 1.1: calcSeqErrRobust.m; the Python version does the same",
        truth_condition="coordinates",
        invalid_truth_frames="distance-hit",
    )
)
"""A perfect tracker gets 20/21 times the share of frames with a valid true box in success, and 1 in precision."""

UAV123_OFFICIAL = register(
    replace(
        OTB_TOOLKIT,
        name="uav123-official",
        description=(
            "The UAV123 toolkit, which is OTB's: frames without annotation (NaN) stay in the denominator, as a miss "
            "for success and, because their distance is set to -1, as a hit for precision."
        ),
        source="UAV123 toolkit (MATLAB), derived from OTB's",
    )
)
"""A perfect tracker gets 20/21 times the share of annotated frames in success, and 1 in precision."""

LASOT_OFFICIAL = register(
    Protocol(
        name="lasot-official",
        description=(
            "The LaSOT toolkit: frames flagged absent are never hit but stay in the denominator; first frame replaced "
            "by the truth; invalid results replaced by the box before; 21 thresholds with IoU > t, precision at 20 px, "
            "normalised precision at 0.2; sequences whose curve is zero everywhere are left out."
        ),
        source="LaSOT_Evaluation_Toolkit (MATLAB): calc_seq_err_robust.m, eval_tracker.m, plot_draw_save.m",
        first_frame="truth",
        absent_frames="miss",
        truth_condition="coordinates",
        invalid_truth_frames="distance-hit",
        invalid_results="previous",
        negative_sizes="kept",
        center_offset="last-pixel",
        pooling="nonzero-sequences",
    )
)
"""A perfect tracker gets 20/21 times the share of frames in which the target is visible, in success, and that share in
both precisions. Sequence monkey-17 has more frames than boxes; the toolkit cuts results to the boxes."""

TRACKINGNET_OFFICIAL = register(
    Protocol(
        name="trackingnet-official",
        description=(
            "The TrackingNet server: boxes rounded to whole pixels, first frame replaced by the truth, 21 thresholds "
            "each, IoU >= t; success, precision and normalised precision are the areas under their curves (trapezoid "
            "rule), so precision is not P@20."
        ),
        source="TrackingNet-devkit: metrics.py (one of its revisions has IoU > t)",
        first_frame="truth",
        absent_frames="measured",
        invalid_truth_frames="miss",
        negative_sizes="kept",
        rounding=True,
        success_strict=False,
        precision_thresholds=grid(50.0, 21),
        normalized_precision_thresholds=grid(0.5, 21),
        measures=(
            CurveMeasure(
                "success",
                "success AUC",
                "success",
                "trapezoid",
                meaning="area under the success curve, about the mean overlap (IoU) of box and truth: 0 is the worst, "
                "1 is perfect; SiamRPN++ (Li et al., CVPR 2019) reports 0.733 on TrackingNet",
            ),
            CurveMeasure("precision", "P AUC", "precision", "trapezoid"),
            CurveMeasure("normalized_precision", "Pnorm AUC", "normalized_precision", "trapezoid"),
            CurveMeasure("success_rate", "IoU>=0.5", "success", "at", 0.5),
        ),
    )
)
"""A perfect tracker gets 1 in all of them."""

GOT10K = register(
    Protocol(
        name="got10k",
        description=(
            "GOT-10k: AO, the mean IoU, and SR, the share with IoU > 0.5 and > 0.75, over all frames of all sequences "
            "alike, without first frames and without frames of cover 0; boxes clipped to the image."
        ),
        source="got10k toolkit: experiments/got10k.py; the server averages likewise",
        visibility="cover",
        invalid_truth_frames="measured",
        negative_sizes="kept",
        clipping=True,
        center_offset="last-pixel",
        success_thresholds=grid(1.0, 101),
        precision_thresholds=(),
        normalized_precision_thresholds=(),
        pooling="frames",
        measures=(
            CurveMeasure(
                "ao",
                "AO",
                "success",
                "mean-overlap",
                meaning="average overlap (IoU) of box and truth: 0 is the worst, 1 is perfect; DiMP-50 (Bhat et "
                "al., ICCV 2019) reports 0.611 on GOT-10k",
            ),
            CurveMeasure("sr50", "SR.50", "success", "at", 0.5),
            CurveMeasure("sr75", "SR.75", "success", "at", 0.75),
            CurveMeasure("success", "mean of curve", "success", "mean"),
        ),
    )
)
"""A perfect tracker gets 1 in AO and SR, and 100/101 in the mean of the curve."""

TLP = register(
    Protocol(
        name="tlp",
        description=(
            "Track Long and Prosper: frames flagged absent are dropped; first frame replaced by the truth; 21 "
            "thresholds with IoU > t, precision at 20 px, and LSM, the longest run of frames of which 95 % have "
            "IoU > 0.5, as a share of the sequence."
        ),
        source="Moudgil and Gandhi, Long-Term Visual Object Tracking Benchmark, ACCV 2018",
        first_frame="truth",
        negative_sizes="kept",
        normalized_precision_thresholds=(),
        measures=(
            CurveMeasure("success", "success", "success", "mean"),
            CurveMeasure("success_rate", "IoU>0.5", "success", "at", 0.5),
            CurveMeasure("precision", "P@20px", "precision", "at", 20.0),
            CurveMeasure("longest_run", "LSM.95", "success", "longest-run", 0.95),
        ),
    )
)
"""A perfect tracker gets 20/21 in success and 1 in the others. The paper does not say how absent frames are scored."""

DMTRACK_VISIBLE = register(
    Protocol(
        name="dmtrack-visible",
        description=(
            "Visible frames after the first one; success: mean over 21 thresholds of the share with IoU > t; "
            "precision: centre within 20 px; normalised precision: centre within 0.2 of the box sides; "
            "mean over sequences."
        ),
        source="dmtrack",
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
        source="DMTrack code, its OTB-style evaluator",
        first_frame="truth",
        absent_frames="measured",
        truth_condition="corners",
        normalized_precision_thresholds=(),
    )
)
"""With the 21 thresholds that the code uses on LaSOT and OTB-2013. Absence flags are not looked at: a frame that LaSOT
flags but annotates with a box counts, and every frame whose target touches the left or top border does not."""

DMTRACK_PAPER_101 = register(
    replace(
        DMTRACK_PAPER,
        name="dmtrack-paper-101",
        description="As dmtrack-paper, with the 101 IoU thresholds that the DMTrack code uses on its other benchmarks.",
        success_thresholds=grid(1.0, 101),
    )
)
