"""From folders of results to reports: which tracker has which sequences, and what may be compared."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from dmtrack.data.sequences import MultiObjectSequence, Sequence
from dmtrack.data.sources.mot_challenge import Kind
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.protocols import BaseProtocol
from dmtrack.evaluation.readers import read_results
from dmtrack.evaluation.readers.alignment import LengthError, Misfit
from dmtrack.evaluation.readers.mot import read_mot_results
from dmtrack.evaluation.readers.names import listed
from dmtrack.evaluation.report import Report
from dmtrack.evaluation.results import ResultStore, TrackerResults
from dmtrack.evaluation.scoring import combine

_NAMED = 8
"""How many sequences a sentence names before it counts the rest."""


def load_tracker_results(
    source: str | Path,
    sequences: Collection[Sequence],
    layout: str | None = None,
    rows: Kind = "result",
    **reading: Any,
) -> TrackerResults:
    """Reads one tracker's results, with what the manifest beside them says of the run.

    Args:
        source: a folder or zip file of any known layout; `NAME=PATH` gives it another label.
        sequences: of the benchmark.
        layout: this and the others as `dmtrack.evaluation.readers.read_results` takes them; results of multi-object
            trackers have one layout and need none of them.
        rows: of multi-object trackers: their tracks, or the detections of their detector.
        reading: `align`, `index_base`, `bad_boxes`, `box_format`, `benchmark`.

    Raises:
        EvaluationError: nothing there, or malformed.
    """
    label, path = _label_and_path(source)
    if all(isinstance(sequence, MultiObjectSequence) for sequence in sequences):
        found = read_mot_results(path, [sequence.name for sequence in sequences], rows)
    else:
        found = read_results(path, sequences, layout, **reading)
    provenance = {**(ResultStore(path).provenance() if path.is_dir() else {}), "results": str(path)}
    return replace(found, name=label or found.name, provenance=provenance)


def load_results(
    sources: Iterable[str | Path], sequences: Collection[Sequence], layout: str | None = None, **reading: Any
) -> list[TrackerResults]:
    """Reads the results of several trackers, see `load_tracker_results`.

    Raises:
        LengthError: results whose lengths do not fit, those of all trackers.
        EvaluationError: nothing there, or malformed.
    """
    trackers: list[TrackerResults] = []
    misfits: list[Misfit] = []
    results = 0
    for source in sources:
        try:
            trackers.append(load_tracker_results(source, sequences, layout, **reading))
            results += len(trackers[-1].results)
        except LengthError as error:
            misfits += error.misfits
            results += error.results
    if misfits:
        raise LengthError(misfits, results)
    return trackers


def common_stride(sources: Iterable[str | Path]) -> int:
    """Every how many frames the trackers ran, as the manifests of their results say; 1 where none says it.

    Args:
        sources: as `load_tracker_results` takes them.

    Raises:
        EvaluationError: they differ, or a manifest is malformed.
    """
    strides: dict[str, int] = {}
    for source in sources:
        label, path = _label_and_path(source)
        ran_on = ResultStore(path).manifest().get("identity", {}).get("sequences") if path.is_dir() else None
        if isinstance(ran_on, Mapping) and isinstance(ran_on.get("stride"), int):
            strides[label or path.name] = ran_on["stride"]
    if len(set(strides.values())) > 1:
        listed = ", ".join(f"{name} {stride}" for name, stride in strides.items())
        raise EvaluationError(
            f"the trackers ran on every n-th frame with different n ({listed}); compare those of one stride"
        )
    return next(iter(strides.values()), 1)


def common_sequences(
    trackers: Collection[TrackerResults], sequences: Collection[Sequence], common: bool = False
) -> tuple[list[Sequence], tuple[str, ...]]:
    """The sequences on which all trackers may be compared, and the names of those left out for it.

    Returns:
        All sequences and no name where the trackers have the same ones; otherwise those common to all.

    Raises:
        EvaluationError: the trackers have different sequences and `common` is not set, or have none in common.
    """
    have = [set(tracker.results) for tracker in trackers]
    every = [sequence for sequence in sequences if all(sequence.name in names for names in have)]
    some = [sequence for sequence in sequences if any(sequence.name in names for names in have)]
    if len(every) == len(some):
        return list(sequences), ()
    if not common:
        lacking = [
            f"{tracker.name} lacks {listed([item.name for item in some if item.name not in names], _NAMED)}"
            for tracker, names in zip(trackers, have, strict=True)
            if any(item.name not in names for item in some)
        ]
        raise EvaluationError(
            f"the trackers have results for different sequences, so their means cannot be compared: "
            f"{'; '.join(lacking)}; run what is missing, or compare on the {len(every)} common sequences with --common"
        )
    if not every:
        raise EvaluationError(
            f"no sequence has a result of every tracker ({', '.join(tracker.name for tracker in trackers)}); "
            "compare fewer of them"
        )
    chosen = {item.name for item in every}
    return every, tuple(sequence.name for sequence in sequences if sequence.name not in chosen)


def build_report(
    benchmark: str,
    protocol: BaseProtocol,
    sequences: Collection[Sequence],
    trackers: Iterable[TrackerResults],
    *,
    split: str = "all",
    stride: int = 1,
    left_out: Iterable[str] = (),
    absent: Iterable[str] = (),
) -> Report:
    """Scores all trackers by one protocol of any kind.

    Args:
        benchmark: label.
        protocol: the rules.
        sequences: what is scored.
        trackers: their results.
        split: label.
        stride: every how many frames were tracked.
        left_out: sequences that are not in `sequences` because not every tracker has them.
        absent: sequences of the benchmark's published list that its folder does not have.

    Raises:
        EvaluationError: two trackers of one name, results that do not fit a sequence, or that lack what the protocol
            needs (restarts, confidences, the size of the frames).
    """
    for sequence in sequences:
        if sequence.annotation.first_box_only and "presence" in protocol.needs:
            raise EvaluationError(
                f"the truth of {sequence.name!r} is not published but for its first box, so nothing can be scored "
                f"here; report on another split than {split!r}, or send the results to the benchmark's server"
            )
    scores = []
    for tracker in trackers:
        scored = [protocol.score(sequence, tracker) for sequence in sequences if sequence.name in tracker.results]
        missing = [sequence.name for sequence in sequences if sequence.name not in tracker.results]
        scores.append(combine(protocol, tracker.name, benchmark, scored, missing, tracker.provenance))
    return Report(
        benchmark,
        protocol,
        tuple(scores),
        split,
        stride,
        tuple(left_out),
        tuple(absent),
        notes=tuple(protocol.notes(scores)),
        further=protocol.further(scores),
    )


def _label_and_path(source: str | Path) -> tuple[str | None, Path]:
    text = str(source)
    if Path(text).exists() or "=" not in text:
        return None, Path(text)
    label, _, path = text.partition("=")
    return label.strip() or None, Path(path)
