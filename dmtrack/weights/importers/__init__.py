"""Foreign checkpoints made ours: one key map per origin."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from torch import Tensor

from dmtrack.config.loading import config_folders
from dmtrack.errors import WeightsError
from dmtrack.registry import did_you_mean
from dmtrack.weights.importers.dmtrack import from_dmtrack
from dmtrack.weights.importers.fairmot import from_fairmot
from dmtrack.weights.importers.siamrpn import from_mmtracking, from_pysot

Importer = Callable[[Mapping[str, Tensor], Collection[str]], dict[str, Tensor]]
"""(state dict of the file, names that the model expects) -> state dict with the model's names."""

IMPORTERS: dict[str, tuple[Importer, str]] = {
    "dmtrack": (from_dmtrack, "dmtrackGS_dla34_fpn"),
    "fairmot": (from_fairmot, "fairmot/mix_dla34"),
    "mmtracking": (from_mmtracking, "siamrpn/siamese_rpn_r50_20e_lasot"),
    "pysot": (from_pysot, "siamrpn/siamrpn_r50_l234_dwxcorr"),
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
    if "/" in config:
        # A config of a subfolder by its path; other names are looked up where they are used.
        files = (folder / f"{config}.py" for folder in config_folders())
        config = next((str(file) for file in files if file.is_file()), config)
    return key_map, config
