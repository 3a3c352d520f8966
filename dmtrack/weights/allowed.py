"""The classes beyond tensors and plain containers that a foreign checkpoint may hold."""

from __future__ import annotations

import argparse
import datetime
import importlib
from typing import Any

import numpy as np


def allowed_classes() -> list[Any]:
    """For `torch.serialization.safe_globals`: types that only hold values.

    mmcv and its like keep numpy numbers, times and argparse namespaces among their metadata. None of these runs code
    of the file when it is built.
    """
    reconstruct, scalar = _numpy_builders()
    names = ("numpy.core.multiarray", "numpy._core.multiarray")
    dtypes = [type(np.dtype(code)) for code in np.typecodes["All"] if code != "O"]
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
    module = importlib.import_module("numpy._core" if hasattr(np, "_core") else "numpy.core")
    return module.multiarray._reconstruct, module.multiarray.scalar
