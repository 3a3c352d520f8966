"""The Kalman filter of SORT (Bewley et al., ICIP 2016, section 3.2), for many tracks at once.

The state of a box is (u, v, s, r) and the change of the first three per frame: centre in pixels, area in square pixels,
aspect ratio w / h, which is thought to be constant. Noise does not depend on the size of the box.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmtrack.association import kalman
from dmtrack.association.kalman import BoxStates, States

Array = NDArray[np.float64]

_TRANSITION = np.eye(7) + np.eye(7, k=4)
_START_VARIANCES = np.array([10.0, 10, 10, 10, 1e4, 1e4, 1e4])
"""The velocities of a new track are unknown."""
_STEP_VARIANCES = np.array([1.0, 1, 1, 1, 0.01, 0.01, 1e-4])
_MEASURED_VARIANCES = np.array([1.0, 1, 10, 10])


def xywh_to_uvsr(boxes_xywh: ArrayLike) -> Array:
    """(n, 4) left, top, width, height -> centre, area, width / height; sizes are at least a thousandth of a pixel."""
    boxes = np.asarray(boxes_xywh, np.float64).reshape(-1, 4)
    size = np.maximum(boxes[:, 2:], 1e-3)
    area, aspect = size[:, :1] * size[:, 1:], size[:, :1] / size[:, 1:]
    return np.concatenate([boxes[:, :2] + boxes[:, 2:] / 2, area, aspect], axis=1)


def uvsr_to_xywh(states: Array) -> Array:
    """The inverse of `xywh_to_uvsr`, of the first columns of (n, 4 or more)."""
    width = np.sqrt(np.maximum(states[:, 2] * states[:, 3], 1e-6))
    size = np.stack([width, states[:, 2] / width], axis=1)
    return np.concatenate([states[:, :2] - size / 2, size], axis=1)


def start(measured_uvsr: Array) -> BoxStates:
    """States of boxes (n, 4) that are seen for the first time."""
    means = np.concatenate([measured_uvsr, np.zeros((len(measured_uvsr), 3))], axis=1)
    return BoxStates(means, np.tile(np.diag(_START_VARIANCES), (len(means), 1, 1)))


def predict(states: States, keep_area: bool = True) -> States:
    """States one frame later.

    Args:
        states: n of them; growth of areas is changed in place.
        keep_area: an area that would shrink below nothing stays.
    """
    means = states.means
    if keep_area:
        means[means[:, 2] + means[:, 6] <= 0, 6] = 0.0
    return kalman.propagate(states, _TRANSITION, _STEP_VARIANCES)


def update(states: States, measured_uvsr: Array) -> States:
    """States after each has been measured, row by row (n, 4)."""
    return kalman.correct(states, measured_uvsr, _MEASURED_VARIANCES)
