"""What SiamRPN++ knows of its target between frames, and how raw outputs change it; no network, no images.

The parameters that people tune act here alone, so one network pass can serve many of them where the boxes agree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dmtrack.association.detections import Detections
from dmtrack.boxes import cxcywh_to_xywh
from dmtrack.config import Count, Share, check_fields
from dmtrack.errors import ConfigError
from dmtrack.models.siamrpn.crops import crop_sides
from dmtrack.models.siamrpn.decoding import Decoded, SearchParameters, choose, clip_to_frame, decode
from dmtrack.models.siamrpn.flavours import SiamesePreprocessing
from dmtrack.models.siamrpn.layers import Outputs
from dmtrack.tracking.base import TrackResult


@dataclass(frozen=True)
class LongTerm:
    """`tracker.long_term`: what happens when the target is lost (PySOT's SiamRPNLT).

    Attributes:
        confidence_low: below this score the target is lost, and the box stays; 0.85 in PySOT's defaults.
        confidence_high: above this score a lost target is found again.
        lost_search_size: side of the search image while it is lost, in pixels of the network's input.
        lost_window_influence: share of the window in the ranking while it is lost.
    """

    confidence_low: Share = 0.85
    confidence_high: Share = 0.998
    lost_search_size: Count = 831
    lost_window_influence: Share = 0.001

    def __post_init__(self) -> None:
        check_fields(self, "tracker.long_term")
        if self.confidence_low > self.confidence_high:
            raise ConfigError(
                f"tracker.long_term: confidence_low {self.confidence_low:g} and confidence_high "
                f"{self.confidence_high:g}: expected 0 <= confidence_low <= confidence_high <= 1"
            )


class TargetState:
    """The box of one target, and whether it is lost.

    Args:
        box_cxcywh: (4,) in the first frame, in pixels.
        parameters: penalty, window and smoothing.
        preprocessing: of the model.
        long_term: None for short videos: the target is never lost.

    Attributes:
        box_cxcywh: (4,) float64 pixels of the last frame; unclipped in long-term mode, as published.
        lost: whether a long-term tracker is searching for the target.
    """

    def __init__(
        self,
        box_cxcywh: NDArray[np.float64],
        parameters: SearchParameters,
        preprocessing: SiamesePreprocessing,
        long_term: LongTerm | None = None,
    ) -> None:
        self.box_cxcywh = np.asarray(box_cxcywh, dtype=np.float64)
        self.lost = False
        self.parameters, self.preprocessing, self.long_term = parameters, preprocessing, long_term

    @property
    def search_size(self) -> int:
        """Side of the next search image in pixels of the network's input."""
        if self.long_term is not None and self.lost:
            return self.long_term.lost_search_size
        return self.preprocessing.search_size

    @property
    def search_side(self) -> int:
        """Side of the next search image in pixels of the frame."""
        return crop_sides(self.box_cxcywh[2:], self.preprocessing, self.search_size)[1]

    def advance(self, found: Outputs | Decoded, size_wh: tuple[int, int]) -> TrackResult:
        """Takes in what the network says of the search image around the box.

        Args:
            found: raw outputs of one image, or decoded ones, which several states may share; not changed.
            size_wh: of the frame.
        """
        decoded = found if isinstance(found, Decoded) else decode(found, self.preprocessing)
        influence = self.long_term.lost_window_influence if self.long_term is not None and self.lost else None
        best = choose(decoded, self.box_cxcywh, self.parameters, self.preprocessing, influence)
        # Half precision can overflow; a box that is no number is not followed.
        finite = bool(np.isfinite(best.score) and np.isfinite(best.box_cxcywh).all())
        score = best.score if finite else 0.0
        if self.long_term is not None:
            self._decide(best.box_cxcywh, score, self.long_term)
        elif finite:
            self.box_cxcywh = clip_to_frame(best.box_cxcywh, size_wh)
        box_xywh = cxcywh_to_xywh(clip_to_frame(self.box_cxcywh, size_wh))
        return TrackResult(box_xywh, score, not self.lost, Detections.from_xywh(box_xywh[None], np.array([score])))

    def _decide(self, box_cxcywh: NDArray[np.float64], score: float, long_term: LongTerm) -> None:
        """A doubtful box is not believed; a lost target counts as found only once the score is high."""
        if score >= long_term.confidence_low:
            self.box_cxcywh = box_cxcywh
            self.lost = self.lost and score <= long_term.confidence_high
        else:
            self.lost = True
