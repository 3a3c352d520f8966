"""One HTML file that shows a whole study: no network, no other files; figures are SVG, frames JPEG inside the page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from dmtrack import __version__
from dmtrack.evaluation.report import shown
from dmtrack.evaluation.reporting.significance import Significance
from dmtrack.evaluation.reporting.study import Study
from dmtrack.pages.report.failures import Failure, binned, drawn_trackers
from dmtrack.pages.report.style import SCRIPT, STYLE
from dmtrack.pages.report.tables import (
    attributes_table,
    differences_table,
    ranking_table,
    sequences_table,
    swatches,
    tracker_colour,
)

FEW_STATEMENTS = 6
"""More of them are folded away."""

_WIDTH, _HEIGHT, _ALONE = 600.0, 60.0, 3.0


def report_page(study: Study, figures: Mapping[str, str], failures: Mapping[str, Sequence[Failure]]) -> str:
    """The whole page.

    Args:
        study: what is shown.
        figures: SVG elements by the names of `output.drawings`, in the order shown.
        failures: by tracker, see `failures.strips`.

    Returns:
        HTML with style and script inside and no link to anything outside.
    """
    report = study.report
    title = f"{report.benchmark}: {', '.join(score.tracker for score in report.ranked())}"
    parts = [
        _header(study),
        _section("ranking", "Ranking", _rankings(study)),
        _section("differences", "Which differences are real", _differences(study)),
        _section("curves", "Plots", _curves(study, figures)),
        _section("attributes", "Attributes", _grid(figures, "attribute") + attributes_table(study)),
        _section("sequences", "Sequences, worst first", sequences_table(study)),
        _section("failures", "Failures", "".join(_failures(study, *item) for item in failures.items())),
        _section("method", "What was scored", _method(study)),
    ]
    body = "\n".join(part for part in parts if part)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="color-scheme" content="light dark">\n<title>{escape(title)}</title>\n'
        f"<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n<script>\n{SCRIPT}</script>\n"
        "</body>\n</html>\n"
    )


def _header(study: Study) -> str:
    report = study.report
    counts = sorted({len(score.sequences) - len(score.uncounted) for score in report.scores})
    trackers = len(report.scores)
    scope = (
        f"{trackers} tracker{'s' * (trackers != 1)}, {' or '.join(map(str, counts))} sequences ({report.scope}), "
        f"protocol{'s' * (len(study.reports) > 1)} {', '.join(item.protocol.name for item in study.reports)}"
    )
    links = [("ranking", "Ranking"), ("differences", "Differences"), ("curves", "Plots")]
    links += [("attributes", "Attributes")] * (study.attributes is not None)
    links += [("sequences", "Sequences"), ("failures", "Failures"), ("method", "What was scored")]
    if trackers < 2:
        links.remove(("differences", "Differences"))
    warning = f'<p class="warning">{escape(report.remarks()[0].capitalize())}.</p>' if report.left_out else ""
    return (
        f'<header><h1>{escape(report.benchmark)}</h1><p class="scope">{escape(scope)}</p>'
        f'<p class="lead">{escape(_summary(study))}</p>{warning}'
        f"<nav>{''.join(f'<a href=#{target}>{text}</a>' for target, text in links)}</nav></header>"
    )


def _summary(study: Study) -> str:
    report, best = study.report, study.report.ranked()[0]
    interval = study.significance.intervals[best.tracker][report.primary]
    ends = f" (95 % interval {interval.low:.3f} to {interval.high:.3f})" if interval.is_known else ""
    title, value = report.headings()[report.primary], best.scores[report.primary]
    if math.isnan(value):
        return f"No tracker has a number for {title}."
    text = f"{best.tracker} has {title} {shown(value)}{ends}."
    comparisons = study.significance.of(report.primary)
    return f"{text} {comparisons[0].statement()}" if comparisons else text


def _section(name: str, title: str, content: str) -> str:
    return f'<section id="{name}-section"><h2 id="{name}">{escape(title)}</h2>{content}</section>' if content else ""


def _rankings(study: Study) -> str:
    tables = [ranking_table(*pair) for pair in zip(study.reports, study.significances, strict=True)]
    notes = "".join(f'<p class="note">{escape(remark)}.</p>' for remark in study.remarks())
    return "".join(tables) + notes


def _differences(study: Study) -> str:
    if len(study.report.scores) < 2:
        return ""
    parts = [differences_table(study.report, study.significance)]
    for report, significance in zip(study.reports, study.significances, strict=True):
        parts.append(_statements(report.protocol.name, report.headings(), significance))
    parts.append(f'<p class="note">{escape(study.significance.explanation())}</p>')
    return "".join(parts)


def _statements(protocol: str, headings: Mapping[str, str], significance: Significance) -> str:
    groups = []
    for metric, title in headings.items():
        comparisons = significance.of(metric)
        items = "".join(f"<li>{escape(item.statement())}</li>" for item in comparisons)
        listed = f'<ul class="statements">{items}</ul>'
        first = metric == next(iter(headings))
        is_open = " open" if first and len(comparisons) <= FEW_STATEMENTS else ""
        groups.append(f"<details{is_open}><summary>{escape(title)}, {escape(protocol)}</summary>{listed}</details>")
    return "".join(groups)


def _curves(study: Study, figures: Mapping[str, str]) -> str:
    """The plots of the first protocol and below, folded away, those of the others."""
    others = {report.protocol.name for report in study.reports[1:]}
    first = {name: svg for name, svg in figures.items() if name.rpartition("@")[2] not in others}
    folded = "".join(
        f"<details><summary>By protocol {escape(protocol)}</summary>{_grid(figures, '', f'@{protocol}')}</details>"
        for protocol in sorted(others)
    )
    return _grid({name: svg for name, svg in first.items() if not name.startswith("attribute")}) + folded


def _grid(figures: Mapping[str, str], head: str = "", tail: str = "") -> str:
    chosen = [svg for name, svg in figures.items() if name.startswith(head) and name.endswith(tail)]
    return f'<div class="plots">{"".join(f"<figure>{svg}</figure>" for svg in chosen)}</div>' if chosen else ""


def _failures(study: Study, tracker: str, failures: Sequence[Failure]) -> str:
    squares = swatches(study.report)
    names = drawn_trackers(study, tracker)
    has_pictures = any(failure.pictures for failure in failures)
    legend = "".join(f"<span>{squares[name]}{escape(name)}</span>" for name in names)
    legend += '<span><i class="swatch truth"></i>truth (dashed)</span>' if has_pictures else ""
    missing = "" if has_pictures else " The images are not at hand here, so that only the overlap over time is shown."
    title = study.report.headings()[study.report.per_sequence]
    text = (
        f"The sequences with the lowest {title} of {tracker}: {study.report.overlap_title} from the first frame "
        f"to the last, shaded where {tracker} is lost longest (below 0.1); lines at 0, 0.5 and 1."
        f"{missing}"
    )
    blocks = "".join(_failure(study, tracker, names, failure) for failure in failures)
    return f'<p class="note">{escape(text)}</p><div class="legend">{legend}</div>{blocks}'


def _failure(study: Study, tracker: str, names: Sequence[str], failure: Failure) -> str:
    score = next(item for item in study.report.scores if item.tracker == tracker)
    value = next(item for item in score.sequences if item.name == failure.sequence).scores[study.report.per_sequence]
    lost = "never lost"
    if failure.lost:
        lost = f"lost from frame {failure.lost[0] + 1} to {failure.lost[1] + 1} of {len(failure.overlaps[tracker])}"
    pictures = "".join(
        f'<figure><img src="{picture.data_uri}" alt="frame {picture.frame + 1}: {escape(picture.caption)}" '
        f'loading="lazy"><figcaption>{picture.frame + 1}: {escape(picture.caption)}</figcaption></figure>'
        for picture in failure.pictures
    )
    strip = f'<div class="strip">{pictures}</div>' if pictures else ""
    return (
        f'<div class="failure"><h3>{escape(failure.sequence)} <span>{shown(value)} · {lost}</span></h3>'
        f"{_timeline(study, names, failure)}{strip}</div>"
    )


def _timeline(study: Study, names: Sequence[str], failure: Failure) -> str:
    frames = len(next(iter(failure.overlaps.values())))
    shapes = []
    if failure.lost:
        start, end = (_WIDTH * place / frames for place in (failure.lost[0], failure.lost[1] + 1))
        shapes.append(
            f'<rect x="{start:.1f}" y="0" width="{max(1.0, end - start):.1f}" height="{_HEIGHT:g}" fill="#d55e00" '
            'opacity="0.16"/>'
        )
    shapes += [
        f'<path d="M0 {y:g}H{_WIDTH:g}" stroke="var(--grid)" stroke-width="1" vector-effect="non-scaling-stroke"/>'
        for y in (0, _HEIGHT / 2, _HEIGHT)
    ]
    for name in reversed([name for name in names if name in failure.overlaps]):
        path = _path(binned(failure.overlaps[name]))
        shapes.append(
            f'<path d="{path}" fill="none" stroke="{tracker_colour(study.report, name)}" stroke-width="1.6" '
            'vector-effect="non-scaling-stroke"/>'
        )
    for picture in failure.pictures:
        x = _WIDTH * (picture.frame + 0.5) / frames
        tick = f'd="M{x:.1f} {_HEIGHT:g}v6" stroke="var(--ink)" stroke-width="2"'
        shapes.append(f'<path {tick} vector-effect="non-scaling-stroke"/>')
    return (
        f'<svg class="timeline" viewBox="0 -2 {_WIDTH:g} {_HEIGHT + 10:g}" preserveAspectRatio="none" role="img" '
        f'aria-label="IoU over the frames of {escape(failure.sequence)}">{"".join(shapes)}</svg>'
    )


def _path(values: NDArray[np.float64]) -> str:
    """Straight lines through the values, broken where there is none; a dash for a value that stands alone."""
    across = (np.arange(len(values)) + 0.5) * _WIDTH / max(1, len(values))
    parts, known = [], np.concatenate([[False], ~np.isnan(values), [False]])
    for place, (x, value) in enumerate(zip(across, values, strict=True), start=1):
        if not known[place]:
            continue
        parts.append(f"{'L' if known[place - 1] else 'M'}{x:.1f} {_HEIGHT * (1 - value):.1f}")
        if not known[place - 1] and not known[place + 1]:  # a frame between others that do not count
            parts.append(f"h{_ALONE:g}")
    return "".join(parts)


def _method(study: Study) -> str:
    rows = [("benchmark", f"{study.report.benchmark} ({study.report.scope})")]
    rows += [(f"protocol {report.protocol.name}", report.protocol.description) for report in study.reports]
    for tracker in study.trackers:
        known = {key: value for key, value in tracker.provenance.items() if value not in (None, "", {})}
        software = known.pop("software", {})
        facts = [f"{key} {value}" for key, value in known.items()]
        facts += [f"{key} {value}" for key, value in software.items()] if isinstance(software, Mapping) else []
        rows.append((tracker.name, "; ".join(facts) or "no manifest: nothing is known of the run"))
    rows.append(("intervals", study.significance.explanation()))
    rows.append(("made with", f"dmtrack {__version__}"))
    return f"<dl>{''.join(f'<dt>{escape(name)}</dt><dd>{escape(str(text))}</dd>' for name, text in rows)}</dl>"
