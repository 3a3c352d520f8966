"""Boxes of one video as CSV and JSON, written so that nothing computed is lost, and the latency of its tracker."""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
import re
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dmtrack.errors import OutputError
from dmtrack.files import atomic_path, json_value
from dmtrack.tracking.base import TrackResult

COLUMNS = ("frame", "x", "y", "w", "h", "score", "present")

_KINDS: dict[str, Callable[[str], Any]] = {
    "frame": int,
    "target": int,
    "present": lambda text: text == "1",
    "file": str,
}
"""What the columns of `boxes.csv` hold in `boxes.json`; the others are numbers with a fraction."""


def default_folder(source_name: str, reuse: bool = True, parent: Path = Path("results", "track")) -> Path:
    """The folder of a source's results: `videos/my clip.mp4` -> `my_clip`, `camera:0` -> `camera_0`.

    Where it already holds results of another source, it is `my_clip-2`, `my_clip-3`, ...

    Args:
        source_name: path, `camera:0` or address.
        reuse: whether earlier results of the same source may be replaced; not of a camera, which never films the same.
        parent: of all such folders.
    """
    stem = Path(source_name).stem if "://" not in source_name else source_name.split("://", 1)[1]
    name = re.sub(r"[^\w.-]+", "_", stem or Path(source_name).resolve().name).strip("_.") or "source"
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    free = [None, Path(source_name).resolve()] if reuse else [None]
    return next(parent / one for one in names if _source_of(parent / one) in free)


def _source_of(folder: Path) -> Path | None:
    """The source of the results in a folder; None where there are none."""
    try:
        return Path(json.loads((folder / "boxes.json").read_bytes())["source"]).resolve()
    except (OSError, ValueError, KeyError, TypeError):
        return None


class BoxLog:
    """Boxes of one run. Each row goes to disk at once; memory does not grow with the length of the video.

    While the run lasts the rows stand in `boxes.partial.csv`, which also survives a kill or a power cut. `finish` turns
    it into `boxes.csv` and writes `boxes.json`.

    Args:
        folder: where the files go; it must exist.
        targets: how many there are; with several, every row says after the frame which one it is about, from 1.
        names: of the frames' files, where every frame is a file; each row then ends with its own.

    Raises:
        OutputError: the folder is read-only or the disk is full.
    """

    def __init__(self, folder: Path, targets: int = 1, names: Sequence[str] = ()) -> None:
        self.csv_path = folder / "boxes.csv"
        self.json_path = folder / "boxes.json"
        self.frames = 0
        self._several = targets > 1
        self._names = names
        self.columns = (
            COLUMNS[0],
            *(("target",) if self._several else ()),
            *COLUMNS[1:],
            *(("file",) if names else ()),
        )
        self._partial = folder / "boxes.partial.csv"
        try:
            # Open as long as the run lasts; `finish` closes it.
            self._file = open(self._partial, "w", encoding="utf-8", newline="")  # noqa: SIM115
        except OSError as error:
            raise self._error(error) from error
        self._write(self.columns)

    def add(self, results: list[TrackResult]) -> None:
        """Appends the next frame, one row per target: pixels with 3 decimals, score with 4, presence as 0 or 1."""
        for number, result in enumerate(results, start=1):
            box = [f"{value:.3f}" for value in result.box_xywh]
            start = [self.frames, number] if self._several else [self.frames]
            name = [self._names[self.frames]] if self._names else []
            self._write([*start, *box, f"{result.score:.4f}", int(result.present), *name])
        self.frames += 1

    def _write(self, row: Any) -> None:
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(row)
        try:
            self._file.write(line.getvalue())
            self._file.flush()
        except OSError as error:
            raise self._error(error) from error

    def _error(self, error: OSError) -> OutputError:
        return OutputError(
            f"cannot write {self._partial}: {error.strerror or error}; free some space or choose another --output"
        )

    def finish(self, metadata: dict[str, Any]) -> None:
        """Puts `boxes.csv` in its place and writes `boxes.json`: the metadata and the same rows."""
        try:
            os.fsync(self._file.fileno())
            self._file.close()
            self._partial.replace(self.csv_path)
        except OSError as error:
            raise self._error(error) from error
        with atomic_path(self.json_path) as path, open(path, "w", encoding="utf-8") as target:
            head = json.dumps({**json_value(metadata), "columns": self.columns}, indent=2, ensure_ascii=False)
            target.write(head.removesuffix("\n}") + ',\n  "boxes": [')
            with open(self.csv_path, encoding="utf-8", newline="") as source:
                rows = csv.reader(source)
                next(rows)
                for number, texts in enumerate(rows):
                    row = [_KINDS.get(name, float)(text) for name, text in zip(self.columns, texts, strict=True)]
                    target.write((",\n    " if number else "\n    ") + json.dumps(json_value(row)))
            target.write("\n  ]\n}\n")


class Latency:
    """Seconds per frame of the tracker alone, in 4 bytes per frame."""

    def __init__(self) -> None:
        self._seconds = array("f")

    def add(self, seconds: float) -> None:
        """Adds one frame."""
        self._seconds.append(seconds)

    def summary(self) -> dict[str, float]:
        """Mean frames per second and the 50th and 95th percentile of the latency in milliseconds; {} without frames."""
        if not self._seconds:
            return {}
        milliseconds = np.frombuffer(self._seconds, np.float32).astype(np.float64) * 1000
        p50, p95 = np.percentile(milliseconds, [50, 95]).tolist()
        fps = 1000 / max(float(milliseconds.mean()), 1e-9)
        return {"mean_fps": round(fps, 2), "latency_p50_ms": round(p50, 3), "latency_p95_ms": round(p95, 3)}
