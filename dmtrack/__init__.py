"""dmtrack: find the object of the first frame in every later frame, and measure honestly how well that works.

    tracker = dmtrack.load_tracker()                          # the shipped weights
    tracker.init(first_frame, (x, y, w, h))                   # HxWx3 uint8 RGB
    result = tracker.step(frame)                              # box_xywh, score, present

    for frame, result in dmtrack.track("my.mp4", box_xywh=(x, y, w, h)): ...
    report = dmtrack.evaluate("lasot", ["results/mine"], root="data/LaSOT")

These names are the public API: `help(dmtrack.track)` says what each takes. What else can be done is a command:
`dmtrack --help`, or `python -m dmtrack --help`. Importing the package pulls in neither torch nor OpenCV nor matplotlib;
the first use of a name does.
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
    if name == "notebook":
        return importlib.import_module("dmtrack.notebook")
    raise AttributeError(f"module 'dmtrack' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
