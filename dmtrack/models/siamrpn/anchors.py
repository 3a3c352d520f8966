"""Anchor sizes and places of both flavours, and the window that favours small displacements."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dmtrack.models.siamrpn.flavours import SiamesePreprocessing


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
    """Every anchor of a score map, in the flavour's order.

    Args:
        preprocessing: of the model.
        score_size: cells per side.

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
