"""What scenes stand on: a photograph with annotated objects, or a procedural texture."""

from __future__ import annotations

import cv2
import numpy as np

from dmtrack.data.sequences import Image
from dmtrack.data.synthetic.camera import Camera, SizeWH, camera_pair, covering_scale
from dmtrack.data.synthetic.real_images import Photo
from dmtrack.data.synthetic.textures import texture


def real_background(rng: np.random.Generator, photo: Photo, size_wh: SizeWH) -> tuple[Image, tuple[Camera, Camera]]:
    """A photograph and two cameras that see one of its annotated objects.

    The zoom makes the object's size log-uniform as far as the photograph allows: from all of it to a third of it.
    """
    background_wh = (photo.image.shape[1], photo.image.shape[0])
    box = photo.boxes_xyxy[int(rng.integers(len(photo.boxes_xyxy)))]
    size = float(np.sqrt(np.prod(box[2:] - box[:2])))
    wanted = float(np.exp(rng.uniform(np.log(10.0), np.log(0.6 * size_wh[1]))))
    covering = covering_scale(background_wh, size_wh)
    scale = float(np.clip(wanted / max(size, 1.0), covering, 3.0 * covering))
    offset = rng.uniform(-0.3, 0.3, 2) * np.array(size_wh) / scale
    focus = ((box[0] + box[2]) / 2 + offset[0], (box[1] + box[3]) / 2 + offset[1])
    return photo.image, camera_pair(rng, background_wh, size_wh, (float(focus[0]), float(focus[1])), scale)


def procedural_background(
    rng: np.random.Generator, size_wh: SizeWH, share: float = 1.35
) -> tuple[Image, tuple[Camera, Camera]]:
    """A texture `share` times as large as the view, and two cameras on it."""
    width, height = round(size_wh[0] * share), round(size_wh[1] * share)
    details = (0, int(rng.integers(1, 10)), int(rng.integers(10, 60)))[int(rng.integers(3))]
    if rng.random() < 0.5:  # drawn at half the size: softer, and cheaper
        small = texture(rng, height // 2, width // 2, details)
        image = np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))
    else:
        image = texture(rng, height, width, details)
    scale = float(rng.uniform(0.9, 1.5))
    return image, camera_pair(rng, (width, height), size_wh, (width / 2, height / 2), scale)
