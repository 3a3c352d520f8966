"""The timeline as a page: the picture with a reading of every frame, and the frames in which something happened."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from dmtrack.association.timeline import Event, Snapshot, Timeline
from dmtrack.files import write_bytes, write_text
from dmtrack.media.images import Image
from dmtrack.pages.demo_style import STYLE
from dmtrack.pages.timeline.page_parts import EXTRA_STYLE, SCRIPT
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
    """Writes `<stem>.png` and `<stem>.html`, which holds the picture and needs no other file.

    Args:
        timeline: what to show.
        folder: where to.
        read_frame: gives frame i, for the pictures of events; without it, those that the timeline kept are shown.
        stem: of the files' names; the timeline's name where not given.

    Returns:
        Paths of picture and page.

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
    body = (
        f"<header><h1>{escape(timeline.name)}</h1><p>{escape(summary(timeline))}</p></header>"
        f"<section>{_reading(timeline)}<div class='wide'><div class='timeline'>"
        f"<img alt='timeline' src='{_source('png', png)}'><div id='cursor'></div></div></div>"
        "<p class='note'>One line per tracklet, darker for higher scores, in colour while it was the answer: orange, "
        "and red where the answer was wrong; a thin orange line while the target's tracklet is out of sight, and "
        "pale where the answer is a guess. The blue rule below a line: that tracklet really covers the target. The "
        "margin says how much more likely the target's tracklet is than the next one in sight (3 nats: twenty times); "
        "numbers are the changes below.</p></section>"
        f"{_losses(losses, timeline, read_frame)}"
        f"{_events(timeline, read_frame)}"
    )
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="color-scheme" content="light dark">\n<title>{escape(timeline.name)}</title>\n'
        f"<style>\n{STYLE}{EXTRA_STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n"
        f"<script>const timeline = {_data(timeline, losses)};\n{SCRIPT}</script>\n</body>\n</html>\n"
    )


def _reading(timeline: Timeline) -> str:
    last = len(timeline) - 1
    return (
        f"<form class='reading'><label>frame <input id='frame' type='number' min='0' max='{last}' value='0'></label>"
        f"<input id='slider' type='range' min='0' max='{last}' value='0' aria-label='frame'>"
        "<output id='says'></output></form>"
    )


def _data(timeline: Timeline, losses: list[Loss]) -> str:
    """What the page's script reads of every frame: JSON without NaN and infinity, safe inside a script."""

    def numbers(values: Any, digits: int) -> list[float | None]:
        return [round(float(value), digits) if np.isfinite(value) else None for value in values]

    content = {
        "span": AXES_SPAN,
        "targets": timeline.target_ids.tolist(),
        "answers": timeline.answer_ids.tolist(),
        "scores": numbers(timeline.scores, 3),
        "present": timeline.present.astype(int).tolist(),
        "margins": numbers(timeline.margins, 1),
        "iou": None if timeline.truth_xywh is None else numbers(timeline.truth_iou, 2),
        "events": [[event.frame, event.text] for event in timeline.events],
        "wrong": [[item.first, item.last, item.text] for item in losses],
    }
    return json.dumps(content, separators=(",", ":")).replace("<", "\\u003c")


def _losses(losses: list[Loss], timeline: Timeline, read_frame: ReadFrame | None) -> str:
    if timeline.truth_xywh is None:
        return ""
    if not losses:
        return "<section><h2>Where it was lost</h2><p>Nowhere for three frames in a row.</p></section>"
    shown = {item.first for item in sorted(losses, key=lambda loss: -loss.frames)[:MOST_LOSSES]}
    parts = []
    for item in losses:
        pictures = ""
        if read_frame is not None and item.first in shown:
            frames = [frame for frame in (item.first - 1, item.first) if frame >= 0]
            pictures = "".join(_taken(_at(timeline, frame), read_frame) for frame in frames)
        parts.append(
            f"<div class='event wrong'><p><b>Frames {item.first} to {item.last}</b>: {escape(item.text)}. "
            f"<span class='note'>{escape(item.ending)}.</span></p>{pictures}</div>"
        )
    return f"<section><h2>Where it was lost, and why</h2>{''.join(parts)}</section>"


def _events(timeline: Timeline, read_frame: ReadFrame | None) -> str:
    if not timeline.events:
        return "<section><h2>What changed</h2><p>Nothing: one tracklet from the first frame on.</p></section>"
    pictured: list[str] = []
    told: list[str] = []
    for number, event in enumerate(timeline.events, start=1):
        pictures = ""
        if len(pictured) < MOST_EVENTS:
            pictures = "".join(
                _taken(snapshot, read_frame) for snapshot in (event.before, event.after) if snapshot is not None
            )
        words = f"<p><b>{number}. Frame {event.frame}</b>: {escape(event.text)}{_turned(timeline, event)}</p>"
        (pictured if pictures else told).append(f"<div class='event'>{words}{pictures}</div>")
    rest = f"<h2>Other changes</h2>{''.join(told)}" if pictured and told else "".join(told)
    return f"<section><h2>What changed, and why</h2>{''.join(pictured)}{rest}</section>"


def _turned(timeline: Timeline, event: Event) -> str:
    """What the change did to the answer, where the truth is known."""
    iou = timeline.truth_iou
    if not 0 < event.frame < len(timeline) or not np.isfinite(iou[[event.frame - 1, event.frame]]).all():
        return ""
    before, after = (bool(value >= 0.5) for value in iou[[event.frame - 1, event.frame]])
    words = {
        (True, False): "<b class='bad'>from right to wrong</b>",
        (False, True): "<b class='good'>from wrong to right</b>",
        (True, True): "right before and after",
        (False, False): "wrong before and after",
    }
    return f" &mdash; {words[before, after]}"


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


def _taken(snapshot: Snapshot, read_frame: ReadFrame | None) -> str:
    if read_frame is None and snapshot.jpeg is None:
        return ""
    jpeg = photograph(replace(snapshot, jpeg=None) if read_frame is not None else snapshot, read_frame)
    who = f"frame {snapshot.frame}: tracklet {snapshot.answer_id}, score {snapshot.score:.2f}"
    said = "" if snapshot.present else ", said absent"
    return (
        f"<figure><img alt='frame {snapshot.frame}' src='{_source('jpeg', jpeg)}'>"
        f"<figcaption>{who}{said}</figcaption></figure>"
    )


def _source(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
