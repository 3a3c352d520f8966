"""Foreign checkpoints made ours: one module per origin, each with `import_state_dict` and its default config."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from torch import Tensor

from dmtrack.config.loading import config_folders
from dmtrack.errors import WeightsError
from dmtrack.registry import did_you_mean
from dmtrack.weights.importers import dmtrack as _dmtrack
from dmtrack.weights.importers import mmtracking as _mmtracking
from dmtrack.weights.importers import pysot as _pysot

Importer = Callable[[Mapping[str, Tensor], Collection[str]], dict[str, Tensor]]
"""(state dict of the file, names that the model expects) -> state dict with the model's names."""

IMPORTERS: dict[str, tuple[Importer, str]] = {
    "dmtrack": (_dmtrack.import_state_dict, _dmtrack.DEFAULT_CONFIG),
    "mmtracking": (_mmtracking.import_state_dict, _mmtracking.DEFAULT_CONFIG),
    "pysot": (_pysot.import_state_dict, _pysot.DEFAULT_CONFIG),
}
"""By origin: the key map and the config of the model that the official file is for."""


def importer(origin: str) -> tuple[Importer, str]:
    """Key map and default config of an origin.

    Raises:
        WeightsError: unknown origin.
    """
    if origin not in IMPORTERS:
        raise WeightsError(f"--from {origin}: unknown origin{did_you_mean(origin, IMPORTERS)}")
    key_map, config = IMPORTERS[origin]
    return key_map, _config_in_folder(config)


def _config_in_folder(name: str) -> str:
    """A config of a subfolder by its path; other names are looked up where they are used."""
    if "/" in name:
        for folder in config_folders():
            if (folder / f"{name}.py").is_file():
                return str(folder / f"{name}.py")
    return name
