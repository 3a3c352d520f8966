"""dmtrack: find the object of the first frame in every later frame, and measure honestly how well that works.

The names below are the public API; importing the package pulls in neither torch nor OpenCV nor matplotlib.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dmtrack.api import evaluate as evaluate
    from dmtrack.api import load_tracker as load_tracker
    from dmtrack.api import track as track

__version__ = "0.1.0"

_API = ("evaluate", "load_tracker", "track")
__all__ = ["__version__", *_API]


def __getattr__(name: str) -> Any:
    if name in _API:
        return getattr(importlib.import_module("dmtrack.api"), name)
    raise AttributeError(f"module 'dmtrack' has no attribute {name!r}")
