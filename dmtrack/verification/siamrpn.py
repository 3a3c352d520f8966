"""Which check belongs to which reference file of SiamRPN++."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from dmtrack.errors import DataError
from dmtrack.verification.golden import GoldenFile
from dmtrack.verification.report import Check
from dmtrack.verification.siamrpn_crops import check_crops
from dmtrack.verification.siamrpn_network import check_decoding, check_network, check_tracks
from dmtrack.verification.siamrpn_training import check_training


def _of_other_methods(golden: GoldenFile) -> None:
    golden.informative(golden.names(""), "belongs to other methods or to the evaluators")


CHECKS: dict[str, Callable[[GoldenFile], None]] = {
    "crops": check_crops,
    "net": check_network,
    "decode": check_decoding,
    "track": check_tracks,
    "train": check_training,
    "modules": _of_other_methods,
    "metrics_inputs": _of_other_methods,
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
