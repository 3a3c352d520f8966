"""Annotations that data sets publish as MATLAB files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dmtrack.errors import DataError


def read_mat(path: Path, expected: str) -> dict[str, Any]:
    """The variables of a MATLAB file; structs have attributes, cells and arrays of one element are that element.

    Raises:
        DataError: it is missing or no MATLAB file of version 5.
    """
    from scipy.io import loadmat  # costs a quarter of a second

    if not path.is_file():
        raise DataError(f"{path} is missing: expected {expected}")
    try:
        return dict(loadmat(str(path), squeeze_me=True, struct_as_record=False))
    except Exception as error:  # damaged files make its parser raise whatever it stumbles over
        raise DataError(f"{path}: no MATLAB file of version 5 ({error}); expected {expected}") from error
