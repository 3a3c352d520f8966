"""Images in a frame of fixed size with their proportions kept, as FairMOT and YOLOX take them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Letterbox:
    """How an image lies in the canvas.

    Attributes:
        image: the canvas, HxWx3 of the image's type.
        ratio: canvas pixels per image pixel, on both axes but for the rounding of the resized image.
        left: canvas column at which the image begins.
        top: canvas row at which it begins.
    """

    image: NDArray[Any]
    ratio: float
    left: int
    top: int


def letterbox(image: NDArray[Any], size_wh: tuple[int, int], fill: int = 128, centred: bool = True) -> Letterbox:
    """The image resized to fit a canvas.

    Args:
        image: HxWx3 or HxW, uint8 or float32.
        size_wh: of the canvas.
        fill: value of the canvas beside the image; FairMOT says 127.5, which its bytes round to 128, YOLOX 114.
        centred: in the middle of the canvas, as FairMOT has it; otherwise in its top left corner, as YOLOX has it,
            which rounds and resizes in another way, too.
    """
    height, width = image.shape[:2]
    ratio = min(size_wh[1] / height, size_wh[0] / width)
    if not centred:
        inner_wh = (max(int(width * ratio), 1), max(int(height * ratio), 1))
        resized = cv2.resize(image, inner_wh, interpolation=cv2.INTER_LINEAR)
        canvas = np.full((size_wh[1], size_wh[0], *image.shape[2:]), fill, dtype=image.dtype)
        canvas[: inner_wh[1], : inner_wh[0]] = resized
        return Letterbox(canvas, ratio, 0, 0)
    # round() goes to the even number at a half, as in the published code.
    inner_wh = (max(round(width * ratio), 1), max(round(height * ratio), 1))
    across, down = (size_wh[0] - inner_wh[0]) / 2, (size_wh[1] - inner_wh[1]) / 2
    left, right, top, bottom = round(across - 0.1), round(across + 0.1), round(down - 0.1), round(down + 0.1)
    resized = cv2.resize(image, inner_wh, interpolation=cv2.INTER_AREA)
    canvas = cv2.copyMakeBorder(resized, top, bottom, left, right, cv2.BORDER_CONSTANT, value=(fill,) * 3)
    return Letterbox(np.asarray(canvas), ratio, left, top)
