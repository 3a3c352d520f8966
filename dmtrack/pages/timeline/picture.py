"""The timeline as a picture: who was seen and who was the answer above, how sure and how right below."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dmtrack.association.timeline import Timeline
from dmtrack.pages.timeline.lanes import Columns, Lane, lanes_of
from dmtrack.pages.timeline.reasons import losses_of, runs, summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CHOSEN, WRONG, TRUTH, ABSENT, OTHER = "#e69f00", "#b3001b", "#0072b2", "#9aa3ab", "#41566b"
MOST_WORDS = 14
"""Lines of words below a picture."""

_INCHES_WIDE, _LEFT, _RIGHT = 13.0, 1.35, 1.55
"""Width of the figure, and what stands at the left and right of the axes in it."""

AXES_SPAN = (_LEFT / _INCHES_WIDE, 1 - _RIGHT / _INCHES_WIDE)
"""Where the axes begin and end, as shares of the width: the page puts its cursor there."""

_LANE, _ANSWER, _MARGIN, _GAP, _TOP, _BOTTOM, _LINE = 0.27, 1.25, 0.8, 0.16, 0.95, 0.5, 0.19


@dataclass(frozen=True)
class _Moment:
    """Something that gets a number: a frame and words, red where a loss begins."""

    frame: int
    text: str
    wrong: bool


def draw_timeline(timeline: Timeline, words: bool = True) -> Figure:
    """A figure of one sequence, of bounded size for any length; `words` lists losses and changes below.

    First line: the answers, orange where they are right or the truth is unknown, red where the target is there and the
    answer is elsewhere, gray where the target was said to be absent. Then one line per tracklet, darker for higher
    scores, in those colours while it was the answer, pale where that was a guess at a target said to be absent; thin
    and orange while the target's tracklet is out of sight; blue below a line: that tracklet covers the true target.
    Under it the score and the overlap with the truth, and the margin over the runner-up. Numbers are changes of the
    target's tracklet.
    """
    from matplotlib.figure import Figure

    lanes = lanes_of(timeline.sightings, timeline.target_ids)
    moments = _moments(timeline) if words else []
    lines = [
        (line, moment.wrong)
        for moment in moments
        for line in textwrap.wrap(moment.text, 190, subsequent_indent="      ")
    ]
    rows = len(lanes) + 1
    heights = [rows * _LANE, _ANSWER, _MARGIN]
    total = _TOP + sum(heights) + 2 * _GAP + _BOTTOM + (_LINE * (len(lines) + 0.8) if lines else 0.0)
    figure = Figure(figsize=(_INCHES_WIDE, total))
    edges = np.cumsum([_TOP, heights[0], _GAP, heights[1], _GAP, heights[2]])
    boxes = [(edges[1], heights[0]), (edges[3], heights[1]), (edges[5], heights[2])]
    top, middle, bottom = (
        figure.add_axes((AXES_SPAN[0], 1 - lower / total, AXES_SPAN[1] - AXES_SPAN[0], height / total))
        for lower, height in boxes
    )
    columns = Columns(len(timeline))
    _draw_lanes(top, timeline, lanes, columns)
    _draw_answers(middle, timeline, columns)
    _draw_margins(bottom, timeline, columns)
    for axes in (top, middle, bottom):
        axes.set_xlim(-0.5, len(timeline) - 0.5)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelbottom=axes is bottom, labelsize=8)
        for event in timeline.events if len(timeline.events) <= 60 else ():
            axes.axvline(event.frame, color="black", linewidth=0.6, linestyle=(0, (2, 2)), alpha=0.6)
    _number_events(top, timeline)
    bottom.set_xlabel("frame", fontsize=9)
    figure.text(0.012, 1 - 0.12 / total, timeline.name, fontsize=13, fontweight="bold", va="top", parse_math=False)
    text = textwrap.fill(summary(timeline), 200)
    figure.text(0.012, 1 - 0.36 / total, text, fontsize=8.5, color="#444444", va="top", parse_math=False)
    _legend(figure, total, timeline)
    for number, (text, wrong) in enumerate(lines):
        figure.text(0.012, (_LINE * (len(lines) - number - 0.1)) / total, text, fontsize=8.5, va="center",
                    color=WRONG if wrong else "black", parse_math=False)  # fmt: skip
    return figure


def _draw_lanes(axes: Axes, timeline: Timeline, lanes: list[Lane], columns: Columns) -> None:
    from matplotlib.colors import to_rgb

    background = np.ones(3)
    colours = {name: np.array(to_rgb(name)) for name in (CHOSEN, WRONG, TRUTH, ABSENT, OTHER)}
    # A lane is five rows of pixels high: a gap, the tracklet in three, and where it covers the truth.
    picture = np.broadcast_to(background, (5 * (len(lanes) + 1), columns.count, 3)).copy()
    wrong, absent = columns.any(timeline.wrong), columns.any(~timeline.present)
    answer = np.broadcast_to(colours[CHOSEN], (columns.count, 3)).copy()
    answer[absent] = colours[ABSENT]
    answer[wrong] = colours[WRONG]
    picture[1:4] = answer
    for row, lane in enumerate(lanes, start=1):
        scores = np.full(len(timeline), np.nan)
        np.fmax.at(scores, lane.frames, np.where(np.isnan(lane.scores), 0.0, lane.scores))
        best = columns.highest(scores)
        shade = (0.2 + 0.8 * np.nan_to_num(best))[:, None]
        cells = np.where(np.isnan(best)[:, None], background, shade * colours[OTHER] + (1 - shade) * background)
        none = np.zeros(len(timeline), bool)
        target = timeline.target_ids == lane.tracklet_id if lane.tracklet_id is not None else none
        answers = timeline.answer_ids == lane.tracklet_id if lane.tracklet_id is not None else none
        strong = np.maximum(shade, 0.55)
        for mask, colour in ((answers, CHOSEN), (answers & timeline.wrong, WRONG)):
            here = columns.any(mask) & ~np.isnan(best)
            # Pale: only a guess, because the target was said to be absent.
            ink = np.where(columns.any(mask & timeline.present)[:, None], strong, 0.4)
            cells[here] = (ink * colours[colour] + (1 - ink) * background)[here]
        waiting = columns.any(target) & np.isnan(best)
        cells[waiting] = background
        picture[5 * row + 1 : 5 * row + 4] = cells
        # The target's tracklet out of sight: a thin line.
        picture[5 * row + 2, waiting] = colours[CHOSEN]
        true = np.zeros(len(timeline), bool)
        true[lane.frames[lane.true]] = True
        picture[5 * row + 4, columns.any(true)] = colours[TRUTH]
        share = f"{lane.true.mean():.0%} on target" if timeline.truth_xywh is not None and len(lane.true) else ""
        axes.text(1.006, row, share, transform=axes.get_yaxis_transform(), va="center", fontsize=8,
                  color=TRUTH if lane.true.any() and lane.true.mean() > 0.5 else ABSENT)  # fmt: skip
    axes.imshow(picture, aspect="auto", interpolation="nearest",
                extent=(-0.5, len(timeline) - 0.5, len(lanes) + 0.5, -0.5))  # fmt: skip
    names = ["answer", *(f"tracklet {lane.tracklet_id}" if lane.count == 1 and lane.tracklet_id is not None
                         else f"{lane.count} others" for lane in lanes)]  # fmt: skip
    axes.set_yticks(range(len(names)), names)
    targets = {*timeline.target_ids.tolist(), *timeline.answer_ids[timeline.present].tolist()}
    for label, number in zip(axes.get_yticklabels(), [None, *(lane.tracklet_id for lane in lanes)], strict=True):
        label.set_fontweight("bold" if label.get_text() == "answer" or number in targets else "normal")
    axes.tick_params(axis="y", length=0)


def _draw_answers(axes: Axes, timeline: Timeline, columns: Columns) -> None:
    _shade(axes, timeline.wrong, WRONG, 0.16)
    _shade(axes, ~timeline.present, ABSENT, 0.28)
    if timeline.truth_xywh is not None:
        _shade(axes, np.isnan(timeline.truth_iou), TRUTH, 0.9, lowest=0.95)
        _line(axes, timeline.truth_iou, columns, TRUTH)
        axes.axhline(0.5, color=TRUTH, linewidth=0.5, linestyle=":")
    _line(axes, timeline.scores, columns, CHOSEN)
    axes.set_ylim(0, 1.08)
    axes.set_yticks([0, 0.5, 1])
    axes.set_ylabel("score" if timeline.truth_xywh is None else "score, IoU", fontsize=8)


def _line(axes: Axes, values: NDArray[np.float64], columns: Columns, colour: str) -> None:
    if columns.count == columns.frames:
        axes.plot(columns.centres, values, color=colour, linewidth=1.3)
        return
    # A column stands for several frames: from their lowest to their highest value.
    low, high = columns.lowest(values), columns.highest(values)
    axes.fill_between(columns.centres, low, high, color=colour, alpha=0.35, linewidth=0)
    axes.plot(columns.centres, (low + high) / 2, color=colour, linewidth=0.7)


def _draw_margins(axes: Axes, timeline: Timeline, columns: Columns) -> None:
    view = timeline.view
    margins = columns.lowest(np.clip(timeline.margins, -view.limit, view.limit))
    axes.fill_between(columns.centres, 0, margins, step="mid", color="#7f9bb3", linewidth=0)
    axes.axhline(0, color="black", linewidth=0.6)
    axes.axhline(view.doubt, color="black", linewidth=0.5, linestyle=":")
    axes.set_ylim(min(0.0, float(margins.min())) - view.limit / 30, view.limit)
    axes.set_ylabel(f"{view.margin}\n({view.unit})", fontsize=8)


def _shade(axes: Axes, mask: NDArray[np.bool_], colour: str, alpha: float, lowest: float = 0.0) -> None:
    """Colours the stretches in which something is so, from a share of the height upwards."""
    spans = [(first - 0.5, last - first + 1.0) for first, last in runs(mask)]
    axes.broken_barh(
        spans,
        (lowest, 1 - lowest),
        facecolors=colour,
        alpha=alpha,
        linewidth=0,
        transform=axes.get_xaxis_transform(),
    )


def _number_events(axes: Axes, timeline: Timeline) -> None:
    last = -np.inf
    for number, event in enumerate(timeline.events, start=1):
        # Numbers that would overprint each other are left out; the list has them all.
        if event.frame - last < 0.013 * len(timeline):
            continue
        last = event.frame
        axes.text(event.frame, 1.0, str(number), transform=axes.get_xaxis_transform(), ha="center", va="bottom",
                  fontsize=8, fontweight="bold")  # fmt: skip


def _legend(figure: Figure, total: float, timeline: Timeline) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [Patch(color=CHOSEN, label="the answer"), Patch(color=ABSENT, label="said absent")]
    lines: list[Any] = [Line2D([], [], color=CHOSEN, label="score")]
    if timeline.truth_xywh is not None:
        handles.insert(1, Patch(color=WRONG, label="wrong answer"))
        handles.append(Line2D([], [], color=TRUTH, linewidth=3, label="on the target"))
        lines.append(Line2D([], [], color=TRUTH, label="IoU with truth"))
        if np.isnan(timeline.truth_iou).any():
            lines.append(Patch(color=TRUTH, label="is absent"))
    handles.append(Patch(color=OTHER, label="other tracklet"))
    answers = figure.axes[1].get_position()
    place = {"frameon": False, "fontsize": 8, "handlelength": 1.2, "borderaxespad": 0.0}
    figure.legend(handles=lines, loc="upper left", bbox_to_anchor=(AXES_SPAN[1] + 0.006, answers.y1), **place)
    figure.legend(handles=handles, loc="upper right", ncols=len(handles), columnspacing=1.2,
                  bbox_to_anchor=(0.99, 1 - 0.12 / total), **place)  # fmt: skip


def _moments(timeline: Timeline) -> list[_Moment]:
    """What the words below a picture are about, in order; only the longest losses where there are many."""
    losses = losses_of(timeline)
    told = {loss.first for loss in losses}
    moments = [
        _Moment(loss.first, f"lost for {loss.frames} frames: {loss.text}; {loss.ending}", True)
        for loss in sorted(losses, key=lambda loss: -loss.frames)[:MOST_WORDS]
    ]
    number_of = {event.frame: number for number, event in enumerate(timeline.events, start=1)}
    room = MOST_WORDS - len(moments)
    others = [event for event in timeline.events if event.frame not in told]
    moments += [_Moment(event.frame, event.text, False) for event in others[: max(room, 0)]]
    hidden = len(losses) + len(others) - len(moments)
    shown = []
    for item in sorted(moments, key=lambda item: item.frame):
        number = f"({number_of[item.frame]}) " if item.frame in number_of else ""
        shown.append(_Moment(item.frame, f"{number}frame {item.frame}: {item.text}", item.wrong))
    if hidden > 0:
        shown.append(_Moment(len(timeline), f"and {hidden} more", False))
    return shown
