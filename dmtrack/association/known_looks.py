"""What the target and what other things look like, by views that were taken while it was sure which is which.

The first frame's view stays for good, so a wrong turn can be noticed, and a target recognised after a long absence. Own
design.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from dmtrack.association.policies.distractor_aware import DistractorAware

Floats = NDArray[np.float64]
Views = NDArray[np.float32]

NEAREST_VIEWS = 3
"""One view may be like a candidate by chance; so many are not."""
_USUAL_COSINE = 0.5
"""Of two different things, of which most are unknown."""

_USUAL_LOGIT = 1.0
"""Where a target's usual score starts: .73. Its moving average goes on from there, by `_USUAL_RATE` per frame."""
_USUAL_RATE = 0.1
_BEYOND_DOUBT = 0.8
"""Frames count for the usual score where the target's cosine with its nearest kept views is above."""

_SAME_VIEW = 0.95
"""A view this near to one that is kept adds nothing."""


def logit(scores: ArrayLike) -> Floats:
    """Nats for scores in [0, 1]; those below .01 and above .99 count as these, for no single frame proves anything."""
    probability = np.minimum(np.maximum(np.asarray(scores, np.float64), 0.01), 0.99)
    return np.asarray(np.log(probability / (1 - probability)))


class KnownLooks:
    """Bounded galleries of views, unit vectors all; and what the target usually scores.

    Args:
        template: (channels,) the target in the first frame, which is never forgotten.
        settings: sizes and weight.
    """

    def __init__(self, template: Views, settings: DistractorAware) -> None:
        self._settings = settings
        self._target = template.reshape(1, -1)
        self._others = np.zeros((0, self._target.shape[1]), np.float32)
        self._usual_logit = _USUAL_LOGIT

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

    def known(self, score: float, embedding: Views) -> tuple[float, float, float, float, float, float]:
        """What `DistractorAware.presence` weighs.

        Args:
            score: of the detector, in [0, 1].
            embedding: (channels,) of the candidate.

        Returns:
            logit(score), the cosines with the nearest `NEAREST_VIEWS` views of the target (their mean), with the
            template and with the nearest view of something else, 1, and how far logit(score) is above the usual one of
            this target: what is a low score for one is a high score for another that is small or unsharp.
        """
        target = self._target @ embedding
        nearest = np.sort(target)[-NEAREST_VIEWS:].mean()
        others = (self._others @ embedding).max(initial=_USUAL_COSINE)
        nats = float(logit(score))
        return nats, float(nearest), float(target[0]), float(others), 1.0, nats - self._usual_logit

    def add_score(self, score: float, embedding: Views) -> None:
        """What the target has scored in a frame, and its look (channels,) there."""
        _, nearest, *_, above_usual = self.known(score, embedding)
        if nearest > _BEYOND_DOUBT:
            self._usual_logit += _USUAL_RATE * above_usual

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
