"""The table of an adaptation: what every stage is worth on the held-out videos, with intervals, and its plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from dmtrack.data.sequences import MultiObjectSequence
from dmtrack.evaluation.measures.measure import Measure
from dmtrack.evaluation.protocols import MultiObjectProtocol
from dmtrack.evaluation.reporting.bootstrap import Interval
from dmtrack.evaluation.reporting.figures.theme import LIGHT, blank, footnote, label, legend, looks, save_figure
from dmtrack.evaluation.reporting.study import make_study
from dmtrack.evaluation.results import TrackerResults
from dmtrack.files import write_json, write_text
from dmtrack.progress import plain_table, print_table
from dmtrack.running.adaptation.recipe import Scoring

AP_PROTOCOL = "coco"
SHOWN = ("HOTA", "MOTA", "IDF1", "AP")


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
        title: in the table.
        stage: whose weights it is about.
    """

    title: str
    stage: str

    @property
    def folder(self) -> str:
        """Of its tracks and detections."""
        return self.title.replace(" ", "-")


Cells = dict[str, dict[str, tuple[Measure, Interval]]]
"""By title of the row and key of the measure."""


def write_outcome(
    folder: Path,
    benchmark: str,
    videos: Sequence[MultiObjectSequence],
    trackers: Mapping[MultiObjectProtocol, Sequence[TrackerResults]],
    scoring: Scoring,
    spent: str,
    console: Console,
) -> list[Path]:
    """Scores, prints and writes table.md, scores.json, and stages.png, .pdf and .svg.

    Args:
        folder: to write to.
        benchmark: what is scored on.
        videos: with their truth.
        trackers: rows of the table, in their order, by the protocol that scores them.
        scoring: rounds and seed of the bootstrap.
        spent: how long the stages before took, for the end of table.md.
        console: for the table.

    Raises:
        EvaluationError: a result does not fit.
    """
    studies = [
        make_study(benchmark, [protocol], videos, own, rounds=scoring.rounds, seed=scoring.seed)
        for protocol, own in trackers.items()
    ]
    cells: Cells = {}
    for study in studies:
        measures = {one.key: one for one in study.report.protocol.reported() if one.key in SHOWN}
        for title, intervals in study.significance.intervals.items():
            cells.setdefault(title, {}).update({key: (one, intervals[key]) for key, one in measures.items()})
    keys = [key for key in SHOWN if all(key in own for own in cells.values())]
    first, ranked = next(iter(cells)), studies[0]
    compared = ranked.significance.of(ranked.report.primary.key)
    statements = [item.statement() for item in compared if first in (item.tracker_a, item.tracker_b)]
    table = plain_table(("after",), keys, title=f"{benchmark}: {len(videos)} videos", title_justify="left")
    lines = [f"| after | {' | '.join(keys)} |", f"|---|{'---|' * len(keys)}"]
    for title, own in cells.items():
        texts = []
        for measure, found in (own[key] for key in keys):
            known = f" ({measure.printed(found.low)} to {measure.printed(found.high)})" if found.is_known else ""
            texts.append(measure.printed(found.value) + known)
        table.add_row(title, *texts)
        lines.append(f"| {title} | {' | '.join(texts)} |")
    print_table(table, console)
    for line in statements:
        console.print(line, highlight=False, markup=False)
    explanation = studies[0].significance.explanation()
    text = [*lines, "", *(f"- {line}" for line in statements), "", explanation, "", f"Before this table: {spent}.", ""]
    write_text(folder / "table.md", "\n".join(text))
    write_json(folder / "scores.json", [study.to_dict() for study in studies])
    return [folder / "table.md", folder / "scores.json", *_draw(cells, keys, benchmark, explanation, folder / "stages")]


def _draw(cells: Cells, keys: Sequence[str], benchmark: str, note: str, path: Path) -> list[Path]:
    """One line per measure over the rows, with intervals."""
    figure, axes = blank(LIGHT, (7.6, 4.6))
    look: Any = looks(keys)
    titles = list(cells)
    for place, key in enumerate(keys):
        found = [cells[title][key][1] for title in titles]
        across = [number + 0.06 * (place - (len(keys) - 1) / 2) for number in range(len(titles))]
        values = [100 * one.value for one in found]
        below = [100 * (one.value - one.low) if one.is_known else 0.0 for one in found]
        above = [100 * (one.high - one.value) if one.is_known else 0.0 for one in found]
        axes.errorbar(
            across, values, yerr=[below, above], color=look[key].colour, linestyle=look[key].line,
            marker=look[key].marker, capsize=3, linewidth=1.5, label=key,
        )  # fmt: skip
    axes.set_xticks(range(len(titles)), titles, rotation=25, ha="right")
    label(axes, LIGHT, f"What every stage is worth on the {benchmark}", "", "Points")
    legend(axes, LIGHT, len(keys), beside=True)
    footnote(figure, LIGHT, note)
    return save_figure(figure, path)
