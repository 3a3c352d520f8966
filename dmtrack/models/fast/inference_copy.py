"""Which inference copy belongs to which model."""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import nn

from dmtrack.models.fast.dmtrack_gs import FastDMTrackGS
from dmtrack.models.fast.reid import FastDMTrackReID
from dmtrack.models.fast.tiny import prepare_tiny
from dmtrack.models.folding import fold_batch_norms
from dmtrack.models.global_search.base import GlobalSearchModel
from dmtrack.models.global_search.dmtrack_gs import DMTrackGS
from dmtrack.models.global_search.tiny import DMTrackGSTiny
from dmtrack.models.reid.dmtrack_reid import DMTrackReID


class InferenceCopy(NamedTuple):
    """A model for tracking alone.

    Attributes:
        model: computes what the original does, faster; shares no weights with it.
        needs_autocast: whether it leaves the choice of number formats to `torch.autocast`.
    """

    model: GlobalSearchModel
    needs_autocast: bool


def inference_copy(
    model: GlobalSearchModel, precision: str = "fp32", device: torch.device | None = None
) -> InferenceCopy:
    """The fastest copy of a model that gives its results.

    Models of this package get weights in the asked number format; models that it does not know keep their code and
    get folded batch norms.

    Args:
        model: stays as it is, where it is, in the mode it is in; later changes of its weights do not reach the copy.
        precision: 'fp32', 'bf16' or 'fp16'.
        device: where the copy computes; by default where the model lies.
    """
    device = model.device if device is None else device
    if device != model.device:
        model = copy.deepcopy(model).to(device)
    if type(model) is DMTrackReID:
        detector, needs_autocast = inference_copy(model.detector, precision, device)
        return InferenceCopy(FastDMTrackReID(model, detector, precision), needs_autocast)
    # CPUs compute few operations in fp16; autocast knows which.
    unusual = precision == "fp16" and device.type == "cpu"
    if type(model) is DMTrackGS and not unusual:
        return InferenceCopy(FastDMTrackGS(model, precision), False)
    if type(model) is DMTrackGSTiny and not unusual:
        return InferenceCopy(prepare_tiny(model, precision), False)
    return InferenceCopy(_frozen(fold_batch_norms(model)), precision != "fp32")


def _frozen(model: GlobalSearchModel) -> GlobalSearchModel:
    frozen: nn.Module = model.requires_grad_(False)
    assert isinstance(frozen, GlobalSearchModel)
    return frozen
