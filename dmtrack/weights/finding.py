"""From a name to a weights file."""

from __future__ import annotations

from pathlib import Path

from dmtrack.errors import WeightsError
from dmtrack.registry import did_you_mean

ASSETS = Path(__file__).resolve().parent.parent / "assets"
SUFFIX = ".safetensors"


def shipped_weights() -> dict[str, Path]:
    """The weights that come with dmtrack, by name."""
    return {file.stem: file for file in sorted(ASSETS.glob(f"*{SUFFIX}"))}


def find_weights(name_or_path: str | Path) -> Path:
    """The file that a path or the name of shipped weights means.

    Raises:
        WeightsError: there is none; the message names what exists.
    """
    path = Path(name_or_path)
    if path.is_file():
        return path
    if path.is_dir():
        raise WeightsError(f"{path} is a folder; give a weights file in it")
    known = shipped_weights()
    if str(name_or_path) in known:
        return known[str(name_or_path)]
    if len(path.parts) > 1 or path.suffix:
        raise WeightsError(f"weights file {path} does not exist; give an existing file or the name of shipped weights")
    raise WeightsError(
        f"no weights called {str(name_or_path)!r} come with dmtrack; give a file with --weights, train them with "
        f"dmtrack train, or bring official ones with dmtrack weights import{did_you_mean(str(name_or_path), known)}"
    )
