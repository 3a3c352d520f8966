"""The tables of the report page: ranking, differences, sequences and attributes."""

from __future__ import annotations

import math

import numpy as np

from dmtrack.evaluation.measures.measure import SHARE, Measure
from dmtrack.evaluation.report import Report, shown, shown_speed, weights_hash
from dmtrack.evaluation.reporting.attributes import FULL_NAMES
from dmtrack.evaluation.reporting.figures.theme import INLINE, looks
from dmtrack.evaluation.reporting.significance import Significance
from dmtrack.evaluation.reporting.study import Study
from dmtrack.pages.shell import Cell, Table


def tracker_colours(report: Report) -> dict[str, str]:
    """Each tracker's colour, the same as in the figures, as the style sheet knows it."""
    return {
        tracker: "var(--ink)" if look.colour == INLINE.black else look.colour
        for tracker, look in looks((score.tracker for score in report.scores), INLINE).items()
    }


def ranking_table(report: Report, significance: Significance) -> Table:
    """Trackers, best first, each number with its interval below; best bold, second underlined."""
    measures = report.protocol.reported()
    marks = {measure: _marks(measure, [score.scores[measure.key] for score in report.scores]) for measure in measures}
    rows = []
    for score in report.ranked():
        cells = []
        for measure in measures:
            interval = significance.intervals[score.tracker][measure.key]
            low, high = (shown(end, measure.digits) for end in (interval.low, interval.high))
            ends = f"{low} to {high}" if interval.is_known else ""
            cells.append(_number(measure, score.scores[measure.key], marks[measure], note=ends))
        counted, total = report.counted_of(score)
        digest = weights_hash(score)
        cells += [
            Cell(shown_speed(score.frames_per_second), _sortable(score.frames_per_second)),
            Cell(f"{counted}" if counted == total else f"{counted} of {total}", f"{counted}"),
            Cell(digest[:8] or "-", title=digest, kind="code"),
        ]
        rows.append((score.tracker, tuple(cells)))
    caption = (
        f"{report.benchmark} ({report.scope}), protocol {report.protocol.name}; below each number its "
        f"{100 * significance.level:g} % interval"
    )
    titles = ("tracker", *(measure.title for measure in measures), "fps", "sequences", "weights")
    return Table(caption, titles, tuple(rows), ("tracker", "weights"), tracker_colours(report))


def differences_table(report: Report, significance: Significance) -> Table:
    """Every pair of trackers in the primary number: row minus column, in points, significant ones marked."""
    order = [score.tracker for score in report.ranked()]
    by_pair = {(item.tracker_a, item.tracker_b): item for item in significance.of(report.primary.key)}
    # A difference speaks for the row where the measure prefers it, as in the intervals.
    scale, unit = report.primary.scale, "points" if report.primary.unit == SHARE else report.primary.unit
    rows = []
    for row in order:
        cells = []
        for column in order:
            item, sign = by_pair.get((row, column)), 1.0
            if item is None:
                item, sign = by_pair.get((column, row)), -1.0
            if item is None or math.isnan(item.interval.value):
                cells.append(Cell("-"))
                continue
            ends = sorted((sign * scale * item.interval.low, sign * scale * item.interval.high))
            interval = f"{ends[0]:+.1f} to {ends[1]:+.1f}" if item.interval.is_known else ""
            mark = "significant" if item.interval.excludes_zero else ""
            text = f"{sign * scale * item.interval.value:+.1f}"
            cells.append(Cell(text, note=interval, mark=mark, title=item.statement()))
        rows.append((row, tuple(cells)))
    caption = (
        f"row minus column in {unit} of {report.primary.title}, protocol {report.protocol.name}; marked: "
        "the interval excludes 0"
    )
    return Table(caption, ("", *order), tuple(rows), sortable=False)


def sequences_table(study: Study) -> Table:
    """All sequences, those with the lowest mean over trackers first; sortable and searchable."""
    report, measure = study.report, study.report.protocol.compared
    sign = 1 if measure.higher_is_better else -1
    order = [score.tracker for score in report.ranked()]
    several = len(order) > 1
    by_tracker = {score.tracker: {item.name: item for item in score.sequences} for score in report.scores}
    rows = []
    for sequence in study.sequences:
        found = [by_tracker[tracker].get(sequence.name) for tracker in order]
        values = [item.scores[measure.key] if item is not None else math.nan for item in found]
        known = [value for value in values if not math.isnan(value)]
        mean = float(np.mean(known)) if known else math.nan
        spread = max(known) - min(known) if known else math.nan
        counted = next((int(item.counted.sum()) for item in found if item is not None), 0)
        marks = _marks(measure, values) if several else {}
        cells = [_number(measure, value, marks, share=_bar(measure, value)) for value in values]
        if several:
            cells += [_number(measure, mean), _number(measure, spread)]
        frames = f"{counted:,}" if counted == len(sequence) else f"{counted:,} of {len(sequence):,}"
        cells.append(Cell(frames, f"{counted}"))
        if study.tags:
            cells.append(Cell(" ".join(study.tags.get(sequence.name, ())), kind="text"))
        rows.append((math.inf if math.isnan(mean) else sign * mean, (sequence.name, tuple(cells))))
    titles = ["sequence", *order, *(["mean", "best - worst"] if several else []), "counted frames"]
    titles += ["attributes"] if study.tags else []
    caption = (
        f"{measure.title} of each sequence, protocol {report.protocol.name}; worst first; a click on a heading sorts"
    )
    ordered = tuple(row for _, row in sorted(rows, key=lambda item: item[0]))
    return Table(
        caption,
        tuple(titles),
        ordered,
        ("sequence", "attributes"),
        tracker_colours(report),
        tall=True,
        name="sequence-table",
    )


def attributes_table(study: Study) -> Table | None:
    """The numbers behind bars and radar; None where sequences have no attributes."""
    if study.attributes is None:
        return None
    report, attributes = study.report, study.attributes
    order = [score.tracker for score in report.ranked()]
    rows = []
    for tag, count in attributes.sequences.items():
        values = [attributes.scores[tracker][tag] for tracker in order]
        marks = _marks(attributes.measure, values)
        cells = (*(_number(attributes.measure, value, marks) for value in values), Cell(f"{count}", f"{count}"))
        rows.append((FULL_NAMES.get(tag, tag), cells))
    caption = f"{attributes.measure.title} by attribute, protocol {report.protocol.name}"
    titles = ("attribute", *order, "sequences")
    return Table(caption, titles, tuple(rows), ("attribute",), tracker_colours(report))


def _number(
    measure: Measure, value: float, marks: dict[str, str] | None = None, note: str = "", share: float | None = None
) -> Cell:
    """A number that sorts by its value, marked as its printed form is."""
    text = shown(value, measure.digits)
    return Cell(text, _sortable(value), note, (marks or {}).get(text, ""), share=share)


def _bar(measure: Measure, value: float) -> float | None:
    """How far the bar behind a number reaches; only shares have one."""
    if measure.unit != SHARE:
        return None
    return 0.0 if math.isnan(value) else value


def _marks(measure: Measure, values: list[float]) -> dict[str, str]:
    """How printed numbers are marked: the best one bold, the second underlined."""
    known = {shown(value, measure.digits) for value in values if not math.isnan(value)}
    return dict(zip(sorted(known, key=float, reverse=measure.higher_is_better), ("best", "second"), strict=False))


def _sortable(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.6f}"
