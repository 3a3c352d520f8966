"""What people read and what programs read: a terminal table, JSON and CSV. Every number stands beside its protocol."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dmtrack.errors import EvaluationError
from dmtrack.evaluation.protocols import Protocol
from dmtrack.evaluation.scoring import Score, SequenceScore
from dmtrack.files import write_json, write_text

if TYPE_CHECKING:
    from rich.table import Table

METRICS = ("success", "precision", "normalized_precision", "success_rate")


@dataclass(frozen=True)
class Report:
    """Scores of one or more trackers on one set of sequences under one protocol.

    Attributes:
        benchmark: label of the set.
        protocol: whose rules were followed.
        scores: one per tracker, in the order given.
        split: which part of the benchmark was scored.
        stride: every how many frames were tracked and scored.
    """

    benchmark: str
    protocol: Protocol
    scores: tuple[Score, ...]
    split: str = "all"
    stride: int = 1

    def __post_init__(self) -> None:
        names = [score.tracker for score in self.scores]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise EvaluationError(f"two trackers are called {twice[0]!r}; rename one of their result folders")

    def ranked(self, metric: str = "success") -> list[Score]:
        """The trackers, best first; those without a number last."""
        return sorted(self.scores, key=lambda score: _order(score.scores.get(metric, math.nan)))

    def headings(self) -> dict[str, str]:
        """Column titles of the protocol's metrics, short, with where on the curve each is read."""
        titles = {
            "success": "success",
            "precision": f"P@{self.protocol.precision_at:g}px",
            "normalized_precision": f"Pnorm@{self.protocol.normalized_precision_at:g}",
            "success_rate": f"IoU{'>' if self.protocol.success_strict else '>='}0.5",
        }
        if not self.protocol.normalized_precision_thresholds:
            del titles["normalized_precision"]
        return titles

    def to_dict(self) -> dict[str, Any]:
        """JSON values: benchmark, protocol, split, stride, and per tracker its metrics, run and sequences."""
        return {
            "benchmark": self.benchmark,
            "protocol": self.protocol.name,
            "protocol_description": self.protocol.description,
            "split": self.split,
            "stride": self.stride,
            "trackers": {score.tracker: _numbers(score) for score in self.scores},
            "runs": {score.tracker: dict(score.provenance) for score in self.scores},
            "sequences": {
                score.tracker: {item.name: _numbers(item) for item in score.sequences} for score in self.scores
            },
            "missing": {score.tracker: list(score.missing) for score in self.scores},
            "uncounted": {score.tracker: list(score.uncounted) for score in self.scores},
        }

    def write_json(self, path: str | Path) -> None:
        """Writes `to_dict`."""
        write_json(path, self.to_dict())

    def write_csv(self, path: str | Path) -> None:
        """Writes one line per tracker and sequence, and one per tracker for all sequences ("*")."""
        metrics = list(self.headings())
        text = io.StringIO()
        lines = csv.writer(text, lineterminator="\n")
        lines.writerow(
            ["benchmark", "split", "stride", "protocol", "tracker", "weights_sha256", "sequence", *metrics, "fps"]
        )
        for score in self.scores:
            fixed = [self.benchmark, self.split, self.stride, self.protocol.name, score.tracker, weights_hash(score)]
            lines.writerow([*fixed, "*", *_cells(score, metrics)])
            for item in score.sequences:
                lines.writerow([*fixed, item.name, *_cells(item, metrics)])
        write_text(path, text.getvalue())

    def table(self) -> Table:
        """A table for the terminal, best success first."""
        from rich.box import SIMPLE_HEAD
        from rich.table import Table

        table = Table(
            box=SIMPLE_HEAD,
            show_edge=False,
            pad_edge=False,
            padding=(0, 1, 0, 0),
            title=f"{self.benchmark} ({self.split}, stride {self.stride}) · protocol {self.protocol.name}",
            caption=self.protocol.description,
            title_justify="left",
            caption_justify="left",
        )
        table.add_column("tracker", style="bold", overflow="fold")
        for title in self.headings().values():
            table.add_column(title, justify="right", no_wrap=True)
        table.add_column("fps", justify="right", no_wrap=True)
        table.add_column("seq.", justify="right", no_wrap=True)
        table.add_column("weights", no_wrap=True)
        for score in self.ranked():
            total = len(score.sequences) + len(score.missing)
            counted = len(score.sequences) - len(score.uncounted)
            table.add_row(
                score.tracker,
                *(shown(score.scores.get(metric)) for metric in self.headings()),
                shown_speed(score.frames_per_second),
                str(counted) if counted == total else f"{counted}/{total}",
                weights_hash(score)[:8] or "-",
            )
        return table

    def remarks(self) -> list[str]:
        """Sentences on what no average holds: sequences without result, or without a frame that counts."""
        remarks = []
        for score in self.scores:
            if score.missing:
                remarks.append(f"{score.tracker} has no result for {_listed(score.missing)}; they are in no average")
            if score.uncounted:
                remarks.append(
                    f"{self.protocol.name} counts no frame of {_listed(score.uncounted)} ({score.tracker}); "
                    "they are in no average"
                )
        return remarks


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
    numbers: dict[str, Any] = {
        metric: _json_number(score.scores[metric]) for metric in METRICS if metric in score.scores
    }
    numbers["frames_per_second"] = _json_number(score.frames_per_second)
    if isinstance(score, SequenceScore):
        numbers["frames"] = len(score.counted)
        numbers["counted_frames"] = int(score.counted.sum())
    else:
        numbers["sequences"] = len(score.sequences) - len(score.uncounted)
    return numbers


def _json_number(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else float(value)


def _cells(score: Score | SequenceScore, metrics: list[str]) -> list[str]:
    values = [*(score.scores.get(metric) for metric in metrics), score.frames_per_second]
    return ["" if value is None or math.isnan(value) else f"{value:.6f}" for value in values]


def _order(value: float) -> float:
    return math.inf if math.isnan(value) else -value


def _listed(names: tuple[str, ...], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
