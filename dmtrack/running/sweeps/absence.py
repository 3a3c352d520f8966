"""Whether trackers know when the target is gone: numbers about absence beside those about boxes, of the same results.

Rates of right answers at the tracker's own presence threshold (OxUvA), and precision, recall and F-score over all
thresholds of its confidence (VOT long-term). Neither is a mean over sequences, so neither is a rule of a one-pass
protocol.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from dmtrack.data.sequences import Sequence
from dmtrack.evaluation.protocols.challenges import OXUVA, VOT_LT
from dmtrack.evaluation.report import Report, shown
from dmtrack.evaluation.reporting.loading import build_report
from dmtrack.evaluation.results import ResultStore, TrackerResults
from dmtrack.evaluation.scoring import Score

if TYPE_CHECKING:
    from rich.table import Table

_LONG_TERM_TITLES = {"precision": "LT-Pr", "recall": "LT-Re", "f_score": "LT-F"}

ABSENCE_MEASURES = (
    *(OXUVA.measure(key) for key in ("tpr", "tnr", "gm", "max_gm")),
    *(replace(VOT_LT.measure(key), key=f"long_term_{key}", title=title) for key, title in _LONG_TERM_TITLES.items()),
)
"""The keys differ from those of one-pass protocols, which have a precision of their own."""


def absence_table(report: Report) -> Table:
    """The numbers about absence, best trackers first in the protocol's number: all are too wide for one table."""
    from dmtrack.progress import plain_table

    absent, present = report.further["absence"]["absent_frames"], report.further["absence"]["present_frames"]
    table = plain_table(
        ["tracker"],
        [measure.title for measure in report.more_measures],
        title=f"absence: TPR to MaxGM by {OXUVA.name}, LT by {VOT_LT.name}; the target is absent in "
        f"{absent} of {absent + present} frames",
        title_justify="left",
    )
    table.columns[0].style = "bold"
    for score in report.ranked():
        table.add_row(score.tracker, *(shown(score.scores[measure.key]) for measure in report.more_measures))
    return table


def with_absence(report: Report, sequences: Collection[Sequence], stores: Mapping[str, ResultStore]) -> Report:
    """Adds the numbers about absence to a one-pass report; `stores` are the results of its trackers, by name.

    Raises:
        EvaluationError: malformed results.
    """
    trackers = []
    for score in report.scores:
        stored = {item.name: stores[score.tracker].read(item.name) for item in score.sequences}
        trackers.append(TrackerResults(score.tracker, stored, score.missing, (), score.provenance))
    presence = build_report(report.benchmark, OXUVA, sequences, trackers)
    long_term = build_report(report.benchmark, VOT_LT, sequences, trackers)
    scores = [_joined(*three) for three in zip(report.scores, presence.scores, long_term.scores, strict=True)]
    results = {tracker.name: list(tracker.results.values()) for tracker in trackers}
    notes = [
        f"{name} does not say where the target is absent"
        for name, own in results.items()
        if any(result.present is None for result in own)
    ]
    notes += [
        f"{name} gives no confidences: 1 for every box"
        for name, own in results.items()
        if any(result.scores is None for result in own)
    ]
    present = sum(int(sequence.present[1:].sum()) for sequence in sequences)
    frames = sum(len(sequence) - 1 for sequence in sequences)
    further = {
        "absent_frames": frames - present,
        "present_frames": present,
        "protocols": {rules.name: rules.description for rules in (OXUVA, VOT_LT)},
    }
    return replace(
        report,
        scores=tuple(scores),
        more_measures=ABSENCE_MEASURES,
        notes=(*report.notes, *notes),
        further={"absence": further},
    )


def _joined(score: Score, presence: Score, long_term: Score) -> Score:
    """The score with the numbers of all three, for all sequences and for each."""
    items = [
        replace(item, scores={**item.scores, **_further(known.scores, sure.scores)})
        for item, known, sure in zip(score.sequences, presence.sequences, long_term.sequences, strict=True)
    ]
    further = _further(presence.scores, long_term.scores)
    return replace(score, sequences=tuple(items), scores={**score.scores, **further})


def _further(presence: Mapping[str, float], long_term: Mapping[str, float]) -> dict[str, float]:
    known = {**presence, **{f"long_term_{key}": value for key, value in long_term.items()}}
    return {measure.key: known[measure.key] for measure in ABSENCE_MEASURES}
