"""Association policies, one file each: settings, online state, search space and timeline view."""

from dmtrack.association.policies.best_candidate import BestCandidate
from dmtrack.association.policies.bytetrack import ByteTrack
from dmtrack.association.policies.deepsort import DeepSORT
from dmtrack.association.policies.distractor_aware import DistractorAware
from dmtrack.association.policies.jde import JDE
from dmtrack.association.policies.ocsort import OCSort
from dmtrack.association.policies.sort import Sort
from dmtrack.association.policies.tracktor import Tracktor

__all__ = ["JDE", "BestCandidate", "ByteTrack", "DeepSORT", "DistractorAware", "OCSort", "Sort", "Tracktor"]
