"""The classes beyond tensors and plain containers that a foreign checkpoint may hold."""

from __future__ import annotations

import argparse
import datetime
from typing import Any

import numpy as np


def allowed_classes() -> list[Any]:
    """For `torch.serialization.safe_globals`: types that only hold values.

    mmcv and its like keep numpy numbers, times and argparse namespaces among their metadata. None of these runs code
    of the file when it is built.
    """
    reconstruct, scalar = _numpy_builders()
    names = ("numpy.core.multiarray", "numpy._core.multiarray")
    dtypes = [type(np.dtype(code)) for code in ("?", "b", "B", "h", "H", "i", "I", "q", "Q", "e", "f", "d", "U", "S")]
    return [
        np.ndarray,
        np.dtype,
        *dict.fromkeys(dtypes),
        *((reconstruct, f"{name}._reconstruct") for name in names),
        *((scalar, f"{name}.scalar") for name in names),
        argparse.Namespace,
        datetime.datetime,
        datetime.date,
        datetime.timedelta,
    ]


def _numpy_builders() -> tuple[Any, Any]:
    """The functions that numpy's own pickles name; they moved between numpy 1 and 2."""
    try:
        from numpy._core import multiarray
    except ImportError:
        from numpy.core import multiarray
    return multiarray._reconstruct, multiarray.scalar
