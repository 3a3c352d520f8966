"""Reading, converting and writing single images. Everything inside dmtrack is HxWx3 uint8 RGB."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
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

_NEW_SUBFILE_TYPE = 254
"""The TIFF tag whose lowest bit marks a reduced image of another page (TIFF 6.0, section 8)."""

_IMAGE_DESCRIPTION = 270
"""The TIFF tag of free text."""

_EXPECTED = "expected HxW, HxWx1, HxWx3 or HxWx4 (gray, RGB, RGBA)"


def read_image(path: str | Path) -> Image:
    """Decodes an image file, upright: turned as its EXIF entry says, as viewers and browsers show it.

    Grayscale is repeated on three channels, transparency is dropped, and of 16-bit images the upper byte is kept.

    Args:
        path: a JPEG, PNG, BMP, WebP, TIFF... file.

    Returns:
        HxWx3 uint8 RGB.

    Raises:
        MediaError: the file is missing, empty, cut off, no image, or holds several (a TIFF stack, an animation).
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
    if may_hold_several(content) and (pictures := count_pictures(path)) > 1:
        raise MediaError(
            f"image {path} holds {pictures} pictures, and one file is one frame here; track the file itself as a "
            "video, or save its pictures as files"
        )
    try:
        image = _decode(content)
    except MediaError as error:  # of a kind that it cannot take, such as float on the 0..255 scale
        raise MediaError(f"{path}: {error}") from error
    if image is None:
        raise MediaError(f"image {path} cannot be decoded; expected a JPEG, PNG, BMP, WebP or TIFF file")
    return image


def _decode(content: bytes) -> Image | None:
    import cv2  # imported where pixels are read: lists of frames and annotations do without it

    decoded = None
    # OpenCV applies the orientation where it converts to colour, which it does not for gray floating-point images.
    for flags in (cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR, cv2.IMREAD_UNCHANGED):
        with contextlib.suppress(cv2.error):
            decoded = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
        if decoded is not None:
            break
    if decoded is None:
        return None
    return as_rgb(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB) if decoded.ndim == 3 else decoded)


def may_hold_several(content: bytes) -> bool:
    """Whether an image file is of a kind that can hold several frames, by its first bytes."""
    if content[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return True
    if content[:4] == b"RIFF" and content[8:16] == b"WEBPVP8X":
        return bool(content[20:21] > b"" and content[20] & 2)
    return content.startswith(b"\x89PNG") and b"acTL" in content[:4096]


@contextlib.contextmanager
def open_pictures(path: Path) -> Iterator[PILImage.Image]:
    """The image file in Pillow, which gives its pictures one by one.

    Raises:
        MediaError: Pillow cannot read this kind, or what the block asks of it fails.
    """
    number = 0
    try:
        with PILImage.open(path) as opened:
            try:
                yield opened
            finally:
                number = opened.tell()
    except MediaError as error:
        raise MediaError(f"{path}, picture {number} counted from 0: {error}") from error
    except Exception as error:  # a damaged file raises whatever its decoder stumbles over
        raise MediaError(
            f"picture {number} of {path}, counted from 0, cannot be read ({error}); expected 8-bit or gray pictures in "
            "a TIFF, WebP or PNG file: save them again, or as one file per frame"
        ) from error


def picture_numbers(opened: PILImage.Image) -> list[int]:
    """Which pictures of a file are frames: all but the thumbnails that a TIFF file marks as reduced images."""
    numbers = range(getattr(opened, "n_frames", 1))
    if opened.format != "TIFF":
        return list(numbers)
    full = []
    for number in numbers:
        opened.seek(number)
        if not opened.tag_v2.get(_NEW_SUBFILE_TYPE, 0) & 1:  # type: ignore[attr-defined]
            full.append(number)
    return full or [0]


def count_pictures(path: Path) -> int:
    """How many frames an image file holds, thumbnails left out.

    Raises:
        MediaError: the file is missing, no image, or a stack of ImageJ that only ImageJ takes for one.
    """
    described = ""
    try:
        with open_pictures(path) as opened:
            pictures = len(picture_numbers(opened))
            if opened.format == "TIFF":
                described = str(opened.tag_v2.get(_IMAGE_DESCRIPTION, ""))  # type: ignore[attr-defined]
    except MediaError:
        import cv2

        pictures = int(cv2.imcount(str(path)))  # knows kinds that Pillow does not, such as 16-bit colours
        if not pictures:
            raise
    # ImageJ writes large stacks as one picture with a note of how many more follow it in one block.
    promised = re.search(r"^images=(\d+)", described, re.MULTILINE) if described.startswith("ImageJ") else None
    if promised and int(promised[1]) > pictures:
        raise MediaError(
            f"image {path} is a stack of ImageJ with {promised[1]} pictures in one block, of which other programs see "
            f"{pictures}; save it as an image sequence, and give the folder"
        )
    return pictures


def as_rgb(image: Any) -> Image:
    """Any image in memory as HxWx3 uint8 RGB; what already is one comes back unchanged and uncopied.

    The rules: gray is repeated on three channels; a fourth channel (transparency) is dropped; of 16-bit values the
    upper byte is kept (65535 becomes 255); floating-point values must lie in [0, 1] and are multiplied by 255; bool
    becomes 0 and 255. Colour arrays are RGB (not OpenCV's BGR). PIL images of any mode are converted; what their EXIF
    entry says does not matter, because boxes of an image in memory refer to its own pixels (files are read upright).

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
    if array.dtype in (np.dtype(">u2"), np.dtype("<u2")):
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


def encode_jpeg(image: Image, quality: int = 85, scale: float = 1.0) -> bytes:
    """An image as JPEG.

    Args:
        image: HxWx3 RGB.
        quality: 0 to 100.
        scale: the image is shrunk to this share of its size first; from 1 on it stays as it is.

    Raises:
        MediaError: JPEG holds no image of its size.
    """
    import cv2

    if scale < 1:
        height, width = image.shape[:2]
        size_wh = (max(round(width * scale), 1), max(round(height * scale), 1))
        image = np.asarray(cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA), np.uint8)
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    encoded, content = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not encoded:
        raise MediaError(f"OpenCV cannot encode an image of shape {image.shape} as JPEG")
    return content.tobytes()


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
