"""At which scale a video is searched."""

from __future__ import annotations

import numpy as np

from dmtrack.data.preprocessing import Preprocessing

SMALL, SMALLER = (640, 360), (896, 512)


def scale_of(preprocessing, *sides):
    """Of a video of 1280x720 whose targets are squares of such sides, in pixels of an image of 448x252."""
    boxes = np.array([[0.0, 0.0, side, side] for side in sides]) * 1280 / 448
    return preprocessing.for_targets(boxes, 720, 1280).scale


def test_the_first_scale_counts_in_which_a_target_is_not_small():
    preprocessing = Preprocessing((448, 256), small_target=32.0, small_scale=(SMALL, SMALLER))
    # 22.5 pixels are 32.1 at 640x360, 22.3 are 31.9.
    expected = {40: (448, 256), 32.1: (448, 256), 31.9: SMALL, 22.5: SMALL, 22.3: SMALLER, 4: SMALLER}
    assert {side: scale_of(preprocessing, side) for side in expected} == expected
    assert scale_of(preprocessing, 100, 30) == SMALL  # the smallest decides


def test_one_scale_for_small_targets_or_none():
    one = Preprocessing((448, 256), small_target=32.0, small_scale=SMALL)
    assert [scale_of(one, side) for side in (40, 30, 4)] == [(448, 256), SMALL, SMALL]
    assert scale_of(Preprocessing((448, 256), small_target=32.0), 4) == (448, 256)
