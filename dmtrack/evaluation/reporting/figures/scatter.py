"""Points: accuracy against speed, two trackers sequence by sequence, and whether a score means what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator
from numpy.typing import NDArray

from dmtrack.evaluation.report import Report
from dmtrack.evaluation.reporting.figures.curves import describe
from dmtrack.evaluation.reporting.figures.theme import LIGHT, Theme, blank, footnote, label, legend, looks, shortened
from dmtrack.evaluation.scoring import Score

REAL_TIME_FPS = 25.0
"""Frames per second of usual video; drawn as a line, as in the VOT and SiamRPN papers."""

LABELLED_SEQUENCES = 8

Bin = tuple[int, float, float]
"""Frames, mean score, share of right boxes."""

Box = tuple[float, float, float, float]
Obstacles = NDArray[np.float64] | None

# Offsets of a name from its point, in typographic points, the preferred ones first.
_PLACES = (
    (8, 0),
    (-8, 0),
    (0, 11),
    (0, -11),
    (8, 9),
    (8, -9),
    (-8, 9),
    (-8, -9),
    (8, 18),
    (8, -18),
    (-8, 18),
    (-8, -18),
)


def draw_speed(report: Report, theme: Theme = LIGHT) -> Figure:
    """The primary number over frames per second, which has a logarithmic axis; one labelled marker per tracker.

    Trackers without recorded times are named in the footnote.
    """
    known = [score for score in report.ranked() if known_speed(score) is not None]
    unknown = [score.tracker for score in report.scores if known_speed(score) is None]
    figure, axes = blank(theme, (5.6, 4.6))
    look = looks((score.tracker for score in report.scores), theme)
    speeds = np.array([known_speed(score) for score in known], dtype=np.float64)
    values = np.array([score.scores[report.primary.key] for score in known])
    for score, speed, value in zip(known, speeds, values, strict=True):
        axes.scatter(
            speed, value, s=90, color=look[score.tracker].colour, marker=look[score.tracker].marker,
            edgecolors=theme.ink, linewidths=0.7, zorder=3,
        )  # fmt: skip
    axes.set_xscale("log")
    low, high = min(10.0, speeds.min() / 1.6), max(60.0, speeds.max() * 2.2)
    axes.set_xlim(low, high)
    ticks = [tick for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000) if low <= tick <= high]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([f"{tick:g}" for tick in ticks])
    worst, best = report.primary.axis(values)
    margin = max(0.03 * (best - worst), 0.15 * float(np.ptp(values)))
    axes.set_ylim(max(worst, values.min() - margin), min(best, values.max() + margin))
    axes.axvline(REAL_TIME_FPS, color=theme.ink, linestyle="--", linewidth=1, zorder=1)
    axes.text(
        REAL_TIME_FPS, 0.02, " real time ", transform=axes.get_xaxis_transform(), fontsize=8, color=theme.ink,
        ha="left", va="bottom",
    )  # fmt: skip
    _label_points(axes, np.stack([speeds, values], 1), [shortened(score.tracker, 22) for score in known], theme)
    title = report.primary.title
    label(axes, theme, f"Accuracy against speed on {report.benchmark}", "Frames per second (log scale)", title)
    missing = [f"no times: {', '.join(unknown)}"] if unknown else []
    footnote(figure, theme, describe(report, *missing))
    return figure


def draw_pair(report: Report, tracker_a: str, tracker_b: str, theme: Theme = LIGHT) -> Figure:
    """One number of two trackers, one point per sequence; above the diagonal that of B is larger.

    The sequences on which the two differ most are named.
    """
    by_name = {score.tracker: score for score in report.scores}
    a, b, measure = by_name[tracker_a], by_name[tracker_b], report.protocol.compared
    pairs = [
        (one.name, one.scores[measure.key], other.scores[measure.key])
        for one, other in zip(a.sequences, b.sequences, strict=True)
        if np.isfinite([one.scores[measure.key], other.scores[measure.key]]).all()
    ]
    points = np.array([[x, y] for _, x, y in pairs], dtype=np.float64).reshape(-1, 2)
    look = looks((score.tracker for score in report.scores), theme)
    figure, axes = blank(theme, (5.2, 5.2))
    ends = measure.axis(points)
    axes.plot(ends, ends, color=theme.ink, linewidth=1, zorder=1)
    ahead_b = (1 if measure.higher_is_better else -1) * (points[:, 1] - points[:, 0])
    better_b = ahead_b > 0
    for chosen, tracker in ((~better_b, tracker_a), (better_b, tracker_b)):
        axes.scatter(
            points[chosen, 0], points[chosen, 1], s=26, color=look[tracker].colour, marker=look[tracker].marker,
            edgecolors=theme.ink, linewidths=0.4, alpha=0.85, zorder=3, clip_on=False,
        )  # fmt: skip
    wins_a, wins_b = int((ahead_b < 0).sum()), int(better_b.sum())
    furthest = np.argsort(-np.abs(ahead_b), kind="stable")[:LABELLED_SEQUENCES]
    furthest = furthest[np.abs(ahead_b[furthest]) > 0.1 * (ends[1] - ends[0])]
    axes.set(xlim=ends, ylim=ends, aspect="equal")
    _label_points(axes, points[furthest], [shortened(pairs[index][0], 18) for index in furthest], theme, 7, points)
    label(
        axes,
        theme,
        f"Sequences of {report.benchmark}: {measure.title}",
        f"{shortened(tracker_a, 30)} (better on {wins_a} of {len(points)})",
        f"{shortened(tracker_b, 30)} (better on {wins_b} of {len(points)})",
    )
    footnote(figure, theme, describe(report))
    return figure


def draw_reliability(groups: Mapping[str, Sequence[Bin]], title: str, note: str, theme: Theme = LIGHT) -> Figure:
    """The share of right boxes over the score, one line per group: of the boxes scored .8, are eight in ten right?

    On the diagonal the score is true. Markers grow with the number of frames in their bin.

    Args:
        groups: bins of each group by ascending score, by its name.
        title: of the figure.
        note: what counts as right, small below the plot.
        theme: colours of paper and ink.
    """
    figure, axes = blank(theme, (7.2, 5.2))
    axes.plot([0, 1], [0, 1], color=theme.ink, linewidth=1, zorder=1)
    for name, look in looks(groups, theme).items():
        frames, scores, right = zip(*groups[name], strict=True)
        axes.plot(scores, right, color=look.colour, linestyle=look.line, linewidth=1.4, label=name, zorder=2)
        sizes = [12 + 240 * count / sum(frames) for count in frames]
        axes.scatter(
            scores,
            right,
            s=sizes,
            color=look.colour,
            marker=look.marker,
            edgecolors=theme.ink,
            linewidths=0.5,
            zorder=3,
        )
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    legend(axes, theme, len(groups), beside=True)
    label(axes, theme, title, "Score", "Share of right boxes")
    footnote(figure, theme, note)
    return figure


def known_speed(score: Score) -> float | None:
    """Frames per second of a tracker that has a number, too; None where its times are not known."""
    speed = score.frames_per_second
    return (
        speed if speed is not None and np.isfinite(speed) and np.isfinite(next(iter(score.scores.values()))) else None
    )


def _label_points(
    axes: Axes,
    points: NDArray[np.float64],
    names: list[str],
    theme: Theme,
    size: float = 8.5,
    obstacles: Obstacles = None,
) -> None:
    """Names beside their points, each where it covers the fewest markers and other names."""
    if not len(points):
        return
    axes.figure.canvas.draw()  # the layout must stand before points can be told in pixels
    pixel = axes.figure.dpi / 72
    marks = axes.transData.transform(points if obstacles is None else obstacles)
    left, bottom, right, top = axes.bbox.extents
    taken = [(x - 5 * pixel, y - 5 * pixel, x + 5 * pixel, y + 5 * pixel) for x, y in marks]
    height = 1.15 * size * pixel
    for point, name in zip(points, names, strict=True):
        x, y = axes.transData.transform(point)
        width = 0.62 * size * pixel * len(name)
        choices = []
        for place, (across, up) in enumerate(_PLACES):
            start = x + across * pixel - (width if across < 0 else width / 2 if across == 0 else 0)
            box = (start, y + up * pixel - height / 2, start + width, y + up * pixel + height / 2)
            outside = box[0] < left or box[2] > right or box[1] < bottom or box[3] > top
            covered = sum(
                box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3] for other in taken
            )
            choices.append((100 * outside + 10 * covered + 0.1 * place, box, across, up))
        _, box, across, up = min(choices)
        taken.append(box)
        align = "right" if across < 0 else "center" if across == 0 else "left"
        axes.annotate(
            name,
            (float(point[0]), float(point[1])),
            xytext=(across, up),
            textcoords="offset points",
            ha=align,
            va="center",
            fontsize=size,
            color=theme.ink,
            zorder=4,
        )
