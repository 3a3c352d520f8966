"""Foreign checkpoints made ours: one module per origin, each with `import_state_dict` and its default config."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from torch import Tensor

from dmtrack.errors import WeightsError
from dmtrack.registry import did_you_mean
from dmtrack.weights.importers import dmtrack as _dmtrack

Importer = Callable[[Mapping[str, Tensor], Collection[str]], dict[str, Tensor]]
"""(state dict of the file, names that the model expects) -> state dict with the model's names."""

IMPORTERS: dict[str, tuple[Importer, str]] = {"dmtrack": (_dmtrack.import_state_dict, _dmtrack.DEFAULT_CONFIG)}
"""By origin: the key map and the config of the model that the official file is for."""


def importer(origin: str) -> tuple[Importer, str]:
    """Key map and default config of an origin.

    Raises:
        WeightsError: unknown origin.
    """
    if origin not in IMPORTERS:
        raise WeightsError(f"--from {origin}: unknown origin{did_you_mean(origin, IMPORTERS)}")
    return IMPORTERS[origin]
