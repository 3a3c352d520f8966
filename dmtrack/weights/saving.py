"""Our weights files: safetensors, and in them a JSON record of what they are for and how they came about.

They hold nothing but tensors and text, so that reading them executes nothing.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from dmtrack.errors import WeightsError
from dmtrack.files import write_bytes

METADATA_KEY = "dmtrack"
"""The single safetensors metadata key that holds the record."""

FORMAT = "dmtrack-weights-1"
ENTRIES = ("name", "config", "training", "dataset", "metrics", "normalisation", "format")


def to_json(metadata: Mapping[str, Any]) -> str:
    """The record as text.

    Raises:
        WeightsError: an unknown entry, or a value that JSON cannot hold.
    """
    unknown = [key for key in metadata if key not in ENTRIES]
    if unknown:
        raise WeightsError(f"weights metadata has no entry {unknown[0]!r}; the entries are {', '.join(ENTRIES)}")
    try:
        return json.dumps({**metadata, "format": FORMAT}, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise WeightsError(f"weights metadata must be plain values that JSON can hold: {error}") from error


def from_json(text: str | None, source: str) -> dict[str, Any]:
    """The record of a file, empty where it has none.

    Raises:
        WeightsError: it is no JSON object, or of a later format.
    """
    if text is None:
        return {}
    try:
        metadata = json.loads(text)
    except ValueError as error:
        raise WeightsError(f"{source}: its metadata is not valid JSON; the file is damaged") from error
    if not isinstance(metadata, dict):
        raise WeightsError(f"{source}: its metadata is no JSON object; the file is damaged")
    if metadata.get("format") != FORMAT:
        raise WeightsError(
            f"{source}: its metadata has the format {metadata.get('format')!r}, this dmtrack reads {FORMAT!r}; "
            "update dmtrack"
        )
    return metadata


def describe(metadata: Mapping[str, Any]) -> str:
    """What the weights are for, as errors say it: `dmtrackGS_tiny (DMTrackGSTiny)`; empty where unknown."""
    config = metadata.get("config")
    model = config.get("model") if isinstance(config, Mapping) else None
    kind = model.get("type") if isinstance(model, Mapping) else None
    backbone = model.get("backbone") if isinstance(model, Mapping) else None
    if kind and isinstance(backbone, Mapping) and "type" in backbone:
        kind = f"{kind} with {backbone['type']}"
    name = metadata.get("name")
    if name and kind:
        return f"{name} ({kind})"
    return str(name or kind or "")


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
        metadata: entries of `dmtrack.weights.saving.ENTRIES`.
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
