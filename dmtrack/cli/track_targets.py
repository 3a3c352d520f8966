"""The targets of `dmtrack track`: one, or several on one pass through the network, and the timelines of them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dmtrack.boxes import check_distinct_xywh
from dmtrack.errors import DMTrackError, EvaluationError
from dmtrack.media.drawing import TARGETS_RGB, annotate
from dmtrack.media.images import Image
from dmtrack.tracking.base import Tracker, TrackResult


class Targets:
    """The targets of one run.

    Args:
        tracker: follows them; for several it needs `init_targets` and `step_targets`.
        boxes_xywh: of the first frame, inside it.

    Raises:
        BoxError: two targets have the same box.
        DMTrackError: several targets, and the tracker follows only one.
    """

    def __init__(self, tracker: Tracker, boxes_xywh: Sequence[tuple[float, ...]]) -> None:
        self.boxes_xywh = tuple(boxes_xywh)
        self._tracker = tracker
        check_distinct_xywh(self.boxes_xywh)
        if len(self) > 1 and not hasattr(tracker, "step_targets"):
            raise DMTrackError(
                f"{tracker.name} follows one target at a time, and {len(self)} boxes were given; run it once per box, "
                "or use a config of a GlobalSearchTracker or ReIDTracker"
            )

    def __len__(self) -> int:
        return len(self.boxes_xywh)

    def init(self, frame: Image) -> list[TrackResult]:
        """The first frame; its answers are the given boxes."""
        if len(self) > 1:
            self._several.init_targets(frame, np.array(self.boxes_xywh))
        else:
            self._tracker.init(frame, self.boxes_xywh[0])
        return [TrackResult(np.array(box), 1.0, True) for box in self.boxes_xywh]

    def step(self, frame: Image) -> list[TrackResult]:
        """The next frame, one answer per target."""
        return list(self._several.step_targets(frame)) if len(self) > 1 else [self._tracker.step(frame)]

    @property
    def _several(self) -> Any:
        return self._tracker

    def annotate(self, frame: Image, results: Sequence[TrackResult]) -> Image:
        """A copy of the frame with all answers on it, each target in its colour."""
        image = frame
        for number, result in enumerate(results):
            name = "target" if len(self) == 1 else f"target {number + 1}"
            colour = TARGETS_RGB[number % len(TARGETS_RGB)]
            image = annotate(image, result.box_xywh, result.score, result.present, name=name, colour=colour)
        return image

    def metadata(self) -> dict[str, Any]:
        """The given boxes."""
        if len(self) == 1:
            return {"first_box_xywh": list(self.boxes_xywh[0])}
        return {"first_boxes_xywh": [list(box) for box in self.boxes_xywh]}


class TrackTimelines:
    """Collects the timelines of all targets; memory grows by a few hundred bytes per frame and target.

    Args:
        tracker: gives `decisions`.
        targets: how many there are.

    Raises:
        EvaluationError: the tracker gives no decisions.
    """

    def __init__(self, tracker: Tracker, targets: int) -> None:
        # Only --timeline pays for these imports.
        from dmtrack.association.timeline import TimelineRecorder
        from dmtrack.running.replay import no_timeline

        if not hasattr(tracker, "decisions"):
            raise EvaluationError(no_timeline(tracker.name))
        self._tracker: Any = tracker
        self._recorders = [TimelineRecorder(most_pictures=60) for _ in range(targets)]

    def add(self, frame: Image) -> None:
        """What was decided in a frame, which is compressed only if something happened in it or in the next one."""
        from dmtrack.pages.timeline.photographs import encode_frame

        # Two targets with an event in one frame share its JPEG.
        encode = functools.cache(functools.partial(encode_frame, frame))
        for recorder, decision in zip(self._recorders, self._tracker.decisions, strict=True):
            recorder.add(decision, encode=encode)

    def events(self) -> list[dict[str, Any]]:
        """What changed, as `boxes.json` keeps it."""
        return [
            {"frame": event.frame, "target": number, "text": event.text}
            for number, recorder in enumerate(self._recorders, start=1)
            for event in recorder.events
        ]

    def write(self, folder: Path, name: str) -> list[Path]:
        """Writes `timeline.png` and `timeline.html`; with several targets, `timeline-1.png` and so on.

        Args:
            folder: where to.
            name: of the source, for the headings.
        """
        from dmtrack.pages.timeline.page import write_timeline

        paths: list[Path] = []
        several = len(self._recorders) > 1
        for number, recorder in enumerate(self._recorders, start=1):
            if len(recorder):
                heading, stem = (f"{name}, target {number}", f"timeline-{number}") if several else (name, "timeline")
                paths += write_timeline(recorder.timeline(heading), folder, stem=stem)
        return paths
