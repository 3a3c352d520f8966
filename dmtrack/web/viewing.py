"""Stored results of trackers on the page: the truth and all boxes, the worst sequences and stretches first."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from dmtrack.data.sequences import Image, Sequence
from dmtrack.errors import MediaError
from dmtrack.evaluation.measures.one_pass import overlaps
from dmtrack.evaluation.results import SequenceResult, TrackerResults
from dmtrack.web.project import Project
from dmtrack.web.targets import NotFoundError, Target

VIEW = "view-"
"""Begins the ids of projects that show stored results."""


class SequenceFrames(AbstractContextManager["SequenceFrames"]):
    """The frames of a sequence of a benchmark, as `RandomFrames` are those of a video."""

    def __init__(self, sequence: Sequence) -> None:
        self._sequence, self._turn = sequence, threading.Lock()

    def read(self, number: int, overtaken: Callable[[], bool] = bool) -> Image:
        """Frame `number`.

        Raises:
            MediaError: there is no such frame, or it does not decode.
        """
        if not 0 <= number < len(self._sequence):
            raise MediaError(f"{self._sequence.name} has no frame {number}: it has {len(self._sequence)}")
        with self._turn:
            return self._sequence.read_frame(number)

    def key_frame(self, number: int) -> int:
        """Every image is one."""
        return number

    def close(self) -> None:
        """Nothing stays open."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class StoredResults:
    """Sequences with the results of trackers on them.

    Args:
        sequences: with truth and images.
        trackers: their results.
        stride: every how many frames of the benchmark the sequences have.
    """

    def __init__(self, sequences: Collection[Sequence], trackers: Collection[TrackerResults], stride: int = 1) -> None:
        self._trackers, self._stride = list(trackers), stride
        self._sequences = {
            f"{VIEW}{number}": sequence
            for number, sequence in enumerate(sequences)
            if any(sequence.name in tracker.results for tracker in trackers)
        }

    def list_sequences(self) -> list[dict[str, Any]]:
        """Sequences and the mean overlap of every tracker where the target is seen, the worst of any tracker first."""
        found = []
        for view, sequence in self._sequences.items():
            scores = {}
            for tracker in self._trackers:
                if sequence.name in tracker.results:
                    rows = _rows(sequence, tracker.results[sequence.name])
                    scores[tracker.name] = round(float(np.nanmean(rows[sequence.present, 4])), 3)
            found.append({"id": view, "name": sequence.name, "frames": len(sequence), "overlaps": scores})
        return sorted(found, key=lambda one: min(one["overlaps"].values()))

    def open(self, view: str) -> tuple[Project, SequenceFrames]:
        """A sequence as a project that cannot be changed: the first target is the truth, the others are trackers.

        Raises:
            NotFoundError: there is no such sequence.
        """
        if view not in self._sequences:
            raise NotFoundError(f"there is no stored result {view!r}")
        sequence = self._sequences[view]
        size_wh = sequence.video.size_wh()
        name = sequence.name if self._stride == 1 else f"{sequence.name} (every {self._stride}. frame of it)"
        project = Project(Path(view), sequence.name, len(sequence), None, size_wh, "", read_only=True, name=name)
        truth = np.full((len(sequence), 7), math.nan, np.float32)
        truth[sequence.present, :4], truth[sequence.present, 4:6] = sequence.boxes_xywh[sequence.present], 1.0
        project.targets[1] = Target(1, "truth", truth)
        for number, tracker in enumerate(self._trackers, start=2):
            if sequence.name in tracker.results:
                project.targets[number] = Target(number, tracker.name, _rows(sequence, tracker.results[sequence.name]))
        return project, SequenceFrames(sequence)


def _rows(sequence: Sequence, result: SequenceResult) -> np.ndarray:
    """(frames, 7): box, overlap with the truth in place of a score, presence; where the target is absent, 1 for a
    tracker that says so and 0 for one that does not, and NaN for one that never says anything about it.
    """
    rows = np.full((len(sequence), 7), math.nan, np.float32)
    rows[:, :4] = result.boxes_xywh
    said = np.ones(len(sequence), bool) if result.present is None else np.asarray(result.present, bool)
    right_about_absence = math.nan if result.present is None else (~said).astype(np.float32)
    with_truth = np.nan_to_num(overlaps(result.boxes_xywh, sequence.boxes_xywh))
    rows[:, 4] = np.where(sequence.present, with_truth, right_about_absence)
    rows[:, 5] = said
    return rows
