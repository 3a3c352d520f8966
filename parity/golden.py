"""One file of reference outputs: every array in it is either an input of the case or compared."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dmtrack.errors import DataError
from parity.formulas import every, summary
from parity.report import Check

Array = NDArray[Any]

ABSOLUTE = "largest difference"
RELATIVE = "largest relative difference"
SUMMARY = "mean difference, or of an extreme"
EXACT = "largest difference, must be equal"


class GoldenFile:
    """Arrays of a reference file and the checks made against them.

    Args:
        path: an `.npz` file.

    Raises:
        DataError: the file is truncated or no `.npz`.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.checks: list[Check] = []
        self._used: set[str] = set()
        try:
            with np.load(path, allow_pickle=False) as stored:
                self._arrays = {name: stored[name] for name in stored.files}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError) as error:
            # NumPy's own words would advise to load pickles.
            raise DataError(f"{path} is truncated or no .npz file of reference outputs; copy it again") from error

    def __contains__(self, name: str) -> bool:
        return name in self._arrays

    def given(self, name: str) -> Array:
        """An array that describes the case.

        Raises:
            DataError: the file does not have it.
        """
        if name not in self._arrays:
            raise DataError(f"{self.name} holds no array {name!r}, which its case needs; copy the file again")
        self._used.add(name)
        return self._arrays[name]

    def names(self, prefix: str) -> list[str]:
        """Names of the arrays that begin with `prefix`."""
        return [name for name in self._arrays if name.startswith(prefix)]

    def add(self, name: str, error: float | None, tolerance: float | None, kind: str) -> None:
        """Records a check of the array `name`."""
        self._used.add(name)
        self.checks.append(Check(self.name, name, error, tolerance, kind))

    def exact(self, name: str, actual: Any) -> None:
        """Compares with no tolerance, if the file holds the array."""
        self.close(name, actual, 0.0, EXACT)

    def close(self, name: str, actual: Any, tolerance: float, kind: str = ABSOLUTE) -> None:
        """Compares by the largest absolute difference, if the file holds the array."""
        if name in self._arrays:
            self.add(name, largest_difference(to_numpy(actual), self._arrays[name]), tolerance, kind)

    def relative(self, name: str, actual: Any, tolerance: float, scale: Array | float | None = None) -> None:
        """Compares by the largest difference over the magnitude of the reference (or over `scale`)."""
        if name not in self._arrays:
            return
        expected = np.asarray(self._arrays[name], dtype=np.float64)
        magnitude = np.maximum(np.abs(expected) if scale is None else scale, 1e-12)
        error = largest_difference(to_numpy(actual) / magnitude, expected / magnitude)
        self.add(name, error, tolerance, RELATIVE)

    def statistics(self, name: str, actual: Any, tolerance: float) -> None:
        """Compares [sum, sum of magnitudes, smallest, largest]; sums per element."""
        if name not in self._arrays:
            return
        values = to_numpy(actual)
        divisor = np.array([values.size, values.size, 1, 1])
        self.add(name, largest_difference(summary(values) / divisor, self._arrays[name] / divisor), tolerance, SUMMARY)

    def described(self, prefix: str, actual: Any, stride: int, tolerance: float) -> None:
        """Compares `<prefix>_shape`, `<prefix>_stat` and `<prefix>_sample` (each `stride`-th element)."""
        values = to_numpy(actual)
        self.exact(f"{prefix}_shape", values.shape)
        self.statistics(f"{prefix}_stat", values, tolerance)
        self.close(f"{prefix}_sample", every(values, stride), tolerance)

    def informative(self, names: list[str], why: str) -> None:
        """Lists arrays that are not compared."""
        for name in names:
            if name not in self._used:
                self.add(name, None, None, why)

    def finish(self) -> list[Check]:
        """All checks; an array that nobody looked at is a failure."""
        for name in self._arrays:
            if name not in self._used:
                self.add(name, None, 0.0, "no check knows this array")
        return self.checks


def to_numpy(values: Any) -> Array:
    """Tensors and sequences as float64."""
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu().numpy()
    return np.asarray(values, dtype=np.float64)


def largest_difference(actual: Array, expected: Array) -> float:
    """Largest absolute difference; infinite where the shapes differ or a NaN stands against a number."""
    expected = np.asarray(expected, dtype=np.float64)
    if actual.shape != expected.shape:
        return float("inf")
    if not actual.size:
        return 0.0
    both_nan = np.isnan(actual) & np.isnan(expected)
    with np.errstate(invalid="ignore"):  # equal infinities
        difference = np.where(both_nan | (actual == expected), 0.0, np.abs(actual - expected))
    return float(np.where(np.isnan(difference), np.inf, difference).max())
