"""What an association policy gets to see of a frame, and what it says of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Observation:
    """The candidates of one frame, best first, in the precision in which they are stored.

    A live run and a replay from stored candidates see the same numbers, because both see these.

    Attributes:
        boxes_xywh: (k, 4) float32 pixels of the frame.
        scores: (k,) float32 in [0, 1].
        embeddings: (k, channels) float16 unit vectors; channels 0 where there are none.
        camera_motion: (2, 3) float32 from pixels of the frame before to pixels of this one; None where not known.
    """

    boxes_xywh: NDArray[np.float32]
    scores: NDArray[np.float32]
    embeddings: NDArray[np.float16]
    camera_motion: NDArray[np.float32] | None = None

    @classmethod
    def of(
        cls,
        boxes_xywh: NDArray[np.floating],
        scores: NDArray[np.floating],
        embeddings: NDArray[np.floating] | None = None,
        camera_motion: NDArray[np.float32] | None = None,
    ) -> Observation:
        """Rounds what a detector found to the stored precision."""
        found = np.zeros((len(scores), 0)) if embeddings is None else embeddings
        return cls(
            np.asarray(boxes_xywh, np.float32).reshape(-1, 4),
            np.asarray(scores, np.float32),
            np.asarray(found, np.float16),
            camera_motion,
        )

    def select(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Observation:
        """Some of the candidates."""
        return Observation(self.boxes_xywh[rows], self.scores[rows], self.embeddings[rows], self.camera_motion)

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True)
class TrackletView:
    """The tracklets of one frame, for those who want to look: one row each.

    Attributes:
        ids: (n,).
        boxes_xywh: (n, 4) pixels of the frame, where each was last seen.
        belief: (n,) nats, logarithm of the probability that each is the target.
        scores: (n,) of the candidate that each was seen as, NaN where not seen.
        unseen: (n,) frames since each was last seen.
    """

    ids: NDArray[np.int64]
    boxes_xywh: Floats
    belief: Floats
    scores: Floats
    unseen: NDArray[np.int64]


@dataclass(frozen=True)
class Decision:
    """What a policy says of one frame.

    Attributes:
        box_xywh: (4,) pixels, the best guess even where the target is not thought present.
        score: in [0, 1], how sure it is that the box is the target; near 0.5 or below where two answers are as good.
        present: whether the target is in the frame.
        target_id: of the tracklet that is the target's.
        margin: belief in the target's tracklet over that of the best other one in sight, in nats; inf without one.
        events: what changed in this frame and why, in words; empty in most frames.
        tracklets: all of them.
    """

    box_xywh: Floats
    score: float
    present: bool
    target_id: int
    margin: float
    events: tuple[str, ...] = ()
    tracklets: TrackletView | None = field(default=None, repr=False)
