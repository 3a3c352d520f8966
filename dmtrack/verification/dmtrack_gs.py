"""Which check belongs to which reference file of DMTrack-GS."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from dmtrack.errors import DataError
from dmtrack.verification.assignment import check_targets
from dmtrack.verification.augmentation import check_augmentation
from dmtrack.verification.evaluator import check_evaluator
from dmtrack.verification.golden import GoldenFile
from dmtrack.verification.inference import check_inference
from dmtrack.verification.operators import check_operators, check_resize_table
from dmtrack.verification.postprocessing import check_postprocessing
from dmtrack.verification.report import Check
from dmtrack.verification.training import check_training

CHECKS: dict[str, Callable[[GoldenFile], None]] = {
    "inf_": check_inference,
    "train_": check_training,
    "ops": check_operators,
    "resize_table": check_resize_table,
    "postproc_": check_postprocessing,
    "targets_": check_targets,
    "eval_": check_evaluator,
    "aug_": check_augmentation,
}
"""Beginning of a file's name to its check."""


def verify_folder(folder: Path) -> list[Check]:
    """Checks every `.npz` file of a folder.

    Raises:
        DataError: the folder does not exist, holds no `.npz` file, or one that no check knows.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; give the folder that holds the .npz files of reference outputs")
    files = sorted(folder.glob("*.npz"))
    if not files:
        raise DataError(f"{folder} holds no .npz file; give the folder with the reference outputs themselves")
    jobs = [(path, _check_for(path)) for path in files]
    columns = (TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    checks: list[Check] = []
    with Progress(*columns, transient=True) as progress:
        task = progress.add_task("reference files", total=len(jobs))
        for path, check in jobs:
            progress.update(task, description=path.name)
            golden = GoldenFile(path)
            torch.manual_seed(0)
            check(golden)
            checks += golden.finish()
            progress.advance(task)
    return checks


def _check_for(path: Path) -> Callable[[GoldenFile], None]:
    for beginning, check in CHECKS.items():
        if path.name.startswith(beginning):
            return check
    known = ", ".join(f"{beginning}*" for beginning in CHECKS)
    raise DataError(f"{path}: no check knows a file of this name; known are {known}")
