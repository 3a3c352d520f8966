"""Checkpoints of SiamRPN++: of MMTracking, whose names are ours, and of PySOT, the same network under other names."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from torch import Tensor

from dmtrack.errors import WeightsError

FIRST_LEVEL = 2
"""PySOT counts levels by the stage of the ResNet that they come from."""

_NECK = re.compile(r"neck\.downsample(\d*)\.(?:downsample\.)?([01])\.(\w+)")
_BRANCH = re.compile(r"rpn_head\.(?:rpn(\d+)\.)?(cls|loc)\.(conv_kernel|conv_search|head)\.(\d)\.(\w+)")
_BRANCH_NAMES = {"cls": "cls_heads", "loc": "reg_heads"}
_LAYER_NAMES = {
    ("conv_kernel", "0"): "kernel_convs.conv",
    ("conv_kernel", "1"): "kernel_convs.bn",
    ("conv_search", "0"): "search_convs.conv",
    ("conv_search", "1"): "search_convs.bn",
    ("head", "0"): "head_convs.0.conv",
    ("head", "1"): "head_convs.0.bn",
    ("head", "3"): "head_convs.1.conv",
}
_FUSION_NAMES = {"rpn_head.cls_weight": "head.cls_weight", "rpn_head.loc_weight": "head.reg_weight"}


def from_mmtracking(state_dict: Mapping[str, Tensor], expected: Collection[str]) -> dict[str, Tensor]:
    """The state dict of MMTracking (`{meta, state_dict}` by mmcv) as it is: our names are theirs.

    Args:
        state_dict: of the file, without `module.`.
        expected: names that the model has.

    Raises:
        WeightsError: the file is PySOT's.
    """
    if any(name.startswith("rpn_head.") for name in state_dict):
        raise WeightsError(
            "--from mmtracking: the checkpoint holds rpn_head.*, which PySOT writes; import it with --from pysot"
        )
    return dict(state_dict)


def from_pysot(state_dict: Mapping[str, Tensor], expected: Collection[str]) -> dict[str, Tensor]:
    """The state dict of PySOT (`model.pth`) with our names.

    Args:
        state_dict: of the file, without `module.`.
        expected: names that the model has.

    Raises:
        WeightsError: the file is MMTracking's or holds a mask branch.
    """
    if any(name.startswith(("mask_head.", "refine_head.")) for name in state_dict):
        raise WeightsError("--from pysot: the checkpoint is SiamMask's, which has a mask branch; only SiamRPN is known")
    if not any(name.startswith("rpn_head.") for name in state_dict):
        raise WeightsError(
            "--from pysot: the checkpoint holds no rpn_head.*, which every SiamRPN of PySOT has; "
            "for checkpoints of MMTracking use --from mmtracking"
        )
    return {our_name(name): tensor for name, tensor in state_dict.items()}


def our_name(name: str) -> str:
    """Our name of a parameter, or the name itself where it has no other."""
    if name in _FUSION_NAMES:
        return _FUSION_NAMES[name]
    match = _NECK.fullmatch(name) or _BRANCH.fullmatch(name)
    # Models of a single level do not number it.
    level = int(match[1]) - FIRST_LEVEL if match and match[1] else 0
    if match and match.re is _NECK:
        return f"neck.convs.{level}.{'conv' if match[2] == '0' else 'bn'}.{match[3]}"
    if match:
        layer = _LAYER_NAMES.get((match[3], match[4]))
        if layer is not None:
            return f"head.{_BRANCH_NAMES[match[2]]}.{level}.{layer}.{match[5]}"
    return name
