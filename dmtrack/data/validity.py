"""Which frames of a video are good enough to train on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MIN_AREA = 20.0
SIDE_RANGE = (10.0, 960.0)
SHARE_RANGE = (0.01, 0.75)
RATIO_RANGE = (0.2, 5.0)


def valid_frames(
    boxes_xywh: NDArray[np.float64],
    frame_size_wh: tuple[int, int],
    visibility: NDArray[np.float64] | None = None,
) -> NDArray[np.bool_]:
    """True where a box is neither tiny, nor huge, nor a sliver, nor mostly hidden.

    A box is valid when its area is above 20; both sides lie in [10, 960] pixels and between 1 % and 75 % of the
    frame's; 0.2 <= width / height < 5; and, if the visible share is known, it is above an eighth and above 0.3 x its
    maximum over the sequence.

    Args:
        boxes_xywh: (frames, 4); NaN rows are never valid.
        frame_size_wh: (width, height) of the frames.
        visibility: (frames,) visible share from 0 to 1.

    Returns:
        (frames,) bool.
    """
    sides = np.nan_to_num(boxes_xywh[:, 2:], nan=0.0, posinf=0.0, neginf=0.0)
    width, height = sides[:, 0], sides[:, 1]
    share = sides / np.asarray(frame_size_wh, dtype=np.float64)
    ratio = width / np.maximum(height, 1e-9)
    valid = (width * height > MIN_AREA) & np.isfinite(boxes_xywh).all(axis=1)
    valid &= ((sides >= SIDE_RANGE[0]) & (sides <= SIDE_RANGE[1])).all(axis=1)
    valid &= ((share >= SHARE_RANGE[0]) & (share <= SHARE_RANGE[1])).all(axis=1)
    valid &= (ratio >= RATIO_RANGE[0]) & (ratio < RATIO_RANGE[1])
    if visibility is not None and len(visibility):
        # In eighths, because that is what the rule was written for.
        eighths = visibility * 8
        valid &= eighths > max(1.0, 0.3 * float(eighths.max()))
    return np.asarray(valid)


def pick_frames(
    valid: NDArray[np.bool_], max_gap: int, rng: np.random.Generator, tries: int = 100
) -> tuple[int, int] | None:
    """Two distinct valid frames, the earlier one first, at most `max_gap` apart if `tries` draws find such.

    Args:
        valid: (frames,) bool.
        max_gap: largest distance in frames.
        rng: where the draws come from.
        tries: draws before the gap no longer matters.

    Returns:
        (earlier, later), or None where fewer than two frames are valid.
    """
    places = np.flatnonzero(valid)
    if len(places) < 2:
        return None
    first = last = 0
    for _ in range(tries):
        first, last = sorted(int(place) for place in rng.choice(places, 2, replace=False))
        if last - first <= max_gap:
            break
    return first, last
