"""Online state: the tracker contract and the trackers. Importing this room registers those that ship with dmtrack."""

from dmtrack.tracking.adapter import Got10kTracker, as_tracker
from dmtrack.tracking.base import Candidates, Tracker, TrackResult
from dmtrack.tracking.global_search import GlobalSearchTracker
from dmtrack.tracking.reid import ReIDTracker
from dmtrack.tracking.siamrpn import SiamRPNTracker

__all__ = [
    "Candidates",
    "GlobalSearchTracker",
    "Got10kTracker",
    "ReIDTracker",
    "SiamRPNTracker",
    "TrackResult",
    "Tracker",
    "as_tracker",
]
