"""Constant-velocity Kalman filters of boxes, for many tracklets at once.

`propagate` and `correct` are the filter of any linear model whose noise has no correlations. The rest is the model of
DeepSORT: the state of a box is (x, y, a, h) and the change of each per frame: centre in pixels, aspect ratio w / h,
height in pixels. Uncertainties grow with the height, because large objects move by more pixels (DeepSORT, section 2.1;
the numbers are those of its public code, which FairMOT and ByteTrack share).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from dmtrack.association.detections import Rows

Array = NDArray[np.float64]

POSITION_WEIGHT = 1 / 20
"""Standard deviation of a position, in heights."""

VELOCITY_WEIGHT = 1 / 160
"""Standard deviation of a velocity, in heights per frame."""

CHI_SQUARE_95 = {2: 5.9915, 4: 9.4877}
"""Squared Mahalanobis distance within which 95 % of the measurements of an object lie, by degrees of freedom."""

_TRANSITION = np.eye(8) + np.eye(8, k=4)

_ASPECT, _ASPECT_VELOCITY, _MEASURED_ASPECT = 1e-2, 1e-5, 1e-1
"""Standard deviations of an aspect ratio, of its change per frame, and of a measured one."""

_GROWING = np.array([1.0, 1.0, 0.0, 1.0])
"""Which coordinates are the less certain the larger the object: not the aspect ratio."""

_STEP_DEVIATIONS = np.concatenate([POSITION_WEIGHT * _GROWING, VELOCITY_WEIGHT * _GROWING])
_START_DEVIATIONS = np.concatenate([2 * POSITION_WEIGHT * _GROWING, 10 * VELOCITY_WEIGHT * _GROWING])
_FIXED_VARIANCES = np.array([0.0, 0.0, _ASPECT**2, 0.0, 0.0, 0.0, _ASPECT_VELOCITY**2, 0.0])
_MEASURED_VARIANCES = np.array([0.0, 0.0, _MEASURED_ASPECT**2, 0.0])


@dataclass(eq=False)
class BoxStates(Rows):
    """What is known of n boxes: `means` (n, d) and `covariances` (n, d, d); d is 8 in the model of DeepSORT."""

    means: Array
    covariances: Array

    @property
    def boxes_xywh(self) -> Array:
        """(n, 4) boxes at the mean of the model of DeepSORT."""
        boxes = self.means[:, :4].copy()
        boxes[:, 2] *= boxes[:, 3]
        boxes[:, :2] -= boxes[:, 2:] / 2
        return boxes


States = TypeVar("States", bound=BoxStates)
"""What a filter gets it gives back: a table of tracks stays one."""


def xywh_to_xyah(boxes_xywh: Array) -> Array:
    """(n, 4) left, top, width, height -> centre, w / h, h; sizes are at least a hundredth of a pixel."""
    converted = np.array(boxes_xywh, np.float64).reshape(-1, 4)
    converted[:, :2] += converted[:, 2:] / 2
    np.maximum(converted[:, 2:], 0.01, out=converted[:, 2:])
    converted[:, 2] /= converted[:, 3]
    return converted


def start(boxes_xyah: Array) -> BoxStates:
    """States of boxes (n, 4) that are seen for the first time: at rest, with a wide range of velocities."""
    boxes = np.asarray(boxes_xyah, np.float64).reshape(-1, 4)
    means = np.zeros((len(boxes), 8))
    means[:, :4] = boxes
    covariances = np.zeros((len(boxes), 8, 8))
    _add_to_diagonal(covariances, _variances(boxes[:, 3], _START_DEVIATIONS, _FIXED_VARIANCES))
    return BoxStates(means, covariances)


def predict(states: States, frames: int = 1) -> States:
    """States so many frames later without a measurement."""
    for _ in range(frames):
        # The noise is that of the height before the step.
        noise = _variances(states.means[:, 3], _STEP_DEVIATIONS, _FIXED_VARIANCES)
        states = propagate(states, _TRANSITION, noise)
    return states


def propagate(states: States, transition: Array, variances: Array) -> States:
    """States one step later, without a measurement.

    Args:
        states: n of them.
        transition: (d, d) from a state to the next one.
        variances: (n, d) or (d,) of the noise of each coordinate.
    """
    covariances = transition @ states.covariances @ transition.T
    _add_to_diagonal(covariances, variances)
    return replace(states, means=states.means @ transition.T, covariances=covariances)


def correct(states: States, measured: Array, variances: Array) -> States:
    """States after the first four coordinates of each have been measured.

    Args:
        states: n of them.
        measured: (n, 4), row by row the measurement of each state.
        variances: (n, 4) or (4,) of the noise of the measurements.
    """
    innovation = states.covariances[:, :4, :4].copy()
    _add_to_diagonal(innovation, variances)
    crossed = states.covariances[:, :4]
    if _uncorrelated(innovation):
        solved = np.divide(crossed, innovation.reshape(-1, 16)[:, ::5, None])
    else:
        solved = np.asarray(np.linalg.solve(innovation, crossed), np.float64)
    gains = solved.swapaxes(1, 2)
    means = states.means + (gains @ (measured - states.means[:, :4])[:, :, None])[:, :, 0]
    return replace(states, means=means, covariances=states.covariances - gains @ crossed)


def warp(states: States, camera_motion: NDArray[np.floating]) -> States:
    """States as they are after the whole picture has moved: places and velocities turn, heights are zoomed.

    Args:
        states: n of them.
        camera_motion: (2, 3) from pixels of the frame before to pixels of the current one.
    """
    zoom = zoom_of(camera_motion)
    half = np.diag([1.0, 1.0, 1.0, zoom])
    half[:2, :2] = camera_motion[:, :2]
    transform = np.kron(np.eye(2), half)
    means = states.means @ transform.T
    means[:, :2] += camera_motion[:, 2]
    return replace(states, means=means, covariances=transform @ states.covariances @ transform.T)


def zoom_of(camera_motion: NDArray[np.floating]) -> float:
    """By what a motion (2, 3) multiplies lengths."""
    (a, b), (c, d) = camera_motion[:, :2].astype(np.float64)
    return float(np.sqrt(abs(a * d - b * c)))


def warp_boxes(boxes_xywh: Array, camera_motion: NDArray[np.floating]) -> Array:
    """Boxes (n, 4) after the whole picture has moved: centres go along, sizes are zoomed and stay upright."""
    zoom = zoom_of(camera_motion)
    size = boxes_xywh[:, 2:]
    centres = (boxes_xywh[:, :2] + size / 2) @ camera_motion[:, :2].T + camera_motion[:, 2]
    return np.concatenate([centres - zoom * size / 2, zoom * size], axis=1)


def project(states: BoxStates) -> tuple[Array, Array]:
    """Where measurements are expected: means (n, 4) and covariances (n, 4, 4)."""
    noise = _variances(states.means[:, 3], _STEP_DEVIATIONS[:4], _MEASURED_VARIANCES)
    covariances = states.covariances[:, :4, :4].copy()
    _add_to_diagonal(covariances, noise)
    return states.means[:, :4], covariances


def update(states: States, measured_xyah: Array) -> States:
    """States after each has been measured.

    Args:
        states: n of them.
        measured_xyah: (n, 4), row by row the measurement of each state.
    """
    return correct(states, measured_xyah, _variances(states.means[:, 3], _STEP_DEVIATIONS[:4], _MEASURED_VARIANCES))


def gating_distances(states: BoxStates, measured_xyah: Array, position_only: bool = False) -> Array:
    """Squared Mahalanobis distances between n states and m measurements: (n, m).

    Args:
        states: predicted to the frame of the measurements.
        measured_xyah: (m, 4).
        position_only: compare centres alone (2 degrees of freedom instead of 4).
    """
    dimensions = 2 if position_only else 4
    expected, covariances = project(states)
    covariances = covariances[:, :dimensions, :dimensions]
    if _uncorrelated(covariances):
        distances = np.zeros((len(states), len(measured_xyah)))
        for number in range(dimensions):
            apart = measured_xyah[:, number] - expected[:, number, None]
            apart *= apart
            apart /= covariances[:, number, number, None]
            distances += apart
        return distances
    offsets = measured_xyah.T[:dimensions] - expected[:, :dimensions, None]
    whitened = np.linalg.inv(np.linalg.cholesky(covariances)) @ offsets
    return np.asarray((whitened * whitened).sum(axis=1))


def _variances(height: Array, deviations: Array, fixed: Array) -> Array:
    """(n, d) from standard deviations in heights (d,) and what does not grow with the height (d,)."""
    scaled = height[:, None] * deviations
    variances: Array = scaled * scaled + fixed
    return variances


def _uncorrelated(covariances: Array) -> bool:
    """Whether all (n, d, d) are diagonal: coordinates that nothing has mixed yet need no system of equations."""
    diagonals = covariances.diagonal(axis1=1, axis2=2)
    return np.count_nonzero(covariances) == np.count_nonzero(diagonals)


def _add_to_diagonal(matrices: Array, values: Array) -> None:
    """Adds (n, d) or (d,) to the diagonals of (n, d, d), in place."""
    count, size = len(matrices), matrices.shape[-1]
    matrices.reshape(count, size * size)[:, :: size + 1] += values
