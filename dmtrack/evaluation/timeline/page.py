"""The timeline as a page: the picture, and for every event the frame in which it happened."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from html import escape
from pathlib import Path

import numpy as np

from dmtrack.evaluation.demo_style import STYLE
from dmtrack.evaluation.timeline.picture import draw_timeline
from dmtrack.evaluation.timeline.record import Timeline
from dmtrack.files import write_bytes, write_text
from dmtrack.media.drawing import draw_box, draw_label
from dmtrack.media.images import Image

MOST_EVENTS = 40
"""Events with frames on the page; the picture numbers all of them."""

CHOSEN_RGB, TRUTH_RGB, OTHER_RGB = (213, 94, 0), (0, 170, 255), (170, 170, 170)
SHOWN_WIDTH = 520


def write_timeline(
    timeline: Timeline, folder: str | Path, read_frame: Callable[[int], Image] | None = None
) -> tuple[Path, Path]:
    """Writes `<name>.png` and `<name>.html`, which holds the picture and needs no other file.

    Args:
        timeline: what to show.
        folder: where to.
        read_frame: gives frame i, for the pictures of events; None leaves them out.

    Returns:
        Paths of picture and page.

    Raises:
        OutputError: the folder cannot be written.
    """
    figure = draw_timeline(timeline)
    png, svg = io.BytesIO(), io.StringIO()
    figure.savefig(png, format="png", dpi=130)
    figure.savefig(svg, format="svg")
    picture, page = Path(folder) / f"{timeline.name}.png", Path(folder) / f"{timeline.name}.html"
    write_bytes(picture, png.getvalue())
    write_text(page, _page(timeline, svg.getvalue(), read_frame))
    return picture, page


def _page(timeline: Timeline, svg: str, read_frame: Callable[[int], Image] | None) -> str:
    drawing = svg[svg.index("<svg") :]
    events = "".join(
        _event(number, frame, text, timeline, read_frame)
        for number, (frame, text) in enumerate(timeline.events[:MOST_EVENTS], start=1)
    )
    hidden = len(timeline.events) - MOST_EVENTS
    more = f"<p class='note'>{hidden} more events are in the picture alone.</p>" if hidden > 0 else ""
    body = (
        f"<header><h1>{escape(timeline.name)}</h1><p>{escape(_summary(timeline))}</p></header>"
        f"<section><div class='wide timeline'>{drawing}</div>"
        "<p class='note'>One line per tracklet, dark where its score is high; framed while it is the target. "
        "The margin is how much more likely the target's tracklet is than the next one in sight.</p></section>"
        f"<section><h2>What changed, and why</h2>{events or '<p>Nothing: one tracklet from the first frame on.</p>'}"
        f"{more}</section>"
    )
    extra = (
        ".timeline svg { width: 100%; min-width: 760px; height: auto; background: #fff; border-radius: 8px; }"
        ".event { display: grid; grid-template-columns: 1fr 1fr; gap: .75rem; margin: 0 0 1.5rem; }"
        ".event p { grid-column: 1 / -1; margin: 0; } .event img { width: 100%; border-radius: 8px; }"
    )
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="color-scheme" content="light dark">\n<title>{escape(timeline.name)}</title>\n'
        f"<style>\n{STYLE}{extra}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _summary(timeline: Timeline) -> str:
    changes = len(timeline.events)
    text = (
        f"{len(timeline)} frames, {changes} change{'' if changes == 1 else 's'} of the target's tracklet, "
        f"said absent in {int((~timeline.present).sum())} frames"
    )
    iou = timeline.truth_iou
    if np.isfinite(iou).any():
        text += f"; on the target (IoU of at least 0.5) in {np.mean(iou[np.isfinite(iou)] >= 0.5):.0%} of its frames"
    return text + "."


def _event(number: int, frame: int, text: str, timeline: Timeline, read_frame: Callable[[int], Image] | None) -> str:
    pictures = ""
    if read_frame is not None:
        shown = [index for index in (frame - 1, frame) if 0 <= index < len(timeline)]
        pictures = "".join(_picture(index, timeline, read_frame) for index in shown)
    return f"<div class='event'><p><b>{number}. Frame {frame}</b>: {escape(text)}</p>{pictures}</div>"


def _picture(frame: int, timeline: Timeline, read_frame: Callable[[int], Image]) -> str:
    import cv2

    image = np.ascontiguousarray(read_frame(frame)).copy()
    decision = timeline.decisions[frame]
    view = decision.tracklets
    if view is not None:
        for row in np.flatnonzero((view.unseen == 0) & (view.ids != decision.target_id)):
            draw_box(image, view.boxes_xywh[row], OTHER_RGB)
            draw_label(image, f"{view.ids[row]}", tuple(view.boxes_xywh[row, :2]), OTHER_RGB)
    if timeline.truth_xywh is not None and np.isfinite(timeline.truth_xywh[frame]).all():
        draw_box(image, timeline.truth_xywh[frame], TRUTH_RGB, dashed=True)
    draw_box(image, decision.box_xywh, CHOSEN_RGB)
    draw_label(image, f"{decision.target_id}  {decision.score:.2f}", tuple(decision.box_xywh[:2]), CHOSEN_RGB)
    height = round(image.shape[0] * SHOWN_WIDTH / image.shape[1])
    small = cv2.resize(image, (SHOWN_WIDTH, height), interpolation=cv2.INTER_AREA)
    encoded = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
    source = f"data:image/jpeg;base64,{base64.b64encode(encoded.tobytes()).decode()}"
    return f"<figure><img alt='frame {frame}' src='{source}'><figcaption>frame {frame}</figcaption></figure>"
