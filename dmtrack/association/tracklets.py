"""Tracklets of everything that looks like the target: what is known of each, as arrays over all.

Each remembers what its thing looked like of late; once two of them have changed places unnoticed, so have these
memories (`known_looks.py` keeps others). Bounded galleries are DeepSORT's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmtrack.association import kalman

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
