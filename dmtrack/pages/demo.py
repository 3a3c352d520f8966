"""The page that shows what a demo measured: one HTML file without scripts, beside the pictures and videos it shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dmtrack.evaluation.report import Report, shown, shown_speed
from dmtrack.evaluation.scoring import Score, SequenceScore
from dmtrack.pages.shell import Cell, Table, render


@dataclass(frozen=True)
class DemoSet:
    """One set of sequences on the page.

    Attributes:
        title: heading.
        text: what kind of sequences these are.
        report: scores; the tracker of `shown_tracker` is the one in the video.
        shown_tracker: its label.
        video: relative link to the mp4.
        poster: relative link to a picture of it.
        plots: relative links to plots on light paper; the same names with `_dark` exist.
        rival: label of the second tracker in the video, if there is one.
        timeline: relative links to the picture and the page of the timeline of one sequence, and the sequence's name.
    """

    title: str
    text: str
    report: Report
    shown_tracker: str
    video: str
    poster: str
    plots: list[str]
    rival: str | None = None
    timeline: tuple[str, str, str] | None = None

    @property
    def score(self) -> Score:
        """Of the tracker in the video."""
        return next(score for score in self.report.scores if score.tracker == self.shown_tracker)


def demo_page(title: str, summary: str, sets: list[DemoSet], facts: Mapping[str, str]) -> str:
    """The whole page.

    Args:
        title: heading.
        summary: one or two sentences below it.
        sets: in the order shown.
        facts: what was run: command, seeds, hashes, times; in the order shown.

    Returns:
        HTML with the styles inside and relative links only.
    """
    return render(
        "demo.html",
        title=title,
        summary=summary,
        protocol=sets[0].report.protocol,
        sets=[_values(item) for item in sets],
        what_was_run=facts.items(),
    )


def _values(item: DemoSet) -> dict[str, Any]:
    """What the template shows of a set."""
    score, protocol = item.score, item.report.protocol
    numbers = [(f"centre within {protocol.precision_at:g} px", shown(score.scores["precision"]))]
    if "normalized_precision" in score.scores:
        share = f"centre within {protocol.normalized_precision_at:g} of the box sides"
        numbers.append((share, shown(score.scores["normalized_precision"])))
    numbers.append(("frames per second", shown_speed(score.frames_per_second)))
    plots = []
    for link in item.plots:
        stem, _, suffix = link.rpartition(".")
        plots.append((link, f"{stem}_dark.{suffix}", stem.rpartition("/")[2].replace("_", " ")))
    return {
        **vars(item),
        "success": shown(score.scores["success"]),
        "numbers": numbers,
        "plots": plots,
        "trackers": _trackers(item.report),
        "sequences": _sequences(item),
        "remarks": item.report.remarks(),
    }


def _trackers(report: Report) -> Table:
    headings = report.headings()
    rows = []
    for score in report.ranked():
        counted, total = len(score.sequences) - len(score.uncounted), len(score.sequences) + len(score.missing)
        cells = [
            *(shown(score.scores.get(metric)) for metric in headings),
            shown_speed(score.frames_per_second),
            str(counted) if counted == total else f"{counted} of {total}",
        ]
        rows.append((score.tracker, tuple(map(Cell, cells))))
    titles = ("tracker", *headings.values(), "fps", "sequences")
    caption = f"{report.benchmark}, protocol {report.protocol.name}"
    return Table(caption, titles, tuple(rows), sortable=False)


def _sequences(item: DemoSet) -> Table:
    def success(score: SequenceScore) -> float:
        return float(np.nan_to_num(score.scores["success"]))

    rows = []
    for score in sorted(item.score.sequences, key=success, reverse=True):
        numbers = [shown(score.scores.get(metric)) for metric in ("success", "precision", "normalized_precision")]
        frames = f"{int(score.counted.sum())} of {len(score.counted)}"
        rows.append((score.name, (Cell("", share=success(score)), *map(Cell, numbers), Cell(frames))))
    titles = ("sequence", "", "success", "precision", "norm. precision", "counted frames")
    return Table(f"protocol {item.report.protocol.name}", titles, tuple(rows), sortable=False)
