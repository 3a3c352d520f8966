"""What makes a resumed run the uninterrupted one: checkpoints with everything that it needs to go on as if nothing had
happened, and random numbers that need no memory.
"""

from __future__ import annotations

import pickle
import random
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dmtrack.errors import OutputError, TrainingError
from dmtrack.files import atomic_path
from dmtrack.training.logs import LOG_NAME

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


FREE_KEYS = (
    "precision",
    "work_dir",
    "log_config",
    "checkpoint_config",
    "evaluation",
    "tracker",
    "load_from",
    "load_from_except",
)
"""Config sections that may change without changing the weights that come out, and what is compared by itself."""

MODEL_INITIALISATION = -1
"""Stands for the batch while the weights are drawn."""


def seed_batch(seed: int, batch: int, rank: int = 0) -> None:
    """Seeds torch (every device), NumPy's global generator and `random` for one batch of one process.

    A generator whose state is carried along would have to be saved, and would still be disturbed by whatever draws from
    it in between (a validation, a data loader that starts). Seeding anew for every batch makes a resumed run draw the
    same numbers as the uninterrupted one by construction.

    Args:
        seed: of the run, at least 0.
        batch: 0-based number of the process's batch in the run, or `MODEL_INITIALISATION`.
        rank: number of this process.
    """
    words = np.random.SeedSequence([seed, batch + 1, rank]).generate_state(3, np.uint32)
    torch.manual_seed((int(words[0]) << 32) | int(words[1]))
    np.random.seed(int(words[2]))
    random.seed(int(words[2]))


def find_checkpoint(folder: Path, resume: str | None) -> Path | None:
    """The checkpoint to go on from.

    Args:
        folder: of the run.
        resume: None (start anew), "auto" (the last checkpoint of the folder, if any) or a path.

    Raises:
        TrainingError: a new run would overwrite one that is there.
    """
    if resume is None:
        log = folder / LOG_NAME  # empty where a run failed before its first record: nothing to protect
        if checkpoint_files(folder / "checkpoints") or (log.exists() and log.stat().st_size > 0):
            raise TrainingError(f"{folder} already holds a run; go on with --resume auto or choose another --work-dir")
        return None
    if resume != "auto":
        return Path(resume)
    found = checkpoint_files(folder / "checkpoints")
    return found[-1] if found else None


def check_same_run(
    path: Path, content: Mapping[str, Any], config: Mapping[str, Any], world_size: int, precision: str, exact: bool
) -> None:
    """Refuses a checkpoint of another run.

    Args:
        path: of the checkpoint, for messages.
        content: of the checkpoint.
        config: of the run at hand.
        world_size: number of its processes.
        precision: that it computes in, which `auto` may have chosen.
        exact: whether the run must be the same; otherwise only a changed number of processes is refused, because the
            numbering of the training pairs depends on it, and a precision that nobody typed.

    Raises:
        TrainingError: names what differs.
    """
    advice = "; use what the checkpoint was made with, or start anew in another --work-dir with load_from"
    processes = content["metadata"]["world_size"]
    if processes != world_size:
        raise TrainingError(f"{path} was made by {processes} processes, this run has {world_size}{advice}")
    # What `auto` was is stored; checkpoints of earlier versions only have the config.
    stored = content["metadata"].get("precision", content["config"].get("precision", "fp32"))
    if stored != precision and (exact or config.get("precision") == "auto"):
        raise TrainingError(
            f"{path} was trained in {stored}, and this run would go on in {precision}; use --precision {stored}, or "
            f"--precision {precision} and the checkpoint's path after --resume to change it"
        )
    if not exact:
        return
    differing = different_keys(_relevant(content["config"]), _relevant(config))
    if differing:
        raise TrainingError(f"{path} was made with another value of {', '.join(differing[:5])}{advice}; to go on with "
                            "the changed config all the same, give the checkpoint's path to --resume")  # fmt: skip


def different_keys(first: Any, second: Any, where: str = "") -> list[str]:
    """Dotted keys in which two configs differ; tuples and lists are the same."""
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        found = []
        for key in sorted({*first, *second}):
            place = f"{where}.{key}" if where else str(key)
            if (key in first) != (key in second):
                found.append(place)
            elif key in first:
                found += different_keys(first[key], second[key], place)
        return found
    if isinstance(first, (list, tuple)) and isinstance(second, (list, tuple)):
        if len(first) != len(second):
            return [where]
        pairs = enumerate(zip(first, second, strict=True))
        return [key for number, (a, b) in pairs for key in different_keys(a, b, f"{where}.{number}")]
    return [] if first == second else [where]


def _relevant(config: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in config.items() if key not in FREE_KEYS}
    # Batches do not depend on the number of workers, nor weights on what they are validated on.
    data = {key: value for key, value in (kept.get("data") or {}).items() if key not in ("workers_per_gpu", "val")}
    return {**kept, "data": data}
