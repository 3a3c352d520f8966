"""Where and in which number format a tracker computes."""

from __future__ import annotations

import contextlib

import torch

from dmtrack.config import Precision as Precision
from dmtrack.config import check_device_name
from dmtrack.config import check_precision as check_precision
from dmtrack.errors import ConfigError

_AUTOCAST_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def choose_device(device: str | torch.device | None) -> torch.device:
    """The device of that name; None takes the first GPU if there is one, the CPU otherwise.

    Raises:
        ConfigError: no such device on this machine.
    """
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    chosen = torch.device(check_device_name(str(device)))
    if chosen.type == "mps" and not torch.backends.mps.is_available():
        raise ConfigError("device 'mps' is the GPU of a Mac, which PyTorch does not find here; use 'cpu'")
    if chosen.type == "cuda":
        count = torch.cuda.device_count()
        if (chosen.index or 0) >= count:
            have = f"it has {count}" if count else "it has none that PyTorch can use"
            raise ConfigError(f"device {device!r} asks for a GPU that this machine does not have ({have}); use 'cpu'")
    return chosen


def autocast(device: torch.device, precision: Precision) -> contextlib.AbstractContextManager[object]:
    """A context in which the heavy operations compute in `precision`."""
    if precision == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=_AUTOCAST_TYPES[precision])
