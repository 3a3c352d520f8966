"""Tracklets of everything that looks like the target: what is known of each, as arrays over all; and known looks.

The tracklets remember what each thing looked like of late; once two of them have changed places unnoticed, so have
these memories. In `KnownLooks` views are kept that were taken while it was sure which is which, the first frame's for
good, so that a wrong turn can be noticed, and a target recognised after a long absence. Own design; bounded galleries
are DeepSORT's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmtrack.association import kalman

if TYPE_CHECKING:
    from dmtrack.association.policies.distractor_aware import DistractorAware

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Tracklets:
    """n tracklets; row i of every array (of `gallery` column i) is tracklet i.

    Attributes:
        ids: (n,) numbers that are never given twice.
        states: boxes and their motion, in the current frame.
        last_boxes_xywh: (n, 4) where each was last seen, as it was seen.
        scores: (n,) of what each was seen as in the current frame; NaN where not seen.
        unseen: (n,) frames since each was last seen; 0: seen in the current frame.
        age: (n,) frames since its first one.
        hits: (n,) frames in which it was seen.
        with_target: (n,) frames in which it and the target were both seen.
        belief: (n,) nats, logarithm of the probability that it is the target.
        earned: (n,) nats of it that it has gained on the target by what it looks like; they fade.
        memory: (n, channels) float32 unit vectors, moving average of the embeddings; channels 0 without embeddings.
        gallery: (views, n, channels) float32 past views; the first one repeated where there is none yet.
        views: (n,) views put into the gallery so far.
        last_view: (n,) age at which the last one was.
    """

    def __init__(self, channels: int, views: int) -> None:
        self.states = kalman.start(np.zeros((0, 4)))
        self.last_boxes_xywh: Floats = np.zeros((0, 4))
        self.memory = np.zeros((0, channels), np.float32)
        self.gallery = np.zeros((views, 0, channels), np.float32)
        # One row per attribute, one column per tracklet: what a frame adds or drops is done once for all of them.
        self._counts: Integers = np.zeros((7, 0), np.int64)
        self._nats: Floats = np.zeros((3, 0))
        self._next_id = 0
        self._name_rows()

    def _name_rows(self) -> None:
        """Attributes are views: write into them, do not replace them, or the next tracklet drops what was written."""
        self.ids, self.unseen, self.age, self.hits, self.with_target, self.views, self.last_view = self._counts
        self.scores, self.belief, self.earned = self._nats

    def __getstate__(self) -> dict[str, Any]:
        own = ("states", "last_boxes_xywh", "memory", "gallery", "_counts", "_nats", "_next_id")
        return {name: getattr(self, name) for name in own}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._name_rows()

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def boxes_xywh(self) -> Floats:
        """(n, 4) boxes in the current frame, predicted where not seen."""
        return self.states.boxes_xywh

    def warp(self, camera_motion: NDArray[np.floating]) -> None:
        """Moves all tracklets along with the background; before `advance`, when the camera has moved.

        Args:
            camera_motion: (2, 3) from pixels of the frame before to pixels of the current one.
        """
        self.states = kalman.warp(self.states, camera_motion)
        self.last_boxes_xywh = kalman.warp_boxes(self.last_boxes_xywh, camera_motion)

    def advance(self, motion: bool) -> None:
        """To the next frame, in which nothing has been seen yet."""
        if motion:
            self.states = kalman.predict(self.states)
        self.unseen += 1
        self.age += 1
        self.scores[:] = np.nan

    def see(
        self,
        rows: Integers,
        boxes_xywh: Floats,
        scores: Floats,
        embeddings: NDArray[np.float32],
        memory_rate: float,
        gallery_interval: int,
    ) -> None:
        """Puts what was seen of some tracklets into them.

        Args:
            rows: (k,) which.
            boxes_xywh: (k, 4).
            scores: (k,).
            embeddings: (k, channels) unit vectors.
            memory_rate: share of the new embeddings in the moving averages.
            gallery_interval: frames between two views of the gallery.
        """
        if not len(rows):
            return
        seen = kalman.update(self.states.select(rows), kalman.xywh_to_xyah(boxes_xywh))
        self.states.means[rows], self.states.covariances[rows] = seen.means, seen.covariances
        self.last_boxes_xywh[rows], self.scores[rows] = boxes_xywh, scores
        self.unseen[rows] = 0
        self.hits[rows] += 1
        if not self.memory.shape[1]:
            return
        mixed = (1 - memory_rate) * self.memory[rows] + memory_rate * embeddings
        length = np.sqrt(np.add.reduce(mixed * mixed, axis=1, keepdims=True))
        self.memory[rows] = mixed / np.maximum(length, 1e-12)
        if len(self.gallery):
            due = self.age[rows] - self.last_view[rows] >= gallery_interval
            self._add_views(rows[due], embeddings[due])

    def add(self, boxes_xywh: Floats, scores: Floats, embeddings: NDArray[np.float32], belief: Floats) -> Integers:
        """Starts tracklets that are seen in the current frame; gives their rows, (k,).

        Args:
            boxes_xywh: (k, 4).
            scores: (k,).
            embeddings: (k, channels) unit vectors.
            belief: (k,) nats.
        """
        count, before = len(boxes_xywh), len(self)
        rows = np.arange(before, before + count)
        if not count:
            return rows
        self.states = self.states.joined(kalman.start(kalman.xywh_to_xyah(boxes_xywh)))
        self.last_boxes_xywh = np.concatenate([self.last_boxes_xywh, boxes_xywh])
        self._counts = np.concatenate([self._counts, np.zeros((7, count), np.int64)], axis=1)
        self._nats = np.concatenate([self._nats, np.zeros((3, count))], axis=1)
        self._name_rows()
        self.ids[before:] = np.arange(self._next_id, self._next_id + count)
        self._next_id += count
        self.hits[before:] = self.views[before:] = 1
        self.scores[before:], self.belief[before:] = scores, belief
        self.memory = np.concatenate([self.memory, embeddings])
        gallery = np.empty((len(self.gallery), before + count, self.gallery.shape[2]), np.float32)
        gallery[:, :before], gallery[:, before:] = self.gallery, embeddings
        self.gallery = gallery
        return rows

    def keep(self, chosen: NDArray[np.bool_]) -> None:
        """Forgets all others."""
        if chosen.all():
            return
        rows = np.flatnonzero(chosen)
        self.states = self.states.select(rows)
        self.last_boxes_xywh, self.memory = self.last_boxes_xywh[rows], self.memory[rows]
        self.gallery = self.gallery.take(rows, axis=1)
        self._counts, self._nats = self._counts.take(rows, axis=1), self._nats.take(rows, axis=1)
        self._name_rows()

    def row_of(self, identity: int) -> int:
        """The row of the tracklet with that id."""
        # Rows are in the order in which tracklets began, and so are their numbers.
        return int(self.ids.searchsorted(identity))

    def _add_views(self, rows: Integers, embeddings: NDArray[np.float32]) -> None:
        """The first view stays for ever; of the others the oldest makes room."""
        size = len(self.gallery)
        views = self.views[rows]
        self.gallery[np.minimum(1 + (views - 1) % max(size - 1, 1), size - 1), rows] = embeddings
        self.views[rows] = views + 1
        self.last_view[rows] = self.age[rows]


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
