"""Official checkpoints of detectors: DMTrack-GS, FairMOT, YOLOX and ByteTrack."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from torch import Tensor

from dmtrack.errors import WeightsError

_HEADS = ("hm.", "wh.", "reg.", "id.")


def from_dmtrack(state_dict: Mapping[str, Tensor], expected: Collection[str]) -> dict[str, Tensor]:
    """The state dict of an official DMTrack-GS checkpoint (hqucv/dmtrack, written by mmcv 0.5.8): our names are theirs.

    Only the offset convolution of a deformable layer `X` has two names: mmdetection before version 2 wrote
    `X_offset.weight` for what is `X.conv_offset.weight`.

    Args:
        state_dict: of the file, without `module.`.
        expected: names that the model has. A legacy name is understood only where the new one is expected and absent,
            because the legacy name of `a.conv.conv_offset` is `a.conv_offset`, which looks like a new one.
    """
    renamed = {}
    for name in expected:
        layer, found, leaf = name.rpartition(".conv_offset.")
        legacy = f"{layer}_offset.{leaf}"
        if found and name not in state_dict and legacy in state_dict and legacy not in expected:
            renamed[legacy] = name
    return {renamed.get(name, name): tensor for name, tensor in state_dict.items()}


def from_fairmot(state_dict: Mapping[str, Tensor], expected: Collection[str]) -> dict[str, Tensor]:
    """The state dict of an official FairMOT checkpoint (ifzhang/FairMOT, `{epoch, state_dict}`) of any of its networks.

    What is no head belongs to the backbone.

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
    renamed = {}
    for name, tensor in state_dict.items():
        own = name.replace(".conv_offset_mask.", ".conv_offset.")
        renamed[own if own.startswith((*_HEADS, "backbone.")) else f"backbone.{own}"] = tensor
    return renamed


def from_yolox(state_dict: Mapping[str, Tensor], expected: Collection[str]) -> dict[str, Tensor]:
    """The state dict of an official checkpoint of YOLOX or ByteTrack (`{start_epoch, model, optimizer}`): our names.

    Args:
        state_dict: of the file, without `module.`.
        expected: names that the model has; not needed.

    Raises:
        WeightsError: the file is of another network.
    """
    if "backbone.backbone.stem.conv.conv.weight" not in state_dict:
        raise WeightsError(
            "--from yolox|bytetrack: the checkpoint holds no backbone.backbone.stem.conv.conv.weight, which any YOLOX "
            "has; give a file of YOLOX or ByteTrack"
        )
    return dict(state_dict)
