"""Figures of a search: how much each parameter matters, and the values of all trials along each parameter."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from dmtrack.evaluation.reporting.figures.theme import COLOURS, LIGHT, blank, footnote, label
from dmtrack.search.outcome import Outcome

SLICES_PER_ROW = 3


def draw_importance(outcome: Outcome) -> Figure:
    """Bars, most important first."""
    ranked = sorted(outcome.importance.items(), key=lambda item: item[1])
    figure, axes = blank(LIGHT, (5.6, 1.5 + 0.34 * len(ranked)))
    bars = axes.barh(
        [name.rsplit(".", 1)[-1] for name, _ in ranked], [share for _, share in ranked], color=COLOURS[1], height=0.7
    )
    axes.bar_label(bars, [f"{share:.2f}" for _, share in ranked], padding=3, fontsize=8)
    axes.set_xlim(0, max(share for _, share in ranked) * 1.15)
    axes.grid(False, axis="y")
    label(axes, LIGHT, f"What matters for {outcome.prepared.origin.name}", "Importance (PED-ANOVA, best quarter)")
    footnote(figure, LIGHT, outcome.described())
    return figure


def draw_slices(outcome: Outcome) -> Figure:
    """One small plot per parameter; each point a trial, the darker the later, the best one ringed."""
    ranges = outcome.prepared.settings.space.ranges
    trials = sorted(outcome.ranked, key=lambda trial: trial.number)
    values = np.array([trial.value for trial in trials])
    columns = min(SLICES_PER_ROW, len(ranges))
    rows = math.ceil(len(ranges) / columns)
    figure = Figure(figsize=(1.0 + 2.7 * columns, 1.2 + 2.3 * rows), layout="constrained", facecolor=LIGHT.paper)
    FigureCanvasAgg(figure)
    grid: Any = figure.subplots(rows, columns, sharey=True, squeeze=False)
    points: Any = None
    own = outcome.prepared.current
    for index, (axes, item) in enumerate(zip(grid.flat, ranges, strict=False)):
        across = np.array([trial.params[item.name] for trial in trials], dtype=np.float64)
        numbers = [trial.number for trial in trials]
        points = axes.scatter(across, values, c=numbers, cmap="cividis_r", s=14, linewidths=0, zorder=3)
        best = outcome.best
        axes.scatter([best.params[item.name]], [best.value], s=90, facecolors="none", edgecolors=COLOURS[0],
                     linewidths=1.8, zorder=4, label="best")  # fmt: skip
        if item.name in own:
            axes.axvline(own[item.name], color=COLOURS[2], linestyle="--", linewidth=1.2, zorder=2, label="config")
        if item.log:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.xaxis.set_minor_formatter(NullFormatter())
        axes.grid(True, color=LIGHT.lines, linestyle=":", linewidth=0.8)
        axes.tick_params(labelsize=8)
        axes.set_xlabel(item.name.rsplit(".", 1)[-1], fontsize=10)
        if index % columns == 0:
            axes.set_ylabel(outcome.prepared.scoring.measure.title, fontsize=10)
    for axes in list(grid.flat)[len(ranges) :]:
        axes.set_visible(False)
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2, fontsize=8, frameon=False)
    if points is not None:
        bar = figure.colorbar(points, ax=grid, shrink=0.8, aspect=30)
        bar.set_label("trial", fontsize=9)
        bar.ax.tick_params(labelsize=8)
    footnote(figure, LIGHT, outcome.described())
    return figure
