"""Tracking with SiamRPN++: a search image around the last box, and for long videos a larger one while it is lost."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from dmtrack.boxes import check_first_box_xywh, cxcywh_to_xywh
from dmtrack.config import Amount, Precision, Share
from dmtrack.errors import BoxError, ConfigError, DMTrackError
from dmtrack.media.images import Image, as_rgb
from dmtrack.models.fast.inference_copy import inference_copy
from dmtrack.models.siamrpn.crops import crop, crop_sides, mean_colour, polygon_to_cxcywh
from dmtrack.models.siamrpn.decoding import SearchParameters
from dmtrack.models.siamrpn.layers import Outputs
from dmtrack.models.siamrpn.siamrpn import SiamRPN
from dmtrack.registry import TRACKERS
from dmtrack.tracking.base import Tracker, TrackResult
from dmtrack.tracking.device import autocast, choose_device, resolve_precision
from dmtrack.tracking.siamrpn_state import LongTerm, TargetState


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
        """Takes the target in the first frame.

        Args:
            image: HxWx3 uint8 RGB array or PIL image.
            box: x, y, w, h in pixels, or the four corners x1, y1, ..., x4, y4 of a quadrilateral around it.

        Raises:
            BoxError: the box is NaN, empty or outside the image.
        """
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
