"""Scoring for programs: stored results of any tracker, or a tracker at hand."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dmtrack.data.sequences import Sequence, SequenceList
from dmtrack.errors import DataError, EvaluationError
from dmtrack.evaluation.protocols import DMTRACK_VISIBLE, Protocol, get_protocol
from dmtrack.evaluation.report import Report
from dmtrack.evaluation.results import ResultStore, SequenceResult
from dmtrack.evaluation.scoring import Score, SequenceScore, combine, score_sequence


def evaluate_results(
    benchmark: str | Path | SequenceList,
    results: str | Path | Iterable[str | Path],
    protocol: str | Protocol = DMTRACK_VISIBLE,
    name: str | None = None,
    layout: str = "folder",
    split: str = "val",
) -> Report:
    """Scores stored results, of whatever tool writes got10k's layout.

    Args:
        benchmark: a folder of sequences, or the sequences.
        results: a tracker's folder, `<results>/<tracker>`, or several. The folder's name is the tracker's label.
        protocol: its name, or one's own `Protocol`.
        name: label of the benchmark; the folder's name where not given.
        layout: of the benchmark folder, see `open_folder`.
        split: of the benchmark folder, see `open_folder`.

    Returns:
        A report with one score per tracker. Sequences without a result are named in it and enter no average.

    Raises:
        DataError: the benchmark folder has no sequences.
        EvaluationError: unknown protocol, malformed results, or a tracker's folder that holds none of the sequences.
    """
    rules = get_protocol(protocol) if isinstance(protocol, str) else protocol
    sequences = open_folder(benchmark, layout, split) if isinstance(benchmark, (str, Path)) else benchmark
    label = name or (Path(benchmark).resolve().name if isinstance(benchmark, (str, Path)) else "sequences")
    folders = [results] if isinstance(results, (str, Path)) else list(results)
    if not folders:
        raise EvaluationError("no results to score; give at least one folder <results>/<tracker>")
    return Report(label, rules, tuple(score_store(rules, label, sequences, ResultStore(folder)) for folder in folders))


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


def open_folder(folder: str | Path, layout: str = "folder", split: str = "val") -> SequenceList:
    """The sequences of a folder.

    Args:
        folder: for `folder`, one sub-folder per sequence, with images and a ground-truth file; for `got10k`, the root
            of GOT-10k or of a split of it.
        layout: "folder" or "got10k".
        split: of GOT-10k: "train", "val", or "test" (whose truth is hidden, so that nothing can be scored).

    Raises:
        DataError: the folder does not have that layout.
        EvaluationError: unknown layout.
    """
    from dmtrack.data.sources import GOT10k, SequenceFolder

    if layout == "folder":
        if (Path(folder) / split / "list.txt").is_file():
            raise DataError(f"{folder} has the layout of GOT-10k; add --layout got10k, or give {Path(folder) / split}")
        return SequenceFolder(folder)
    if layout == "got10k":
        return GOT10k(folder, split)
    raise EvaluationError(f"unknown layout {layout!r}; known: folder, got10k")
