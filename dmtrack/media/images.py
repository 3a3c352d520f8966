"""Reading, converting and writing single images. Everything inside dmtrack is HxWx3 uint8 RGB."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage

from dmtrack import files
from dmtrack.errors import MediaError

Image = NDArray[np.uint8]
"""HxWx3 RGB."""

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".jp2")
"""Lower-case endings of the files that count as images in a folder."""

_EXPECTED = "expected HxW, HxWx1, HxWx3 or HxWx4 (gray, RGB, RGBA)"


def read_image(path: str | Path, apply_orientation: bool = False) -> Image:
    """Decodes an image file.

    Grayscale is repeated on three channels, transparency is dropped, and of 16-bit images the upper byte is kept.

    Args:
        path: a JPEG, PNG, BMP, WebP, TIFF... file.
        apply_orientation: turn the image as its EXIF entry says. Off by default because the boxes of every tracking
            dataset refer to the pixels as they are stored.

    Returns:
        HxWx3 uint8 RGB.

    Raises:
        MediaError: the file is missing, empty, cut off, or no image.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise MediaError(f"image {path} does not exist; check the path") from error
    except OSError as error:
        raise MediaError(f"image {path} cannot be read: {error.strerror or error}") from error
    if not content:
        raise MediaError(f"image {path} is empty (0 bytes); copy or download it again")
    # libjpeg fills what is missing with gray and only warns; the end marker tells whether anything is missing.
    if content.startswith(b"\xff\xd8") and content.find(b"\xff\xd9", 2) < 0:
        raise MediaError(f"image {path} is cut off (a JPEG without its end marker); copy or download it again")
    try:
        image = _decode(content, apply_orientation)
    except MediaError as error:  # of a kind that it cannot take, such as float on the 0..255 scale
        raise MediaError(f"{path}: {error}") from error
    if image is None:
        raise MediaError(f"image {path} cannot be decoded; expected a JPEG, PNG, BMP, WebP or TIFF file")
    return image


def _decode(content: bytes, apply_orientation: bool) -> Image | None:
    import cv2  # imported where pixels are read: lists of frames and annotations do without it

    flags = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR if apply_orientation else cv2.IMREAD_UNCHANGED
    try:
        decoded = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error:
        return None
    if decoded is None:
        return None
    if decoded.ndim == 3 and decoded.shape[2] >= 3:
        decoded = cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB if decoded.shape[2] == 3 else cv2.COLOR_BGRA2RGB)
    elif decoded.ndim == 3 and decoded.shape[2] == 2:  # gray with transparency
        decoded = decoded[..., 0]
    return as_rgb(decoded)


def as_rgb(image: Any) -> Image:
    """Any image in memory as HxWx3 uint8 RGB; what already is one comes back unchanged and uncopied.

    The rules: gray is repeated on three channels; a fourth channel (transparency) is dropped; of 16-bit values the
    upper byte is kept (65535 becomes 255); floating-point values must lie in [0, 1] and are multiplied by 255; bool
    becomes 0 and 255. Colour arrays are RGB (not OpenCV's BGR). PIL images of any mode are converted; their EXIF
    orientation is not applied.

    Raises:
        MediaError: another shape, type or value range.
    """
    if isinstance(image, PILImage.Image):
        if not image.mode.startswith(("I", "F")):
            return np.array(image.convert("RGB"))
        image = np.array(image)
        if image.dtype.kind == "i":  # Pillow keeps 16-bit gray in 32-bit integers
            image = image.clip(0, 65535).astype(np.uint16)
    array = np.asarray(image)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)) or 0 in array.shape:
        raise MediaError(f"image of shape {array.shape}: {_EXPECTED}")
    array = _as_uint8(array)
    if array.ndim == 2:
        return np.repeat(array[..., None], 3, axis=2)
    return array[..., :3]


def _as_uint8(array: NDArray[Any]) -> NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.uint16:
        return (array >> 8).astype(np.uint8)
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype.kind == "f":
        low, high = float(array.min()), float(array.max())
        if not (low >= 0.0 and high <= 1.0):  # also false for NaN
            raise MediaError(
                f"floating-point image with values from {low:g} to {high:g}: expected values from 0 to 1; "
                "convert images on the 0..255 scale to uint8"
            )
        return np.rint(array * 255.0).astype(np.uint8)
    raise MediaError(f"image of type {array.dtype}: expected uint8, uint16, bool, or floating point from 0 to 1")


def write_image(path: str | Path, image: Any, quality: int = 95) -> None:
    """Writes an image atomically, in the format of the path's ending.

    Args:
        path: ending in .png, .jpg, ...; missing folders are created.
        image: anything that `as_rgb` takes.
        quality: of JPEG and WebP, 0 to 100.

    Raises:
        MediaError: an ending that names no image format.
        OutputError: the file cannot be written.
    """
    import cv2

    path = Path(path)
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        raise MediaError(f"{path}: unknown image ending {path.suffix!r}; use one of {', '.join(IMAGE_SUFFIXES)}")
    options = {
        ".jpg": [cv2.IMWRITE_JPEG_QUALITY, quality],
        ".jpeg": [cv2.IMWRITE_JPEG_QUALITY, quality],
        ".webp": [cv2.IMWRITE_WEBP_QUALITY, quality],
        ".png": [cv2.IMWRITE_PNG_COMPRESSION, 3],
    }.get(path.suffix.lower(), [])
    bgr = cv2.cvtColor(np.ascontiguousarray(as_rgb(image)), cv2.COLOR_RGB2BGR)
    ok, encoded = cv2.imencode(path.suffix, bgr, options)
    if not ok:
        raise MediaError(f"{path}: OpenCV cannot encode {path.suffix} images")
    files.write_bytes(path, encoded.tobytes())
