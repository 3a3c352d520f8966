"""This project's protocol, and those of the DMTrack code."""

from __future__ import annotations

from dataclasses import replace

from dmtrack.evaluation.protocols.protocol import register
from dmtrack.evaluation.protocols.rules import Protocol, grid

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
