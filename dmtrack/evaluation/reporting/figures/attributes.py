"""Scores per attribute: grouped bars, and the radar of the LaSOT papers."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.projections.polar import PolarAxes
from numpy.typing import NDArray

from dmtrack.evaluation.report import Report
from dmtrack.evaluation.reporting.attributes import FULL_NAMES, AttributeScores
from dmtrack.evaluation.reporting.figures.curves import describe
from dmtrack.evaluation.reporting.figures.theme import LIGHT, Theme, blank, footnote, label, legend, looks, shortened

SMALLEST_RADAR = 3
"""A radar with fewer spokes has no area."""


def draw_attribute_bars(report: Report, attributes: AttributeScores, theme: Theme = LIGHT) -> Figure:
    """A group of bars per attribute, with the number of its sequences; bars of all trackers stand best first."""
    tags = list(attributes.sequences)
    ranked = report.ranked(attributes.measure)
    columns, legend_inches = _legend_above(report)
    bars_inches = len(tags) * (0.18 + 0.13 * max(2, len(ranked)))
    figure, axes = blank(theme, (6.0, 1.2 + bars_inches + legend_inches))
    look = looks((score.tracker for score in report.scores), theme)
    height = 0.84 / len(ranked)
    places = np.arange(len(tags))
    for rank, score in enumerate(ranked):
        values = np.array([attributes.scores[score.tracker][tag] for tag in tags])
        bars = axes.barh(
            places - 0.42 + (rank + 0.5) * height,
            np.nan_to_num(values),
            height * 0.92,
            color=look[score.tracker].colour,
            edgecolor=theme.ink,
            hatch=look[score.tracker].hatch,
            linewidth=0.4,
            label=f"[{score.scores[attributes.measure.key]:.3f}] {shortened(score.tracker)}",
        )
        if len(ranked) <= 4:
            axes.bar_label(bars, [f"{value:.3f}" for value in values], padding=2, fontsize=6.5, color=theme.ink)
    axes.set_yticks(places, [f"{FULL_NAMES.get(tag, tag)} ({attributes.sequences[tag]})" for tag in tags])
    axes.invert_yaxis()
    axes.set_ylim(len(tags) - 0.5, -0.5)
    axes.grid(False, axis="y")
    everything = [value for by_tag in attributes.scores.values() for value in by_tag.values()]
    axes.set_xlim(*attributes.measure.axis(everything))
    title = attributes.measure.title
    label(axes, theme, f"Attributes of {report.benchmark}: {title}", title)
    legend(
        axes,
        theme,
        len(ranked),
        beside=True,
        loc="outside upper center",
        ncols=columns,
        title="all sequences",
        title_fontproperties={"size": 8},
    )
    footnote(figure, theme, describe(report))
    return figure


def draw_attribute_radar(report: Report, attributes: AttributeScores, theme: Theme = LIGHT) -> Figure:
    """One spoke per attribute, one closed line per tracker; below each name the lowest and the highest score.

    All spokes have the same scale, written on the rings, which need not begin at 0.
    """
    tags = list(attributes.sequences)
    angles = np.arange(len(tags)) * 2 * np.pi / len(tags)
    values = {
        tracker: np.array([by_tag[tag] for tag in tags], dtype=np.float64)
        for tracker, by_tag in attributes.scores.items()
    }
    everything = np.concatenate(list(values.values()))
    low, high, step = _rings(everything[np.isfinite(everything)], *attributes.measure.axis(everything))
    columns, legend_inches = _legend_above(report)
    figure, axes = blank(theme, (6.0, 5.0 + legend_inches), projection="polar")
    look = looks((score.tracker for score in report.scores), theme)
    for score in report.ranked(attributes.measure):
        if math.isnan(score.scores[attributes.measure.key]):
            continue
        scores = np.nan_to_num(values[score.tracker], nan=low)
        axes.plot(
            np.append(angles, angles[:1]),
            np.append(scores, scores[:1]),
            color=look[score.tracker].colour,
            linestyle=look[score.tracker].line,
            marker=look[score.tracker].marker,
            markersize=4,
            linewidth=1.8,
            label=f"[{score.scores[attributes.measure.key]:.3f}] {shortened(score.tracker)}",
        )
    if isinstance(axes, PolarAxes):
        axes.set_theta_offset(np.pi / 2)
        axes.set_theta_direction(-1)
        axes.set_rlabel_position(180 / len(tags))
    axes.set_ylim(low, high)
    rings = np.arange(low, high + step / 2, step)
    axes.set_yticks(rings[1:], [f"{ring:.2g}" for ring in rings[1:]], fontsize=7, color=theme.ink)
    names = []
    for index, tag in enumerate(tags):
        scores = np.array([column[index] for column in values.values()])
        scores = scores[np.isfinite(scores)]
        ends = f"({scores.min():.3f}, {scores.max():.3f})" if len(scores) else "(-)"
        names.append(f"{FULL_NAMES.get(tag, tag)}\n{ends}")
    axes.set_xticks(angles, names, fontsize=7.5, color=theme.ink)
    axes.tick_params(axis="x", pad=2)
    for angle, text in zip(angles, axes.get_xticklabels(), strict=True):
        across, up = np.sin(angle), np.cos(angle)
        text.set_horizontalalignment("center" if abs(across) < 0.2 else "left" if across > 0 else "right")
        text.set_verticalalignment("center" if abs(up) < 0.7 else "bottom" if up > 0 else "top")
    label(axes, theme, f"Attributes of {report.benchmark}: {attributes.measure.title}")
    legend(axes, theme, len(report.scores), beside=True, loc="outside upper center", ncols=columns)
    footnote(figure, theme, describe(report))
    # The layout does not know how far names at the sides of a circle reach.
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.set(rect=(0.06, 0, 0.86, 1))
    return figure


def _legend_above(report: Report) -> tuple[int, float]:
    """Columns of a legend that is as wide as the figure, and its height in inches.

    Long names beside the plot would leave that no room: a page shows all figures equally wide.
    """
    longest = max(len(shortened(score.tracker)) for score in report.scores)
    columns = max(1, min(3, len(report.scores), 72 // (longest + 14)))
    return columns, 0.3 + 0.2 * math.ceil(len(report.scores) / columns)


def _rings(values: NDArray[np.float64], least: float, most: float) -> tuple[float, float, float]:
    """First and last ring and the step between rings, for about four of them; the measure goes from least to most."""
    span = most - least
    if not len(values):
        return least, most, 0.2 * span
    low, high = float(values.min()), float(values.max())
    step = next(step * span for step in (0.02, 0.05, 0.1, 0.2) if high - low <= 4 * step * span or step == 0.2)
    # Half a step of air inside, so that the worst score is not a dot in the middle.
    low = max(least, math.floor((low - step / 2) / step) * step)
    return low, math.ceil((high + step / 10) / step) * step, step
