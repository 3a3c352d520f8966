"""Where and in which number format a tracker computes."""

from __future__ import annotations

import contextlib
from typing import Literal, get_args

import torch

from dmtrack.errors import ConfigError

Precision = Literal["fp32", "bf16", "fp16"]
"""Number format of convolutions and matrix products; everything delicate stays in fp32."""

_AUTOCAST_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def choose_device(device: str | torch.device | None) -> torch.device:
    """The device of that name; None takes the first GPU if there is one, the CPU otherwise.

    Raises:
        ConfigError: no such device on this machine.
    """
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise ConfigError(f"device {device!r} is unknown; use 'cpu', 'cuda' or 'cuda:1'") from error
    if chosen.type == "cuda":
        count = torch.cuda.device_count()
        if (chosen.index or 0) >= count:
            have = f"it has {count}" if count else "it has none that PyTorch can use"
            raise ConfigError(f"device {device!r} asks for a GPU that this machine does not have ({have}); use 'cpu'")
    return chosen


def check_precision(precision: str) -> Precision:
    """The precision itself.

    Raises:
        ConfigError: it is none of fp32, bf16, fp16.
    """
    for known in get_args(Precision):
        if precision == known:
            return known
    raise ConfigError(f"precision {precision!r} is unknown; use one of {', '.join(get_args(Precision))}")


def autocast(device: torch.device, precision: Precision) -> contextlib.AbstractContextManager[object]:
    """A context in which the heavy operations compute in `precision`."""
    if precision == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=_AUTOCAST_TYPES[precision])
