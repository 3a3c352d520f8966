"""Association policies, one file each: settings, online state, search space and timeline view."""

from dmtrack.association.policies.best_candidate import BestCandidate
from dmtrack.association.policies.distractor_aware import DistractorAware
from dmtrack.association.policies.sort import Sort

__all__ = ["BestCandidate", "DistractorAware", "Sort"]
