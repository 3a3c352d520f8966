"""Which check belongs to which reference file of DMTrack-GS."""

from __future__ import annotations

from collections.abc import Callable

from parity.assignment import check_targets
from parity.augmentation import check_augmentation
from parity.evaluator import check_evaluator
from parity.golden import GoldenFile
from parity.inference import check_inference
from parity.operators import check_operators, check_resize_table
from parity.postprocessing import check_postprocessing
from parity.training import check_training

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
