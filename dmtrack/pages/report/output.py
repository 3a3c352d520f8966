"""Writes a study: tables for programs and papers, figures, and the page."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path

from dmtrack.evaluation.protocols.protocol import Drawing
from dmtrack.evaluation.report import csv_text
from dmtrack.evaluation.reporting.latex import latex_tables
from dmtrack.evaluation.reporting.study import Study
from dmtrack.files import write_json, write_text
from dmtrack.pages.report.failures import find_failures
from dmtrack.pages.report.page import report_page

SUFFIXES = (".pdf", ".svg", ".png")


def write_study(
    study: Study,
    folder: str | Path,
    *,
    images: bool = True,
    worst: int = 6,
    viewer: str = "",
    suffixes: tuple[str, ...] = SUFFIXES,
    on_step: Callable[[str], object] = lambda _: None,
) -> Path:
    """Writes `report.html`, which it gives, `report.json`, `report.csv`, `report.tex` and `plots/` into a folder.

    Args:
        study: what to write.
        folder: created if needed.
        images: show frames of failures, where images can be read.
        worst: how many of the worst sequences.
        viewer: the command that opens all frames of these results in the browser.
        suffixes: file types of the plots.
        on_step: called with the name of each file before it is made.

    Raises:
        OutputError: a file cannot be written.
    """
    from dmtrack.evaluation.reporting.figures.theme import INLINE, LIGHT, inline_svg, save_figure

    folder = Path(folder)
    for name, write in (("report.json", write_study_json), ("report.csv", write_csv), ("report.tex", write_latex)):
        on_step(name)
        write(study, folder / name)
    inline = {}
    for name, title, draw in drawings(study):
        on_step(f"plots/{name}")
        save_figure(draw(LIGHT), folder / "plots" / name, suffixes)
        inline[name] = inline_svg(draw(INLINE), title)
    on_step("report.html")
    page = folder / "report.html"
    first = study.trackers[0].name
    write_text(page, report_page(study, inline, {first: find_failures(study, first, worst, images)}, viewer))
    return page


def steps(study: Study) -> int:
    """How often `write_study` calls `on_step`."""
    return 4 + sum(1 for _ in drawings(study))


def drawings(study: Study) -> Iterator[Drawing]:
    """All figures of a study: file name, what it shows, and how it is drawn in a theme."""
    from dmtrack.evaluation.reporting.figures.attributes import (
        SMALLEST_RADAR,
        draw_attribute_bars,
        draw_attribute_radar,
    )
    from dmtrack.evaluation.reporting.figures.scatter import draw_pair, draw_speed, known_speed

    report = study.report
    for number, each in enumerate(study.reports):
        tail = f"@{each.protocol.name}" if number else ""
        yield from (drawing._replace(name=drawing.name + tail) for drawing in each.protocol.drawings(each))
    if any(known_speed(score) is not None for score in report.scores):
        yield Drawing("speed", "accuracy against speed", functools.partial(draw_speed, report))
    rival = study.rival()
    if rival:
        yield Drawing("pair", f"{rival[0]} and {rival[1]} by sequence", functools.partial(draw_pair, report, *rival))
    attributes = study.attributes
    if attributes:
        bars = functools.partial(draw_attribute_bars, report, attributes)
        yield Drawing("attribute_bars", "scores by attribute", bars)
        if len(attributes.sequences) >= SMALLEST_RADAR:
            radar = functools.partial(draw_attribute_radar, report, attributes)
            yield Drawing("attribute_radar", "scores by attribute as a radar", radar)


def write_study_json(study: Study, path: str | Path) -> None:
    """Writes `Study.to_dict`."""
    write_json(path, study.to_dict())


def write_csv(study: Study, path: str | Path) -> None:
    """Writes a line per protocol, tracker and sequence, and one per tracker for all sequences ("*")."""
    write_text(path, csv_text(study.reports))


def write_latex(study: Study, path: str | Path) -> None:
    """Writes a table per protocol."""
    write_text(path, latex_tables(study.reports, study.significances))
