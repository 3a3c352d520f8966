"""Timelines of the targets of one run, recorded while it goes on."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from dmtrack.association.timeline import TimelineRecorder
from dmtrack.media.images import Image, encode_jpeg
from dmtrack.pages.timeline.page import write_timeline
from dmtrack.running.replay import shown_view
from dmtrack.tracking.base import Tracker


class TrackTimelines:
    """Collects the timelines of all targets; memory grows by a few hundred bytes per frame and target.

    Args:
        tracker: with an `association` and its `decisions`.
        targets: how many there are.

    Raises:
        EvaluationError: the tracker's policy keeps no tracklets, or it has none.
    """

    def __init__(self, tracker: Tracker, targets: int) -> None:
        association = getattr(tracker, "association", None)
        view = shown_view(None if association is None else association.timeline_view, tracker.name)
        self._tracker: Any = tracker
        self._recorders = [TimelineRecorder(view, most_pictures=60) for _ in range(targets)]

    def add(self, frame: Image) -> None:
        """What was decided in a frame, which is compressed only if something happened in it or in the next one."""
        # Two targets with an event in one frame share its JPEG.
        encode = functools.cache(functools.partial(encode_jpeg, frame))
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
        paths: list[Path] = []
        several = len(self._recorders) > 1
        for number, recorder in enumerate(self._recorders, start=1):
            if len(recorder):
                heading, stem = (f"{name}, target {number}", f"timeline-{number}") if several else (name, "timeline")
                paths += write_timeline(recorder.timeline(heading), folder, stem=stem)
        return paths
