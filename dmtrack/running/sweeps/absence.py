"""Whether trackers know when the target is gone: numbers about absence beside those about boxes, of the same results.

Rates of right answers at the tracker's own presence threshold (OxUvA), and precision, recall and F-score over all
thresholds of its confidence (VOT long-term). Neither is a mean over sequences, so neither is a rule of a one-pass
protocol.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from dmtrack.data.sequences import Sequence as VideoSequence
from dmtrack.evaluation.report import Report, shown
from dmtrack.evaluation.reporting.loading import TrackerResults
from dmtrack.evaluation.reporting.long_term import build_long_term_report
from dmtrack.evaluation.reporting.presence import build_presence_report
from dmtrack.evaluation.results import ResultStore
from dmtrack.evaluation.scoring import Score
from dmtrack.evaluation.vot.declared import OXUVA, VOT_LT

if TYPE_CHECKING:
    from rich.table import Table

PRESENCE_TITLES = {"tpr": "TPR", "tnr": "TNR", "gm": "GM", "max_gm": "MaxGM"}
LONG_TERM_TITLES = {"long_term_precision": "LT-Pr", "long_term_recall": "LT-Re", "long_term_f_score": "LT-F"}
"""Keys and titles; the keys differ from those of one-pass protocols, which have a precision of their own."""


@dataclass(frozen=True)
class AbsenceReport(Report):
    """A report with numbers about absence beside those of its protocol.

    Attributes:
        absent_frames: of all sequences, the first of each not counted.
        present_frames: likewise.
        further_remarks: on trackers that do not say where the target is absent, or how sure they are.
    """

    absent_frames: int = 0
    present_frames: int = 0
    further_remarks: tuple[str, ...] = ()

    def headings(self) -> dict[str, str]:
        """The protocol's numbers and those about absence."""
        return {**super().headings(), **PRESENCE_TITLES, **LONG_TERM_TITLES}

    def without_absence(self) -> Report:
        """The protocol's numbers alone: all together are too wide for a terminal."""
        return Report(**{item.name: getattr(self, item.name) for item in fields(Report)})

    def absence_table(self) -> Table:
        """The other numbers, best trackers first in the protocol's number."""
        from dmtrack.progress import plain_table

        titles = (*PRESENCE_TITLES.values(), *LONG_TERM_TITLES.values())
        table = plain_table(
            ["tracker"],
            titles,
            title=f"absence: TPR to MaxGM by {OXUVA.name}, LT by {VOT_LT.name}; the target is absent in "
            f"{self.absent_frames} of {self.absent_frames + self.present_frames} frames",
            title_justify="left",
        )
        table.columns[0].style = "bold"
        for score in self.ranked():
            numbers = [shown(score.scores[key]) for key in (*PRESENCE_TITLES, *LONG_TERM_TITLES)]
            table.add_row(score.tracker, *numbers)
        return table

    def remarks(self) -> list[str]:
        """As `Report.remarks`, with the trackers that say nothing of absence."""
        return [*super().remarks(), *self.further_remarks]

    def to_dict(self) -> dict[str, Any]:
        """As `Report.to_dict`, with the protocols of the further numbers."""
        further = {
            "absent_frames": self.absent_frames,
            "present_frames": self.present_frames,
            "protocols": {rules.name: rules.description for rules in (OXUVA, VOT_LT)},
        }
        return {**super().to_dict(), "absence": further}


def with_absence(
    report: Report, sequences: Sequence[VideoSequence], stores: Mapping[str, ResultStore]
) -> AbsenceReport:
    """Adds the numbers about absence.

    Args:
        report: of a one-pass protocol.
        sequences: that were scored.
        stores: results of every tracker of the report, by its name.

    Raises:
        EvaluationError: malformed results.
    """
    trackers = [_results(score, stores[score.tracker]) for score in report.scores]
    presence = build_presence_report(report.benchmark, OXUVA, sequences, trackers)
    long_term = build_long_term_report(report.benchmark, VOT_LT, sequences, trackers)
    scores = [_joined(*three) for three in zip(report.scores, presence.scores, long_term.scores, strict=True)]
    silent = [f"{name} does not say where the target is absent" for name in presence.silent]
    unsure = [f"{name} gives no confidences: 1 for every box" for name in long_term.unsure]
    present = sum(int(sequence.present[1:].sum()) for sequence in sequences)
    frames = sum(len(sequence) - 1 for sequence in sequences)
    return AbsenceReport(
        report.benchmark,
        report.protocol,
        tuple(scores),
        report.split,
        report.stride,
        report.left_out,
        absent_frames=frames - present,
        present_frames=present,
        further_remarks=(*silent, *unsure),
    )


def _results(score: Score, store: ResultStore) -> TrackerResults:
    results = {item.name: store.read(item.name) for item in score.sequences}
    return TrackerResults(score.tracker, results, score.missing, (), score.provenance)


def _joined(score: Score, presence: Score, long_term: Score) -> Score:
    """The score with the numbers of all three, for all sequences and for each."""
    items = [
        replace(item, scores={**item.scores, **_further(known.scores, sure.scores)})
        for item, known, sure in zip(score.sequences, presence.sequences, long_term.sequences, strict=True)
    ]
    further = _further(presence.scores, long_term.scores)
    return replace(score, sequences=tuple(items), scores={**score.scores, **further})


def _further(presence: Mapping[str, float], long_term: Mapping[str, float]) -> dict[str, float]:
    return {
        **{key: presence[key] for key in PRESENCE_TITLES},
        **{key: long_term[key.removeprefix("long_term_")] for key in LONG_TERM_TITLES},
    }
