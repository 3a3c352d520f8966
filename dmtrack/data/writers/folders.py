"""What the writers share: a folder that appears complete or not at all, JPEG frames, lists of names."""

from __future__ import annotations

import contextlib
import functools
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmtrack import files
from dmtrack.data.sequences import Image, Sequence
from dmtrack.errors import ConfigError, OutputError
from dmtrack.media.images import encode_jpeg

Progress = Callable[[], object]
"""Called after every frame."""
FrameWriter = Callable[..., None]
"""`write_frames` with its quality and progress."""


@contextlib.contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """A temporary folder beside `target` that takes its place when the block ends well, and vanishes when it does not.

    Raises:
        OutputError: nothing can be written there.
    """
    temporary: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
        yield temporary
        temporary.chmod(0o755)
        if target.exists():
            shutil.rmtree(target)
        temporary.replace(target)
    except OSError as error:
        raise OutputError(
            f"cannot write {target}: {error.strerror or error}; free some space or choose another output folder"
        ) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def keep_record(path: Path, record: Mapping[str, Any]) -> None:
    """Writes down how the crops around it are made, or checks it, so that a job that goes on does not mix two kinds.

    Raises:
        ConfigError: crops of another kind are there.
    """
    if path.is_file():
        check_record(path, record)
    else:
        files.write_json(path, record)


def check_record(path: Path, expected: Mapping[str, Any]) -> None:
    """A `ConfigError` where a record of `keep_record` says something else of these keys."""
    found = files.read_json(path, "a record of crops; make them anew in another folder")
    for key, value in json.loads(json.dumps(expected)).items():
        if found.get(key) != value:
            raise ConfigError(
                f"{path.parent} holds crops made with {key}={found.get(key)!r}, not {value!r}; choose another folder"
            )


def write_jpeg(path: Path, image: Image, quality: int) -> None:
    """One RGB image as JPEG; the folder around it is what makes the writing atomic.

    Raises:
        MediaError: the image cannot be encoded.
    """
    path.write_bytes(encode_jpeg(image, quality))


def write_frames(
    folder: Path,
    sequence: Sequence,
    name: str = "{:08d}.jpg",
    first: int = 1,
    *,
    quality: int,
    progress: Progress | None,
) -> None:
    """All frames of a sequence, numbered.

    Args:
        folder: created if needed.
        sequence: one frame of it is in memory at a time.
        name: format of the file names.
        first: number of the first frame.
        quality: of the JPEG, 0 to 100.
        progress: called after every frame.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(sequence.frames(), start=first):
        write_jpeg(folder / name.format(number), frame, quality)
        if progress is not None:
            progress()


def over_sequences(write_one: Callable[..., str]) -> Callable[..., list[str]]:
    """The writer of many sequences, `writer(sequences, root, quality=95, progress=None, **options)`, of one of one.

    Args:
        write_one: called with a sequence, the root, `write_frames` that knows quality and progress, and the options;
            gives the name under which the sequence stands in the layout.
    """

    @functools.wraps(write_one)
    def write(
        sequences: Iterable[Sequence],
        root: str | Path,
        quality: int = 95,
        progress: Progress | None = None,
        **options: Any,
    ) -> list[str]:
        frames = functools.partial(write_frames, quality=quality, progress=progress)
        return [write_one(sequence, Path(root), frames, **options) for sequence in sequences]

    return write


def box_lines(boxes_xywh: NDArray[np.float64], absent: str, decimals: int = 4, base: int = 0) -> str:
    """A line x,y,w,h per frame.

    Args:
        boxes_xywh: (frames, 4) 0-based; NaN rows become `absent`.
        absent: line of a frame without target.
        decimals: of every number; 0 rounds to whole pixels, the sides to at least 1.
        base: number of the first pixel in the file.
    """
    lines = []
    for box in boxes_xywh:
        if not np.isfinite(box).all():
            lines.append(absent)
            continue
        x, y, width, height = box
        if decimals == 0:
            x, y, width, height = round(x), round(y), max(round(width), 1), max(round(height), 1)
        lines.append(",".join(f"{value:.{decimals}f}" for value in (x + base, y + base, width, height)))
    return "\n".join(lines) + "\n"


def flag_lines(flags: NDArray[np.generic]) -> str:
    """A whole number per line."""
    return "".join(f"{int(flag)}\n" for flag in flags)


def extend_list(path: Path, name: str) -> None:
    """Adds a name to a list of names, unless it is in it."""
    known = files.read_text(path, "names of sequences").split() if path.is_file() else []
    files.write_text(path, "".join(f"{one}\n" for one in dict.fromkeys([*known, name])))
