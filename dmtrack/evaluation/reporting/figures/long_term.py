"""Figures of the long-term benchmarks: precision against recall, and the two rates of presence."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from dmtrack.evaluation.measures.long_term import LongTermScore
from dmtrack.evaluation.reporting.figures.theme import LIGHT, Theme, blank, footnote, label, legend, looks, shortened

_SIZE = (5.6, 4.8)


def draw_precision_recall(
    scores: Mapping[str, LongTermScore], benchmark: str, note: str, theme: Theme = LIGHT
) -> Figure:
    """Precision over recall as the VOT long-term challenge draws it; a dot marks the best F-score.

    Args:
        scores: by tracker, in the order that decides their looks.
        benchmark: for the title.
        note: protocol, sequences and split, below the plot.
        theme: colours.
    """
    figure, axes = blank(theme, _SIZE)
    look = looks(scores, theme)
    _levels(axes, theme)
    for name, score in sorted(scores.items(), key=lambda item: -np.nan_to_num(item[1].scores["f_score"])):
        if math.isnan(score.scores["f_score"]):
            continue
        text = f"[{score.scores['f_score']:.3f}] {shortened(name)}"
        colour, line = look[name].colour, look[name].line
        axes.plot(score.recall, score.precision, color=colour, linestyle=line, linewidth=2, label=text, zorder=3)
        axes.plot(
            score.scores["recall"], score.scores["precision"], "o", color=colour, markersize=7, clip_on=False, zorder=4
        )
    axes.set(xlim=(0, 1), ylim=(0, 1))
    label(axes, theme, f"Precision and recall on {benchmark}", "Recall", "Precision")
    legend(axes, theme, len(scores), beside=len(scores) > 6)
    footnote(figure, theme, f"{note} · [F-score]")
    return figure


def draw_presence(scores: Mapping[str, Mapping[str, float]], benchmark: str, note: str, theme: Theme = LIGHT) -> Figure:
    """True positive rate over true negative rate as OxUvA draws it; the dashed line is reached by random absence.

    Args:
        scores: `tpr`, `tnr` and `max_gm` by tracker, in the order that decides their looks.
        benchmark: for the title.
        note: protocol, sequences and split, below the plot.
        theme: colours.
    """
    figure, axes = blank(theme, _SIZE)
    look = looks(scores, theme)
    for name, rates in sorted(scores.items(), key=lambda item: -np.nan_to_num(item[1]["max_gm"])):
        if math.isnan(rates["tpr"]):
            continue
        # Without an absent frame there is no true negative rate; the tracker stands at the left then.
        tnr = np.nan_to_num(rates["tnr"])
        colour = look[name].colour
        best = rates["max_gm"]
        text = f"[{'no MaxGM' if math.isnan(best) else f'{best:.3f}'}] {shortened(name)}"
        axes.plot([tnr, 1], [rates["tpr"], 0], color=colour, linestyle="--", linewidth=1, zorder=2)
        axes.plot(tnr, rates["tpr"], "o", color=colour, markersize=9, label=text, clip_on=False, zorder=3)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    label(axes, theme, f"Presence on {benchmark}", "True negative rate (absent)", "True positive rate (present)")
    legend(axes, theme, len(scores), beside=len(scores) > 6)
    footnote(figure, theme, f"{note} · [MaxGM]")
    return figure


def _levels(axes: object, theme: Theme) -> None:
    """Lines of equal F-score."""
    recall, precision = np.meshgrid(np.linspace(0.005, 1, 200), np.linspace(0.005, 1, 200))
    lines = axes.contour(  # type: ignore[attr-defined]
        recall,
        precision,
        2 * recall * precision / (recall + precision),
        levels=np.arange(0.1, 1.0, 0.1),
        colors=theme.lines,
        linewidths=0.7,
        zorder=1,
    )
    axes.clabel(lines, fmt="%.1f", fontsize=7, colors=theme.lines)  # type: ignore[attr-defined]
