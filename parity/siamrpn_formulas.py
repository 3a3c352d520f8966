"""The formulas behind SiamRPN++'s reference outputs: weights, frames and boxes that follow from names and seeds."""

from __future__ import annotations

import functools
import math
import zlib
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dmtrack.models.siamrpn.siamrpn import SiamRPN

GAINS = {"backbone.conv1.weight": 1 / 128, "head_convs.0.conv.weight": 1 / 32, "head_convs.1.conv.weight": 1 / 4}
"""Factors on kernels whose names end so."""


def parameter_value(name: str, shape: Sequence[int], salt: str = "") -> Tensor:
    """Value of a parameter or buffer; depends on its name in MMTracking, its shape and the salt alone."""
    generator = torch.Generator().manual_seed(zlib.crc32((salt + name).encode()))
    leaf = name.rsplit(".", 1)[-1]
    if leaf == "num_batches_tracked":
        return torch.zeros(list(shape), dtype=torch.int64)
    if leaf == "running_var" or (leaf == "weight" and len(shape) == 1):
        return torch.rand(list(shape), generator=generator) + 0.5
    values = torch.randn(list(shape), generator=generator)
    if leaf in ("cls_weight", "reg_weight"):
        return values
    if len(shape) < 2:
        return values * 0.1
    gain = next((factor for ending, factor in GAINS.items() if name.endswith(ending)), 1.0)
    return values * (gain / math.sqrt(math.prod(shape[1:])))


@functools.lru_cache(maxsize=1)
def _weights(salt: str) -> dict[str, Tensor]:
    with torch.device("meta"):
        expected = _empty_model("mmtracking").state_dict()
    return {name: parameter_value(name, tensor.shape, salt) for name, tensor in expected.items()}


def formula_siamrpn(flavour: str = "mmtracking", salt: str = "") -> SiamRPN:
    """SiamRPN++ with ResNet-50 and the weights of the formula, in evaluation mode."""
    model = _empty_model(flavour)
    model.load_state_dict(_weights(salt))
    return model.eval()


def _empty_model(flavour: str) -> SiamRPN:
    return SiamRPN(
        backbone={"type": "SiameseResNet50"},
        neck={"type": "ChannelMapper", "in_channels": (512, 1024, 2048), "out_channels": 256},
        head={"type": "SiamRPNHead", "in_channels": (256, 256, 256)},
        flavour=flavour,  # type: ignore[arg-type]
    )


def target_box_xywh(time: int, height: int, width: int, seed: int) -> tuple[int, int, int, int]:
    """Box of the target in frame `time`."""
    return (
        width // 3 + time * (2 + seed % 3) - seed % 7,
        height // 3 + (time * time) % 5 + time * (1 + seed % 2),
        width // 6 + (seed % 5) * 2 + time // 3,
        height // 5 + (seed % 3) * 3 - time // 4,
    )


def frame_bgr(time: int, height: int, width: int, seed: int) -> NDArray[np.uint8]:
    """A checked background with a patterned target."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.int64)
    left, top, box_width, box_height = target_box_xywh(time, height, width, seed)
    across, down = columns - left, rows - top
    inside = (across >= 0) & (across < box_width) & (down >= 0) & (down < box_height)
    pattern = across * 8 // box_width * 13 + down * 6 // box_height * 29
    checks = (columns // 16 + rows // 16 + seed) % 2
    channels = []
    for channel in range(3):
        waves = (columns * (3 + channel) + rows * (5 - channel) + seed * 17) // 7 % 64
        background = 60 + waves + checks * (20 + 10 * channel)
        channels.append(np.where(inside, 130 + (pattern + channel * 31 + seed * 11) % 110, background))
    return np.stack(channels, axis=-1).astype(np.uint8)


def frame_rgb(time: int, height: int, width: int, seed: int) -> NDArray[np.uint8]:
    """`frame_bgr` as trackers take it."""
    return np.ascontiguousarray(frame_bgr(time, height, width, seed)[..., ::-1])


def network_input(image: NDArray[np.uint8]) -> Tensor:
    """(1, 3, H, W) float32 of an image whose channels have the network's order."""
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float()
