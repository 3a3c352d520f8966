"""Boxes of one video as CSV and JSON, written so that nothing computed is lost, and the latency of its tracker."""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
import re
import shutil
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dmtrack.errors import OutputError
from dmtrack.files import ODD_NAMES, atomic_path, json_value
from dmtrack.running.unfinished import UnfinishedRun
from dmtrack.tracking.base import TrackResult

COLUMNS = ("frame", "x", "y", "w", "h", "score", "present")

_KINDS: dict[str, Callable[[str], Any]] = {
    "frame": int,
    "target": int,
    "present": lambda text: text == "1",
    "time": lambda text: float(text) if text else None,
    "file": str,
}
"""What the columns of `boxes.csv` hold in `boxes.json`; the others are numbers with a fraction."""

IDENTITY = ("first_box_xywh", "first_boxes_xywh", "config_hash", "config", "weights_sha256", "start_frame", "end_frame",
            "detections", "detections_sha256", "tracker", "policy")  # fmt: skip
"""Entries of `boxes.json` that tell runs on one source apart."""

RESULTS = Path("results", "track")


def choose_folder(
    output: Path | None,
    run: Mapping[str, Any],
    live: bool = False,
    overwrite: bool = False,
    results: Path = RESULTS,
    head: str = "boxes.json",
) -> Path:
    """Where the results of a run go: never over those of another run unless that is asked for.

    Without `output` it is named after the source: `videos/my clip.mp4` -> `my_clip`, `camera:0` -> `camera_0`; where
    another run's results lie there, `my_clip-2`, `my_clip-3`, ... The same run again replaces its results.

    Args:
        output: the folder that the user wants.
        run: its metadata, as that file will hold them.
        live: the source never shows the same twice.
        overwrite: replace the results of other runs on the same source, or whatever is in `output`.
        results: folder of all runs without `output`.
        head: the file that says what run the results of a folder are of.

    Raises:
        OutputError: `output` holds the results of another run, or the folder this one, unfinished.
    """
    source = str(run["source"])
    here = json_value({key: run.get(key) for key in IDENTITY})

    def may_replace(folder: Path) -> bool:
        unfinished = UnfinishedRun.read(folder)
        document = _read_head(folder / head) if unfinished is None else unfinished.run
        if document is None:
            return True
        same_source = Path(str(document.get("source"))).resolve() == Path(source).resolve()
        if overwrite and (output is not None or same_source):
            return True
        same = not live and same_source and here == {key: document.get(key) for key in IDENTITY}
        if same and unfinished is not None:
            raise OutputError(
                f"{folder} holds this very run, stopped after {unfinished.frames} frames; go on with --resume, or "
                "begin anew with --overwrite"
            )
        return same

    if output is not None:
        if not may_replace(output):
            raise OutputError(
                f"{output} holds the results of another run (other source, boxes, tracker or frames); choose another "
                "--output, or replace them with --overwrite"
            )
        return output
    return next(folder for folder in _folders_of(source, results) if may_replace(folder))


def find_unfinished(
    output: Path | None,
    origin: Mapping[str, Any],
    boxes_xywh: Sequence[Sequence[float]] | None,
    results: Path = RESULTS,
) -> tuple[Path, UnfinishedRun] | tuple[None, None]:
    """The folder of the run on a source that was stopped before its last frame, and how far it was; else Nones.

    Args:
        output: where to look; None is wherever `choose_folder` may have put it.
        origin: of the source, with the frames that are taken.
        boxes_xywh: of the targets; empty stands for any, None for everything in sight.
        results: folder of all runs without `output`.

    Raises:
        OutputError: there are several.
    """
    folders = itertools.takewhile(Path.is_dir, _folders_of(str(origin["source"]), results))
    found = []
    for folder in folders if output is None else [output]:
        one = UnfinishedRun.read(folder)
        if one is None or Path(str(one.run.get("source"))).resolve() != Path(str(origin["source"])).resolve():
            continue
        same_frames = all(one.run.get(key) == origin.get(key) for key in ("start_frame", "end_frame"))
        if boxes_xywh is None or one.boxes_xywh is None:
            same_boxes = boxes_xywh is one.boxes_xywh
        else:
            same_boxes = not boxes_xywh or one.boxes_xywh == [list(box) for box in boxes_xywh]
        if same_frames and same_boxes:
            found.append((folder, one))
    if len(found) > 1:
        raise OutputError(
            f"several runs on {origin['source']} were stopped: {', '.join(str(folder) for folder, _ in found)}; say "
            "with --output which one is to go on"
        )
    return found[0] if found else (None, None)


def _folders_of(source: str, results: Path) -> Iterator[Path]:
    """Where runs on a source go without --output."""
    stem = Path(source).stem if "://" not in source else source.split("://", 1)[1]
    name = re.sub(r"[^\w.-]+", "_", stem or Path(source).resolve().name).strip("_.") or "source"
    yield results / name
    yield from (results / f"{name}-{number}" for number in itertools.count(2))


def _read_head(path: Path) -> dict[str, Any] | None:
    """The content of a JSON file; None where there is none."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


class RowLog:
    """A table that grows as long as a run lasts. Each row goes to disk at once; memory does not grow with the video.

    Until `finish` the rows stand in `NAME.partial.SUFFIX`, which also survives a kill or a power cut: the next run
    moves it to `NAME.interrupted.SUFFIX` (`.interrupted-2`, ...).

    Args:
        path: of the finished table; its folder must exist.
        kept_bytes: so much of an earlier run's table is the beginning of this one; None begins anew.

    Attributes:
        partial: where the rows stand until then.
        interrupted: the rows of an earlier run that did not finish; None where there are none.

    Raises:
        OutputError: the folder is read-only, the disk is full, or the earlier table is not there.
    """

    def __init__(self, path: Path, kept_bytes: int | None = None) -> None:
        self.path = path
        self.partial = path.with_suffix(f".partial{path.suffix}")
        self.interrupted: Path | None = None
        try:
            if kept_bytes is not None:
                if not self.partial.exists():  # it was stopped, not killed
                    shutil.copyfile(path, self.partial)
                if self.partial.stat().st_size < kept_bytes:
                    raise OutputError(f"{self.partial} has lost rows; track from the first frame with --overwrite")
                os.truncate(self.partial, kept_bytes)
            elif self.partial.is_file() and self.partial.stat().st_size:
                endings = itertools.chain([""], (f"-{number}" for number in itertools.count(2)))
                places = (path.with_suffix(f".interrupted{ending}{path.suffix}") for ending in endings)
                self.interrupted = self.partial.rename(next(place for place in places if not place.exists()))
            # Open as long as the run lasts; `finish` closes it.
            mode = "w" if kept_bytes is None else "a"
            self._file = open(self.partial, mode, encoding="utf-8", errors=ODD_NAMES, newline="")  # noqa: SIM115
        except OSError as error:
            raise self._error(error) from error

    def write(self, row: Sequence[Any]) -> None:
        """Appends a row, its values separated by commas."""
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(row)
        try:
            self._file.write(line.getvalue())
            self._file.flush()
        except OSError as error:
            raise self._error(error) from error

    def saved_bytes(self) -> int:
        """Size of the table, all of which is on disk afterwards."""
        os.fsync(self._file.fileno())
        return self.partial.stat().st_size

    def finish(self, keep: bool = True) -> None:
        """Puts the table in its place, or away where the run has not even begun."""
        try:
            os.fsync(self._file.fileno())
            self._file.close()
            if keep:
                self.partial.replace(self.path)
            else:
                self.partial.unlink()
        except OSError as error:
            raise self._error(error) from error

    def _error(self, error: OSError) -> OutputError:
        return OutputError(
            f"cannot write {self.partial}: {error.strerror or error}; free some space or choose another --output"
        )


def how_to_go_on(interrupted: Path) -> str:
    """A sentence about the rows of a run that was cut off, and the options that go on behind them."""
    with open(interrupted, encoding="utf-8", errors=ODD_NAMES, newline="") as file:
        rows = [row for row in csv.DictReader(file) if all(row.get(name) for name in ("frame", "x", "y", "w", "h"))]
    if not rows:
        return f"note: an earlier run was interrupted before its first frame; {interrupted.name} has nothing"
    last = [row for row in rows if row["frame"] == rows[-1]["frame"]]
    boxes = " ".join("--box " + ",".join(row[side] for side in "xywh") for row in last)
    return (
        f"note: an earlier run was interrupted after frame {last[0]['frame']}; its rows are kept in {interrupted}. To "
        f"go on there instead of beginning anew: --start-frame {last[0]['frame']} {boxes} --output another-folder"
    )


class BoxLog:
    """Boxes of one run: a `RowLog`, which `finish` turns into `boxes.csv` and `boxes.json`.

    Args:
        folder: where the files go; it must exist.
        targets: how many there are; with several, every row says after the frame which one it is about, from 1.
        names: of the frames' files, where every frame is a file; each row then ends with its own.
        timed: whether frames have times; each row then has its own in seconds from the first frame.
        unfinished: the run in the folder that goes on.

    Attributes:
        frames: that are done.
        present: in how many of them each target was.
        paths: of the files.
        note: about the rows of an earlier run that was killed; empty where there are none.

    Raises:
        OutputError: the folder is read-only or the disk is full.
    """

    box_format = "left, top, width, height in 0-based pixels of the frame"

    def __init__(
        self,
        folder: Path,
        targets: int = 1,
        names: Sequence[str] = (),
        timed: bool = False,
        unfinished: UnfinishedRun | None = None,
    ) -> None:
        self.csv_path = folder / "boxes.csv"
        self.json_path = folder / "boxes.json"
        self.frames, self.present = 0, [0] * targets
        self._several = targets > 1
        self._names, self._timed = names, timed
        self.columns = (
            COLUMNS[0],
            *(("target",) if self._several else ()),
            *COLUMNS[1:],
            *(("time",) if timed else ()),
            *(("file",) if names else ()),
        )
        self._rows = RowLog(self.csv_path, None if unfinished is None else unfinished.table_bytes)
        self.paths = (self.csv_path, self.json_path)
        self.note = "" if self._rows.interrupted is None else how_to_go_on(self._rows.interrupted)
        self.saved_bytes, self.discard = self._rows.saved_bytes, partial(self._rows.finish, keep=False)
        if unfinished is None:
            self._rows.write(self.columns)

    def counts(self) -> tuple[dict[str, Any], str]:
        """What `boxes.json` says of all frames, and the same in words."""
        present = {"frames_present": self.present if self._several else self.present[0]}
        return present, f"target present in {', '.join(map(str, self.present))}"

    def earlier(self) -> Iterator[list[TrackResult]]:
        """The frames that an unfinished run has left, as rounded as its rows; each counts as done when it is given."""
        with open(self._rows.partial, encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            while of_a_frame := list(itertools.islice(rows, len(self.present))):
                boxes = [np.array([float(row[side]) for side in "xywh"]) for row in of_a_frame]
                rest = [(float(row["score"]), row["present"] == "1") for row in of_a_frame]
                results = [TrackResult(box, *one) for box, one in zip(boxes, rest, strict=True)]
                self.present = [count + result.present for count, result in zip(self.present, results, strict=True)]
                self.frames += 1
                yield results

    def add(self, results: list[TrackResult], frame: int | None = None, time: float | None = None) -> None:
        """Appends the next frame, one row per target: pixels with 3 decimals, score with 4, presence as 0 or 1.

        Args:
            results: one per target.
            frame: its number; None is the number of frames before it.
            time: of the frame, in seconds from the first one.
        """
        frame = self.frames if frame is None else frame
        for number, result in enumerate(results, start=1):
            box = [f"{value:.3f}" for value in result.box_xywh]
            start = [frame, number] if self._several else [frame]
            name = [self._names[frame]] if self._names else []
            seconds = ["" if time is None else f"{time:.6f}"] if self._timed else []
            self._rows.write([*start, *box, f"{result.score:.4f}", int(result.present), *seconds, *name])
            self.present[number - 1] += result.present
        self.frames += 1

    def finish(self, metadata: dict[str, Any]) -> None:
        """Puts `boxes.csv` in its place and writes `boxes.json`: the metadata and the same rows."""
        self._rows.finish()
        with (
            atomic_path(self.json_path) as path,
            open(path, "w", encoding="utf-8", errors=ODD_NAMES) as target,
        ):
            head = json.dumps({**json_value(metadata), "columns": self.columns}, indent=2, ensure_ascii=False)
            target.write(head.removesuffix("\n}") + ',\n  "boxes": [')
            with open(self.csv_path, encoding="utf-8", newline="") as source:
                rows = csv.reader(source)
                next(rows)
                for number, texts in enumerate(rows):
                    row = [_KINDS.get(name, float)(text) for name, text in zip(self.columns, texts, strict=True)]
                    target.write((",\n    " if number else "\n    ") + json.dumps(json_value(row)))
            target.write("\n  ]\n}\n")


def latency(seconds: array[float]) -> dict[str, float]:
    """Mean frames per second and the 50th and 95th percentile of the latency in milliseconds; {} without frames.

    Args:
        seconds: that the tracker alone took for each frame, in 4 bytes per frame.
    """
    if not seconds:
        return {}
    milliseconds = np.frombuffer(seconds, np.float32).astype(np.float64) * 1000
    p50, p95 = np.percentile(milliseconds, [50, 95]).tolist()
    fps = 1000 / max(float(milliseconds.mean()), 1e-9)
    return {"mean_fps": round(fps, 2), "latency_p50_ms": round(p50, 3), "latency_p95_ms": round(p95, 3)}
