"""Anchors, and from raw outputs to the box of the next frame: decoding, penalties, window, smoothed size.

Proposal selection of SiamRPN (Li et al., CVPR 2018), which SiamRPN++ keeps.
Pure functions on arrays: the parameters that people search for act here, so outputs can be kept and used again.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dmtrack.config import Amount, Share, check_fields
from dmtrack.data.siamese.cropping import context_side
from dmtrack.models.siamrpn.flavours import SiamesePreprocessing
from dmtrack.models.siamrpn.layers import Outputs


def anchor_sizes_wh(preprocessing: SiamesePreprocessing) -> NDArray[np.float32]:
    """(anchors per cell, 2) widths and heights in pixels of the search image, ratio by ratio.

    Both implementations cut to whole pixels before they scale. PySOT then derives the height from the cut width,
    which makes its tall anchors shorter.
    """
    sizes = []
    stride = preprocessing.stride
    for ratio in preprocessing.ratios:
        for scale in preprocessing.scales:
            if preprocessing.flavour == "pysot":
                width = int(np.sqrt(stride * stride / ratio))
                height = int(width * ratio)
            else:
                width, height = int(stride / np.sqrt(ratio)), int(stride * np.sqrt(ratio))
            sizes.append((width * scale, height * scale))
    return np.array(sizes, dtype=np.float32)


@functools.lru_cache(maxsize=16)
def anchors_cxcywh(preprocessing: SiamesePreprocessing, score_size: int) -> NDArray[np.float32]:
    """Every anchor of a score map of `score_size` cells per side, in the flavour's order.

    Returns:
        (score_size^2 x anchors per cell, 4) centres relative to the centre of the search image, and sizes, in its
        pixels; read-only.
    """
    sizes = anchor_sizes_wh(preprocessing)
    steps = (np.arange(score_size, dtype=np.float32) - score_size // 2) * preprocessing.stride
    table = np.empty((len(sizes), score_size, score_size, 4), dtype=np.float32)
    table[..., 0] = steps[None, None, :]
    table[..., 1] = steps[None, :, None]
    table[..., 2:] = sizes[:, None, None]
    flat = _in_order(table, preprocessing)
    flat.setflags(write=False)
    return flat


@functools.lru_cache(maxsize=16)
def cosine_window(preprocessing: SiamesePreprocessing, score_size: int) -> NDArray[np.float64]:
    """(score_size^2 x anchors per cell,) Hann window over the map, 0 at its border, 1 in its centre; read-only."""
    row = np.hanning(score_size)
    window = np.broadcast_to(np.outer(row, row), (preprocessing.anchors_per_cell, score_size, score_size))
    flat = _in_order(window[..., None], preprocessing)[:, 0]
    flat.setflags(write=False)
    return flat


def flat_rows(outputs: Tensor, preprocessing: SiamesePreprocessing) -> Tensor:
    """Kind-major maps -> one row per anchor, in the flavour's order.

    Args:
        outputs: (images, kinds x anchors per cell, H, W); channel k x anchors + a.
        preprocessing: of the model.

    Returns:
        (images, H x W x anchors per cell, kinds).
    """
    maps = outputs.unflatten(1, (-1, preprocessing.anchors_per_cell))
    # (images, kinds, anchors, rows, columns)
    order = (0, 2, 3, 4, 1) if preprocessing.conventions.anchor_major else (0, 3, 4, 2, 1)
    return maps.permute(*order).flatten(1, 3)


def _in_order(table: NDArray[np.floating], preprocessing: SiamesePreprocessing) -> NDArray:  # type: ignore[type-arg]
    """(anchors, rows, columns, values) -> (all anchors, values)."""
    if not preprocessing.conventions.anchor_major:
        table = table.transpose(1, 2, 0, 3)
    return np.ascontiguousarray(table).reshape(-1, table.shape[-1])


SMALLEST_SIDE = 10
"""Boxes do not shrink below this many pixels."""


@dataclass(frozen=True)
class SearchParameters:
    """The parameters that are tuned for every benchmark.

    Attributes:
        penalty_k: strength of the penalty on changes of size and shape, at least 0.
        window_influence: share of the window in the ranking, in [0, 1].
        lr: share of the new size in the smoothed one, before it is scaled by the score, in [0, 1].
    """

    penalty_k: Amount = 0.05
    window_influence: Share = 0.42
    lr: Share = 0.38

    def __post_init__(self) -> None:
        check_fields(self)


class Decoded(NamedTuple):
    """Every anchor's box.

    Attributes:
        scores: (anchors,) float32 probability of the target.
        boxes_cxcywh: (anchors, 4) float32 pixels of the search image, relative to its centre.
        score_size: cells per side of the map.
    """

    scores: NDArray[np.float32]
    boxes_cxcywh: NDArray[np.float32]
    score_size: int


class Best(NamedTuple):
    """What one frame says.

    Attributes:
        score: probability of the target at the chosen anchor, without penalty and window.
        box_cxcywh: (4,) float64 pixels of the frame, size smoothed, not clipped.
    """

    score: float
    box_cxcywh: NDArray[np.float64]


def decode(outputs: Outputs, preprocessing: SiamesePreprocessing) -> Decoded:
    """Scores and boxes of one image's raw outputs."""
    score_size = int(outputs.cls.shape[-1])
    logits, rows = (flat_rows(maps.detach().float().cpu(), preprocessing)[0].contiguous() for maps in outputs)
    # The softmax over two kinds, computed as the original does.
    scores, deltas = logits.softmax(1)[:, 1].numpy(), rows.numpy()
    anchors = anchors_cxcywh(preprocessing, score_size)
    limit = preprocessing.conventions.delta_limit
    growth = deltas[:, 2:] if limit is None else deltas[:, 2:].clip(-limit, limit)
    with np.errstate(over="ignore"):
        boxes = np.concatenate([deltas[:, :2] * anchors[:, 2:] + anchors[:, :2], np.exp(growth) * anchors[:, 2:]], 1)
    return Decoded(scores, boxes, score_size)


def choose(
    decoded: Decoded,
    last_cxcywh: NDArray[np.float64],
    parameters: SearchParameters,
    preprocessing: SiamesePreprocessing,
    window_influence: float | None = None,
) -> Best:
    """The best anchor under penalty and window, and the box that follows from it.

    Args:
        decoded: of the frame.
        last_cxcywh: the box that the search image was cut around, in pixels of the frame.
        parameters: of the tracker.
        preprocessing: of the model.
        window_influence: instead of that of the parameters.
    """
    influence = parameters.window_influence if window_influence is None else window_influence
    last = np.asarray(last_cxcywh, dtype=np.float64)
    side = context_side(last[2], last[3], preprocessing.context_amount)
    zoom = preprocessing.exemplar_size / side
    width, height = decoded.boxes_cxcywh[:, 2], decoded.boxes_cxcywh[:, 3]
    with np.errstate(over="ignore", invalid="ignore"):
        size_ratio = context_side(width, height) / context_side(*(last[2:] * zoom))
        shape_ratio = (last[2] / last[3]) / (width / height)
        change = np.maximum(size_ratio, 1.0 / size_ratio) * np.maximum(shape_ratio, 1.0 / shape_ratio)
        penalty = np.exp(-(change - 1.0) * parameters.penalty_k)
    # A box that overflows is no candidate.
    penalty = np.where(np.isfinite(penalty), penalty, 0.0)
    window = cosine_window(preprocessing, decoded.score_size)
    ranking = penalty * decoded.scores * (1.0 - influence) + window * influence
    index = int(np.argmax(ranking))
    score = float(decoded.scores[index])
    chosen = decoded.boxes_cxcywh[index].astype(np.float64) / zoom
    rate = float(penalty[index]) * score * parameters.lr
    centre = last[:2] + chosen[:2]
    with np.errstate(invalid="ignore"):
        size = last[2:] * (1.0 - rate) + chosen[2:] * rate
    return Best(score, np.concatenate([centre, size]))


def clip_to_frame(box_cxcywh: NDArray[np.float64], size_wh: tuple[int, int]) -> NDArray[np.float64]:
    """The centre inside the frame; each side between 10 pixels and the frame's."""
    limits = np.array([*size_wh, *size_wh], dtype=np.float64)
    least = np.array([0, 0, SMALLEST_SIDE, SMALLEST_SIDE], dtype=np.float64)
    return np.maximum(np.minimum(box_cxcywh, limits), least)
