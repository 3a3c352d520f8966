"""Success, precision and normalised precision plots, drawn as the OTB and LaSOT papers draw them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dmtrack.evaluation.report import Report, weights_hash
from dmtrack.files import atomic_path

# Okabe and Ito's palette, yellow last because it is pale on white; the line style tells neighbours apart in print.
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
LINE_STYLES = ("-", "--", "-.", (0, (1, 1)), (0, (5, 1, 1, 1, 1, 1)))


@dataclass(frozen=True)
class Theme:
    """Colours of paper and ink."""

    paper: str = "#ffffff"
    ink: str = "#1a1a1a"
    lines: str = "#c4c4c4"
    black: str = "#000000"


LIGHT = Theme()
DARK = Theme(paper="#161b22", ink="#e6edf3", lines="#3d444d", black="#f0f0f0")


@dataclass(frozen=True)
class _Kind:
    """One kind of plot.

    Attributes:
        metric: of `Score.scores`, shown in the legend and used for ranking.
        title: as the papers write it.
        across: label of the threshold axis.
        up: label of the other axis.
    """

    metric: str
    title: str
    across: str
    up: str


_KINDS = (
    _Kind("success", "Success plots of OPE", "Overlap threshold", "Success rate"),
    _Kind("precision", "Precision plots of OPE", "Location error threshold [px]", "Precision"),
    _Kind(
        "normalized_precision",
        "Normalized precision plots of OPE",
        "Location error threshold [target sides]",
        "Normalized precision",
    ),
)


def save_plots(
    report: Report,
    folder: str | Path,
    suffixes: tuple[str, ...] = (".png", ".pdf"),
    theme: Theme = LIGHT,
    tail: str = "",
) -> list[Path]:
    """Writes one plot per metric of the report's protocol.

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
    written = []
    for kind in _KINDS:
        if kind.metric not in report.headings():
            continue
        figure = _draw(report, kind, theme)
        for suffix in suffixes:
            path = Path(folder) / f"{kind.metric}{tail}{suffix}"
            # Without the date the same report gives the same bytes.
            metadata: dict[str, Any] = {"CreationDate": None} if suffix == ".pdf" else {}
            with atomic_path(path) as temporary:
                figure.savefig(temporary, dpi=200, facecolor=theme.paper, metadata=metadata)
            written.append(path)
    return written


def _draw(report: Report, kind: _Kind, theme: Theme) -> Figure:
    thresholds, at = _grid(report, kind)
    many = len(report.scores) > 6
    figure = Figure(figsize=(7.6 if many else 5.6, 4.6), layout="constrained", facecolor=theme.paper)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(facecolor=theme.paper)
    places = {score.tracker: index for index, score in enumerate(report.scores)}
    for score in report.ranked(kind.metric):
        value = score.scores[kind.metric]
        if math.isnan(value):
            continue
        place = places[score.tracker]
        colour = COLOURS[place % len(COLOURS)]
        axes.plot(
            thresholds,
            getattr(score.curves, kind.metric),
            color=theme.black if colour == "#000000" else colour,
            linestyle=LINE_STYLES[(place // len(COLOURS) + place) % len(LINE_STYLES)],
            linewidth=2.2,
            label=f"[{value:.3f}] {_shortened(score.tracker)}",
            clip_on=False,
            zorder=3,
        )
    if at is not None:
        axes.axvline(at, color=theme.lines, linewidth=1.2, zorder=1)
    axes.set(xlim=(0, thresholds[-1]), ylim=(0, 1), xlabel=kind.across, ylabel=kind.up)
    axes.set_yticks(np.linspace(0, 1, 11))
    axes.set_xticks(np.linspace(0, thresholds[-1], 11 if kind.metric != "normalized_precision" else 6))
    title = f"{kind.title} on {report.benchmark}"
    axes.set_title(title, fontsize=min(12, 12 * 46 / len(title)), fontweight="bold", color=theme.ink)
    axes.grid(True, color=theme.lines, linestyle=":", linewidth=0.8)
    axes.tick_params(colors=theme.ink, labelsize=9)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set(color=theme.ink, fontsize=11)
    for spine in axes.spines.values():
        spine.set_color(theme.ink)
    if axes.get_legend_handles_labels()[0]:
        legend = axes.legend(
            loc="center left" if many else "best",  # a fixed corner would hide weak trackers, such as the static box
            bbox_to_anchor=(1.02, 0.5) if many else None,
            fontsize=9 if len(report.scores) <= 20 else 6,
            facecolor=theme.paper,
            edgecolor=theme.ink,
            labelcolor=theme.ink,
            framealpha=0.9,
            fancybox=False,
            handlelength=2.6,
        )
        legend.get_frame().set_linewidth(0.8)
    figure.supxlabel(_footnote(report), fontsize=6.5, color=theme.ink)
    return figure


def _grid(report: Report, kind: _Kind) -> tuple[NDArray[np.float64], float | None]:
    protocol = report.protocol
    if kind.metric == "success":
        return np.array(protocol.success_thresholds), None
    if kind.metric == "precision":
        return np.array(protocol.precision_thresholds), protocol.precision_at
    return np.array(protocol.normalized_precision_thresholds), protocol.normalized_precision_at


def _footnote(report: Report) -> str:
    hashes = sorted({weights_hash(score)[:8] for score in report.scores} - {""})
    counts = sorted({len(score.sequences) - len(score.uncounted) for score in report.scores})
    sequences = " or ".join(str(count) for count in counts)
    weights = f" · weights {', '.join(hashes)}" if 0 < len(hashes) <= 4 else ""
    return f"protocol {report.protocol.name} · {sequences} sequences · {report.split}, stride {report.stride}{weights}"


def _shortened(name: str, most: int = 34) -> str:
    # A leading underscore would hide the line from the legend.
    name = name.lstrip("_") or name
    return name if len(name) <= most else name[: most - 1] + "…"
