"""Whether a score means what it says: of the boxes that a tracker scores .8, are eight in ten right?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from dmtrack.evaluation.reporting.figures.theme import LIGHT, Theme, blank, footnote, label, legend, looks

Bin = tuple[int, float, float]
"""Frames, mean score, share of right boxes."""


def draw_reliability(groups: Mapping[str, Sequence[Bin]], title: str, note: str, theme: Theme = LIGHT) -> Figure:
    """The share of right boxes over the score, one line per group of sequences; on the diagonal the score is true.

    Markers grow with the number of frames in their bin.

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
