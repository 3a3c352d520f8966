"""The timeline as a page: the picture with a reading of every frame, and the frames in which something happened."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmtrack.association.timeline import MOST_SAMPLES, Event, Snapshot, Timeline
from dmtrack.files import json_value, write_bytes, write_text
from dmtrack.media.images import Image
from dmtrack.pages.shell import data_uri, render
from dmtrack.pages.timeline.photographs import photograph
from dmtrack.pages.timeline.picture import AXES_SPAN, draw_timeline
from dmtrack.pages.timeline.reasons import Loss, losses_of, summary

MOST_EVENTS = 30
"""Events with frames on the page; the rest is in its list."""

MOST_LOSSES = 12
"""Losses with frames on the page, the longest ones."""

ReadFrame = Callable[[int], Image]


def write_timeline(
    timeline: Timeline, folder: str | Path, read_frame: ReadFrame | None = None, stem: str | None = None
) -> tuple[Path, Path]:
    """Writes `<stem>.png` and `<stem>.html`, which holds the picture and needs no other file; gives both paths.

    Args:
        timeline: what to show.
        folder: where to.
        read_frame: gives frame i, for the pictures of events; without it, those that the timeline kept are shown.
        stem: of the files' names; the timeline's name where not given.

    Raises:
        OutputError: the folder cannot be written.
    """
    name = stem or timeline.name
    picture, page = Path(folder) / f"{name}.png", Path(folder) / f"{name}.html"
    write_bytes(picture, _png(timeline, words=True))
    write_text(page, _page(timeline, _png(timeline, words=False), read_frame))
    return picture, page


def _png(timeline: Timeline, words: bool) -> bytes:
    drawn = io.BytesIO()
    draw_timeline(timeline, words).savefig(drawn, format="png", dpi=130)
    return drawn.getvalue()


def _page(timeline: Timeline, png: bytes, read_frame: ReadFrame | None) -> str:
    losses = losses_of(timeline)
    pictured, told = _events(timeline, read_frame)
    return render(
        "timeline.html",
        title=timeline.name,
        summary=summary(timeline),
        view=timeline.view,
        last=len(timeline) - 1,
        picture=data_uri("image/png", png),
        losses=None if timeline.truth_xywh is None else _losses(losses, timeline, read_frame),
        pictured=pictured,
        told=told,
        samples=_samples(timeline, read_frame) if not pictured else [],
        data=_data(timeline, losses),
    )


def _data(timeline: Timeline, losses: list[Loss]) -> dict[str, Any]:
    """What the page's script reads of every frame."""

    def numbers(values: NDArray[np.float64], digits: int) -> Any:
        return json_value([round(value, digits) for value in values.tolist()])

    return {
        "span": AXES_SPAN,
        "targets": timeline.target_ids.tolist(),
        "answers": timeline.answer_ids.tolist(),
        "scores": numbers(timeline.scores, 3),
        "present": timeline.present.astype(int).tolist(),
        "unit": timeline.view.unit,
        "margins": numbers(timeline.margins, 1 if timeline.view.limit > 10 else 2),
        "iou": None if timeline.truth_xywh is None else numbers(timeline.truth_iou, 2),
        "events": [[event.frame, event.text] for event in timeline.events],
        "wrong": [[item.first, item.last, item.text] for item in losses],
    }


def _losses(losses: list[Loss], timeline: Timeline, read_frame: ReadFrame | None) -> list[dict[str, Any]]:
    shown = {item.first for item in sorted(losses, key=lambda loss: -loss.frames)[:MOST_LOSSES]}
    found = []
    for item in losses:
        frames = [frame for frame in (item.first - 1, item.first) if frame >= 0 and item.first in shown]
        taken = [] if read_frame is None else [_taken(_at(timeline, frame), read_frame) for frame in frames]
        found.append({**vars(item), "pictures": taken})
    return found


def _events(timeline: Timeline, read_frame: ReadFrame | None) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The events with pictures, and those without."""
    pictured: list[dict[str, Any]] = []
    told: list[dict[str, Any]] = []
    for number, event in enumerate(timeline.events, start=1):
        turned_to, turned = _turned(timeline, event)
        pictures = [
            _taken(snapshot, read_frame)
            for snapshot in (event.before, event.after)
            if len(pictured) < MOST_EVENTS
            and snapshot is not None
            and (read_frame is not None or snapshot.jpeg is not None)
        ]
        item = {"number": number, "frame": event.frame, "text": event.text, "turned_to": turned_to, "turned": turned}
        (pictured if pictures else told).append({**item, "pictures": pictures})
    return pictured, told


def _samples(timeline: Timeline, read_frame: ReadFrame | None) -> list[dict[str, Any]]:
    """A few frames, evenly spread, for a page without pictures of changes."""
    if read_frame is None:
        return [_taken(kept, None) for _, kept in sorted(timeline.snapshots.items()) if kept.jpeg is not None]
    frames = np.unique(np.linspace(0, len(timeline) - 1, MOST_SAMPLES).astype(int))
    return [_taken(_at(timeline, int(frame)), read_frame) for frame in frames]


def _turned(timeline: Timeline, event: Event) -> tuple[str, str]:
    """What the change did to the answer, where the truth is known: "good", "bad" or "", and words."""
    iou = timeline.truth_iou
    if not 0 < event.frame < len(timeline) or not np.isfinite(iou[[event.frame - 1, event.frame]]).all():
        return "", ""
    before, after = (bool(value >= 0.5) for value in iou[[event.frame - 1, event.frame]])
    words = {
        (True, False): ("bad", "from right to wrong"),
        (False, True): ("good", "from wrong to right"),
        (True, True): ("", "right before and after"),
        (False, False): ("", "wrong before and after"),
    }
    return words[before, after]


def _at(timeline: Timeline, frame: int) -> Snapshot:
    """What can be drawn of any frame: the answer and the truth, and all tracklets where they were kept."""
    for event in timeline.events:
        for kept in (event.before, event.after):
            if kept is not None and kept.frame == frame:
                return kept
    if frame in timeline.snapshots:
        return timeline.snapshots[frame]
    nothing = np.zeros(0)
    truth = None if timeline.truth_xywh is None else timeline.truth_xywh[frame]
    return Snapshot(
        frame,
        timeline.boxes_xywh[frame],
        float(timeline.scores[frame]),
        bool(timeline.present[frame]),
        int(timeline.target_ids[frame]),
        int(timeline.answer_ids[frame]),
        np.zeros(0, np.int64),
        np.zeros((0, 4)),
        nothing,
        nothing,
        None if truth is None or np.isnan(truth).any() else truth,
    )


def _taken(snapshot: Snapshot, read_frame: ReadFrame | None) -> dict[str, Any]:
    jpeg = photograph(replace(snapshot, jpeg=None) if read_frame is not None else snapshot, read_frame)
    said = "" if snapshot.present else ", said absent"
    return {
        "frame": snapshot.frame,
        "uri": data_uri("image/jpeg", jpeg),
        "caption": f"frame {snapshot.frame}: tracklet {snapshot.answer_id}, score {snapshot.score:.2f}{said}",
    }
