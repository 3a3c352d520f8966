"""Online state: the tracker contract and the trackers. Importing this room registers those that ship with dmtrack."""

from dmtrack.tracking.adapter import Got10kTracker, as_tracker
from dmtrack.tracking.base import MultiTracker, Tracker, TrackResult
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
