"""Which check belongs to which reference file of DMTrack-GS."""

from __future__ import annotations

from collections.abc import Callable

from dmtrack.verification.assignment import check_targets
from dmtrack.verification.augmentation import check_augmentation
from dmtrack.verification.evaluator import check_evaluator
from dmtrack.verification.golden import GoldenFile
from dmtrack.verification.inference import check_inference
from dmtrack.verification.operators import check_operators, check_resize_table
from dmtrack.verification.postprocessing import check_postprocessing
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
