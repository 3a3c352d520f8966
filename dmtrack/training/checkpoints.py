"""Checkpoints: everything that a run needs to go on as if nothing had happened."""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from dmtrack.errors import OutputError, TrainingError
from dmtrack.files import atomic_path

KEYS = ("model", "ema", "optimizer", "progress", "config", "rng", "metadata")
_NAME = re.compile(r"iteration_(\d+)\.pth")


def checkpoint_files(folder: Path) -> list[Path]:
    """The checkpoints of a folder, oldest first."""
    found = [(int(match[1]), file) for file in folder.glob("*.pth") if (match := _NAME.fullmatch(file.name))]
    return [file for _, file in sorted(found)]


def save_checkpoint(folder: Path, iteration: int, content: Mapping[str, Any], keep_last: int) -> Path:
    """Writes `iteration_00000100.pth` atomically, then removes all but the last `keep_last` checkpoints.

    Args:
        folder: where the checkpoints of the run lie.
        iteration: optimiser steps done.
        content: the entries of `KEYS`; tensors, numbers, strings and containers of them only.
        keep_last: at least 1.

    Raises:
        OutputError: it cannot be written; the checkpoints before it are untouched.
    """
    target = folder / f"iteration_{iteration:08d}.pth"
    try:
        # A Python file object, so that the operating system's reason is known.
        with atomic_path(target) as temporary, open(temporary, "wb") as opened:
            torch.save(dict(content), opened)
    except RuntimeError as error:  # torch's complaint about its archive covers that reason
        reason = error.__context__.strerror if isinstance(error.__context__, OSError) else error
        raise OutputError(f"cannot write {target}: {reason}; free some space and resume the run") from error
    for old in checkpoint_files(folder)[: -max(keep_last, 1)]:
        old.unlink(missing_ok=True)
    return target


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Reads a training checkpoint onto the CPU, without executing anything that it may contain.

    Raises:
        TrainingError: it does not exist, is damaged, or is no training checkpoint.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # about pickles that are then refused
            content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise TrainingError(f"there is no checkpoint {path}; give an existing one or --resume auto") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise TrainingError(f"{path} cannot be read as a training checkpoint: it is damaged or of another kind; "
                            "resume from an earlier one") from error  # fmt: skip
    missing = [key for key in KEYS if not isinstance(content, dict) or key not in content]
    if missing:
        raise TrainingError(f"{path} is no training checkpoint of dmtrack: it has no {missing[0]!r}; to start from "
                            "weights use load_from") from None  # fmt: skip
    return dict(content)
