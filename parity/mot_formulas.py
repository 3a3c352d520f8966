"""The formulas behind the reference outputs of multi-object trackers: weights and images that follow from seeds."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dmtrack.models.fairmot.fairmot import FairMOT
from dmtrack.models.yolox.yolox import YOLOX

FAIRMOT_MODELS: dict[str, dict[str, Any]] = {
    "dla34": {"backbone": {"type": "DLASeg"}},
    "hrnet18": {"backbone": {"type": "HRNet", "width": 18}},
    "hrnet32": {"backbone": {"type": "HRNet", "width": 32}},
    "yolov5s": {
        "backbone": {"type": "YOLOv5s"},
        "embedding_channels": 64,
        "head_channels": 64,
        "activation": "silu",
    },
}
"""The published networks, by the names in the files."""

YOLOX_MODELS: dict[str, dict[str, Any]] = {
    "nano": {"depth": 0.33, "width": 0.25, "depthwise": True},
    "tiny": {"depth": 0.33, "width": 0.375},
    "s": {"depth": 0.33, "width": 0.5},
    "m": {"depth": 0.67, "width": 0.75},
    "l": {"depth": 1.0, "width": 1.0},
    "x": {"depth": 1.33, "width": 1.25},
}


def parameter_value(name: str, shape: Sequence[int], seed: int, gain: float = 1.0) -> Tensor:
    """Value of a parameter or buffer; depends on its published name, its shape, the seed and the gain alone."""
    generator = torch.Generator().manual_seed((zlib.crc32(name.encode()) + 1000003 * seed) % 2**31)
    leaf, size = name.rsplit(".", 1)[-1], list(shape)
    if leaf == "num_batches_tracked":
        return torch.zeros(size, dtype=torch.int64)
    if leaf == "running_var" or (leaf == "weight" and len(size) <= 1):
        return torch.rand(size, generator=generator) + 0.5
    values = torch.randn(size, generator=generator)
    if len(size) <= 1:
        return 0.1 * values
    values = values / math.sqrt(math.prod(size[1:])) * gain
    return values * 0.1 if "conv_offset_mask" in name else values


def formula_image(height: int, width: int, seed: int) -> NDArray[np.uint8]:
    """An HxWx3 image of squares and slopes."""
    y, x, channel = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    squares = 40 * ((x // 16 + y // 16 + channel) % 3)
    return np.asarray((3 * x + 2 * y + 53 * channel + 17 * seed + x * y // 97 + squares) % 256, dtype=np.uint8)


def published_name(name: str, own_prefix: str = "backbone.model.") -> str:
    """The name that FairMOT's files have for a parameter of ours; that of YOLOv5s is ours."""
    name = name.replace(".conv_offset.", ".conv_offset_mask.")
    return name if name.startswith(own_prefix) else name.removeprefix("backbone.")


def formula_fairmot(network: str, seed: int, gain: float) -> FairMOT:
    """FairMOT with the weights of the formula, in evaluation mode."""
    model = FairMOT(**FAIRMOT_MODELS[network])
    values = {
        name: tensor
        if name.startswith(model.training_only)
        else parameter_value(published_name(name), tensor.shape, seed, gain)
        for name, tensor in model.state_dict().items()
    }
    model.load_state_dict(values)
    return model.eval()


def formula_yolox(network: str, seed: int, gain: float) -> YOLOX:
    """YOLOX with the weights of the formula, in evaluation mode; our names are the published ones."""
    model = YOLOX(**YOLOX_MODELS[network])
    shapes = model.state_dict().items()
    model.load_state_dict({name: parameter_value(name, tensor.shape, seed, gain) for name, tensor in shapes})
    return model.eval()
