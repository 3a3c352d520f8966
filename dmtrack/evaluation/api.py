"""Scores of stored results, sequence by sequence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dmtrack.data.sequences import Sequence
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.protocols import Protocol
from dmtrack.evaluation.results import ResultStore, SequenceResult
from dmtrack.evaluation.scoring import Score, SequenceScore, combine, score_sequence


def score_store(
    protocol: Protocol, benchmark: str, sequences: Iterable[Sequence], store: ResultStore, tracker: str | None = None
) -> Score:
    """Scores what one tracker has stored.

    Raises:
        EvaluationError: malformed results, or none of the sequences has one.
    """
    scored: list[SequenceScore] = []
    missing: list[str] = []
    for sequence in sequences:
        if store.exists(sequence.name):
            scored.append(score_result(protocol, sequence, store.read(sequence.name)))
        else:
            missing.append(sequence.name)
    if not scored:
        raise EvaluationError(
            f"{store.folder} has no result for any of the {len(missing)} sequences of {benchmark} (looked for "
            f"{missing[0] if missing else 'a sequence'}/..._001.txt); give the folder <results>/<tracker>"
        )
    manifest = store.manifest()
    provenance = {**manifest.get("details", {}), **manifest.get("identity", {})}
    if manifest:
        provenance["software"] = manifest.get("software", {})
    return combine(protocol, tracker or store.folder.resolve().name, benchmark, scored, missing, provenance)


def score_result(protocol: Protocol, sequence: Sequence, result: SequenceResult) -> SequenceScore:
    """Scores one result.

    Raises:
        EvaluationError: the number of boxes is not the number of frames.
    """
    return score_sequence(
        protocol,
        sequence.name,
        sequence.annotated_boxes_xywh,
        sequence.present,
        result.boxes_xywh,
        result.seconds,
        **sequence_facts(sequence),
    )


def sequence_facts(sequence: Sequence) -> dict[str, Any]:
    """What rules ask of a sequence: keyword arguments of `score_sequence` and `apply_rules`."""
    return {
        "first_pixel": float(sequence.annotation.index_base),
        "flagged": sequence.annotation.absence_flagged,
        "cover": sequence.cover,
        "image_size_wh": sequence.frame_size_wh,
    }
