"""What people choose by name besides a config: weights, device, precision. Nothing here loads torch, so that a wrong
word costs no time.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from dmtrack.config.loading import load_config
from dmtrack.config.top_level import Precision
from dmtrack.errors import ConfigError, WeightsError
from dmtrack.registry import did_you_mean

DEFAULT_CONFIG = "dmtrackReID_tiny"
"""Of the tracker that follows a box where no other one is asked for."""

ASSETS = Path(__file__).resolve().parent.parent / "assets"
WEIGHTS_SUFFIX = ".safetensors"
WEIGHTS_SUFFIXES = (WEIGHTS_SUFFIX, ".pth", ".pt", ".ckpt")
"""Of our own files, and of those of others."""


def shipped_weights() -> dict[str, Path]:
    """The weights that come with dmtrack, by name."""
    return {file.stem: file for file in sorted(ASSETS.glob(f"*{WEIGHTS_SUFFIX}"))}


def find_weights(name_or_path: str | Path) -> Path:
    """The file that a path or the name of shipped weights means.

    Raises:
        WeightsError: there is none; the message names what exists.
    """
    path = Path(name_or_path)
    if path.is_file():
        return path
    if path.is_dir():
        raise WeightsError(f"{path} is a folder; give a weights file in it")
    known = shipped_weights()
    if str(name_or_path) in known:
        return known[str(name_or_path)]
    if len(path.parts) > 1 or path.suffix:
        raise WeightsError(f"weights file {path} does not exist; give an existing file or the name of shipped weights")
    raise WeightsError(
        f"no weights called {str(name_or_path)!r} come with dmtrack; give a file with --weights, train them with "
        f"dmtrack train, or bring official ones with dmtrack weights import{did_you_mean(str(name_or_path), known)}"
    )


def check_config(name: str) -> None:
    """Whether a name is that of a config, of a weights file that may carry one, or of a class `my_module:MyTracker`.

    Raises:
        ConfigError: there is no such config, or it is not written as a config; its keys are not checked.
        WeightsError: there is no such weights file.
    """
    if Path(name).suffix in WEIGHTS_SUFFIXES:
        find_weights(name)
    elif ":" not in name or Path(name).exists():
        load_config(name, check=False)


def check_precision(precision: str) -> Precision:
    """The precision itself.

    Raises:
        ConfigError: it is none of auto, fp32, bf16, fp16.
    """
    for known in get_args(Precision):
        if precision == known:
            return known
    raise ConfigError(f"precision {precision!r} is unknown; use one of {', '.join(get_args(Precision))}")


def check_device_name(device: str) -> str:
    """The name itself, whether or not this machine has the device.

    Raises:
        ConfigError: it is no name of a kind of device that trackers run on.
    """
    if re.fullmatch(r"cpu|mps|cuda(:\d+)?", device) is None:
        raise ConfigError(f"device {device!r} is unknown; use 'cpu', 'cuda' or 'cuda:1'")
    return device
