"""Where results lie: got10k's layout with times, scores and presence, and a manifest that says whose results they are.

    <folder>/manifest.json                         what produced the results
    <folder>/<sequence>/<sequence>_001.txt         one box per frame: left,top,width,height
    <folder>/<sequence>/<sequence>_time.txt        seconds per frame
    <folder>/<sequence>/<sequence>_score.txt       score per frame, where the tracker gives one
    <folder>/<sequence>/<sequence>_present.txt     1 or 0 per frame, where the tracker gives it
    <folder>/<sequence>/error.txt                  why the sequence has no result

The folder is the tracker's: `<results>/<tracker>`. Every file appears complete or not at all, and the boxes come last,
so that a sequence with boxes has everything.
"""

from __future__ import annotations

import datetime
import json
import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmtrack import __version__
from dmtrack.boxes import Boxes
from dmtrack.data.sequences import Sequence
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.measures.trajectory import Trajectory
from dmtrack.files import check_writable_folder, write_json, write_text

BOX_DECIMALS = 3


@dataclass(frozen=True)
class SequenceResult:
    """What a tracker did on one sequence.

    Attributes:
        boxes_xywh: (frames, 4) float64; the first row is the given box.
        seconds: (frames,) time of `init` and of each update, reading of the frame excluded; None where not recorded.
        scores: (frames,) in [0, 1], or None.
        present: (frames,) bool, or None.
    """

    boxes_xywh: Boxes
    seconds: NDArray[np.float64] | None = None
    scores: NDArray[np.float64] | None = None
    present: NDArray[np.bool_] | None = None


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
        trajectories: of VOT results, one per repetition, by sequence.
    """

    name: str
    results: Mapping[str, SequenceResult]
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    frames: Mapping[str, range] = field(default_factory=dict)
    trajectories: Mapping[str, tuple[Trajectory, ...]] = field(default_factory=dict)

    def covered(self, sequence: Sequence) -> range:
        """The frames of the sequence that its result covers."""
        return self.frames.get(sequence.name, range(len(sequence)))

    def cut(self, sequence: Sequence) -> Sequence:
        """The sequence with the frames that its result covers."""
        frames = self.frames.get(sequence.name)
        return sequence if frames is None else sequence.take(slice(frames.start, frames.stop))


class ResultStore:
    """The results of one tracker on one set of sequences."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

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
        if self._manifest_path.exists():
            self._check_identity(json.loads(json.dumps(identity)))
            return
        if self._holds_results():
            raise EvaluationError(
                f"{self.folder} holds results without a manifest.json, so nobody knows what made them; "
                "choose another --results folder, or remove them with --restart"
            )
        manifest = {
            "format": 1,
            "identity": dict(identity),
            "details": dict(details or {}),
            "software": software_versions(),
            "created": _now(),
        }
        write_json(self._manifest_path, manifest)

    def manifest(self) -> dict[str, Any]:
        """The manifest, empty where there is none (results of other tools).

        Raises:
            EvaluationError: it is no JSON object.
        """
        if not self._manifest_path.exists():
            return {}
        try:
            content = json.loads(self._manifest_path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise EvaluationError(
                f"{self._manifest_path} cannot be read: {error}; remove its folder and run again"
            ) from error
        if not isinstance(content, dict):
            raise EvaluationError(f"{self._manifest_path} holds no JSON object; remove its folder and run again")
        return content

    def provenance(self) -> dict[str, Any]:
        """What the manifest says of the run: its identity, details and software; empty where there is none."""
        manifest = self.manifest()
        software = {"software": manifest.get("software", {})} if manifest else {}
        return {**manifest.get("details", {}), **manifest.get("identity", {}), **software}

    def has(self, sequence: Sequence) -> bool:
        """Whether the sequence is done.

        Raises:
            EvaluationError: a result of that name exists, but is of another sequence: its number of boxes differs from
                the number of frames, or its first box from the true one.
        """
        path = self._path(sequence.name, "001")
        if not path.exists():
            return False
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
        if result.scores is not None:
            write_text(self._path(name, "score"), _lines(result.scores, "%.6f"))
        if result.present is not None:
            write_text(self._path(name, "present"), _lines(result.present, "%d"))
        if result.seconds is not None:
            write_text(self._path(name, "time"), _lines(result.seconds, "%.8f"))
        write_text(self._path(name, "001"), _lines(result.boxes_xywh, f"%.{BOX_DECIMALS}f"))
        (self.folder / name / "error.txt").unlink(missing_ok=True)

    def write_failure(self, name: str, reason: str) -> None:
        """Notes why a sequence has no result."""
        write_text(self.folder / name / "error.txt", reason.rstrip() + "\n")

    def read(self, name: str) -> SequenceResult:
        """The stored result of a sequence, in whatever got10k-layout folder.

        Raises:
            EvaluationError: it is missing or malformed.
        """
        boxes = _read_numbers(self._path(name, "001"), columns=4)
        columns: dict[str, NDArray[np.float64] | None] = {}
        for kind in ("time", "score", "present"):
            path = self._path(name, kind)
            # got10k appends one column of times per repetition; the first belongs to the boxes that are read.
            columns[kind] = _read_numbers(path)[:, 0] if path.exists() else None
            values = columns[kind]
            if values is not None and len(values) != len(boxes):
                raise EvaluationError(
                    f"{path}: {len(values)} lines for {len(boxes)} boxes; remove its folder and run again"
                )
        present = columns["present"]
        return SequenceResult(boxes, columns["time"], columns["score"], None if present is None else present > 0.5)

    def exists(self, name: str) -> bool:
        """Whether a result of that name is there, of whatever sequence."""
        return self._path(name, "001").exists()

    def _clear(self) -> None:
        """Removes results and manifest, and nothing else that may lie in the folder."""
        for marker in [*self.folder.glob("*/*_001.txt"), *self.folder.glob("*/error.txt")]:
            if marker.name in (f"{marker.parent.name}_001.txt", "error.txt"):
                shutil.rmtree(marker.parent, ignore_errors=True)
        self._manifest_path.unlink(missing_ok=True)

    @property
    def _manifest_path(self) -> Path:
        return self.folder / "manifest.json"

    def _path(self, name: str, kind: str) -> Path:
        return self.folder / name / f"{name}_{kind}.txt"

    def _holds_results(self) -> bool:
        if not self.folder.is_dir():
            return False
        return self._manifest_path.exists() or any(self.folder.glob("*/*_001.txt"))

    def _check_identity(self, identity: dict[str, Any]) -> None:
        stored = self.manifest().get("identity")
        stored = stored if isinstance(stored, dict) else {}
        changed = sorted(key for key in {*stored, *identity} if stored.get(key) != identity.get(key))
        if changed:
            was, now = (_short(values.get(changed[0])) for values in (stored, identity))
            raise EvaluationError(
                f"{self.folder} holds results of another run ({', '.join(changed)} changed; {changed[0]} was {was}, is "
                f"{now}); choose another --name or --results folder, or replace them with --restart"
            )


def software_versions() -> dict[str, str]:
    """Versions of what computes the boxes."""
    packages = {name: _version(name) for name in ("torch", "torchvision", "numpy", "opencv-python")}
    return {"dmtrack": __version__, "python": platform.python_version(), **packages}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _lines(values: ArrayLike, number_format: str) -> str:
    rows = np.asarray(values).reshape(len(np.asarray(values)), -1)
    return "".join(",".join(number_format % value for value in row) + "\n" for row in rows)


def _read_numbers(path: Path, columns: int | None = None) -> NDArray[np.float64]:
    try:
        table = np.loadtxt(path, delimiter=",", ndmin=2)
    except OSError as error:
        raise EvaluationError(
            f"{path} cannot be read: {error.strerror or error}; run the tracker on that sequence"
        ) from error
    except ValueError as error:
        raise EvaluationError(f"{path} holds something else than comma-separated numbers: {error}") from error
    if table.size == 0 or (columns is not None and table.shape[1] != columns):
        raise EvaluationError(f"{path}: expected {columns or 1} comma-separated numbers per line, one line per frame")
    return np.asarray(table, dtype=np.float64)


def _short(value: Any) -> str:
    text = str(value)
    return text[:12] if len(text) == 64 else text


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
