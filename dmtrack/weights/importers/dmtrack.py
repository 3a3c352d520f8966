"""Official DMTrack-GS checkpoints (hqucv/dmtrack, written by mmcv 0.5.8)."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from torch import Tensor

_OFFSET = ".conv_offset."
_LEGACY_OFFSET = "_offset."


def from_dmtrack(state_dict: Mapping[str, Tensor], expected: Collection[str]) -> dict[str, Tensor]:
    """The state dict with our names, which are the published ones.

    Only the offset convolution of a deformable layer `X` has two names: mmdetection before version 2 wrote
    `X_offset.weight` for what is `X.conv_offset.weight`.

    Args:
        state_dict: of the file, without `module.`.
        expected: names that the model has. A legacy name is understood only where the new one is expected and absent,
            because the legacy name of `a.conv.conv_offset` is `a.conv_offset`, which looks like a new one.
    """
    renamed = {}
    for name in expected:
        layer, found, leaf = name.rpartition(_OFFSET)
        legacy = f"{layer}{_LEGACY_OFFSET}{leaf}"
        if found and name not in state_dict and legacy in state_dict and legacy not in expected:
            renamed[legacy] = name
    return {renamed.get(name, name): tensor for name, tensor in state_dict.items()}
