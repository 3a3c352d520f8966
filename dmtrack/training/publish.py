"""Weights for use: the averaged model where there is one, with a record of how they came about."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

import dmtrack
from dmtrack.training.loop import Run


def publish(
    run: Run, config: Mapping[str, Any], identity: Mapping[str, Any], path: Path, metrics: Mapping[str, float]
) -> None:
    """Writes the weights of a run as a safetensors file.

    Raises:
        OutputError: it cannot be written.
    """
    from dmtrack.weights import save_weights

    model = run.ema.model if run.ema is not None else run.module
    training = {
        "command": " ".join(sys.argv),
        "iterations": run.progress.iteration,
        "world_size": identity["world_size"],
        "seed": run.settings.seed,
        "precision": run.settings.precision,
        "averaged": run.ema is not None,
        "dmtrack": dmtrack.__version__,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
    }
    save_weights(path, model, config=config, training=training, dataset=config["data"].get("train"), metrics=metrics)
