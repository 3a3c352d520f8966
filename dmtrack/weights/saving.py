"""Writes weights as safetensors: nothing but tensors and text, so that reading them executes nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from dmtrack.errors import WeightsError
from dmtrack.files import write_bytes
from dmtrack.weights.metadata import METADATA_KEY, to_json


def save_weights(
    path: str | Path,
    weights: nn.Module | Mapping[str, Tensor],
    metadata: Mapping[str, Any] | None = None,
    *,
    half: bool = False,
    **entries: Any,
) -> None:
    """Writes a weights file atomically.

    Args:
        path: of the file, in general `*.safetensors`.
        weights: a state dict, or a model, whose `preprocessing` then becomes the metadata's `normalisation`.
        metadata: entries of `dmtrack.weights.metadata.ENTRIES`.
        half: store matrices and kernels as fp16. Vectors (biases, norm layers and their statistics) stay as they are:
            they take next to no space and their range does not always fit.
        **entries: further metadata entries (`config=...`, `training=...`).

    Raises:
        OutputError: the file cannot be written.
        WeightsError: metadata that JSON cannot hold, or a value that overflows fp16.
    """
    record = {**(metadata or {}), **entries}
    if isinstance(weights, nn.Module):
        preprocessing = getattr(weights, "preprocessing", None)
        if dataclasses.is_dataclass(preprocessing) and not isinstance(preprocessing, type):
            record.setdefault("normalisation", dataclasses.asdict(preprocessing))
        weights = weights.state_dict()
    tensors = {name: _stored(name, tensor, half) for name, tensor in weights.items()}
    write_bytes(path, safetensors.torch.save(tensors, {METADATA_KEY: to_json(record)}))


def _stored(name: str, tensor: Tensor, half: bool) -> Tensor:
    # A copy, because tensors that share memory cannot be stored.
    tensor = tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
    if not half or tensor.ndim < 2 or not tensor.is_floating_point():
        return tensor
    reduced = tensor.half()
    if not torch.isfinite(reduced).all():
        raise WeightsError(f"parameter {name!r} holds values that fp16 cannot; save the weights in full precision")
    return reduced
