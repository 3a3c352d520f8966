"""From folders of results to reports: which tracker has which sequences, and what may be compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dmtrack.data.sequences import Sequence as VideoSequence
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.api import score_result
from dmtrack.evaluation.protocols import Protocol
from dmtrack.evaluation.readers import read_results
from dmtrack.evaluation.report import Report
from dmtrack.evaluation.results import ResultStore, SequenceResult
from dmtrack.evaluation.scoring import Score, SequenceScore, combine, no_curves
from dmtrack.evaluation.vot.trajectory import Trajectory

_NAMED = 8
"""How many sequences a sentence names before it counts the rest."""


@dataclass(frozen=True)
class TrackerResults:
    """What one tracker has stored for a benchmark.

    Attributes:
        name: label in tables and figures.
        results: by sequence.
        missing: sequences of the benchmark without a result.
        notes: sentences of the reader: which rows were aligned how.
        provenance: of its manifest, empty where there is none.
        frames: the frames of a sequence that its result covers, where that is not all of them.
        trajectories: of VOT results, one per repetition, by sequence.
    """

    name: str
    results: Mapping[str, SequenceResult]
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    frames: Mapping[str, range] = field(default_factory=dict)
    trajectories: Mapping[str, tuple[Trajectory, ...]] = field(default_factory=dict)

    def covered(self, sequence: VideoSequence) -> range:
        """The frames of the sequence that its result covers."""
        return self.frames.get(sequence.name, range(len(sequence)))

    def cut(self, sequence: VideoSequence) -> VideoSequence:
        """The sequence with the frames that its result covers."""
        frames = self.frames.get(sequence.name)
        return sequence if frames is None else sequence.take(slice(frames.start, frames.stop))


@dataclass(frozen=True)
class Reading:
    """How results of other tools are read; see `dmtrack.evaluation.readers.read_results`.

    Attributes:
        layout: of the files; None finds it out.
        align: rule for results with another number of boxes than frames, for all sequences or by name of the sequence.
        index_base: number that the files give to the first pixel; None follows the layout.
        keep_bad_boxes: leave infinite numbers and negative sizes to the protocol's rules instead of refusing them.
    """

    layout: str | None = None
    align: str | Mapping[str, str] | None = None
    index_base: int | None = None
    keep_bad_boxes: bool = False


def load_tracker_results(
    source: str | Path, sequences: Sequence[VideoSequence], reading: Reading | None = None
) -> TrackerResults:
    """Reads one tracker's results.

    Args:
        source: a folder or zip file of any known layout; `NAME=PATH` gives it another label.
        sequences: of the benchmark.
        reading: how.

    Raises:
        EvaluationError: nothing there, or malformed.
    """
    label, path = _label_and_path(source)
    reading = reading or Reading()
    found = read_results(
        path,
        sequences,
        reading.layout,
        align=reading.align,
        index_base=reading.index_base,
        bad_boxes="keep" if reading.keep_bad_boxes else "refuse",
    )
    manifest = ResultStore(path).manifest() if path.is_dir() else {}
    provenance = {**manifest.get("details", {}), **manifest.get("identity", {}), "results": str(path)}
    if manifest:
        provenance["software"] = manifest.get("software", {})
    return TrackerResults(
        label or found.name,
        dict(found.results),
        tuple(found.missing),
        tuple(found.notes),
        provenance,
        dict(found.frames),
        dict(found.trajectories),
    )


def common_stride(sources: Sequence[str | Path]) -> int:
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
    trackers: Sequence[TrackerResults], sequences: Sequence[VideoSequence], common: bool = False
) -> tuple[list[VideoSequence], tuple[str, ...]]:
    """The sequences on which all trackers may be compared, and the names of those left out for it.

    Args:
        trackers: at least one.
        sequences: of the benchmark.
        common: take the sequences that all trackers have.

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
            f"{tracker.name} lacks {_listed([item.name for item in some if item.name not in names])}"
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
    protocol: Protocol,
    sequences: Sequence[VideoSequence],
    trackers: Sequence[TrackerResults],
    *,
    split: str = "all",
    stride: int = 1,
    left_out: Iterable[str] = (),
) -> Report:
    """Scores all trackers by one protocol.

    Args:
        benchmark: label.
        protocol: the rules.
        sequences: what is scored.
        trackers: their results.
        split: label.
        stride: every how many frames were tracked.
        left_out: sequences that are not in `sequences` because not every tracker has them.

    Raises:
        EvaluationError: two trackers of one name, or results that do not fit a sequence.
    """
    scores = []
    for tracker in trackers:
        scored = [
            score_result(protocol, tracker.cut(sequence), tracker.results[sequence.name])
            for sequence in sequences
            if sequence.name in tracker.results
        ]
        missing = [sequence.name for sequence in sequences if sequence.name not in tracker.results]
        scores.append(combine(protocol, tracker.name, benchmark, scored, missing, tracker.provenance))
    return Report(benchmark, protocol, tuple(scores), split, stride, tuple(left_out))


def known_frame_size(sequence: VideoSequence, protocol_name: str) -> tuple[int, int]:
    """(width, height) of a sequence's frames, for protocols that clip regions to them.

    Raises:
        EvaluationError: the size is not known.
    """
    if sequence.frame_size_wh is None:
        raise EvaluationError(
            f"the size of the frames of {sequence.name!r} is not known, and {protocol_name} clips regions to it; give "
            "the benchmark with its images"
        )
    return sequence.frame_size_wh


def score_without_curves(
    protocol: Protocol,
    tracker: TrackerResults,
    benchmark: str,
    items: Sequence[SequenceScore],
    numbers: Mapping[str, float],
    sequences: Sequence[VideoSequence],
) -> Score:
    """A tracker's numbers by a protocol that is no mean over sequences (restarts, confidences, presence).

    Args:
        protocol: the rules, of which name and description are shown.
        tracker: its results.
        benchmark: label.
        items: its sequences.
        numbers: of all of them together.
        sequences: what is scored.
    """
    speeds = [item.frames_per_second for item in items if item.frames_per_second is not None]
    return Score(
        tracker.name,
        benchmark,
        protocol,
        tuple(items),
        no_curves(),
        numbers,
        tuple(sequence.name for sequence in sequences if sequence.name not in tracker.results),
        (),
        float(np.mean(speeds)) if speeds else None,
        tracker.provenance,
    )


def _label_and_path(source: str | Path) -> tuple[str | None, Path]:
    text = str(source)
    if Path(text).exists() or "=" not in text:
        return None, Path(text)
    label, _, path = text.partition("=")
    return label.strip() or None, Path(path)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
