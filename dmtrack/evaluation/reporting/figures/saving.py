"""Figures as files, and as SVG inside a page whose colours they take."""

from __future__ import annotations

import hashlib
import io
import re
from html import escape
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from dmtrack.evaluation.reporting.figures.theme import INLINE, LIGHT, Theme
from dmtrack.files import atomic_path

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
    """Writes a figure once per file type.

    Args:
        figure: drawn in `theme`.
        path: without suffix.
        suffixes: file types that matplotlib writes.
        theme: whose paper fills the background.

    Returns:
        The files.

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
