"""Runs the checks of a method on a folder of reference files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from dmtrack.errors import DataError
from parity.golden import GoldenFile
from parity.report import Check


def verify_folder(folder: Path, checks: Mapping[str, Callable[[GoldenFile], None]]) -> list[Check]:
    """Checks every `.npz` file of a folder.

    Args:
        folder: with the files.
        checks: beginning of a file's name to its check.

    Raises:
        DataError: the folder does not exist, holds no `.npz` file, or one that no check knows.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; give the folder that holds the .npz files of reference outputs")
    files = sorted(folder.glob("*.npz"))
    if not files:
        raise DataError(f"{folder} holds no .npz file; give the folder with the reference outputs themselves")
    jobs = [(path, _check_for(path, checks)) for path in files]
    columns = (TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    done: list[Check] = []
    with Progress(*columns, transient=True) as progress:
        task = progress.add_task("reference files", total=len(jobs))
        for path, check in jobs:
            progress.update(task, description=path.name)
            golden = GoldenFile(path)
            torch.manual_seed(0)
            check(golden)
            done += golden.finish()
            progress.advance(task)
    return done


def _check_for(path: Path, checks: Mapping[str, Callable[[GoldenFile], None]]) -> Callable[[GoldenFile], None]:
    for beginning, check in checks.items():
        if path.name.startswith(beginning):
            return check
    known = ", ".join(f"{beginning}*" for beginning in checks)
    raise DataError(f"{path}: no check knows a file of this name; known are {known}")
