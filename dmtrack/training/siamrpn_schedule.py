"""SiamRPN++'s learning rate: constant within an epoch, rising geometrically at first, then falling (spec a.9)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dmtrack.errors import ConfigError


def warmup_then_log(
    epochs: int = 20,
    warmup_epochs: int = 5,
    warmup: tuple[float, float] = (0.2, 1.0),
    decay: tuple[float, float] = (1.0, 0.1),
) -> NDArray[np.float64]:
    """A factor, or a learning rate, for every epoch.

    Args:
        epochs: of the run.
        warmup_epochs: of the rising part.
        warmup: where it starts and what it leads to.
        decay: first and last value of the falling part, which is a straight line in the logarithm.

    Returns:
        (epochs,) values.

    Raises:
        ConfigError: a warm-up longer than the run, or values that are not above 0.
    """
    if not 0 <= warmup_epochs < epochs:
        raise ConfigError(f"warm-up of {warmup_epochs} epochs in a run of {epochs}: expected fewer than the run has")
    if min(*warmup, *decay) <= 0:
        raise ConfigError(f"learning-rate factors {warmup} and {decay}: expected numbers above 0")
    start, end = warmup
    rising = start * (end / start) ** (np.arange(warmup_epochs) / max(warmup_epochs, 1))
    falling = np.logspace(np.log10(decay[0]), np.log10(decay[1]), epochs - warmup_epochs)
    return np.concatenate([rising, falling])
