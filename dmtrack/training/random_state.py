"""Random numbers that depend on the seed, the iteration and the process, and on nothing that happened before.

A generator whose state is carried from iteration to iteration would have to be saved, and would still be disturbed by
whatever draws from it in between (a validation, a data loader that starts). Seeding anew in every iteration makes a
resumed run draw the same numbers as the uninterrupted one by construction.
"""

from __future__ import annotations

import random

import numpy as np
import torch

MODEL_INITIALISATION = -1
"""Stands for the iteration while the weights are drawn."""


def seed_iteration(seed: int, iteration: int, rank: int = 0) -> None:
    """Seeds torch (every device), NumPy's global generator and `random`.

    Args:
        seed: of the run, at least 0.
        iteration: 0-based, or `MODEL_INITIALISATION`.
        rank: number of this process.
    """
    words = np.random.SeedSequence([seed, iteration + 1, rank]).generate_state(3, np.uint32)
    torch.manual_seed((int(words[0]) << 32) | int(words[1]))
    np.random.seed(int(words[2]))
    random.seed(int(words[2]))
