"""The published model with the weights of the formulas."""

from __future__ import annotations

import functools

import torch

from dmtrack.models.global_search.dmtrack_gs import DMTrackGS
from parity.formulas import formula_state_dict

PUBLISHED_MODEL = {
    "backbone": {"type": "DLA34"},
    "neck": {"type": "FPN", "in_channels": (128, 256, 512), "out_channels": 256, "num_outs": 3},
    "template": {"type": "RoITemplate", "channels": 256},
    "controller": {"type": "KernelController", "channels": 256, "mid_channels": 32},
    "bbox_head": {"type": "FCOSHead", "num_classes": 2, "in_channels": 256, "mid_channels": 32},
    "train_cfg": {"batch_norm": "live"},
}


@functools.cache
def _state_dict() -> dict[str, torch.Tensor]:
    return formula_state_dict(DMTrackGS(**PUBLISHED_MODEL).state_dict())  # type: ignore[arg-type]


def formula_model() -> DMTrackGS:
    """A fresh model in evaluation mode; the weights are computed once per process."""
    model = DMTrackGS(**PUBLISHED_MODEL)  # type: ignore[arg-type]
    model.load_state_dict(_state_dict())
    return model.eval()
