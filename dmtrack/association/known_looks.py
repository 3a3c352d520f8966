"""What the target and what other things have looked like, from frames in which it was clear which is which.

The tracklets remember what each thing looked like of late; once two of them have changed places unnoticed, so have
these memories. Here views are kept that were taken while the answer was sure, the first frame's for good, so that a
wrong turn can be noticed, and a target recognised after a long absence. Own design; bounded galleries are DeepSORT's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from dmtrack.association.policies.distractor_aware import DistractorAware

Floats = NDArray[np.float64]
Views = NDArray[np.float32]

_USUAL_COSINE = 0.5
"""Of two different things, of which most are unknown."""

_SAME_VIEW = 0.95
"""A view this near to one that is kept adds nothing."""


class KnownLooks:
    """Bounded galleries of views, unit vectors all.

    Args:
        template: (channels,) the target in the first frame, which is never forgotten.
        settings: sizes and weight.
    """

    def __init__(self, template: Views, settings: DistractorAware) -> None:
        self._settings = settings
        self._target = template.reshape(1, -1)
        self._others = np.zeros((0, self._target.shape[1]), np.float32)

    def evidence(self, embeddings: Views) -> Floats:
        """(k,) nats for each of (k, channels) looks being the target rather than one of the others."""
        if not len(embeddings) or not embeddings.shape[1] or not self._settings.looks_weight:
            return np.zeros(len(embeddings))
        target = (embeddings @ self._target.T).max(axis=1)
        others = (embeddings @ self._others.T).max(axis=1, initial=_USUAL_COSINE)
        limit = self._settings.looks_limit
        lead = (target - others).astype(np.float64)
        nats: Floats = self._settings.looks_weight * np.minimum(np.maximum(lead, -limit), limit)
        return nats

    def add_target(self, embedding: Views) -> None:
        """A further view (channels,) of the target; the oldest but the template makes room."""
        self._target = np.concatenate([self._target, embedding.reshape(1, -1)])
        if len(self._target) > self._settings.looks_of_target:
            self._target = np.delete(self._target, 1, axis=0)

    def add_others(self, embeddings: Views) -> None:
        """Views (n, channels) of what is not the target; the oldest make room."""
        known = (embeddings @ self._others.T > _SAME_VIEW).any(axis=1)
        earlier = np.tril(embeddings @ embeddings.T > _SAME_VIEW, -1).any(axis=1)
        fresh = embeddings[~(known | earlier)]
        if len(fresh):
            self._others = np.concatenate([self._others, fresh])[-self._settings.looks_of_others :]
