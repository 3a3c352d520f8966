"""Official FairMOT checkpoints (ifzhang/FairMOT, `{epoch, state_dict}`) of all its networks."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from torch import Tensor

from dmtrack.errors import WeightsError

_HEADS = ("hm.", "wh.", "reg.", "id.")
_OFFSETS = (".conv_offset_mask.", ".conv_offset.")


def from_fairmot(state_dict: Mapping[str, Tensor], expected: Collection[str]) -> dict[str, Tensor]:
    """The state dict with our names: what is no head belongs to the backbone.

    The dead keys of DLA-34 (`base.fc.*`, `base.level3.project.*`, `base.level4.project.*`) are kept.

    Args:
        state_dict: of the file, without `module.`.
        expected: names that the model has.

    Raises:
        WeightsError: the file has none of FairMOT's heads.
    """
    if not any(name.startswith(_HEADS) for name in state_dict):
        raise WeightsError(
            "--from fairmot: the checkpoint holds no hm.*, wh.*, reg.* and id.*, which every FairMOT has; ImageNet or "
            "COCO weights are named by model.backbone.pretrained of a config and used in training"
        )
    return {our_name(name): tensor for name, tensor in state_dict.items()}


def our_name(name: str) -> str:
    """Our name of a parameter."""
    name = name.replace(*_OFFSETS)
    return name if name.startswith((*_HEADS, "backbone.")) else f"backbone.{name}"
