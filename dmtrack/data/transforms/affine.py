"""The augmentation of FairMOT and its ancestors JDE and YOLOv3: a canvas of fixed size, turned, scaled and sheared."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from dmtrack.config.signatures import Amount, Count, CountOrZero, Share
from dmtrack.data.letterbox import letterbox
from dmtrack.data.samples import Sample
from dmtrack.data.transforms.base import Draws, SampleTransform
from dmtrack.registry import TRANSFORMS

BORDER = 127.5


@TRANSFORMS.register
class SaturationValueJitter(SampleTransform):
    """Scales saturation and value, each by a factor drawn for itself, and hue if asked.

    Args:
        spread: factors are drawn from 1 - spread to 1 + spread; YOLOX's is 0.7.
        value: the same for the value alone; None means `spread`. YOLOX's is 0.4.
        hue: the same for the hue, which goes round in a circle; YOLOX's is 0.015.
    """

    def __init__(self, spread: Share = 0.5, value: Share | None = None, hue: Share = 0.0) -> None:
        self.spreads = {1: spread, 2: spread if value is None else value}
        if hue > 0:
            self.spreads[0] = hue

    def change(self, sample: Sample, rng: Draws, place: int) -> Sample:
        """Changes the colours; uint8 stays uint8."""
        hsv = cv2.cvtColor(np.ascontiguousarray(sample.image.astype(np.uint8)), cv2.COLOR_RGB2HSV)
        for channel, spread in self.spreads.items():
            changed = hsv[..., channel].astype(np.float32) * rng.uniform(1 - spread, 1 + spread)
            # OpenCV's hue has 180 steps.
            hsv[..., channel] = (changed % 180 if channel == 0 else np.clip(changed, 0, 255)).astype(np.uint8)
        return sample.warped(np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)), sample.boxes_xyxy, lambda mask: mask)


@TRANSFORMS.register
class LetterboxTo(SampleTransform):
    """Resizes the image to fit a canvas; boxes follow.

    Args:
        size_wh: of the canvas.
        fill: value of the canvas beside the image: 128 for FairMOT, 114 for YOLOX.
        centred: in the middle, as FairMOT has it, or in the top left corner, as YOLOX has it.
    """

    def __init__(
        self, size_wh: tuple[Count, Count] = (1088, 608), fill: CountOrZero = 128, centred: bool = True
    ) -> None:
        self.size_wh, self.fill, self.centred = (size_wh[0], size_wh[1]), fill, centred

    def change(self, sample: Sample, rng: Draws, place: int) -> Sample:
        """Draws nothing."""
        laid = letterbox(np.ascontiguousarray(sample.image), self.size_wh, self.fill, self.centred)
        boxes_xyxy = sample.boxes_xyxy * laid.ratio + np.array([laid.left, laid.top] * 2)
        return sample.warped(laid.image, boxes_xyxy, lambda mask: letterbox(mask, self.size_wh, 0, self.centred).image)


@TRANSFORMS.register
class RandomAffine(SampleTransform):
    """Turns, scales, moves and shears an image in its canvas.

    A box becomes the bounding box of its turned corners, made smaller again by what turning alone added. It stays if it
    is still larger than 4 pixels, has a tenth of its area, is not ten times longer than wide, and meets the canvas.

    Args:
        degrees: largest turn to either side.
        translate: largest move, as a share of the other side of the canvas (as published).
        scale: range of the factor.
        shear: largest shear along each axis in degrees.
        clip: cuts boxes at the border of the canvas, as the published training for MOT20 does; otherwise the boxes of
            people who leave the picture stay whole.
    """

    def __init__(
        self,
        degrees: Amount = 5.0,
        translate: Amount = 0.1,
        scale: tuple[float, float] = (0.5, 1.2),
        shear: Amount = 2.0,
        clip: bool = False,
    ) -> None:
        self.degrees, self.translate, self.scale, self.shear, self.clip = degrees, translate, scale, shear, clip

    def change(self, sample: Sample, rng: Draws, place: int) -> Sample:
        """Draws angle, scale, moves along x and y, and shears along x and y."""
        width, height = sample.size_wh
        angle = rng.uniform(-self.degrees, self.degrees)
        matrix = np.eye(3)
        matrix[:2] = cv2.getRotationMatrix2D((width / 2, height / 2), angle, rng.uniform(*self.scale))
        move = np.eye(3)
        move[:2, 2] = [rng.uniform(-self.translate, self.translate) * side for side in (height, width)]
        shear = np.eye(3)
        shear[0, 1] = math.tan(math.radians(rng.uniform(-self.shear, self.shear)))
        shear[1, 0] = math.tan(math.radians(rng.uniform(-self.shear, self.shear)))
        matrix = shear @ move @ matrix
        image = np.ascontiguousarray(sample.image)
        fill = (BORDER,) * 3
        turned = cv2.warpPerspective(image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderValue=fill)
        boxes_xyxy = turned_boxes(sample.boxes_xyxy, matrix, angle)
        kept = worth_keeping(sample.boxes_xyxy, boxes_xyxy, (width, height))
        changed = sample.warped(
            np.asarray(turned),
            boxes_xyxy,
            lambda mask: cv2.warpPerspective(mask, matrix, (width, height), flags=cv2.INTER_NEAREST),
        ).select(kept)
        if self.clip:
            changed.boxes_xyxy[:] = np.clip(changed.boxes_xyxy, 0, [width, height] * 2)
        return changed


def turned_boxes(boxes_xyxy: NDArray[np.float64], matrix: NDArray[np.float64], degrees: float) -> NDArray[np.float64]:
    """Bounding boxes of the corners of boxes (n, 4) under an affine map (3, 3) that turns by some degrees."""
    corners = boxes_xyxy[:, [0, 1, 2, 3, 0, 3, 2, 1]].reshape(-1, 4, 2)
    corners = corners @ matrix[:2, :2].T + matrix[:2, 2]
    low, high = corners.min(axis=1), corners.max(axis=1)
    turn = math.radians(degrees)
    half = (high - low) / 2 * math.sqrt(max(abs(math.sin(turn)), abs(math.cos(turn))))
    centre = (low + high) / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def worth_keeping(
    before_xyxy: NDArray[np.float64],
    after_xyxy: NDArray[np.float64],
    canvas_wh: tuple[int, int],
    smallest: float = 4.0,
    least_area: float = 0.1,
    longest: float = 10.0,
) -> NDArray[np.bool_]:
    """(n,) which boxes are still worth learning from after they changed.

    Args:
        before_xyxy: (n, 4) as large as they would be if they had changed in size alone.
        after_xyxy: (n, 4) as they are.
        canvas_wh: size of the image, which they must meet.
        smallest: side in pixels that both sides must exceed.
        least_area: share of the area before that the area must exceed.
        longest: how many times as long as wide (or the other way) a box may not be.
    """
    size_before, size = before_xyxy[:, 2:] - before_xyxy[:, :2], after_xyxy[:, 2:] - after_xyxy[:, :2]
    tiny = 1e-16
    shape = np.maximum(size[:, 0] / (size[:, 1] + tiny), size[:, 1] / (size[:, 0] + tiny))
    areas = size.prod(axis=1) / (size_before.prod(axis=1) + tiny)
    kept = (size > smallest).all(axis=1) & (areas > least_area) & (shape < longest)
    return np.asarray(kept & (after_xyxy[:, :2] < canvas_wh).all(axis=1) & (after_xyxy[:, 2:] > 0).all(axis=1))
