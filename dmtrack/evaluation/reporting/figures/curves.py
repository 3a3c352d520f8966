"""Success, precision and normalised precision plots, drawn as the OTB and LaSOT papers draw them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from dmtrack.evaluation.measures.measure import Measure
from dmtrack.evaluation.protocols import Protocol
from dmtrack.evaluation.protocols.rules import CurveName
from dmtrack.evaluation.report import Report, weights_hash
from dmtrack.evaluation.reporting.figures.theme import (
    LIGHT,
    Theme,
    blank,
    footnote,
    label,
    legend,
    looks,
    save_figure,
    shortened,
)


@dataclass(frozen=True)
class CurveKind:
    """One kind of plot.

    Attributes:
        name: of the file.
        title: as the papers write it.
        across: label of the threshold axis.
        up: label of the other axis.
        measure: the number in the legend, by which it is sorted: the first that is read from the curve.
        thresholds: of the protocol.
        end: of the threshold axis.
        steps: numbers on that axis.
        mark: threshold at which the number is read; None where that is none, or clear from the title.
        note: what else the footnote says.
    """

    name: str
    title: str
    across: str
    up: str

    measure: Measure
    thresholds: tuple[float, ...]
    end: float
    steps: int = 11
    mark: float | None = None
    note: str = ""


ONE_PASS = "OPE: one-pass evaluation, in which trackers are started once, with the true box of the first frame"

_LABELS: dict[CurveName, tuple[str, str, str]] = {
    "success": ("Success plots of OPE", "Overlap threshold", "Success rate"),
    "precision": ("Precision plots of OPE", "Location error threshold [px]", "Precision"),
    "normalized_precision": (
        "Normalized precision plots of OPE",
        "Location error threshold [target sides]",
        "Normalized precision",
    ),
}


def curve_kinds(protocol: Protocol) -> list[CurveKind]:
    """The plots that a protocol has: of the curves that it reads a number from."""
    kinds = []
    for curve, labels in _LABELS.items():
        read = [measure for measure in protocol.reported() if measure.curve == curve]
        if read and protocol.thresholds(curve):
            first, thresholds = read[0], protocol.thresholds(curve)
            steps = 11 if curve != "normalized_precision" else 6
            mark = first.at if first.reading == "at" and curve != "success" else None
            kinds.append(CurveKind(curve, *labels, first, thresholds, thresholds[-1], steps, mark, ONE_PASS))
    return kinds


def draw_curve(report: Report, kind: CurveKind, curves: Mapping[str, ArrayLike], theme: Theme = LIGHT) -> Figure:
    """One plot with all trackers of a report, the legend sorted by score; without a counted frame none is drawn."""
    measure, thresholds = kind.measure, np.array(kind.thresholds)
    many = len(report.scores) > 6
    figure, axes = blank(theme, (7.6 if many else 5.6, 4.6))
    look = looks((score.tracker for score in report.scores), theme)
    for score in report.ranked(measure):
        value = score.scores[measure.key]
        if math.isnan(value):
            continue
        axes.plot(
            thresholds,
            np.asarray(curves[score.tracker]),
            color=look[score.tracker].colour,
            linestyle=look[score.tracker].line,
            linewidth=2.2,
            label=f"[{value:.3f}] {shortened(score.tracker)}",
            clip_on=False,
            zorder=3,
        )
    if kind.mark is not None:
        axes.axvline(kind.mark, color=theme.lines, linewidth=1.2, zorder=1)
    axes.set(xlim=(0, kind.end), ylim=(0, 1))
    axes.set_yticks(np.linspace(0, 1, 11))
    axes.set_xticks(np.linspace(0, kind.end, kind.steps))
    label(axes, theme, f"{kind.title} on {report.benchmark}", kind.across, kind.up)
    # A fixed corner would hide weak trackers, such as the static box.
    legend(axes, theme, len(report.scores), beside=many)
    footnote(figure, theme, describe(report, f"[number]: {measure.title}", *([kind.note] if kind.note else [])))
    return figure


def save_plots(
    report: Report,
    folder: str | Path,
    suffixes: tuple[str, ...] = (".png", ".pdf"),
    theme: Theme = LIGHT,
    tail: str = "",
) -> list[Path]:
    """Writes one plot per curve of the report's protocol.

    Args:
        report: trackers to draw, any number; those without a counted frame are left out.
        folder: created if needed.
        suffixes: file types that matplotlib writes.
        theme: colours of paper and ink.
        tail: appended to the file names.

    Returns:
        The files: `success.png`, `success.pdf`, `precision.png`, and so on.

    Raises:
        OutputError: a file cannot be written.
    """
    written: list[Path] = []
    for drawing in report.protocol.drawings(report):
        written += save_figure(drawing.draw(theme), Path(folder) / f"{drawing.name}{tail}", suffixes, theme)
    return written


def describe(report: Report, *more: str) -> str:
    """The footnote of a figure: protocol, sequences, split, stride and weights of its numbers."""
    hashes = [f"{shortened(item.tracker, 20)} {weights_hash(item)[:8]}" for item in report.scores if weights_hash(item)]
    counts = sorted({len(score.sequences) - len(score.uncounted) for score in report.scores})
    sequences = " or ".join(str(count) for count in counts)
    parts = [f"protocol {report.protocol.name}", f"{sequences} sequences", report.scope, *more]
    if hashes:
        parts.append(f"weights: {', '.join(hashes)}")
    return " · ".join(parts)
