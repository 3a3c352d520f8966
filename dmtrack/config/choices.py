"""What people choose by name besides a config: weights, device, precision. Nothing here loads torch, so that a wrong
word costs no time.
"""

from __future__ import annotations

import re
import tarfile
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import get_args

import safetensors

from dmtrack.config.loading import load_config, split_override
from dmtrack.config.top_level import Precision
from dmtrack.errors import ConfigError, WeightsError
from dmtrack.registry import did_you_mean

DEFAULT_CONFIG = "dmtrackReID_tiny"
"""Of the tracker that follows a box where no other one is asked for."""

DEFAULT_MANY = "crowd_tiny"
"""Of the detector of many objects where no other one is asked for."""

BASELINES = {
    "static": "dmtrack.running.baselines:StaticBox",
    "oracle": "dmtrack.running.baselines:detection_oracle",
    **{
        f"opencv:{name}": f"dmtrack.tracking.opencv_trackers:{name}"
        for name in ("CSRT", "KCF", "MIL", "DaSiamRPN", "Nano", "Vit")
    },
}
"""Short names of trackers that need no config, and the `module:Class` that each stands for."""

PLUGIN = re.compile(r"(?P<module>[A-Za-z_][\w.]*):(?P<name>[A-Za-z_]\w*)")
"""A tracker of the user's own, given as `my_module:MyTracker`."""

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


def check_weights(name_or_path: str | Path) -> None:
    """Whether a weights file can be one, as far as its first bytes and its length tell.

    Raises:
        WeightsError: there is none, or it is empty, truncated, or something else.
    """
    path = find_weights(name_or_path)
    start = first_bytes(path)
    if is_safetensors(start):
        try:
            with safetensors.safe_open(path, framework="np"):
                return
        except (safetensors.SafetensorError, OSError, ValueError) as error:
            raise WeightsError(f"{path} is truncated or damaged ({error}); copy or download it again") from error
    if reason := why_no_checkpoint(path, start):
        raise WeightsError(reason)


def first_bytes(path: Path) -> bytes:
    """The beginning of a weights file, at least one byte.

    Raises:
        WeightsError: there is no such file, it cannot be read, or it is empty.
    """
    if path.is_dir():
        raise WeightsError(f"{path} is a folder; give a weights file in it")
    try:
        with open(path, "rb") as opened:
            start = opened.read(512)
    except FileNotFoundError as error:
        raise WeightsError(f"weights file {path} does not exist") from error
    except OSError as error:
        raise WeightsError(f"weights file {path} cannot be read: {error.strerror or error}") from error
    if not start:
        raise WeightsError(f"weights file {path} is empty; copy or download it again")
    return start


def is_safetensors(start: bytes) -> bool:
    """The format begins with the length of its header in 8 bytes, and the header is a JSON object."""
    return len(start) > 8 and start[8:9] == b"{" and int.from_bytes(start[:8], "little") < 2**32


def why_no_checkpoint(path: Path, start: bytes) -> str | None:
    """Why a file that begins so holds no weights of torch; None where it may."""
    if start.startswith(b"version https://git-lfs"):
        return f"{path} is a Git LFS pointer, not the file itself; fetch it with git lfs pull"
    if start.lstrip()[:1] == b"<":
        return f"{path} is a web page, not a weights file; download the file itself"
    if start[:1] == b"\x80" and start[1:2] > b"\x02":
        return (
            f"{path} is a plain pickle, which may hold any class, and nothing of it was executed: write its "
            "state_dict() with torch.save or safetensors where it comes from, or use another file"
        )
    if start.startswith(b"PK") and not zipfile.is_zipfile(path):
        return f"{path} is a truncated or damaged torch checkpoint; copy or download it again"
    if start[:1] != b"\x80" and not start.startswith(b"PK") and not tarfile.is_tarfile(path):
        return f"{path} is no weights file that torch or safetensors can read, or it is truncated; give another file"
    return None


def check_config(name: str) -> None:
    """Whether a name is that of a config, of a weights file that may carry one, or of a class `my_module:MyTracker`.

    Raises:
        ConfigError: there is no such config, or it is not written as a config; its keys are not checked.
        WeightsError: there is no such weights file, or it is none.
    """
    if Path(name).suffix in WEIGHTS_SUFFIXES:
        check_weights(name)
    elif ":" not in name or Path(name).exists():
        load_config(name, check=False)


def baseline_class(name: str) -> str | None:
    """What a short name stands for, as `module:Class`; None where it is no name of a baseline.

    Raises:
        ConfigError: `opencv:` with an algorithm that OpenCV never had.
    """
    if name.startswith("opencv:") and name not in BASELINES:
        raise ConfigError(f"tracker {name} is unknown{did_you_mean(name, BASELINES)}")
    return BASELINES.get(name)


def check_tracker(name: str) -> None:
    """Whether `--tracker` names a baseline or a class `my_module:MyTracker`; the class is not imported.

    Raises:
        ConfigError: it names neither.
    """
    if baseline_class(name) is None and PLUGIN.fullmatch(name) is None:
        raise ConfigError(
            f"tracker {name!r} is neither a class my_module:MyTracker nor a baseline{did_you_mean(name, BASELINES)}; "
            "configs are given with --config"
        )


def check_settings(config: str | Path | None, weights: str | Path | None, overrides: Collection[str]) -> None:
    """Whether `--set` changes what a config has; values that name no class are compared with their types before others.

    Args:
        config: file or name; None is the default, or what the weights carry.
        weights: a file, or None.
        overrides: `key=value`.

    Raises:
        ConfigError: one of them is wrong.
    """
    for override in overrides:
        split_override(override)
    carried = (config is None and weights is not None) or Path(config or "").suffix in WEIGHTS_SUFFIXES
    if overrides and not carried:
        load_config(config or DEFAULT_CONFIG, overrides)


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
