"""Tracking with SiamRPN++: a search image around the last box, and for long videos a larger one while it is lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from dmtrack.association.detections import Detections
from dmtrack.boxes import check_first_box_xywh, cxcywh_to_xywh
from dmtrack.config import Amount, Count, Precision, Share, check_fields
from dmtrack.errors import BoxError, ConfigError, DMTrackError
from dmtrack.media.images import Image, as_rgb
from dmtrack.models.fast.inference_copy import inference_copy
from dmtrack.models.siamrpn.crops import crop, crop_sides, mean_colour, polygon_to_cxcywh
from dmtrack.models.siamrpn.decoding import Decoded, SearchParameters, choose, clip_to_frame, decode
from dmtrack.models.siamrpn.flavours import SiamesePreprocessing
from dmtrack.models.siamrpn.layers import Outputs
from dmtrack.models.siamrpn.siamrpn import SiamRPN
from dmtrack.registry import TRACKERS
from dmtrack.tracking.base import Tracker, TrackResult
from dmtrack.tracking.device import autocast, choose_device, resolve_precision


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
    """The box of one target, and whether it is lost: all that is known of it between frames.

    The parameters that people tune act here alone, so one network pass can serve many of them where the boxes agree.

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


@TRACKERS.register
class SiamRPNTracker(Tracker):
    """The tracking loop of SiamRPN++ in the flavour of the model's weights.

    Args:
        model: the network.
        name: of the tracker in results and reports.
        penalty_k: strength of the penalty on changes of size and shape, at least 0.
        window_influence: share of the cosine window in the ranking, in [0, 1].
        lr: how fast the size follows, in [0, 1].
        long_term: None for short videos, where the target counts as present in every frame.
        device: 'cpu', 'cuda', 'cuda:1', where the model is moved; None leaves it where it is.
        precision: 'fp32', 'bf16' or 'fp16' for the network; everything after it is always float32 and float64.
        fast: track with a copy of the model that is made here for speed; later changes of the model's weights do not
            reach it. False tracks with the given model itself, which is put in evaluation mode on the device.

    Attributes:
        state: of the target; None before `init`.

    Raises:
        ConfigError: an unknown device or precision, a number out of range, or a model of another kind.
    """

    changing: ClassVar[tuple[str, ...]] = ("state",)

    def __init__(
        self,
        model: SiamRPN,
        name: str = "SiamRPNTracker",
        penalty_k: Amount = 0.05,
        window_influence: Share = 0.42,
        lr: Share = 0.38,
        long_term: LongTerm | None = None,
        device: str | None = None,
        precision: Precision = "fp32",
        fast: bool = True,
    ) -> None:
        super().__init__(name)
        if not isinstance(model, SiamRPN):
            raise ConfigError(f"SiamRPNTracker tracks with a SiamRPN model, not with {type(model).__name__}")
        self.parameters = SearchParameters(penalty_k, window_influence, lr)
        self.preprocessing, self.long_term = model.preprocessing, long_term
        if long_term is not None and long_term.lost_search_size < self.preprocessing.search_size:
            raise ConfigError(
                f"tracker.long_term.lost_search_size is {long_term.lost_search_size}: expected at least the usual "
                f"search size, {self.preprocessing.search_size}"
            )
        self.device = model.device if device is None else choose_device(device)
        self.precision = resolve_precision(precision, self.device)
        self.model: Any = model.to(self.device).eval()
        self._autocast_precision = self.precision
        if fast:
            self.model, needs_autocast = inference_copy(model, self.precision)
            if not needs_autocast:
                self._autocast_precision = "fp32"
        self._template: Any = None
        self._fill: NDArray[np.float64] = np.zeros(3)
        self.state: TargetState | None = None

    def init(self, image: Any, box: ArrayLike) -> None:
        """As of `Tracker`; the box may also be the corners x1, y1, ..., x4, y4 of a quadrilateral around the target."""
        frame = as_rgb(image)
        self.start(frame, self._first_box_cxcywh(box, frame))

    def step(self, image: Any) -> TrackResult:
        """Finds the target in the next frame, which may have another size.

        Raises:
            DMTrackError: there was no `init`, or the image is none.
        """
        if self.state is None:
            raise DMTrackError(f"{self.name} has no target yet; call init(first_frame, (x, y, w, h)) first")
        frame = as_rgb(image)
        return self.state.advance(self.search(frame, self.state), (frame.shape[1], frame.shape[0]))

    @torch.inference_mode()
    def start(self, frame: Image, box_cxcywh: NDArray[np.float64]) -> None:
        """`init` with a box by centre and size, unchecked."""
        self._fill = mean_colour(frame, self.preprocessing)
        side, _ = crop_sides(box_cxcywh[2:], self.preprocessing)
        with autocast(self.device, self._autocast_precision):
            exemplar = self._input(frame, box_cxcywh[:2], side, self.preprocessing.exemplar_size)
            self._template = self.model.encode_template(exemplar)
        self.state = TargetState(box_cxcywh, self.parameters, self.preprocessing, self.long_term)

    @torch.inference_mode()
    def search(self, frame: Image, state: TargetState) -> Outputs:
        """Raw outputs of the network around the last box, before anything that penalty, window or lr can change."""
        with autocast(self.device, self._autocast_precision):
            search_image = self._input(frame, state.box_cxcywh[:2], state.search_side, state.search_size)
            outputs: Outputs = self.model.search(self._template, search_image)
        return outputs

    def _first_box_cxcywh(self, box: ArrayLike, frame: Image) -> NDArray[np.float64]:
        height, width = frame.shape[:2]
        if np.size(box) != 8:
            x, y, w, h = check_first_box_xywh(box, width, height)
            return np.array([x + w / 2, y + h / 2, w, h])
        try:
            corners = np.asarray(box, dtype=np.float64).reshape(4, 2)
        except (TypeError, ValueError) as error:
            raise BoxError(f"box {box!r}: expected the numbers x1,y1,...,x4,y4 of four corners") from error
        sides = np.linalg.norm(corners[:2] - corners[1:3], axis=1)
        if not np.isfinite(corners).all() or np.ptp(corners, axis=0).min() <= 0 or sides.min() <= 0:
            shown = ",".join(f"{value:g}" for value in corners.ravel())
            raise BoxError(f"polygon {shown}: its four corners must be finite and span an area")
        cxcywh = polygon_to_cxcywh(corners, self.preprocessing.conventions.polygon_margin)
        check_first_box_xywh(cxcywh_to_xywh(cxcywh), width, height)
        return cxcywh

    def _input(self, frame: Image, centre_xy: NDArray[np.float64], side: int, size: int) -> torch.Tensor:
        """A part of the frame as the network takes it: (1, 3, size, size) BGR, 0 to 255."""
        pixels = crop(frame, centre_xy, side, size, self._fill, self.preprocessing)
        channels = torch.from_numpy(np.ascontiguousarray(pixels[..., ::-1])).permute(2, 0, 1)[None]
        return channels.to(self.device)
