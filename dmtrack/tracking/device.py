"""Where and in which number format a tracker computes."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import platform
import re
from functools import lru_cache
from pathlib import Path
from typing import Literal

import torch

from dmtrack.config import check_device_name, check_precision
from dmtrack.errors import ConfigError

NumberFormat = Literal["fp32", "bf16", "fp16"]
"""Of convolutions and matrix products; everything delicate stays in fp32."""

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


def resolve_precision(precision: str, device: torch.device) -> NumberFormat:
    """The number format to compute in.

    `auto` is bf16 where the processor or GPU is faster in it, fp16 on older GPUs, and fp32 elsewhere: on a processor
    without instructions for it, bf16 takes several times as long as fp32. A format that is slow on the device is used
    if it is asked for, with a warning in the log, once.

    Args:
        precision: "auto" or a number format.
        device: where to compute.

    Raises:
        ConfigError: it is unknown, or the device cannot compute in it.
    """
    asked = check_precision(precision)
    if device.type == "cuda":
        best: NumberFormat = "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    else:
        best = "bf16" if device.type == "cpu" and has_fast_bf16() else "fp32"
    if asked == "fp16" and device.type == "cpu":
        raise ConfigError("precision 'fp16' needs a GPU; on a CPU use auto, bf16 or fp32")
    # Processes that a run starts would only say it again.
    first = multiprocessing.parent_process() is None and os.environ.get("LOCAL_RANK", "0") == "0"
    if asked == "bf16" and best != "bf16" and first:
        _warn_of_slow_bf16(device.type)
    return best if asked == "auto" else asked


@lru_cache
def has_fast_bf16() -> bool:
    """Whether this processor multiplies bf16 numbers faster than fp32 ones: with AMX, BF16 of ARM, AMD's AVX512-BF16.

    Intel's AVX512-BF16 alone does not: convolutions take 1.2 to 1.9 times as long as in fp32 on a Xeon whose AMX is
    hidden (docs/performance.md).
    """
    try:
        words = set(re.findall(r"\w+", Path("/proc/cpuinfo").read_text(errors="replace")))
    except OSError:  # no Linux
        words = set()
    asked: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    words |= {name for name, there in asked.items() if there is True}
    arm = platform.machine() in ("aarch64", "arm64") and not words.isdisjoint({"bf16", "arm_bf16"})
    intel = "GenuineIntel" in words or "Intel" in str(asked.get("cpu_name"))
    return arm or "amx_bf16" in words or ("avx512_bf16" in words and not intel)


@lru_cache
def _warn_of_slow_bf16(kind: str) -> None:
    logging.getLogger("dmtrack").warning(
        "note: bf16 is slower than fp32 on this %s; use --precision auto or fp32",
        "GPU" if kind == "cuda" else "processor",
    )


def autocast(device: torch.device, precision: NumberFormat) -> contextlib.AbstractContextManager[object]:
    """A context in which the heavy operations compute in `precision`."""
    if precision == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=_AUTOCAST_TYPES[precision])
