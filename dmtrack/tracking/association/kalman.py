"""Constant-velocity Kalman filter of boxes, for many tracklets at once.

The state of a box is (x, y, a, h) and the change of each per frame: centre in pixels, aspect ratio w / h, height in
pixels. Uncertainties grow with the height, because large objects move by more pixels (DeepSORT, section 2.1; the
numbers are those of its public code, which FairMOT and ByteTrack share).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

POSITION_WEIGHT = 1 / 20
"""Standard deviation of a position, in heights."""

VELOCITY_WEIGHT = 1 / 160
"""Standard deviation of a velocity, in heights per frame."""

CHI_SQUARE_95 = {2: 5.9915, 4: 9.4877}
"""Squared Mahalanobis distance within which 95 % of the measurements of an object lie, by degrees of freedom."""

_TRANSITION = np.eye(8) + np.eye(8, k=4)


@dataclass
class BoxStates:
    """What is known of n boxes: `means` (n, 8) and `covariances` (n, 8, 8)."""

    means: Array
    covariances: Array

    def __len__(self) -> int:
        return len(self.means)

    def select(self, index: NDArray[np.int64] | NDArray[np.bool_] | slice) -> BoxStates:
        """Some of them."""
        return BoxStates(self.means[index], self.covariances[index])

    @staticmethod
    def concatenate(*states: BoxStates) -> BoxStates:
        """All of several."""
        return BoxStates(
            np.concatenate([one.means for one in states]), np.concatenate([one.covariances for one in states])
        )

    @property
    def boxes_xywh(self) -> Array:
        """(n, 4) boxes at the mean."""
        return xyah_to_xywh(self.means[:, :4])


def xywh_to_xyah(boxes_xywh: Array) -> Array:
    """(n, 4) left, top, width, height -> centre, w / h, h; sizes are at least a hundredth of a pixel."""
    boxes = np.asarray(boxes_xywh, np.float64).reshape(-1, 4)
    size = np.maximum(boxes[:, 2:], 0.01)
    return np.column_stack([boxes[:, :2] + boxes[:, 2:] / 2, size[:, 0] / size[:, 1], size[:, 1]])


def xyah_to_xywh(boxes_xyah: Array) -> Array:
    """The inverse of `xywh_to_xyah`."""
    size = np.column_stack([boxes_xyah[:, 2] * boxes_xyah[:, 3], boxes_xyah[:, 3]])
    return np.column_stack([boxes_xyah[:, :2] - size / 2, size])


def start(boxes_xyah: Array) -> BoxStates:
    """States of boxes (n, 4) that are seen for the first time: at rest, with a wide range of velocities."""
    boxes = np.asarray(boxes_xyah, np.float64).reshape(-1, 4)
    height = boxes[:, 3]
    deviations = _by_height(height, 2 * POSITION_WEIGHT, 10 * VELOCITY_WEIGHT, 1e-2, 1e-5)
    means = np.concatenate([boxes, np.zeros_like(boxes)], axis=1)
    return BoxStates(means, _diagonal(deviations))


def predict(states: BoxStates, frames: int = 1) -> BoxStates:
    """States so many frames later without a measurement."""
    for _ in range(frames):
        # The noise is that of the height before the step.
        noise = _diagonal(_by_height(states.means[:, 3], POSITION_WEIGHT, VELOCITY_WEIGHT, 1e-2, 1e-5))
        means = states.means @ _TRANSITION.T
        states = BoxStates(means, _TRANSITION @ states.covariances @ _TRANSITION.T + noise)
    return states


def project(states: BoxStates) -> tuple[Array, Array]:
    """Where measurements are expected: means (n, 4) and covariances (n, 4, 4)."""
    height = states.means[:, 3]
    deviations = np.column_stack([POSITION_WEIGHT * height] * 4)
    deviations[:, 2] = 1e-1
    return states.means[:, :4], states.covariances[:, :4, :4] + _diagonal(deviations)


def update(states: BoxStates, measured_xyah: Array) -> BoxStates:
    """States after each has been measured.

    Args:
        states: n of them.
        measured_xyah: (n, 4), row by row the measurement of each state.
    """
    expected, innovation = project(states)
    gains = np.swapaxes(np.linalg.solve(innovation, states.covariances[:, :4, :]), 1, 2)
    means = states.means + (gains @ (measured_xyah - expected)[:, :, None])[:, :, 0]
    return BoxStates(means, states.covariances - gains @ innovation @ np.swapaxes(gains, 1, 2))


def gating_distances(states: BoxStates, measured_xyah: Array, position_only: bool = False) -> Array:
    """Squared Mahalanobis distances between n states and m measurements: (n, m).

    Args:
        states: predicted to the frame of the measurements.
        measured_xyah: (m, 4).
        position_only: compare centres alone (2 degrees of freedom instead of 4).
    """
    expected, covariances = project(states)
    dimensions = 2 if position_only else 4
    offsets = measured_xyah[None, :, :dimensions] - expected[:, None, :dimensions]
    if offsets.size == 0:
        return np.zeros(offsets.shape[:2])
    solved = np.linalg.solve(covariances[:, :dimensions, :dimensions], np.swapaxes(offsets, 1, 2))
    distances: Array = np.einsum("nmd,ndm->nm", offsets, solved)
    return distances


def _by_height(height: Array, position: float, velocity: float, aspect: float, aspect_velocity: float) -> Array:
    """(n, 8) standard deviations."""
    deviations = np.empty((len(height), 8))
    deviations[:, :4] = (position * height)[:, None]
    deviations[:, 4:] = (velocity * height)[:, None]
    deviations[:, 2], deviations[:, 6] = aspect, aspect_velocity
    return deviations


def _diagonal(deviations: Array) -> Array:
    size = deviations.shape[1]
    matrices = np.zeros((len(deviations), size, size))
    matrices[:, np.arange(size), np.arange(size)] = deviations**2
    return matrices
