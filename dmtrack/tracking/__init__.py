"""Online state: the tracker contract and the trackers.

The trackers that ship with dmtrack load PyTorch and are imported on first use; the contract needs none of it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from dmtrack.tracking.adapter import Got10kTracker, as_tracker
from dmtrack.tracking.base import MultiTracker, Tracker, TrackResult

if TYPE_CHECKING:
    from dmtrack.tracking.global_search import GlobalSearchTracker
    from dmtrack.tracking.multi_object import MultiObjectTracker
    from dmtrack.tracking.reid import ReIDTracker
    from dmtrack.tracking.siamrpn import SiamRPNTracker

__all__ = [
    "GlobalSearchTracker",
    "Got10kTracker",
    "MultiObjectTracker",
    "MultiTracker",
    "ReIDTracker",
    "SiamRPNTracker",
    "TrackResult",
    "Tracker",
    "as_tracker",
]

_MODULES = {
    "GlobalSearchTracker": "global_search",
    "MultiObjectTracker": "multi_object",
    "ReIDTracker": "reid",
    "SiamRPNTracker": "siamrpn",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
