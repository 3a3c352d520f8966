"""What people read and what programs read: a terminal table, JSON and CSV. Every number stands beside its protocol."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dmtrack.errors import EvaluationError
from dmtrack.evaluation.measures.measure import Measure
from dmtrack.evaluation.protocols import BaseProtocol
from dmtrack.evaluation.readers.names import listed
from dmtrack.evaluation.scoring import Score, SequenceScore
from dmtrack.files import json_value

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class Report:
    """Scores of one or more trackers on one set of sequences under one protocol.

    Attributes:
        benchmark: label of the set.
        protocol: whose rules were followed.
        scores: one per tracker, in the order given.
        split: which part of the benchmark was scored.
        stride: every how many frames were tracked and scored.
        left_out: sequences that were not scored because not every tracker has a result for them; named everywhere.
        absent: sequences of the benchmark's published list that its folder does not have.
        more_measures: numbers of the scores that are not the protocol's, shown after its own.
        notes: sentences on what the rules take for granted of these trackers.
        further: JSON values that stand beside the numbers.
    """

    benchmark: str
    protocol: BaseProtocol
    scores: tuple[Score, ...]
    split: str = "all"
    stride: int = 1
    left_out: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    more_measures: tuple[Measure, ...] = ()
    notes: tuple[str, ...] = ()
    further: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [score.tracker for score in self.scores]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise EvaluationError(f"two trackers are called {twice[0]!r}; rename one of their result folders")

    @property
    def measures(self) -> tuple[Measure, ...]:
        """What is shown, the protocol's measures first."""
        return (*self.protocol.reported(), *self.more_measures)

    @property
    def primary(self) -> Measure:
        """The number that trackers are ranked by: the protocol's first."""
        return self.protocol.reported()[0]

    @property
    def scope(self) -> str:
        """What was scored: split, stride, and how many sequences where some were left out."""
        text = f"{self.split}, stride {self.stride}"
        return f"{text}, {self.sequence_set}" if self.left_out else text

    @property
    def sequence_set(self) -> str:
        """Which sequences: "all", or how many are common to all trackers."""
        if not self.left_out:
            return "all"
        common = max((len(score.sequences) for score in self.scores), default=0)
        return f"{common} of {common + len(self.left_out)} sequences, those common to all trackers"

    def ranked(self, measure: Measure | None = None) -> list[Score]:
        """The trackers, best first in one number (the primary one if none is named); those without it last."""
        chosen = measure or self.primary
        sign = -1 if chosen.higher_is_better else 1
        order = {score.tracker: sign * score.scores.get(chosen.key, math.nan) for score in self.scores}
        order = {tracker: math.inf if math.isnan(place) else place for tracker, place in order.items()}
        return sorted(self.scores, key=lambda score: order[score.tracker])

    def counted_of(self, score: Score) -> tuple[int, int]:
        """How many sequences count for a tracker, and how many the benchmark has."""
        known = {item.name for item in score.sequences}.union(score.missing, self.absent)
        return len(score.sequences) - len(score.uncounted), len(known)

    def to_dict(self) -> dict[str, Any]:
        """JSON values: benchmark, protocol, split, stride, and per tracker its metrics, run and sequences."""
        return {
            "benchmark": self.benchmark,
            "protocol": self.protocol.name,
            "protocol_description": self.protocol.description,
            "split": self.split,
            "stride": self.stride,
            "sequence_set": self.sequence_set,
            "measures": {measure.key: measure.to_dict() for measure in self.measures},
            "trackers": {score.tracker: _numbers(score) for score in self.scores},
            "runs": {score.tracker: dict(score.provenance) for score in self.scores},
            "sequences": {
                score.tracker: {item.name: _numbers(item) for item in score.sequences} for score in self.scores
            },
            "missing": {score.tracker: list(score.missing) for score in self.scores},
            "uncounted": {score.tracker: list(score.uncounted) for score in self.scores},
            "left_out": list(self.left_out),
            "absent": list(self.absent),
            **self.further,
        }

    def table(
        self, intervals: Mapping[str, str] | None = None, interval_title: str = "interval", beside: bool = True
    ) -> Table:
        """A table for the terminal, best first.

        Args:
            intervals: of the primary number, by tracker.
            interval_title: says what they are.
            beside: show them in a column of their own, not below the number, which takes less width.
        """
        from dmtrack.progress import plain_table

        table = plain_table(
            title=f"{self.benchmark} ({self.scope}) · protocol {self.protocol.name}",
            caption=f"{self.protocol.description}\n{self.first_number_in_words()}".rstrip(),
            title_justify="left",
            caption_justify="left",
        )
        table.add_column("tracker", style="bold", overflow="fold")
        measures = self.protocol.reported()
        for measure in measures:
            title, below = measure.title, measure == self.primary and intervals and not beside
            table.add_column(f"{title}\n{interval_title}" if below else title, justify="right", no_wrap=True)
            if measure == self.primary and intervals and beside:
                table.add_column(interval_title, justify="right", no_wrap=True, style="dim")
        table.add_column("fps", justify="right", no_wrap=True)
        table.add_column("seq.", justify="right", no_wrap=True)
        table.add_column("weights", no_wrap=True)
        for score in self.ranked():
            counted, total = self.counted_of(score)
            numbers = [shown(score.scores.get(measure.key), measure.digits) for measure in measures]
            if intervals and beside:
                numbers.insert(1, intervals.get(score.tracker, "-"))
            elif intervals:
                numbers[0] += f"\n{intervals.get(score.tracker, '')}"
            table.add_row(
                score.tracker,
                *numbers,
                shown_speed(score.frames_per_second),
                str(counted) if counted == total else f"{counted}/{total}",
                weights_hash(score)[:8] or "-",
            )
        return table

    def first_number_in_words(self) -> str:
        """What the number says that trackers are ranked by, and which would be good; empty where it does not say it."""
        meaning = self.protocol.legend().get(self.primary.title)
        return f"{self.primary.title}: {meaning}." if meaning else ""

    def remarks(self) -> list[str]:
        """Sentences on what no average holds: sequences without result or without a counted frame; and the notes."""
        remarks = []
        if self.left_out:
            remarks.append(
                f"only the {self.sequence_set}, are scored; left out: {listed(self.left_out, len(self.left_out))}"
            )
        if self.absent:
            remarks.append(
                f"{len(self.absent)} sequences of the benchmark are not in its folder and in no average: "
                f"{listed(self.absent, 10)}"
            )
        for score in self.scores:
            if score.missing:
                remarks.append(f"{score.tracker} has no result for {listed(score.missing, 5)}; they are in no average")
            if score.uncounted:
                remarks.append(
                    f"{self.protocol.name} counts no frame of {listed(score.uncounted, 5)} ({score.tracker}); "
                    "they are in no average"
                )
        return [*remarks, *self.notes]


def csv_text(reports: Collection[Report]) -> str:
    """One table of all reports: a line per protocol, tracker and sequence, and one per tracker for all of them ("*").

    A number that a protocol does not have is empty.
    """
    metrics = list(dict.fromkeys(measure.key for report in reports for measure in report.measures))
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    fixed_titles = ["benchmark", "split", "stride", "sequence_set", "protocol", "tracker", "weights_sha256", "sequence"]
    lines.writerow([*fixed_titles, *metrics, "fps"])
    for report in reports:
        run = [report.benchmark, report.split, report.stride, report.sequence_set, report.protocol.name]
        for score in report.scores:
            each = ((item.name, item.scores, item.frames_per_second) for item in score.sequences)
            for name, numbers, speed in (("*", score.scores, score.frames_per_second), *each):
                values = [*(numbers.get(metric) for metric in metrics), speed]
                cells = ["" if value is None or math.isnan(value) else f"{value:.6f}" for value in values]
                lines.writerow([*run, score.tracker, weights_hash(score), name, *cells])
    return text.getvalue()


def shown(value: float | None, digits: int = 3) -> str:
    """A number for people; "-" where there is none."""
    return "-" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def shown_speed(frames_per_second: float | None) -> str:
    """A frame rate for people."""
    if frames_per_second is None or math.isnan(frames_per_second):
        return "-"
    return f"{frames_per_second:.1f}" if frames_per_second < 1000 else ">1000"


def weights_hash(score: Score) -> str:
    """SHA-256 of the weights that made a tracker's boxes; empty where it is not known."""
    return str(score.provenance.get("weights_sha256") or "")


def _numbers(score: Score | SequenceScore) -> dict[str, Any]:
    numbers: dict[str, Any] = json_value(score.scores)
    numbers["frames_per_second"] = json_value(score.frames_per_second)
    if isinstance(score, SequenceScore):
        numbers["frames"] = len(score.counted)
        numbers["counted_frames"] = int(score.counted.sum())
    else:
        numbers["sequences"] = len(score.sequences) - len(score.uncounted)
    return numbers
