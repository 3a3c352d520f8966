"""Official checkpoints of detectors: DMTrack-GS, FairMOT, YOLOX, ByteTrack and Faster R-CNN."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from dmtrack.errors import WeightsError

_FASTER_RCNN = {
    "backbone": "backbone.body",
    "neck.lateral_convs": "backbone.fpn.inner_blocks",
    "neck.fpn_convs": "backbone.fpn.layer_blocks",
    "rpn_head.rpn_conv": "rpn.head.conv.0.0",
    "rpn_head.rpn_cls": "rpn.head.cls_logits",
    "rpn_head.rpn_reg": "rpn.head.bbox_pred",
    "roi_head.bbox_head.shared_fcs.0": "roi_heads.box_head.fc6",
    "roi_head.bbox_head.shared_fcs.1": "roi_heads.box_head.fc7",
    "roi_head.bbox_head.fc_cls": "roi_heads.box_predictor.cls_score",
    "roi_head.bbox_head.fc_reg": "roi_heads.box_predictor.bbox_pred",
}
"""MMDetection's names of modules, and torchvision's."""

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
    stem, advice = "backbone.backbone.stem.conv.conv.weight", "give a file of YOLOX or ByteTrack"
    _check_holds(state_dict, stem, "yolox|bytetrack", "YOLOX", advice)
    return dict(state_dict)


def from_mmdetection(state_dict: Mapping[str, Tensor], expected: Collection[str]) -> dict[str, Tensor]:
    """A Faster R-CNN of MMDetection, or a DeepSORT or Tracktor of MMTracking around one, with torchvision's names.

    The background is MMDetection's last class and torchvision's first one, for which torchvision has boxes as well.
    What only the training of embeddings needs is left out; the embeddings, where the model has none.

    Args:
        state_dict: of the file, without `module.`.
        expected: names that the model has.

    Raises:
        WeightsError: the file is of another network.
    """
    own = {name.removeprefix("detector."): tensor for name, tensor in state_dict.items()}
    advice = "for trackers of one object use --from mmtracking"
    _check_holds(own, "roi_head.bbox_head.fc_cls.weight", "mmdetection", "Faster R-CNN", advice)
    renamed = {}
    for name, tensor in own.items():
        if name.startswith("reid."):
            if name in expected:
                renamed[name] = tensor
            continue
        module = next((module for module in _FASTER_RCNN if name.startswith(f"{module}.")), "")
        rest = name[len(module) :]
        if module.startswith("neck."):
            rest = rest.replace(".conv.", ".0.")
        if module.endswith("fc_cls"):
            tensor = tensor.roll(1, 0)
        if module.endswith("fc_reg"):
            tensor = torch.cat([torch.zeros_like(tensor[:4]), tensor])
        renamed[_FASTER_RCNN.get(module, module) + rest] = tensor
    return renamed


def from_torchvision(state_dict: Mapping[str, Tensor], expected: Collection[str]) -> dict[str, Tensor]:
    """A Faster R-CNN of torchvision (`fasterrcnn_resnet50_fpn_coco-*.pth`): our names are its names of today.

    Args:
        state_dict: of the file.
        expected: names that the model has; not needed.

    Raises:
        WeightsError: the file is of another network.
    """
    scores, advice = "roi_heads.box_predictor.cls_score.weight", "give fasterrcnn_resnet50_fpn_coco-258fb6c6.pth"
    _check_holds(state_dict, scores, "torchvision", "Faster R-CNN of torchvision", advice)
    renamed = {}
    for name, tensor in state_dict.items():
        # Before torchvision 0.13 the pyramid's and the first stage's convolutions stood outside of blocks.
        name = re.sub(r"((?:inner|layer)_blocks\.\d)\.(weight|bias)$", r"\1.0.\2", name)
        renamed[re.sub(r"^rpn\.head\.conv\.(weight|bias)$", r"rpn.head.conv.0.0.\1", name)] = tensor
    return renamed


def _check_holds(state_dict: Collection[str], name: str, origin: str, network: str, advice: str) -> None:
    """Refuses a file that lacks a parameter which every such network has."""
    if name not in state_dict:
        raise WeightsError(f"--from {origin}: the checkpoint holds no {name}, which any {network} has; {advice}")
