"""Figures of challenges: expected average overlap as VOT reports it, precision against recall, rates of presence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dmtrack.evaluation.measures.long_term import LongTermScore
from dmtrack.evaluation.reporting.figures.theme import LIGHT, Theme, blank, footnote, label, legend, looks, shortened


@dataclass(frozen=True)
class ExpectedOverlap:
    """One tracker's expected overlap.

    Attributes:
        tracker: label.
        curve: (lengths,) mean overlap of sequences of 1, 2, 3 ... frames, in [0, 1].
        eao: mean of the curve over the window of lengths.
    """

    tracker: str
    curve: NDArray[np.float64]
    eao: float


def draw_eao_curve(
    items: list[ExpectedOverlap], window: tuple[int, int], benchmark: str, note: str, theme: Theme = LIGHT
) -> Figure:
    """Expected overlap over sequence length; dashed lines bound the window that the EAO averages.

    Args:
        items: trackers, in the order given by the user, which decides their looks.
        window: first and last length of the average, in frames.
        benchmark: for the title.
        note: protocol, split and weights, below the plot.
        theme: colours.
    """
    many = len(items) > 6
    figure, axes = blank(theme, (7.6 if many else 5.6, 4.6))
    look = looks((item.tracker for item in items), theme)
    longest = max((len(item.curve) for item in items), default=1)
    for item in sorted(items, key=lambda item: -np.nan_to_num(item.eao, nan=-1.0)):
        axes.plot(
            np.arange(1, len(item.curve) + 1),
            item.curve,
            color=look[item.tracker].colour,
            linestyle=look[item.tracker].line,
            linewidth=2,
            label=f"[{f'{item.eao:.3f}' if np.isfinite(item.eao) else 'no EAO'}] {shortened(item.tracker)}",
            zorder=3,
        )
    for end in window:
        if end <= longest:
            axes.axvline(end, color=theme.ink, linestyle="--", linewidth=1, zorder=1)
            axes.annotate(
                f"{end}", (end, 1), xycoords=axes.get_xaxis_transform(), xytext=(3, -3), textcoords="offset points",
                fontsize=8, color=theme.ink, va="top",
            )  # fmt: skip
    axes.set_xlim(1, max(2.0, min(float(longest), 1.6 * window[1])))
    axes.set_ylim(0, 1)
    label(axes, theme, f"Expected overlap curves on {benchmark}", "Sequence length [frames]", "Expected overlap")
    legend(axes, theme, len(items), beside=many, **({} if many else {"loc": "upper right"}))
    footnote(figure, theme, note)
    return figure


def draw_eao_ranking(items: list[ExpectedOverlap], benchmark: str, note: str, theme: Theme = LIGHT) -> Figure:
    """EAO over rank, the best tracker at the right, as the VOT reports draw it; the legend lists them best first.

    Trackers without a number are left out.
    """
    items = [item for item in items if np.isfinite(item.eao)]
    many = len(items) > 6
    figure, axes = blank(theme, (7.6 if many else 6.4, 4.2))
    look = looks((item.tracker for item in items), theme)
    for rank, item in enumerate(sorted(items, key=lambda item: -item.eao), start=1):
        axes.vlines(rank, 0, item.eao, color=theme.lines, linewidth=1, zorder=1)
        axes.scatter(
            rank, item.eao, s=90, color=look[item.tracker].colour, marker=look[item.tracker].marker,
            edgecolors=theme.ink, linewidths=0.7, zorder=3, label=f"[{item.eao:.3f}] {shortened(item.tracker)}",
        )  # fmt: skip
    axes.set_xlim(len(items) + 0.5, 0.5)
    axes.set_xticks(range(1, len(items) + 1))
    best = max((item.eao for item in items), default=1.0)
    axes.set_ylim(0, min(1.0, 1.15 * best) or 1.0)
    label(axes, theme, f"EAO ranking on {benchmark}", "Rank", "Expected average overlap")
    legend(axes, theme, len(items), beside=True)
    footnote(figure, theme, note)
    return figure


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
