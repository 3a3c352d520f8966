"""The timeline as a picture: lanes of tracklets above, answers and doubts below, events as numbered lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dmtrack.evaluation.timeline.record import Timeline

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CHOSEN, TRUTH, ABSENT = "#d55e00", "#0072b2", "#999999"
MOST_NATS = 30.0
"""Margins beyond are drawn here: nothing changes within a frame from that far away."""


def draw_timeline(timeline: Timeline) -> Figure:
    """A figure of one sequence.

    Lanes: one line per tracklet, dark where its score is high, framed where it was the target; at the right the share
    of its frames in which it really covers the target. Below: score, overlap with the truth, presence; then the margin
    over the runner-up. Vertical lines with numbers are the events.
    """
    from matplotlib.figure import Figure

    lanes = timeline.lanes()
    figure = Figure(figsize=(13, 3.6 + 0.28 * len(lanes)), layout="constrained")
    heights = [max(1.2, 0.28 * len(lanes) + 0.3), 1.3, 1.0]
    top, middle, bottom = figure.subplots(3, 1, sharex=True, height_ratios=heights)
    _draw_lanes(top, timeline)
    _draw_answers(middle, timeline)
    _draw_margins(bottom, timeline)
    for axes in (top, middle, bottom):
        axes.set_xlim(-0.5, len(timeline) - 0.5)
        axes.spines[["top", "right"]].set_visible(False)
        for frame, _ in timeline.events:
            axes.axvline(frame, color="black", linewidth=0.7, linestyle=(0, (2, 2)), zorder=0)
    _number_events(top, timeline)
    bottom.set_xlabel("frame")
    figure.suptitle(f"{timeline.name}: what was seen, what was chosen, and how sure", fontsize=12, x=0.01, ha="left")
    return figure


def _draw_lanes(axes: Axes, timeline: Timeline) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    shades = LinearSegmentedColormap.from_list("scores", ["#dfe7ee", "#0b2a4a"])
    lanes, target_ids = timeline.lanes(), timeline.target_ids
    for row, lane in enumerate(lanes):
        axes.bar(lane.frames, 0.62, width=1.0, bottom=row - 0.31, color=shades(lane.scores), linewidth=0)
        chosen: NDArray[np.bool_] = np.array([number == lane.tracklet_id for number in target_ids])
        for first, last in _runs(chosen):
            axes.plot([first - 0.5, last + 0.5, last + 0.5, first - 0.5, first - 0.5],
                      [row - 0.4, row - 0.4, row + 0.4, row + 0.4, row - 0.4], color=CHOSEN, linewidth=1.6)  # fmt: skip
        if not np.isnan(lane.truth_share):
            axes.text(1.005, row, f"{lane.truth_share:.0%} true", transform=axes.get_yaxis_transform(), va="center",
                      fontsize=8, color=TRUTH if lane.truth_share > 0.5 else ABSENT)  # fmt: skip
    axes.set_yticks(range(len(lanes)), [f"tracklet {lane.tracklet_id}" for lane in lanes], fontsize=8)
    axes.set_ylim(len(lanes) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)


def _draw_answers(axes: Axes, timeline: Timeline) -> None:
    frames = np.arange(len(timeline))
    for first, last in _runs(~timeline.present):
        axes.axvspan(first - 0.5, last + 0.5, color=ABSENT, alpha=0.18, linewidth=0)
    if timeline.truth_xywh is not None:
        absent = np.array([bool(np.isnan(box).any()) for box in timeline.truth_xywh])
        for first, last in _runs(absent):
            axes.axvspan(first - 0.5, last + 0.5, ymin=0.94, color=TRUTH, alpha=0.8, linewidth=0)
        axes.plot(frames, timeline.truth_iou, color=TRUTH, linewidth=1.3, label="IoU with the truth")
    axes.plot(frames, timeline.scores, color=CHOSEN, linewidth=1.3, label="score")
    axes.set_ylim(0, 1.08)
    axes.set_yticks([0, 0.5, 1])
    axes.set_ylabel("answer")
    handles = axes.get_legend_handles_labels()[0]
    labels = [str(handle.get_label()) for handle in handles]
    from matplotlib.patches import Patch

    handles.append(Patch(color=ABSENT, alpha=0.3))
    labels.append("said absent")
    if timeline.truth_xywh is not None:
        handles.append(Patch(color=TRUTH, alpha=0.8))
        labels.append("is absent")
    axes.legend(handles, labels, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=8)


def _draw_margins(axes: Axes, timeline: Timeline) -> None:
    margins = np.clip(timeline.margins, -MOST_NATS, MOST_NATS)
    axes.fill_between(np.arange(len(timeline)), 0, margins, step="mid", color="#7f9bb3", linewidth=0)
    axes.axhline(0, color="black", linewidth=0.6)
    axes.set_ylim(min(0.0, float(margins.min())) - 1, MOST_NATS)
    axes.set_ylabel("margin (nats)")


def _number_events(axes: Axes, timeline: Timeline) -> None:
    last = -np.inf
    for number, (frame, _) in enumerate(timeline.events, start=1):
        # Numbers that would overprint each other are left out; the list beside the picture has them all.
        if frame - last < 0.012 * len(timeline):
            continue
        last = frame
        axes.text(frame, 1.0, str(number), transform=axes.get_xaxis_transform(), ha="center", va="bottom", fontsize=8)


def _runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last index of every stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return [(int(first), int(end) - 1) for first, end in zip(edges[::2], edges[1::2], strict=True)]
