"""Everything that a report says: scores under one or more protocols, intervals, attributes, and what was left out."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.text import Text

from dmtrack.data.sequences import Sequence
from dmtrack.evaluation.protocols import BaseProtocol
from dmtrack.evaluation.readers.names import listed
from dmtrack.evaluation.report import Report
from dmtrack.evaluation.reporting.attributes import AttributeScores, score_attributes
from dmtrack.evaluation.reporting.loading import build_report, common_sequences
from dmtrack.evaluation.reporting.significance import Significance, assess
from dmtrack.evaluation.results import TrackerResults
from dmtrack.progress import print_table

MOST_STATEMENTS = 10
"""The others stand in the files."""


@dataclass(frozen=True)
class Study:
    """Trackers on one benchmark.

    Attributes:
        reports: one per protocol, at least one; the first one is shown in full.
        significances: of the same reports.
        attributes: of the first report's primary number; None where no counted sequence has one.
        sequences: what was scored.
        trackers: what was read, in the order given.
        tags: attributes of each sequence.
    """

    reports: tuple[Report, ...]
    significances: tuple[Significance, ...]
    attributes: AttributeScores | None
    sequences: tuple[Sequence, ...]
    trackers: tuple[TrackerResults, ...]
    tags: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def report(self) -> Report:
        """By the first protocol."""
        return self.reports[0]

    @property
    def significance(self) -> Significance:
        """By the first protocol."""
        return self.significances[0]

    def remarks(self) -> list[str]:
        """Sentences on what no average holds and on how results were read, each once for all trackers that it is of."""
        remarks = [remark for report in self.reports for remark in report.remarks()]
        trackers: dict[str, list[str]] = {}
        for tracker in self.trackers:
            for note in tracker.notes:
                trackers.setdefault(note, []).append(tracker.name)
        for note, names in trackers.items():
            everybody = 2 < len(names) == len(self.trackers)
            remarks.append(f"{'all trackers' if everybody else listed(names)}: {note}")
        return list(dict.fromkeys(remarks))

    def rival(self) -> tuple[str, str] | None:
        """The first tracker given and the best of the others; None where there is one tracker."""
        first = self.report.scores[0].tracker
        others = [score.tracker for score in self.report.ranked() if score.tracker != first]
        return (first, others[0]) if others else None

    def to_dict(self) -> dict[str, Any]:
        """JSON values: those of the first report with its intervals; the other protocols under `other_protocols`."""
        first, *others = (
            {**report.to_dict(), "significance": significance.to_dict()}
            for report, significance in zip(self.reports, self.significances, strict=True)
        )
        return {
            **first,
            "attributes": self.attributes.to_dict() if self.attributes else None,
            "remarks": self.remarks(),
            "other_protocols": others,
        }


def make_study(
    benchmark: str,
    protocols: Iterable[BaseProtocol],
    sequences: Collection[Sequence],
    trackers: Collection[TrackerResults],
    *,
    split: str = "all",
    stride: int = 1,
    common: bool = False,
    rounds: int = 1000,
    seed: int = 0,
    absent: Collection[str] = (),
) -> Study:
    """Scores and compares trackers.

    Args:
        benchmark: label.
        protocols: at least one; the first is the one that figures show.
        sequences: of the benchmark, with or without images.
        trackers: their results.
        split: label.
        stride: every how many frames were tracked.
        common: compare on the sequences that all trackers have, where they have different ones.
        rounds: of the bootstrap.
        seed: of the bootstrap.
        absent: sequences of the benchmark's published list that its folder does not have.

    Raises:
        EvaluationError: different sequences without `common`, two trackers of one name, or results that do not fit.
    """
    chosen, left_out = common_sequences(trackers, sequences, common)
    reports = tuple(
        build_report(
            benchmark, protocol, chosen, trackers, split=split, stride=stride, left_out=left_out, absent=absent
        )
        for protocol in protocols
    )
    tags = {item.name: item.annotation.tags for item in chosen if item.annotation.tags}
    tags = tags if reports[0].protocol.by_attribute else {}
    attributes = score_attributes(reports[0], tags) if tags else None
    return Study(
        reports,
        tuple(assess(report, rounds, seed) for report in reports),
        attributes if attributes and attributes.sequences else None,
        tuple(chosen),
        tuple(trackers),
        tags,
    )


def print_study(study: Study, console: Console) -> None:
    """Prints a table per protocol, which differences are real, and what no average holds."""
    for report, significance in zip(study.reports, study.significances, strict=True):
        intervals = {
            tracker: f"{items[report.primary.key].low:.3f}-{items[report.primary.key].high:.3f}"
            for tracker, items in significance.intervals.items()
            if items[report.primary.key].is_known
        }
        title = f"{100 * significance.level:g} % interval"
        table = report.table(intervals, title)
        if console.measure(table, options=console.options.update(max_width=1000)).maximum > console.width:
            table = report.table(intervals, title, beside=False)
        print_table(table, console)
        print_differences(report, significance, console)
    print_remarks(study, console)


def print_differences(report: Report, significance: Significance, console: Console) -> None:
    """Prints which differences in the first number are real, and an empty line."""
    statements = [item.statement() for item in significance.of(report.primary.key)]
    for statement in statements[:MOST_STATEMENTS]:
        console.print(Text(statement))
    if len(statements) > MOST_STATEMENTS:
        more = len(statements) - MOST_STATEMENTS
        console.print(Text(f"... and {more} more differences: --json, or --out for all of them", style="dim"))
    console.print()


def print_remarks(study: Study, console: Console) -> None:
    """Prints what no average holds, and how intervals were made."""
    for remark in study.remarks():
        console.print(Text(f"note: {remark}"))
    console.print(Text(study.significance.explanation(), style="dim"))
