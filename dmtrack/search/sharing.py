"""SiamRPN++ with any penalty, window and learning rate from network outputs that trials share.

A trial's search image depends on its own last box, so an output can be shared only where trials look at the same part
of a frame. Exactly (tolerance 0): at the same whole pixels; the boxes are those of a full run, to the last bit. With a
tolerance, crops are snapped to a `Lattice` of places and sizes, and boxes are approximate.
"""

from __future__ import annotations

import copy
import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dmtrack.data.sequences import Sequence
from dmtrack.data.siamese.cropping import context_side
from dmtrack.errors import ConfigError
from dmtrack.evaluation.results import BOX_DECIMALS, SequenceResult
from dmtrack.models.siamrpn.decoding import Decoded, SearchParameters, decode
from dmtrack.models.siamrpn.flavours import SiamesePreprocessing
from dmtrack.running.one_sequence import first_box_of
from dmtrack.search.space import Parameters
from dmtrack.tracking.siamrpn import SiamRPNTracker, TargetState

Key = tuple[int, ...]


def crop_key(centre_xy: NDArray[np.float64], side: int, search_size: int, preprocessing: SiamesePreprocessing) -> Key:
    """The whole numbers that decide a search image: two crops of a frame with the same key are equal in every pixel.

    Both flavours cut at whole pixels, so that boxes which differ by less give the very same image.

    Args:
        centre_xy: (2,) of the crop, in pixels of the frame.
        side: of the crop, in pixels of the frame.
        search_size: of the search image.
        preprocessing: of the model.
    """
    x, y = (float(value) for value in centre_xy)
    if preprocessing.flavour == "pysot":
        middle = (side + 1) / 2
        return search_size, side, math.floor(x - middle + 0.5), math.floor(y - middle + 0.5)
    half = np.float32(side / 2)
    corners = (np.float32(place) + sign * half for place in (x, y) for sign in (-1, 1))
    return (search_size, side, *(int(corner) for corner in corners))


@dataclass(frozen=True)
class Lattice:
    """Places and sizes of crops, so that near crops share one.

    Attributes:
        tolerance_px: in pixels of the snapped search image: its centre is displaced by at most so much along each
            axis, and each of its borders by at most so much again through the change of size (and the rounding of its
            side to whole pixels of the frame).
    """

    tolerance_px: float

    def snap(
        self, box_cxcywh: NDArray[np.float64], search_size: int, preprocessing: SiamesePreprocessing
    ) -> tuple[Key, NDArray[np.float64]]:
        """The crop that stands for the one around a box.

        Args:
            box_cxcywh: (4,) of the target, in pixels of the frame.
            search_size: of the search image.
            preprocessing: of the model.

        Returns:
            Its key, and (4,) the square box around which it is the crop.
        """
        context = context_side(box_cxcywh[2], box_cxcywh[3], preprocessing.context_amount)
        side = max(context * search_size / preprocessing.exemplar_size, 1.0)
        growth = 2 * math.log1p(2 * self.tolerance_px / search_size)
        level = round(math.log(side) / growth)
        snapped_side = max(round(math.exp(level * growth)), 1)
        step = 2 * self.tolerance_px * snapped_side / search_size
        column, row = (round(float(value) / step) for value in box_cxcywh[:2])
        square = snapped_side * preprocessing.exemplar_size / search_size / (1 + 2 * preprocessing.context_amount)
        return (search_size, level, column, row), np.array([column * step, row * step, square, square])


def realigned(
    decoded: Decoded,
    region_cxcywh: NDArray[np.float64],
    box_cxcywh: NDArray[np.float64],
    preprocessing: SiamesePreprocessing,
) -> Decoded:
    """Boxes that were found around one region, as if the search image had been cut around a box: geometry is exact.

    What stays approximate: the network saw a slightly displaced and resized image, and the window is centred on the
    region.
    """
    own, seen = (
        preprocessing.exemplar_size / context_side(box[2], box[3], preprocessing.context_amount)
        for box in (box_cxcywh, region_cxcywh)
    )
    boxes = decoded.boxes_cxcywh * np.float32(own / seen)
    boxes[:, :2] += ((region_cxcywh[:2] - box_cxcywh[:2]) * own).astype(np.float32)
    return Decoded(decoded.scores, boxes, decoded.score_size)


class _Entry(NamedTuple):
    decoded: Decoded
    region_cxcywh: Any
    size_wh: tuple[int, int]
    nbytes: int


class SharedOutputs:
    """Runs of a SiamRPN++ tracker that share network outputs.

    Args:
        tracker: whose network, preprocessing and long-term mode are used.
        tolerance_px: see `Lattice`; 0 shares equal search images alone.
        memory_bytes: of kept outputs; those unused for longest are dropped.

    Attributes:
        asked: search images that trials wanted.
        computed: network passes.
        forgotten: outputs that were dropped to stay within the memory.

    Raises:
        ConfigError: the tolerance is negative.
    """

    def __init__(self, tracker: SiamRPNTracker, tolerance_px: float = 0.0, memory_bytes: int = 2 << 30) -> None:
        if not 0 <= tolerance_px < float("inf"):
            raise ConfigError(f"--sharing-tolerance {tolerance_px:g}: expected a number of pixels from 0 up")
        self.tolerance_px = tolerance_px
        self.asked = self.computed = self.forgotten = 0
        self._lattice = Lattice(tolerance_px) if tolerance_px else None
        self._tracker = tracker
        self._templates: dict[str, SiamRPNTracker] = {}
        self._kept: OrderedDict[tuple[str, int, Key], _Entry] = OrderedDict()
        self._bytes, self._most_bytes = 0, memory_bytes

    def track(self, sequence: Sequence, parameters: Parameters) -> SequenceResult:
        """See `TrackWith` of `tracks`; the first box is the given one.

        Raises:
            ConfigError: a parameter is out of range or none of SiamRPN++.
            EvaluationError: the first frame has no box.
        """
        owner = self._tracker.parameters
        try:
            chosen = SearchParameters(**{**vars(owner), **parameters})
        except TypeError as error:
            raise ConfigError(f"SiamRPN++ is searched for {', '.join(vars(owner))} alone: {error}") from error
        started = self._started(sequence)
        assert started.state is not None
        state = TargetState(started.state.box_cxcywh, chosen, started.preprocessing, started.long_term)
        boxes = [first_box_of(sequence)]
        for index in range(1, len(sequence)):
            entry = self._look(started, sequence, index, state)
            decoded = entry.decoded
            if self._lattice is not None:
                decoded = realigned(decoded, entry.region_cxcywh, state.box_cxcywh, state.preprocessing)
            boxes.append(state.advance(decoded, entry.size_wh).box_xywh)
        return SequenceResult(np.asarray(np.round(np.array(boxes), BOX_DECIMALS), dtype=np.float64))

    @property
    def facts(self) -> dict[str, Any]:
        """See `ReplayedDetections`."""
        how = f"crops within {self.tolerance_px:g} px" if self.tolerance_px else "equal crops"
        return {
            "sharing": f"network outputs of {how}",
            "exact": not self.tolerance_px,
            "frames": self.asked,
            "network_passes": self.computed,
            "hit_rate": 1 - self.computed / self.asked if self.asked else float("nan"),
            "forgotten": self.forgotten,
        }

    def _started(self, sequence: Sequence) -> SiamRPNTracker:
        """A tracker that has the sequence's template; all share one network."""
        if sequence.name not in self._templates:
            tracker = copy.copy(self._tracker)
            tracker.init(sequence.read_frame(0), first_box_of(sequence))
            self._templates[sequence.name] = tracker
        return self._templates[sequence.name]

    def _look(self, tracker: SiamRPNTracker, sequence: Sequence, index: int, state: TargetState) -> _Entry:
        """The outputs around the state's box."""
        if self._lattice is None:
            region = state.box_cxcywh
            key = crop_key(region[:2], state.search_side, state.search_size, state.preprocessing)
        else:
            key, region = self._lattice.snap(state.box_cxcywh, state.search_size, state.preprocessing)
        self.asked += 1
        place = (sequence.name, index, key)
        if place in self._kept:
            self._kept.move_to_end(place)
            return self._kept[place]
        self.computed += 1
        frame = sequence.read_frame(index)
        cut = TargetState(region, state.parameters, state.preprocessing, state.long_term)
        cut.lost = state.lost
        decoded = decode(tracker.search(frame, cut), state.preprocessing)
        nbytes = decoded.scores.nbytes + decoded.boxes_cxcywh.nbytes
        entry = _Entry(decoded, region.copy(), (frame.shape[1], frame.shape[0]), nbytes)
        self._kept[place] = entry
        self._bytes += entry.nbytes
        while self._bytes > self._most_bytes and len(self._kept) > 1:
            self._bytes -= self._kept.popitem(last=False)[1].nbytes
            self.forgotten += 1
        return entry
