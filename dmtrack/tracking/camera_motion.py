"""How the camera moved between two frames: shift, turn and zoom of the background, for tracklets to go along with.

The MOT trackers that compensate for it warp what they predict by a global motion (BoT-SORT, section 3.2). The estimate
here is the usual one: corners of the background, followed by sparse optical flow on small grey images, and the
similarity transform that most of them agree on (RANSAC). Things that move by themselves are masked where they are known
and outvoted where they are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dmtrack.association.policy import Affine
from dmtrack.errors import ConfigError
from dmtrack.media.images import Image

Grey = NDArray[np.uint8]

_LONGER_SIDE = 384
"""Of the grey images, in pixels at most."""
_CORNERS = 200
_FEWEST_CORNERS = 12
_INLIER_DISTANCE = 1.5
_FEWEST_INLIERS = 0.35
_BACKTRACKED_WITHIN = 1.0
_FLOW: dict[str, Any] = {
    "winSize": (17, 17),
    "maxLevel": 3,
    "criteria": (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 0.03),
}


class CameraMotion:
    """Follows the background from frame to frame; keeps one small grey image."""

    def __init__(self) -> None:
        self._before: Grey | None = None
        self._boxes_xywh: NDArray[np.float64] = np.zeros((0, 4))
        self._frame_size_wh = (0, 0)

    def step(self, image: Image, boxes_xywh: NDArray[np.floating]) -> Affine | None:
        """The next frame.

        Args:
            image: HxWx3 uint8 RGB.
            boxes_xywh: (n, 4) pixels, things in this frame that may move by themselves.

        Returns:
            (2, 3) float32, how the background moved since the frame before; None in the first frame, after a change of
            the frames' size, and where too little of the background agrees on a motion (another scene, no texture).
        """
        height, width = image.shape[:2]
        shrunk = min(1.0, _LONGER_SIDE / max(height, width))
        size = (max(1, round(width * shrunk)), max(1, round(height * shrunk)))
        small_image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        grey = np.asarray(cv2.cvtColor(small_image, cv2.COLOR_RGB2GRAY))
        motion: Affine | None = None
        if self._before is not None and self._frame_size_wh == (width, height):
            scale = np.array([grey.shape[1] / width, grey.shape[0] / height])
            mask = background(grey.shape[:2], self._boxes_xywh * np.tile(scale, 2))
            small = background_motion(self._before, grey, mask)
            if small is not None:  # as a motion of the frames
                linear = small[:, :2] * scale[None, :] / scale[:, None]
                motion = np.column_stack([linear, small[:, 2] / scale]).astype(np.float32)
        self._before, self._frame_size_wh = grey, (width, height)
        self._boxes_xywh = np.asarray(boxes_xywh, np.float64).reshape(-1, 4)
        return motion


def background(shape: tuple[int, ...], boxes_xywh: NDArray[np.float64]) -> Grey:
    """Mask (height, width) that is 0 in the boxes, a tenth of their size around them included, and 255 elsewhere."""
    mask = np.full(shape, 255, np.uint8)
    margin = 0.1 * boxes_xywh[:, 2:]
    low = np.floor(boxes_xywh[:, :2] - margin)
    high = np.ceil(boxes_xywh[:, :2] + boxes_xywh[:, 2:] + margin)
    limits = np.array([shape[1], shape[0]])
    for (left, top), (right, bottom) in zip(
        np.clip(low, 0, limits).astype(int), np.clip(high, 0, limits).astype(int), strict=True
    ):
        mask[top:bottom, left:right] = 0
    return mask


def background_motion(before: Grey, after: Grey, mask: Grey) -> Affine | None:
    """The similarity transform on which most corners of the background agree.

    Args:
        before: (height, width) grey.
        after: of the same size.
        mask: 0 where `before` shows no background; it is not looked at where it leaves too few corners.

    Returns:
        (2, 3) in continuous pixels of these images, or None where too few corners agree.
    """
    for where in (mask, None):
        corners = cv2.goodFeaturesToTrack(before, _CORNERS, 0.01, 7, mask=where)
        if corners is not None and len(corners) >= _FEWEST_CORNERS:
            break
    else:
        return None
    found, seen, _ = cv2.calcOpticalFlowPyrLK(before, after, corners, None, **_FLOW)
    back, seen_back, _ = cv2.calcOpticalFlowPyrLK(after, before, found, None, **_FLOW)
    returned = np.abs(back - corners).reshape(-1, 2).max(axis=1) < _BACKTRACKED_WITHIN
    good = (seen.ravel() == 1) & (seen_back.ravel() == 1) & returned
    if good.sum() < _FEWEST_CORNERS:
        return None
    # Pixel i is centred at i + 0.5 in the continuous pixels of boxes.
    matrix, inliers = cv2.estimateAffinePartial2D(
        corners[good] + 0.5, found[good] + 0.5, method=cv2.RANSAC, ransacReprojThreshold=_INLIER_DISTANCE
    )
    if matrix is None or inliers.sum() < max(_FEWEST_CORNERS, _FEWEST_INLIERS * good.sum()):
        return None
    return np.asarray(matrix, np.float32)


def check_needs_no_images(settings: Mapping[str, Any]) -> None:
    """A `ConfigError` where the `tracker` section of a config asks for what stored detections cannot give."""
    if settings.get("camera_motion"):
        raise ConfigError(
            "tracker.camera_motion follows the images, and stored detections hold none; leave it out, or track "
            "without stored detections"
        )
