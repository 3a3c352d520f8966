"""One HTML file that shows a whole study: no network, no other files; figures are SVG, frames JPEG inside the page."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmtrack import __version__
from dmtrack.evaluation.measures.multi_object import SWITCHED
from dmtrack.evaluation.report import shown
from dmtrack.evaluation.reporting.study import Study
from dmtrack.pages.report.failures import Failure, binned, drawn_trackers
from dmtrack.pages.report.mistakes import LEGEND, in_words, lane_colours, lanes_of
from dmtrack.pages.report.tables import (
    attributes_table,
    differences_table,
    ranking_table,
    sequences_table,
    tracker_colours,
)
from dmtrack.pages.shell import VIEWER_PORT, Table, render, trusted

FEW_STATEMENTS = 6
"""More of them are folded away."""

_WIDTH, _HEIGHT, _ALONE = 600, 60, 3
"""Units of the drawing of overlaps over time, and how long a dash stands for a frame between others."""


def report_page(
    study: Study, figures: Mapping[str, str], failures: Mapping[str, Iterable[Failure]], viewer: str = ""
) -> str:
    """The whole page: HTML with style and script inside and no link to anything outside.

    Args:
        study: what is shown.
        figures: SVG elements by the names of `output.drawings`, in the order shown.
        failures: by tracker, see `find_failures`.
        viewer: the command that opens all frames of these results in the browser.
    """
    report, shown_failures = study.report, {tracker: list(found) for tracker, found in failures.items()}
    names = ", ".join(item.protocol.name for item in study.reports)
    counts = sorted({len(score.sequences) - len(score.uncounted) for score in report.scores})
    several = len(report.scores) > 1
    others = sorted({each.protocol.name for each in study.reports[1:]})
    first = {name: svg for name, svg in figures.items() if name.rpartition("@")[2] not in others}
    return render(
        "report.html",
        title=f"{report.benchmark}: {', '.join(score.tracker for score in report.ranked())}",
        benchmark=report.benchmark,
        scope=f"{len(report.scores)} tracker{'s' * several}, {' or '.join(map(str, counts))} sequences "
        f"({report.scope}), protocol{'s' * (len(study.reports) > 1)} {names}",
        lead=_summary(study),
        warning=report.remarks()[0].capitalize() if report.left_out else "",
        first_number=report.first_number_in_words(),
        rankings=_rankings(study),
        remarks=study.remarks(),
        differences=differences_table(report, study.significance) if several else None,
        statements=_statements(study),
        explanation=study.significance.explanation(),
        curves=trusted(svg for name, svg in first.items() if not name.startswith("attribute")),
        other_curves=[
            (protocol, trusted(svg for name, svg in figures.items() if name.endswith(f"@{protocol}")))
            for protocol in others
        ],
        attributes=attributes_table(study),
        attribute_plots=trusted(svg for name, svg in figures.items() if name.startswith("attribute")),
        sequences=sequences_table(study),
        failures=[_failures(study, tracker, found) for tracker, found in shown_failures.items()],
        how_to_read=_how_to_read(study, itertools.chain(*shown_failures.values())),
        viewer=viewer,
        viewer_address=f"http://localhost:{VIEWER_PORT}/#sequence=",
        colours=tracker_colours(report),
        width=_WIDTH,
        height=_HEIGHT,
        method=_method(study),
    )


def _rankings(study: Study) -> list[tuple[Table, dict[str, str]]]:
    """A table per protocol, each with what those of its columns say that no table before it has."""
    rankings = []
    # The first number is explained at the top of the page.
    told = set(list(study.report.protocol.legend().items())[:1])
    for report, significance in zip(study.reports, study.significances, strict=True):
        legend = {
            **report.protocol.legend(),
            "fps": "frames per second of the tracker alone",
            "weights": "first digits of the SHA-256 of the weights",
        }
        new = {title: text for title, text in legend.items() if (title, text) not in told}
        rankings.append((ranking_table(report, significance), new))
        told |= legend.items()
    return rankings


def _summary(study: Study) -> str:
    report, best = study.report, study.report.ranked()[0]
    interval = study.significance.intervals[best.tracker][report.primary.key]
    ends = f" (95 % interval {interval.low:.3f} to {interval.high:.3f})" if interval.is_known else ""
    title, value = report.primary.title, best.scores[report.primary.key]
    if math.isnan(value):
        return f"No tracker has a number for {title}."
    text = f"{best.tracker} has {title} {shown(value, report.primary.digits)}{ends}."
    comparisons = study.significance.of(report.primary.key)
    return f"{text} {comparisons[0].statement()}" if comparisons else text


def _statements(study: Study) -> list[dict[str, Any]]:
    """What can be said of every number of every protocol; only the first group is open, if it is short."""
    groups = []
    for report, significance in zip(study.reports, study.significances, strict=True):
        for measure in report.protocol.reported():
            comparisons = significance.of(measure.key)
            is_open = measure == report.primary and len(comparisons) <= FEW_STATEMENTS
            statements = [item.statement() for item in comparisons]
            groups.append(
                {"title": f"{measure.title}, {report.protocol.name}", "open": is_open, "statements": statements}
            )
    return groups


def _how_to_read(study: Study, failures: Iterable[Failure]) -> str:
    """What the drawings of all trackers' failures show."""
    protocol = study.report.protocol
    measure, worst = protocol.compared, "lowest" if protocol.compared.higher_is_better else "highest"
    note = (
        f"By tracker, the sequences with its {worst} {measure.title}: {protocol.overlap_title} from the first frame to "
        "the last, shaded where it is lost longest (below 0.1); lines at 0, 0.5 and 1."
    )
    found = list(failures)
    if any(failure.pairing is not None for failure in found):
        note += (
            " Ticks above are switches of identity. Below, people whose identity switched or who were missed most: a "
            "colour per identity that the tracker gave them, nothing where they were missed."
        )
    if not any(failure.pictures for failure in found):
        note += " The images are not at hand here, so that only the overlap over time is shown."
    return note


def _failures(study: Study, tracker: str, failures: list[Failure]) -> dict[str, Any]:
    has_pictures = any(failure.pictures for failure in failures)
    many = any(failure.pairing is not None for failure in failures)
    names = drawn_trackers(study, tracker)
    sequences = [_failure(study, tracker, names, failure) for failure in failures]
    looks = LEGEND if many and has_pictures else {}
    return {
        "tracker": tracker,
        "names": names,
        "many": many,
        "has_pictures": has_pictures,
        "legend": [(name, "#{:02x}{:02x}{:02x}".format(*colour), dashed) for name, (colour, dashed) in looks.items()],
        "sequences": sequences,
    }


def _failure(study: Study, tracker: str, names: list[str], failure: Failure) -> dict[str, Any]:
    score = next(item for item in study.report.scores if item.tracker == tracker)
    value = next(item for item in score.sequences if item.name == failure.sequence).scores[
        study.report.protocol.compared.key
    ]
    frames = len(failure.overlaps[tracker])
    across = _WIDTH / frames
    lost, shade = "never lost", None
    if failure.lost:
        lost = f"lost from frame {failure.lost[0] + 1} to {failure.lost[1] + 1} of {frames}"
        start, end = (across * place for place in (failure.lost[0], failure.lost[1] + 1))
        shade = (f"{start:.1f}", f"{max(1.0, end - start):.1f}")
    colours = tracker_colours(study.report)
    switches: list[str] = []
    lanes: list[dict[str, Any]] = []
    if failure.pairing is not None:
        pairing = failure.pairing
        counts = pairing.per_frame()
        lost = in_words(counts.sum(axis=0))
        switches = [f"{across * (frame + 0.5):.1f}" for frame in np.flatnonzero(counts[:, SWITCHED])]
        people = lanes_of(pairing)
        identities = lane_colours(people)
        lanes = [
            {
                "person": lane.person,
                "words": f"identities of person {lane.person}, {len(lane.switches)} switches",
                "spans": [
                    (f"{across * first:.1f}", f"{max(1.0, across * (last + 1 - first)):.1f}", identities[one],
                     f"identity {one}, frames {first + 1} to {last + 1}")
                    for first, last, one in lane.spans
                ],
                "switches": [f"{across * frame:.1f}" for frame in lane.switches],
            }
            for lane in people
        ]  # fmt: skip
    return {
        "name": failure.sequence,
        "switches": switches,
        "lanes": lanes,
        "number": shown(value, study.report.protocol.compared.digits),
        "lost": lost,
        "shade": shade,
        "lines": [
            (_path(binned(failure.overlaps[name])), colours[name]) for name in names[::-1] if name in failure.overlaps
        ],
        "ticks": [f"{across * (picture.frame + 0.5):.1f}" for picture in failure.pictures],
        "pictures": failure.pictures,
    }


def _path(values: NDArray[np.float64]) -> str:
    """Straight lines through the values, broken where there is none; a dash for a value that stands alone."""
    across = (np.arange(len(values)) + 0.5) * _WIDTH / max(1, len(values))
    parts, known = [], np.concatenate([[False], ~np.isnan(values), [False]])
    for place, (x, value) in enumerate(zip(across, values, strict=True), start=1):
        if not known[place]:
            continue
        parts.append(f"{'L' if known[place - 1] else 'M'}{x:.1f} {_HEIGHT * (1 - value):.1f}")
        if not known[place - 1] and not known[place + 1]:  # a frame between others that do not count
            parts.append(f"h{_ALONE}")
    return "".join(parts)


def _method(study: Study) -> list[tuple[str, str]]:
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
    return rows
