"""The formulas that reference outputs are made with: weights, images and maps that depend on names and seeds alone.

Nothing but numpy's legacy generator and integer arithmetic, so that every machine gets the same numbers.
"""

from __future__ import annotations

import functools
import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from dmtrack.models.global_search.dmtrack_gs import DMTrackGS

Array = NDArray[Any]

_GAINS = (
    (".conv_offset.", False, 1.0),
    (".up_", False, 1.0),
    ("backbone.base.", True, 0.7),
    ("backbone.", True, 0.8),
    ("neck.", True, 0.7),
    ("controller.controller_cls1", True, 0.125),
    ("controller.controller_reg1", True, 0.125),
    ("controller.", True, 0.5),
    ("bbox_head.fcos_", True, 0.5),
)
"""(text, whether the name must start with it, factor on He's standard deviation); the first match counts."""


def parameter_value(name: str, shape: Sequence[int]) -> Array:
    """Value of a parameter or buffer; depends on its name and shape alone.

    Args:
        name: full name in the state dict.
        shape: of the tensor.

    Returns:
        float64, or int64 for `num_batches_tracked`.
    """
    random = np.random.RandomState(zlib.crc32(name.encode()) & 0xFFFFFFFF)
    leaf = name.rsplit(".", 1)[-1]
    if leaf == "num_batches_tracked":
        return np.zeros(shape, np.int64)
    if leaf == "running_var" or (leaf == "weight" and len(shape) == 1):
        return np.asarray(random.uniform(0.5, 1.5, size=shape))
    if leaf == "running_mean":
        return np.asarray(0.1 * random.standard_normal(size=shape))
    if leaf == "scale":
        return np.full(shape, 32.0 * 2 ** int(name.split(".")[-2]))
    if leaf == "bias":
        value = 0.05 * random.standard_normal(size=shape)
        if name == "bbox_head.fcos_cls.bias":
            value = value + np.array([-2.3, -1.7])
        elif name == "bbox_head.fcos_reg.bias":
            value = value + 1.0
        return np.asarray(value)
    fan_in = math.prod(shape[1:])
    value = _gain(name) * math.sqrt(2.0 / fan_in) * random.standard_normal(size=shape)
    return np.abs(value) if ".up_" in name else np.asarray(value)


def _gain(name: str) -> float:
    for text, at_start, factor in _GAINS:
        if name.startswith(text) if at_start else text in name:
            return factor
    return 1.0


def formula_state_dict(like: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A state dict with the names, shapes and types of `like` and values of `parameter_value`."""
    return {
        name: torch.from_numpy(np.asarray(parameter_value(name, tuple(tensor.shape)))).to(tensor.dtype)
        for name, tensor in like.items()
    }


def make_image(seed: int, height: int, width: int) -> NDArray[np.uint8]:
    """An RGB image of coarse and fine random blocks on a gradient."""
    random = np.random.RandomState(seed)
    coarse = _blocks(random, 16, height, width)
    fine = _blocks(random, 4, height, width)
    rows, columns = np.mgrid[0:height, 0:width]
    gradient = np.stack(
        [
            columns * 255 // max(width - 1, 1),
            rows * 255 // max(height - 1, 1),
            (columns + rows) * 255 // max(width + height - 2, 1),
        ],
        axis=-1,
    )
    return ((2 * coarse + fine + gradient) // 4).astype(np.uint8)


def _blocks(random: np.random.RandomState, size: int, height: int, width: int) -> Array:
    values = random.randint(0, 256, size=(-(-height // size), -(-width // size), 3))
    return np.asarray(values.repeat(size, 0).repeat(size, 1)[:height, :width]).astype(np.int64)


def paste_texture(image: NDArray[np.uint8], seed: int, left: int, top: int, width: int, height: int) -> None:
    """Writes a random 8x8 texture, enlarged to (width, height), into the image."""
    texture = np.random.RandomState(seed).randint(0, 256, size=(8, 8, 3)).astype(np.uint8)
    rows, columns = np.arange(height) * 8 // height, np.arange(width) * 8 // width
    image[top : top + height, left : left + width] = texture[rows][:, columns]


def inclusive_box_to_xywh(box: ArrayLike) -> tuple[int, int, int, int]:
    """Left, top, width, height of the pixels that an inclusive (x1, y1, x2, y2) covers."""
    x1, y1, x2, y2 = (float(value) for value in np.asarray(box))
    return int(x1), int(y1), int(x2 - x1 + 1), int(y2 - y1 + 1)


def normal(random: np.random.RandomState, *size: int) -> NDArray[np.float32]:
    """Standard normal numbers as float32."""
    return np.asarray(random.standard_normal(size)).astype(np.float32)


def summary(values: ArrayLike) -> NDArray[np.float64]:
    """[sum, sum of magnitudes, smallest, largest] in float64."""
    array = np.asarray(values, dtype=np.float64)
    return np.array([array.sum(), np.abs(array).sum(), array.min(), array.max()])


def every(values: ArrayLike, stride: int) -> Array:
    """Each `stride`-th element in row-major order."""
    return np.ascontiguousarray(np.asarray(values).reshape(-1)[::stride])


PUBLISHED_MODEL: dict[str, Any] = {
    "backbone": {"type": "DLA34"},
    "neck": {"type": "FPN", "in_channels": (128, 256, 512), "out_channels": 256, "num_outs": 3},
    "template": {"type": "RoITemplate", "channels": 256},
    "controller": {"type": "KernelController", "channels": 256, "mid_channels": 32},
    "bbox_head": {"type": "FCOSHead", "num_classes": 2, "in_channels": 256, "mid_channels": 32},
}


@functools.cache
def _state_dict() -> dict[str, torch.Tensor]:
    return formula_state_dict(DMTrackGS(**PUBLISHED_MODEL).state_dict())


def formula_model() -> DMTrackGS:
    """A fresh model in evaluation mode; the weights are computed once per process."""
    model = DMTrackGS(**PUBLISHED_MODEL)
    model.load_state_dict(_state_dict())
    return model.eval()
