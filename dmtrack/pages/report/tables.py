"""The tables of the report page: ranking, differences, and sequences."""

from __future__ import annotations

import math
from html import escape

import numpy as np

from dmtrack.evaluation.report import Report, shown, shown_speed, weights_hash
from dmtrack.evaluation.reporting.attributes import full_name
from dmtrack.evaluation.reporting.figures.theme import INLINE, looks
from dmtrack.evaluation.reporting.significance import Significance
from dmtrack.evaluation.reporting.study import Study


def swatches(report: Report) -> dict[str, str]:
    """A small square in each tracker's colour."""
    return {
        tracker: f'<i class="swatch" style="background:{_page_colour(look.colour)}"></i>'
        for tracker, look in looks((score.tracker for score in report.scores), INLINE).items()
    }


def tracker_colour(report: Report, tracker: str) -> str:
    """A tracker's colour as the style sheet knows it."""
    return _page_colour(looks((score.tracker for score in report.scores), INLINE)[tracker].colour)


def ranking_table(report: Report, significance: Significance) -> str:
    """Trackers, best first, each number with its interval below; best bold, second underlined."""
    headings = report.headings()
    squares = swatches(report)
    marks = {
        metric: _marks([score.scores[metric] for score in report.scores], report.lower_is_better(metric))
        for metric in headings
    }
    rows = []
    for score in report.ranked():
        cells = []
        for metric in headings:
            value, interval = score.scores[metric], significance.intervals[score.tracker][metric]
            ends = f"<small>{interval.low:.3f} to {interval.high:.3f}</small>" if interval.is_known else ""
            mark = marks[metric].get(shown(value), "")
            cells.append(f'<td data-value="{_sortable(value)}"><span{mark}>{shown(value)}</span>{ends}</td>')
        counted, total = report.counted_of(score)
        digest = weights_hash(score)
        cells += [
            f'<td data-value="{_sortable(score.frames_per_second)}">{shown_speed(score.frames_per_second)}</td>',
            f'<td data-value="{counted}">{counted if counted == total else f"{counted} of {total}"}</td>',
            f'<td class="text"><code title="{escape(digest)}">{escape(digest[:8]) or "-"}</code></td>',
        ]
        rows.append(f"<tr><th>{squares[score.tracker]}{escape(score.tracker)}</th>{''.join(cells)}</tr>")
    titles = ["tracker", *headings.values(), "fps", "sequences", "weights"]
    caption = f"{report.benchmark} ({report.scope}), protocol {report.protocol.name}"
    interval_note = f"; below each number its {100 * significance.level:g} % interval"
    return _table(caption + interval_note, titles, rows, "", text={"tracker", "weights"})


def differences_table(report: Report, significance: Significance) -> str:
    """Every pair of trackers in the primary number: row minus column, in points, significant ones marked."""
    order = [score.tracker for score in report.ranked()]
    by_pair = {(item.tracker_a, item.tracker_b): item for item in significance.of(report.primary)}
    rows = []
    for row in order:
        cells = []
        for column in order:
            item, sign = by_pair.get((row, column)), 1.0
            if item is None:
                item, sign = by_pair.get((column, row)), -1.0
            if item is None or math.isnan(item.interval.value):
                cells.append("<td>-</td>")
                continue
            ends = sorted((sign * 100 * item.interval.low, sign * 100 * item.interval.high))
            interval = f"<small>{ends[0]:+.1f} to {ends[1]:+.1f}</small>" if item.interval.is_known else ""
            mark = ' class="significant"' if item.interval.excludes_zero else ""
            cells.append(
                f'<td{mark} title="{escape(item.statement())}">{sign * 100 * item.interval.value:+.1f}{interval}</td>'
            )
        rows.append(f"<tr><th>{escape(row)}</th>{''.join(cells)}</tr>")
    head = "".join(f"<th>{escape(name)}</th>" for name in order)
    caption = (
        f"row minus column in points of {report.headings()[report.primary]}, protocol {report.protocol.name}; marked: "
        "the interval excludes 0"
    )
    return (
        f'<div class="wide"><table><caption>{escape(caption)}</caption><thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def sequences_table(study: Study) -> str:
    """All sequences, those with the lowest mean over trackers first; sortable and searchable."""
    report = study.report
    squares = swatches(report)
    order = [score.tracker for score in report.ranked()]
    by_tracker = {score.tracker: {item.name: item for item in score.sequences} for score in report.scores}
    table = []
    for sequence in study.sequences:
        found = [by_tracker[tracker].get(sequence.name) for tracker in order]
        values = [item.scores[report.per_sequence] if item is not None else float("nan") for item in found]
        known = [value for value in values if not math.isnan(value)]
        mean = float(np.mean(known)) if known else float("nan")
        spread = max(known) - min(known) if known else float("nan")
        counted = next((int(item.counted.sum()) for item in found if item is not None), 0)
        marks = _marks(values) if len(order) > 1 else {}
        cells = "".join(
            f'<td class="filled" style="--share:{0 if math.isnan(value) else 100 * value:.0f}%" '
            f'data-value="{_sortable(value)}"><span{marks.get(shown(value), "")}>{shown(value)}</span></td>'
            for value in values
        )
        several = (
            f'<td data-value="{_sortable(mean)}">{shown(mean)}</td>'
            f'<td data-value="{_sortable(spread)}">{shown(spread)}</td>'
            if len(order) > 1
            else ""
        )
        frames = f"{counted:,}" if counted == len(sequence) else f"{counted:,} of {len(sequence):,}"
        tags = f'<td class="text">{escape(" ".join(study.tags.get(sequence.name, ())))}</td>' if study.tags else ""
        row = f'<tr><th>{escape(sequence.name)}</th>{cells}{several}<td data-value="{counted}">{frames}</td>{tags}</tr>'
        table.append((math.inf if math.isnan(mean) else mean, row))
    rows = [row for _, row in sorted(table, key=lambda item: item[0])]
    titles = ["sequence", *order, *(["mean", "best - worst"] if len(order) > 1 else []), "counted frames"]
    titles += ["attributes"] if study.tags else []
    caption = (
        f"{report.headings()[report.per_sequence]} of each sequence, protocol {report.protocol.name}; worst first; a "
        "click on a heading sorts"
    )
    field = (
        '<input type="search" data-filters="sequence-table" placeholder="find a sequence or attribute" '
        'aria-label="find a sequence or attribute">'
    )
    return field + _table(
        caption, titles, rows, "sequence-table", text={"sequence", "attributes"}, inside="tall", squares=squares
    )


def attributes_table(study: Study) -> str:
    """The numbers behind bars and radar."""
    if study.attributes is None:
        return ""
    report, attributes = study.report, study.attributes
    order = [score.tracker for score in report.ranked()]
    rows = []
    for tag, count in attributes.sequences.items():
        values = [attributes.scores[tracker][tag] for tracker in order]
        marks = _marks(values)
        cells = "".join(
            f'<td data-value="{_sortable(value)}"><span{marks.get(shown(value), "")}>{shown(value)}</span></td>'
            for value in values
        )
        rows.append(f'<tr><th>{escape(full_name(tag))}</th>{cells}<td data-value="{count}">{count}</td></tr>')
    caption = f"{report.headings()[attributes.metric]} by attribute, protocol {report.protocol.name}"
    return _table(caption, ["attribute", *order, "sequences"], rows, "", text={"attribute"}, squares=swatches(report))


def _table(
    caption: str,
    titles: list[str],
    rows: list[str],
    name: str,
    *,
    text: set[str],
    inside: str = "wide",
    squares: dict[str, str] | None = None,
) -> str:
    head = "".join(
        f"<th{' class=text' if title in text else ' data-first=descending'}>"
        f'<button type="button">{(squares or {}).get(title, "")}{escape(title)}</button></th>'
        for title in titles
    )
    identity = f' id="{name}"' if name else ""
    return (
        f'<div class="{inside}"><table class="sortable"{identity}><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _marks(values: list[float], lower_is_better: bool = False) -> dict[str, str]:
    """How printed numbers are marked: the best one bold, the second underlined."""
    known = {shown(value) for value in values if not math.isnan(value)}
    printed = sorted(known, key=float, reverse=not lower_is_better)
    return dict(zip(printed, (' class="best"', ' class="second"'), strict=False))


def _sortable(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.6f}"


def _page_colour(colour: str) -> str:
    return "var(--ink)" if colour == INLINE.black else colour
