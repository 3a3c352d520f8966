"""Files of results as the got10k toolkit lays them out; what is complete has its file of boxes."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmtrack.data.sources.annotations import read_rows
from dmtrack.errors import DataError, EvaluationError
from dmtrack.evaluation.results import BOX_DECIMALS, SequenceResult
from dmtrack.files import write_text

_BOXES = "a line x,y,w,h per frame"
_SECONDS = "the seconds of each frame"


def number_lines(values: ArrayLike, decimals: int) -> str:
    """A line per row, comma-separated."""
    table = np.asarray(values, dtype=np.float64)
    return "".join(
        ",".join(f"{value:.{decimals}f}" for value in row) + "\n" for row in table.reshape(len(table), -1).tolist()
    )


def read_table(path: Path, what: str, columns: tuple[int, ...]) -> NDArray[np.float64]:
    """Numbers of a result file.

    Raises:
        EvaluationError: missing or malformed; the message names the line.
    """
    try:
        return read_rows(path, what, columns)
    except DataError as error:
        raise EvaluationError(f"{error}; run the tracker on that sequence again") from error


class Records(ABC):
    """Results of trackers on the sequences of a benchmark.

    Args:
        folder: `<results>/<benchmark>`.
        label: name of a sequence in the files.
    """

    def __init__(self, folder: Path, label: Callable[[str], str] = str) -> None:
        self.folder = folder
        self.label = label

    @abstractmethod
    def boxes_path(self, tracker: str, sequence: str, repetition: int) -> Path:
        """The file of boxes of one repetition, counted from 1."""

    @abstractmethod
    def seconds_path(self, tracker: str, sequence: str) -> Path:
        """The file of times."""

    @abstractmethod
    def count(self, tracker: str, sequence: str) -> int:
        """How many repetitions are stored, from the first one on."""

    def exists(self, tracker: str, sequence: str, repetition: int = 1) -> bool:
        """Whether a repetition is stored."""
        return self.boxes_path(tracker, sequence, repetition).is_file()

    def write(self, tracker: str, sequence: str, repetition: int, result: SequenceResult) -> None:
        """Stores a repetition, the boxes last.

        Raises:
            OutputError: the files cannot be written.
        """
        if result.seconds is not None:
            self._write_seconds(tracker, sequence, repetition, result.seconds)
        write_text(self.boxes_path(tracker, sequence, repetition), number_lines(result.boxes_xywh, BOX_DECIMALS))

    def read(self, tracker: str, sequence: str) -> list[SequenceResult]:
        """All repetitions of a sequence, at least one.

        Raises:
            EvaluationError: there is none, or a file is malformed.
        """
        count = self.count(tracker, sequence)
        if not count:
            raise EvaluationError(
                f"{self.boxes_path(tracker, sequence, 1)} is missing: {tracker!r} has no result of sequence "
                f"{sequence!r}; run it first, or report without that tracker"
            )
        path = self.seconds_path(tracker, sequence)
        # A column per repetition; MATLAB and got10k write NaN where the tracker did not run.
        seconds = read_table(path, _SECONDS, tuple(range(1, 100))) if path.is_file() else None
        results = []
        for repetition in range(1, count + 1):
            boxes = read_table(self.boxes_path(tracker, sequence, repetition), _BOXES, (4,))
            known = seconds is not None and seconds.shape[1] >= repetition and len(seconds) == len(boxes)
            results.append(SequenceResult(boxes, seconds[:, repetition - 1] if known and seconds is not None else None))
        return results

    def same_so_far(self, tracker: str, sequence: str) -> bool:
        """Whether three repetitions or more are stored and all are the same."""
        count = self.count(tracker, sequence)
        texts = {self.boxes_path(tracker, sequence, number).read_bytes() for number in range(1, count + 1)}
        return count >= 3 and len(texts) == 1

    def _write_seconds(self, tracker: str, sequence: str, repetition: int, seconds: NDArray[np.float64]) -> None:
        path = self.seconds_path(tracker, sequence)
        columns = seconds.reshape(-1, 1)
        if repetition > 1 and path.is_file():
            before = read_table(path, _SECONDS, tuple(range(1, 100)))[:, : repetition - 1]
            if len(before) == len(columns):
                columns = np.concatenate([before, columns], axis=1)
        write_text(path, number_lines(columns, 8))


class FlatRecords(Records):
    """`<tracker>/<sequence>.txt` and `<tracker>/times/<sequence>_time.txt`: OTB, UAV123, LaSOT, TrackingNet."""

    def boxes_path(self, tracker: str, sequence: str, repetition: int = 1) -> Path:
        """The file of boxes; there is one repetition."""
        return self.folder / tracker / f"{self.label(sequence)}.txt"

    def seconds_path(self, tracker: str, sequence: str) -> Path:
        """The file of times."""
        return self.folder / tracker / "times" / f"{self.label(sequence)}_time.txt"

    def count(self, tracker: str, sequence: str) -> int:
        """0 or 1."""
        return int(self.exists(tracker, sequence))


class RepeatedRecords(Records):
    """`<tracker>/<sequence>/<sequence>_001.txt` and `<sequence>_time.txt` with a column per repetition: GOT-10k.

    Args:
        folder: `<results>/<benchmark>`.
        kind: folder between tracker and sequence, where there is one ("baseline").
    """

    def __init__(self, folder: Path, kind: str = "") -> None:
        super().__init__(folder)
        self.kind = kind

    def boxes_path(self, tracker: str, sequence: str, repetition: int) -> Path:
        """The file of one repetition."""
        return self.folder / tracker / self.kind / sequence / f"{sequence}_{repetition:03d}.txt"

    def seconds_path(self, tracker: str, sequence: str) -> Path:
        """The file of times."""
        return self.folder / tracker / self.kind / sequence / f"{sequence}_time.txt"

    def count(self, tracker: str, sequence: str) -> int:
        """How many repetitions are stored."""
        folder = self.folder / tracker / self.kind / sequence
        stored = {path.name for path in folder.glob("*_[0-9][0-9][0-9].txt")}
        numbers = {int(found.group(1)) for name in stored if (found := re.search(r"_(\d{3})\.txt$", name))}
        count = 0
        while count + 1 in numbers:
            count += 1
        return count
