"""The timeline that the demo shows: of the sequence in which reasoning about look-alikes changed most."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from dmtrack.association.timeline import TimelineRecorder
from dmtrack.data.sequences import Sequence
from dmtrack.evaluation.report import Report
from dmtrack.pages.timeline.page import write_timeline
from dmtrack.running.trackers import TrackerChoice


def most_different(report: Report, tracker: str, rival: str) -> str:
    """The sequence in which the success of two trackers of a report differs most, whichever is the better one."""
    success = {
        score.tracker: {one.name: one.scores["success"] for one in score.sequences}
        for score in report.scores
        if score.tracker in (tracker, rival)
    }
    gaps = {name: abs(value - success[rival][name]) for name, value in success[tracker].items()}
    return max(gaps, key=lambda name: float(np.nan_to_num(gaps[name], nan=-1.0)))


def write_demo_timeline(choice: TrackerChoice, sequence: Sequence, folder: Path) -> tuple[Path, Path]:
    """Tracks a sequence once more, in this process, and writes why it went as it did.

    Args:
        choice: a tracker that gives decisions.
        sequence: with the truth.
        folder: where `timeline.png` and `timeline.html` go.
    """
    tracker: Any = choice.build()
    recorder = TimelineRecorder()
    for index, frame in enumerate(sequence.frames()):
        if index == 0:
            tracker.init(frame, sequence.boxes_xywh[0])
        else:
            tracker.step(frame)
        recorder.add(tracker.decisions[0], sequence.boxes_xywh[index])
    return write_timeline(recorder.timeline(sequence.name), folder, sequence.read_frame, stem="timeline")
