"""Writes a study: tables for programs and papers, figures, and the page."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from pathlib import Path

from matplotlib.figure import Figure

from dmtrack.evaluation.report import Report, csv_text
from dmtrack.evaluation.reporting.figures.attributes import SMALLEST_RADAR, draw_attribute_bars, draw_attribute_radar
from dmtrack.evaluation.reporting.figures.curves import curve_kinds, describe, draw_curve
from dmtrack.evaluation.reporting.figures.eao import draw_eao_curve, draw_eao_ranking
from dmtrack.evaluation.reporting.figures.long_term import draw_precision_recall, draw_presence
from dmtrack.evaluation.reporting.figures.saving import inline_svg, save_figure
from dmtrack.evaluation.reporting.figures.scatter import draw_pair, draw_speed, has_speed
from dmtrack.evaluation.reporting.figures.theme import INLINE, LIGHT, Theme
from dmtrack.evaluation.reporting.latex import latex_tables
from dmtrack.evaluation.reporting.long_term import LongTermReport
from dmtrack.evaluation.reporting.presence import PresenceReport
from dmtrack.evaluation.reporting.study import Study
from dmtrack.evaluation.reporting.vot import VotReport
from dmtrack.files import write_json, write_text
from dmtrack.pages.report.failures import find_failures
from dmtrack.pages.report.page import report_page

SUFFIXES = (".pdf", ".svg", ".png")

Drawing = Callable[[Theme], Figure]


def write_study(
    study: Study,
    folder: str | Path,
    *,
    images: bool = True,
    worst: int = 6,
    suffixes: tuple[str, ...] = SUFFIXES,
    on_step: Callable[[str], object] = lambda _: None,
) -> Path:
    """Writes `report.html`, `report.json`, `report.csv`, `report.tex` and `plots/` into a folder.

    Args:
        study: what to write.
        folder: created if needed.
        images: show frames of failures, where images can be read.
        worst: how many of the worst sequences.
        suffixes: file types of the plots.
        on_step: called with the name of each file before it is made.

    Returns:
        The page.

    Raises:
        OutputError: a file cannot be written.
    """
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
    write_text(page, report_page(study, inline, {first: find_failures(study, first, worst, images)}))
    return page


def steps(study: Study) -> int:
    """How often `write_study` calls `on_step`."""
    return 4 + sum(1 for _ in drawings(study))


def drawings(study: Study) -> Iterator[tuple[str, str, Drawing]]:
    """All figures of a study: file name, what it shows, and how it is drawn in a theme."""
    report = study.report
    for number, each in enumerate(study.reports):
        tail = f"@{each.protocol.name}" if number else ""
        if not each.is_one_pass:
            yield from _special(each, tail)
            continue
        for kind in curve_kinds(each):
            title = f"{kind.title} on {each.benchmark}, protocol {each.protocol.name}"
            yield kind.curve + tail, title, functools.partial(draw_curve, each, kind)
    if has_speed(report):
        yield "speed", "accuracy against speed", functools.partial(draw_speed, report)
    rival = study.rival()
    if rival:
        yield "pair", f"{rival[0]} and {rival[1]} by sequence", functools.partial(draw_pair, report, *rival)
    attributes = study.attributes
    if attributes:
        yield "attribute_bars", "scores by attribute", functools.partial(draw_attribute_bars, report, attributes)
        if len(attributes.sequences) >= SMALLEST_RADAR:
            yield (
                "attribute_radar",
                "scores by attribute as a radar",
                functools.partial(draw_attribute_radar, report, attributes),
            )


def _special(report: Report, tail: str) -> Iterator[tuple[str, str, Drawing]]:
    """Figures of protocols with restarts, confidences and presence."""
    title = f"on {report.benchmark}, protocol {report.protocol.name}"
    if isinstance(report, VotReport):
        yield from _expected_overlap(report, tail)
    elif isinstance(report, LongTermReport):
        curve = functools.partial(draw_precision_recall, report.measured, report.benchmark, describe(report))
        yield f"precision_recall{tail}", f"precision and recall {title}", curve
    elif isinstance(report, PresenceReport):
        rates = {score.tracker: score.scores for score in report.scores}
        points = functools.partial(draw_presence, rates, report.benchmark, describe(report))
        yield f"presence{tail}", f"true positive and true negative rate {title}", points


def _expected_overlap(report: VotReport, tail: str) -> Iterator[tuple[str, str, Drawing]]:
    items, window, note = report.expected_overlaps(), report.rules.eao_window, describe(report)
    if items and window:
        title = f"on {report.benchmark}, protocol {report.protocol.name}"
        curve = functools.partial(draw_eao_curve, items, window, report.benchmark, note)
        yield f"eao_curve{tail}", f"expected overlap by length {title}", curve
        if all(math.isnan(item.eao) for item in items):
            return
        ranking = functools.partial(draw_eao_ranking, items, report.benchmark, note)
        yield f"eao_ranking{tail}", f"ranking by expected average overlap {title}", ranking


def write_study_json(study: Study, path: str | Path) -> None:
    """Writes `Study.to_dict`."""
    write_json(path, study.to_dict())


def write_csv(study: Study, path: str | Path) -> None:
    """Writes a line per protocol, tracker and sequence, and one per tracker for all sequences ("*")."""
    write_text(path, csv_text(study.reports))


def write_latex(study: Study, path: str | Path) -> None:
    """Writes a table per protocol."""
    write_text(path, latex_tables(study.reports, study.significances))
