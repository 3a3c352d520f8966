"""The command behind `tools/verify_reference.py`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from dmtrack.errors import DataError
from parity.golden import GoldenFile
from parity.report import Check, print_table, write_report


def _dmtrack_gs(folder: Path) -> list[Check]:
    from parity.augmentation import check_augmentation
    from parity.inference import check_inference
    from parity.metrics import check_evaluator
    from parity.operators import check_operators, check_resize_table
    from parity.postprocessing import check_postprocessing, check_targets
    from parity.training import check_training

    return verify_folder(
        folder,
        {
            "inf_": check_inference,
            "train_": check_training,
            "ops": check_operators,
            "resize_table": check_resize_table,
            "postproc_": check_postprocessing,
            "targets_": check_targets,
            "eval_": check_evaluator,
            "aug_": check_augmentation,
        },
    )


def _metrics(folder: Path) -> list[Check]:
    from parity.metrics import verify_metrics

    return verify_metrics(folder)


def _siamrpn(folder: Path) -> list[Check]:
    from parity.siamrpn_crops import check_crops
    from parity.siamrpn_network import check_decoding, check_network, check_tracks
    from parity.siamrpn_training import check_training

    def of_other_methods(golden: GoldenFile) -> None:
        golden.informative(golden.names(""), "belongs to other methods or to the evaluators")

    return verify_folder(
        folder,
        {
            "crops": check_crops,
            "net": check_network,
            "decode": check_decoding,
            "track": check_tracks,
            "train": check_training,
            "modules": of_other_methods,
            "metrics_inputs": of_other_methods,
        },
    )


def _mot(folder: Path) -> list[Check]:
    from parity.mot_association import check_parts, check_streams
    from parity.mot_distillation import check_distillation
    from parity.mot_fairmot import check_core, check_fairmot
    from parity.mot_labels import check_labels
    from parity.mot_metrics import check_scores
    from parity.mot_yolox import check_yolox

    def core(golden: GoldenFile) -> None:
        check_core(golden)
        check_parts(golden)

    def pipe(golden: GoldenFile) -> None:
        check_distillation(golden)
        check_labels(golden)

    return verify_folder(
        folder,
        {
            "fairmot_": check_fairmot,
            "core_": core,
            "assoc_": check_streams,
            "metrics_": check_scores,
            "pipe_": pipe,
            "yolox_": check_yolox,
        },
    )


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
    jobs = []
    for path in files:
        check = next((check for beginning, check in checks.items() if path.name.startswith(beginning)), None)
        if check is None:
            known = ", ".join(f"{beginning}*" for beginning in checks)
            raise DataError(f"{path}: no check knows a file of this name; known are {known}")
        jobs.append((path, check))
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


REFERENCES: dict[str, Callable[[Path], list[Check]]] = {
    "dmtrack_gs": _dmtrack_gs,
    "metrics": _metrics,
    "mot": _mot,
    "siamrpn": _siamrpn,
}
"""What can be verified, by name."""

NARROWEST_TABLE = 150
"""Columns: narrower terminals and files would cut the names of the quantities."""


def verify(arguments: Sequence[str] | None = None) -> int:
    """Compares this code with reference outputs and prints file x quantity x error x tolerance.

    Args:
        arguments: of the command line; those of the process by default.

    Returns:
        0 when every check passes, 1 otherwise.

    Raises:
        DataError: nothing to check, or a file that no check knows.
        OutputError: the report cannot be written.
    """
    parser = argparse.ArgumentParser(prog="verify_reference.py", description=verify.__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument(
        "reference", choices=sorted(REFERENCES), help="the method whose reference outputs these are, or metrics"
    )
    parser.add_argument("folder", type=Path, help="folder of reference outputs")
    parser.add_argument("--json", type=Path, help="writes the table to this file as well")
    parser.add_argument("--only-failures", action="store_true", help="leaves passing rows out of the printed table")
    given = parser.parse_args(arguments)
    checks = REFERENCES[given.reference](given.folder)
    console = Console()
    if console.width < NARROWEST_TABLE:
        console = Console(width=NARROWEST_TABLE)
    print_table(checks, console, only_failures=given.only_failures)
    if given.json:
        write_report(checks, given.json)
    failures = sum(not check.passed for check in checks)
    compared = sum(check.tolerance is not None for check in checks)
    console.print(
        f"[bold]{compared - failures} of {compared} quantities pass[/bold]" + (f", {failures} FAIL" if failures else "")
    )
    return 1 if failures or not compared else 0
