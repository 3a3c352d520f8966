"""Where results lie: got10k's layout with times, scores and presence, and a manifest that says whose results they are.

    <folder>/manifest.json                         what produced the results
    <folder>/<sequence>/<sequence>_001.txt         one box per frame: left,top,width,height
    <folder>/<sequence>/<sequence>_time.txt        seconds per frame
    <folder>/<sequence>/<sequence>_score.txt       score per frame, where the tracker gives one
    <folder>/<sequence>/<sequence>_present.txt     1 or 0 per frame, where the tracker gives it
    <folder>/<sequence>/error.txt                  why the sequence has no result

The folder is the tracker's: `<results>/<tracker>`. Every file appears complete or not at all, and the boxes come last,
so that a sequence with boxes has everything. Experiments in the contract of the got10k toolkit keep its names of files
and its first pixel (`FileNames`); their manifest says so, and everything that reads or resumes results goes by it.
"""

from __future__ import annotations

import copy
import datetime
import itertools
import json
import platform
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmtrack import __version__
from dmtrack.boxes import Boxes
from dmtrack.data.sequences import Sequence
from dmtrack.data.sources.annotations import read_rows
from dmtrack.data.sources.mot_challenge import mot_lines, mot_rows
from dmtrack.errors import DataError, EvaluationError
from dmtrack.evaluation.measures.trajectory import Trajectory
from dmtrack.files import check_writable_folder, read_json, write_json, write_text

BOX_DECIMALS = 3


@dataclass(frozen=True)
class SequenceResult:
    """What a tracker did on one sequence.

    Attributes:
        boxes_xywh: (frames, 4) float64; the first row is the given box.
        seconds: (frames,) time of `init` and of each update, reading of the frame excluded; None where not recorded.
        scores: (frames,) in [0, 1], or None.
        present: (frames,) bool, or None.
        tracks: (n, 9) everything with identities, of a multi-object tracker, whose `boxes_xywh` are empty: rows of
            MOTChallenge, see `mot_rows`.
    """

    boxes_xywh: Boxes
    seconds: NDArray[np.float64] | None = None
    scores: NDArray[np.float64] | None = None
    present: NDArray[np.bool_] | None = None
    tracks: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class TrackerResults:
    """What one tracker has stored for a benchmark.

    Attributes:
        name: label in tables and figures.
        results: by sequence.
        missing: sequences of the benchmark without a result.
        notes: sentences of the reader: which rows were aligned how.
        provenance: of its manifest, empty where there is none.
        frames: the frames of a sequence that its result covers, where that is not all of them.
        trajectories: of VOT results, one per repetition, by sequence, in 0-based pixels: polygons and codes as written.
        layout: name of the layout that was read.
    """

    name: str
    results: Mapping[str, SequenceResult]
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    frames: Mapping[str, range] = field(default_factory=dict)
    trajectories: Mapping[str, tuple[Trajectory, ...]] = field(default_factory=dict)
    layout: str = ""

    def covered(self, sequence: Sequence) -> range:
        """The frames of the sequence that its result covers."""
        return self.frames.get(sequence.name, range(len(sequence)))

    def cut(self, sequence: Sequence) -> Sequence:
        """The sequence with the frames that its result covers."""
        frames = self.frames.get(sequence.name)
        return sequence if frames is None else sequence.take(slice(frames.start, frames.stop))


@dataclass(frozen=True)
class FileNames:
    """How the files of a tracker's results are called, below the tracker's folder.

    Attributes:
        boxes: of a sequence, with {label} and {run}, the number of the repetition.
        companion: of times, scores and presence, with {label} and {kind}.
        kinds: the companions that are written.
        index_base: number of the first pixel in the boxes.
        labels: what the files call a sequence, where that is not its name.
        tracks: whether a file holds everything with identities, lines of MOTChallenge, and no box per frame.
    """

    boxes: str = "{label}/{label}_{run:03d}.txt"
    companion: str = "{label}/{label}_{kind}.txt"
    kinds: tuple[str, ...] = ("score", "present", "time")
    index_base: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    tracks: bool = False

    @property
    def nested(self) -> bool:
        """Whether each sequence has a folder of its own."""
        return "/" in self.boxes


OWN_FILES = FileNames()
MOT_FILES = FileNames("{label}.txt", "times/{label}_{kind}.txt", ("time",), index_base=1, tracks=True)
"""Of multi-object trackers: the folder is what MOTChallenge's server and TrackEval take."""


class ResultStore:
    """The results of one tracker on one set of sequences.

    Args:
        folder: `<results>/<tracker>`.
        files: how the files are called where neither the manifest nor what lies there says it.
        run: which repetition, counted from 1, of trackers that are not deterministic.
    """

    def __init__(self, folder: str | Path, files: FileNames = OWN_FILES, run: int = 1) -> None:
        self.folder = Path(folder)
        self.run = run
        self.files = files
        self._manifest_path = self.folder / "manifest.json"
        stored = self.manifest().get("files")
        if isinstance(stored, dict):
            self.files = FileNames(**{**stored, "kinds": tuple(stored["kinds"])})
        elif "sequences" in self.identity() or (not files.nested and self.first_runs()):
            self.files = OWN_FILES
        self._shift = np.array([self.files.index_base, self.files.index_base, 0, 0], dtype=np.float64)

    def start(
        self, identity: Mapping[str, Any], details: Mapping[str, Any] | None = None, restart: bool = False
    ) -> None:
        """Claims the folder for results of `identity`, or checks that what lies there has the same one.

        Args:
            identity: JSON values that decide what the boxes are: tracker, config hash, weights hash, precision.
            details: JSON values that are kept, but may differ when a run is resumed: paths, device.
            restart: remove what lies there first.

        Raises:
            EvaluationError: the folder holds results of another tracker, config or weights, or of unknown origin.
            OutputError: the folder cannot be written.
        """
        if restart:
            self._clear()
        check_writable_folder(self.folder)
        claimed: dict[str, Any] = json.loads(json.dumps(dict(identity)))  # as the manifest keeps it
        if not self.files.tracks and self.files != OWN_FILES and isinstance(claimed.get("sequences"), dict):
            claimed["sequences"].pop("split", None)  # got10k has one folder for all splits
        if self._manifest_path.exists():
            self._check_identity(claimed)
            return
        if self.holds_results():
            raise EvaluationError(
                f"{self.folder} holds results without a manifest.json, so what made them is unknown; "
                "choose another --results folder, or remove them with --restart"
            )
        manifest = {
            "format": 1,
            "identity": claimed,
            "details": dict(details or {}),
            "software": software_versions(),
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        }
        if self.files != OWN_FILES:
            manifest["files"] = asdict(self.files)
        write_json(self._manifest_path, manifest)

    def manifest(self) -> dict[str, Any]:
        """The manifest, empty where there is none (results of other tools).

        Raises:
            EvaluationError: it is no JSON object.
        """
        path = self._manifest_path
        return read_json(path, "a manifest; remove its folder and run again", EvaluationError) if path.exists() else {}

    def provenance(self) -> dict[str, Any]:
        """What the manifest says of the run: its identity, details and software; empty where there is none."""
        manifest = self.manifest()
        software = {"software": manifest.get("software", {})} if manifest else {}
        return {**manifest.get("details", {}), **manifest.get("identity", {}), **software}

    def identity(self) -> dict[str, Any]:
        """What decides the boxes, as the manifest says it; empty where it does not."""
        identity = self.manifest().get("identity", {})
        return dict(identity) if isinstance(identity, dict) else {}

    def has(self, sequence: Sequence) -> bool:
        """Whether the sequence is done.

        Raises:
            EvaluationError: a result of that name exists, but is of another sequence: its number of boxes differs from
                the number of frames, or its first box from the true one; or it has boxes beyond the last frame.
        """
        path = self.boxes_path(sequence.name)
        if not path.exists():
            return False
        if self.files.tracks:
            tracks = self.read(sequence.name).tracks
            last = 0 if tracks is None else int(tracks[:, 0].max(initial=0))
            if last > len(sequence):
                raise EvaluationError(
                    f"{path} goes to frame {last} of {sequence.name!r}, which has {len(sequence)}; choose another "
                    "--results folder, or replace it with --restart"
                )
            return True
        boxes = self.read(sequence.name).boxes_xywh
        same_start = len(boxes) == len(sequence) and np.allclose(boxes[0], sequence.boxes_xywh[0], atol=2e-3)
        if not same_start:
            raise EvaluationError(
                f"{path} holds {len(boxes)} boxes of another sequence {sequence.name!r} (this one has {len(sequence)} "
                "frames and may start at another box); choose another --results folder, or replace it with --restart"
            )
        return True

    def write(self, name: str, result: SequenceResult) -> None:
        """Stores a sequence's result, all of it or nothing.

        Raises:
            OutputError: the files cannot be written.
        """
        columns = {"score": (result.scores, "%.6f"), "present": (result.present, "%d")}
        for kind, (values, number_format) in columns.items():
            if values is not None and kind in self.files.kinds:
                write_text(self.companion_path(name, kind), number_lines(values, number_format))
        if result.seconds is not None:
            self.write_seconds(name, result.seconds)
        if result.tracks is not None:
            text = mot_lines(result.tracks)
        else:
            text = number_lines(result.boxes_xywh + self._shift, f"%.{BOX_DECIMALS}f")
        write_text(self.boxes_path(name), text)
        (self.folder / name / "error.txt").unlink(missing_ok=True)

    def write_seconds(self, name: str, seconds: NDArray[np.float64], number_format: str = "%.8f") -> None:
        """Stores the seconds of each frame, in a column per repetition; NaN where the tracker was not asked."""
        path, columns = self.companion_path(name, "time"), seconds.reshape(-1, 1)
        if self.run > 1 and path.is_file():
            before = read_numbers(path)[:, : self.run - 1]
            columns = np.concatenate([before, columns], axis=1) if len(before) == len(columns) else columns
        write_text(path, number_lines(columns, number_format).replace("nan", "NaN"))

    def write_failure(self, name: str, reason: str) -> None:
        """Notes why a sequence has no result."""
        write_text(self.folder / name / "error.txt", reason.rstrip() + "\n")

    def read(self, name: str) -> SequenceResult:
        """The stored result of a sequence, in whatever got10k-layout folder.

        Raises:
            EvaluationError: it is missing or malformed.
        """
        tracks = None
        if self.files.tracks:
            path = self.boxes_path(name)
            given = read_numbers(path) if path.is_file() and path.stat().st_size else np.zeros((0, 10))
            boxes, tracks = np.zeros((0, 4)), mot_rows(given, str(path), error=EvaluationError)
        else:
            boxes = read_numbers(self.boxes_path(name), columns=4) - self._shift
        columns: dict[str, NDArray[np.float64] | None] = {}
        for kind in ("time", "score", "present"):
            path = self.companion_path(name, kind)
            # got10k appends one column of times per repetition.
            table = read_numbers(path) if path.exists() else np.zeros((len(boxes), 0))
            column = self.run - 1 if kind == "time" else 0
            values = columns[kind] = table[:, column] if column < table.shape[1] else None
            if values is not None and len(values) != len(boxes) and tracks is None:
                if self.files != OWN_FILES:  # other tools write times as they like; none are taken
                    columns[kind] = None
                    continue
                raise EvaluationError(
                    f"{path}: {len(values)} lines for {len(boxes)} boxes; remove its folder and run again"
                )
        present = columns["present"]
        present_flags = None if present is None else present > 0.5
        return SequenceResult(boxes, columns["time"], columns["score"], present_flags, tracks)

    def exists(self, name: str) -> bool:
        """Whether a result of that name is there, of whatever sequence."""
        return self.boxes_path(name).exists()

    def at(self, run: int) -> ResultStore:
        """The store of another repetition."""
        store = copy.copy(self)
        store.run = run
        return store

    def runs(self, name: str) -> list[ResultStore]:
        """The stores of the repetitions that a sequence has, from the first one without a gap."""
        if not self.files.nested:
            return [self.at(1)] if self.exists(name) else []
        return list(itertools.takewhile(lambda store: store.exists(name), map(self.at, itertools.count(1))))

    def boxes_path(self, name: str) -> Path:
        """The file of a sequence's boxes."""
        return self.folder / self.files.boxes.format(label=self.files.labels.get(name, name), run=self.run)

    def companion_path(self, name: str, kind: str) -> Path:
        """The file of a sequence's "time", "score" or "present"."""
        return self.folder / self.files.companion.format(label=self.files.labels.get(name, name), kind=kind)

    def holds_results(self) -> bool:
        """Whether anything lies there that may be results."""
        return self._manifest_path.exists() or bool(
            self.first_runs() if self.files.nested else list(self.folder.glob("*.txt"))
        )

    def _clear(self) -> None:
        """Removes results and manifest, and nothing else that may lie in the folder."""
        for folder in {*self.first_runs(), *(path.parent for path in self.folder.glob("*/error.txt"))}:
            shutil.rmtree(folder, ignore_errors=True)
        if not self.files.nested:
            for path in [*self.folder.glob("*.txt"), *self.folder.glob("times/*_time.txt")]:
                path.unlink()
        self._manifest_path.unlink(missing_ok=True)

    def first_runs(self) -> list[Path]:
        """Folders of sequences that have boxes, where each has a folder of its own."""
        return [path.parent for path in self.folder.glob("*/*_001.txt") if path.name == f"{path.parent.name}_001.txt"]

    def _check_identity(self, identity: dict[str, Any]) -> None:
        stored = self.identity()
        changed = sorted(key for key in {*stored, *identity} if stored.get(key) != identity.get(key))
        if changed:
            values = [str(each.get(changed[0])) for each in (stored, identity)]
            was, now = (value[:12] if len(value) == 64 else value for value in values)  # hashes are shortened
            raise EvaluationError(
                f"{self.folder} holds results of another run ({', '.join(changed)} changed; {changed[0]} was {was}, is "
                f"{now}); choose another --name or --results folder, or replace them with --restart"
            )


def find_store(folders: list[Path], files: FileNames = OWN_FILES) -> ResultStore:
    """The store of the first folder that has a manifest; of the first of all where none has.

    Args:
        folders: in which the results of one tracker on one benchmark may lie.
        files: as `ResultStore` takes them.
    """
    claimed = [folder for folder in folders if (folder / "manifest.json").is_file()]
    return ResultStore((claimed or folders)[0], files)


def software_versions() -> dict[str, str]:
    """Versions of what computes the boxes."""
    versions = {"dmtrack": __version__, "python": platform.python_version()}
    for package in ("torch", "torchvision", "numpy", "opencv-python"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "absent"
    return versions


def number_lines(values: ArrayLike, number_format: str) -> str:
    """A line per row, comma-separated."""
    rows = np.asarray(values).reshape(len(np.asarray(values)), -1)
    return "".join(",".join(number_format % value for value in row) + "\n" for row in rows)


def read_numbers(path: Path, columns: int | None = None) -> NDArray[np.float64]:
    """(lines, columns) of a result file.

    Args:
        path: of the file.
        columns: how many there must be; None takes any number.

    Raises:
        EvaluationError: it is missing or malformed; the message names the line.
    """
    if not path.is_file():
        raise EvaluationError(f"{path} cannot be read: there is no such file; run the tracker on that sequence")
    what = f"{columns or 1} comma-separated numbers per line, one line per frame"
    try:
        return read_rows(path, what, tuple(range(1, 100)) if columns is None else (columns,))
    except DataError as error:
        raise EvaluationError(f"{error}; run the tracker on that sequence again") from error
