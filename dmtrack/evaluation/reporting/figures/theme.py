"""How figures look: paper and ink, and per tracker a colour, line and marker that colour-blind readers tell apart.

They become files, or SVG inside a page whose colours they take.
"""

from __future__ import annotations

import hashlib
import io
import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
from matplotlib.figure import Figure

from dmtrack.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette, yellow last because it is pale on white; the line style tells neighbours apart in print.
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
LINE_STYLES = ("-", "--", "-.", (0, (1, 1)), (0, (5, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*", "p", "h")


@dataclass(frozen=True)
class Theme:
    """Colours of paper and ink."""

    paper: str = "#ffffff"
    ink: str = "#1a1a1a"
    lines: str = "#c4c4c4"
    black: str = "#000000"


LIGHT = Theme()
DARK = Theme(paper="#161b22", ink="#e6edf3", lines="#3d444d", black="#f0f0f0")
INLINE = Theme(paper="#fdfefc", ink="#191a1c", lines="#c1c3c5", black="#171819")
"""Each colour stands for a colour of the page, see `saving.inline_svg`; none of them occurs anywhere else."""


@dataclass(frozen=True)
class Look:
    """How one tracker is drawn, in every figure alike."""

    colour: str
    line: Any
    marker: str
    hatch: str = ""


def looks(trackers: Iterable[str], theme: Theme = LIGHT) -> dict[str, Look]:
    """A look per tracker, by its place among the given ones."""
    found = {}
    for place, tracker in enumerate(trackers):
        colour = COLOURS[place % len(COLOURS)]
        line = LINE_STYLES[(place // len(COLOURS) + place) % len(LINE_STYLES)]
        hatch = "/" * min(6, 3 * (place // len(COLOURS)))
        found[tracker] = Look(
            theme.black if colour == "#000000" else colour, line, MARKERS[place % len(MARKERS)], hatch
        )
    return found


def blank(theme: Theme, size_inches: tuple[float, float], projection: str | None = None) -> tuple[Figure, Axes]:
    """A figure with one plot on it, in the colours of the theme."""
    # Colours are asked for by tables, too, which need no matplotlib.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size_inches, layout="constrained", facecolor=theme.paper)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(facecolor=theme.paper, projection=projection)
    axes.tick_params(colors=theme.ink, labelsize=9)
    axes.grid(True, color=theme.lines, linestyle=":", linewidth=0.8)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_color(theme.ink)
    return figure, axes


def label(axes: Axes, theme: Theme, title: str, across: str = "", up: str = "", fits: int = 46) -> None:
    """Title and axis labels; a title of more than `fits` characters is made smaller."""
    axes.set_title(title, fontsize=min(12.0, 12 * fits / len(title)), fontweight="bold", color=theme.ink)
    axes.set_xlabel(across, color=theme.ink, fontsize=11)
    axes.set_ylabel(up, color=theme.ink, fontsize=11)


def footnote(figure: Figure, theme: Theme, text: str) -> None:
    """Whose rules the numbers follow, small below the plot."""
    # A page shows all figures equally wide, two beside each other: the letters of wide ones shrink more.
    size = 8.5 * max(1.0, figure.get_figwidth() / 5.6)
    letters = int(figure.get_figwidth() * 124 / size)
    figure.supxlabel("\n".join(textwrap.wrap(text, letters)), fontsize=size, color=theme.ink)


def legend(axes: Axes, theme: Theme, entries: int, beside: bool = False, **options: Any) -> None:
    """A legend in the theme's colours, right of the plot if `beside`; none where nothing has a label."""
    if not axes.get_legend_handles_labels()[0]:
        return
    # Only a legend of the figure takes part in its layout; one of the axes would be cut where it stands outside them.
    owner: Any = axes.figure if beside else axes
    drawn = owner.legend(
        **{
            "loc": "outside right center" if beside else "best",
            "fontsize": 9 if entries <= 20 else 6,
            "facecolor": theme.paper,
            "edgecolor": theme.ink,
            "labelcolor": theme.ink,
            "framealpha": 0.9,
            "fancybox": False,
            "handlelength": 2.6,
            **options,
        }
    )
    drawn.get_frame().set_linewidth(0.8)
    drawn.get_title().set_color(theme.ink)


def shortened(name: str, most: int = 34) -> str:
    """A tracker's name for a legend, from which matplotlib would drop names with a leading underscore."""
    name = name.lstrip("_") or name
    return name if len(name) <= most else name[: most - 1] + "…"


PAGE_COLOURS = {
    INLINE.paper: "var(--card)",
    INLINE.ink: "var(--ink)",
    INLINE.lines: "var(--grid)",
    INLINE.black: "var(--ink)",
}
"""What the page's style sheet puts in place of the colours of `INLINE`."""

# The same figure gives the same bytes: no date, no random ids.
_METADATA: dict[str, dict[str, Any]] = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}}


def save_figure(
    figure: Figure, path: str | Path, suffixes: tuple[str, ...] = (".png", ".pdf", ".svg"), theme: Theme = LIGHT
) -> list[Path]:
    """Writes a figure drawn in `theme` once per file type that matplotlib writes; `path` is without suffix.

    Raises:
        OutputError: a file cannot be written.
    """
    written = []
    for suffix in suffixes:
        target = Path(path).with_name(Path(path).name + suffix)
        # Fonts that journals accept in PDF; outlines in SVG, because readers may lack the font.
        with (
            matplotlib.rc_context({"svg.hashsalt": target.stem, "svg.fonttype": "path", "pdf.fonttype": 42}),
            atomic_path(target) as temporary,
        ):
            figure.savefig(temporary, dpi=200, facecolor=theme.paper, metadata=_METADATA.get(suffix, {}))
        written.append(target)
    return written


def inline_svg(figure: Figure, title: str) -> str:
    """An `<svg>` element for a page: text as text, as wide as its place, in the page's colours, with ids of its own.

    Args:
        figure: drawn in the theme `INLINE`.
        title: what it shows, for readers that cannot see it; unique on the page.
    """
    text = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": title, "svg.fonttype": "none"}):
        figure.savefig(text, format="svg", facecolor=INLINE.paper, metadata={"Date": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    prefix = "f" + hashlib.sha256(title.encode()).hexdigest()[:8]
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}-", svg)
    for colour, variable in PAGE_COLOURS.items():
        svg = svg.replace(colour, variable)
    # A fixed size in points would not follow the page; the view box keeps the shape.
    head, rest = svg.split(">", 1)
    head = re.sub(r' (?:width|height)="[^"]*"', "", head)
    head = re.sub(r' xmlns(?::xlink)?="[^"]*"', "", head).replace(' version="1.1"', "")
    return f'{head} role="img" aria-label="{escape(title)}">{rest.replace("xlink:href", "href")}'.strip()
