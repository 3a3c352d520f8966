"""Experiments in one pass: a tracker is given the first box, its boxes of all later frames are scored."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from dmtrack.data.benchmarks import get_benchmark
from dmtrack.data.sequences import Sequence
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.protocols import Protocol, get_protocol
from dmtrack.evaluation.report import Report
from dmtrack.evaluation.results import FileNames, ResultStore, SequenceResult
from dmtrack.evaluation.scoring import Curves, Score, SequenceScore, combine, pooled_curves, score_result
from dmtrack.evaluation.submission import build_submission
from dmtrack.running.experiments.base import Experiment, OnFrame, Pass, Scored, track
from dmtrack.running.sweeps.running import print_report
from dmtrack.tracking.base import Tracker

_GOT10K_KEYS = {key: f"{key}_score" for key in ("success", "precision", "normalized_precision")}
"""Names of scores in the got10k toolkit's reports, where they differ from those of our protocols."""


class OnePassExperiment(Experiment):
    """A benchmark in one pass.

    Its report has the names of scores of the got10k toolkit. Where the truth is hidden, it builds and checks the
    package for the server instead: by tracker `benchmark`, `split` and `submission`, the file to upload.

    Args of `Experiment`, and:
        result_dir: results go to `<result_dir>/<benchmark>/<tracker>/<sequence>.txt`.
        protocol: rules of the report, by name or as one's own `Protocol`; by default the benchmark's own.

    Raises:
        EvaluationError: unknown protocol.
    """

    resumable = True
    repetitions = 1
    """Runs of trackers that are not deterministic."""

    file_per_sequence = True
    """Whether boxes are `<sequence>.txt`, or lie in a folder of the sequence with those of other runs."""

    other_names: Mapping[str, str] = MappingProxyType({})
    """Further names that the got10k toolkit's report has for curves and scores."""

    def __init__(
        self,
        benchmark: str,
        root_dir: str | Path,
        split: str | None = None,
        result_dir: str | Path = "results",
        report_dir: str | Path = "reports",
        protocol: str | Protocol | None = None,
        folder: str | None = None,
    ) -> None:
        super().__init__(benchmark, root_dir, split, result_dir, report_dir, folder)
        chosen = protocol or self.benchmark.protocols[0]
        self.protocol = get_protocol(chosen, Protocol) if isinstance(chosen, str) else chosen
        if self.file_per_sequence:
            labels = {name: got10k_name(name) for name in self.dataset.names if got10k_name(name) != name}
            base = self.benchmark.index_base
            self.files = FileNames("{label}.txt", "times/{label}_{kind}.txt", ("time",), base, labels)

    def passes(self, name: str, deterministic: bool) -> Iterator[Pass]:
        """One, and more of trackers that are not deterministic where the benchmark wants it."""
        for run in range(1, 1 + (1 if deterministic else self.repetitions)):
            store = self.store(name).at(run)

            def do(tracker: Tracker, sequence: Sequence, on_frame: OnFrame, store: ResultStore = store) -> None:
                store.write(sequence.name, track(tracker, sequence, on_frame))

            yield Pass(store.has, do)

    def scored(self, names: list[str]) -> Scored:
        """See `Experiment`.

        Raises:
            EvaluationError: a result is missing or malformed, or the server would reject the package.
        """
        if any(sequence.annotation.first_box_only for sequence in self.sequences):
            return self.packed({name: self._pack(name) for name in names})
        report = self.score(names)
        performance = {score.tracker: self._entry(score) for score in report.scores}
        return Scored(performance, functools.partial(print_report, report), {"": report})

    def score(self, tracker_names: Iterable[str]) -> Report:
        """The report as an object, with tables and curves, without writing anything."""
        scores = []
        for name in tracker_names:
            results = self._results(name)
            scored = [self._score_sequence(sequence, results[sequence.name]) for sequence in self.sequences]
            provenance = self.store(name).identity()
            scores.append(combine(self.protocol, name, self.benchmark.title, scored, provenance=provenance))
        return Report(self.benchmark.title, self.protocol, tuple(scores), self.scope)

    def _results(self, tracker: str) -> dict[str, list[SequenceResult]]:
        """All repetitions of every sequence, by its name."""
        store = self.store(tracker)
        read: dict[str, list[SequenceResult]] = {}
        misfits: list[str] = []
        for sequence in self.sequences:
            runs = store.runs(sequence.name)
            if not runs:
                raise EvaluationError(
                    f"{store.boxes_path(sequence.name)} is missing: {tracker!r} has no result of sequence "
                    f"{sequence.name!r}; run it first, or report without that tracker"
                )
            read[sequence.name] = [run.read(sequence.name) for run in runs]
            misfits += [
                f"{run.boxes_path(sequence.name)} holds {len(result.boxes_xywh)} boxes for the {len(sequence)} frames "
                f"of sequence {sequence.name!r}"
                for run, result in zip(runs, read[sequence.name], strict=True)
                if len(result.boxes_xywh) != len(sequence)
            ]
        if misfits:
            files = "the file" if len(misfits) == 1 else "these files"
            raise EvaluationError(f"{', '.join(misfits)}; remove {files} and run again")
        return read

    def _score_sequence(self, sequence: Sequence, results: list[SequenceResult]) -> SequenceScore:
        """All repetitions of a sequence as one score: their frames count alike."""
        scores = [score_result(self.protocol, sequence, result) for result in results]
        if len(scores) == 1:
            return scores[0]
        curves = pooled_curves(self.protocol, scores)
        speeds = [score.frames_per_second for score in scores if score.frames_per_second is not None]
        return SequenceScore(
            sequence.name,
            np.concatenate([score.counted for score in scores]),
            np.concatenate([score.iou for score in scores]),
            curves.scores(self.protocol),
            curves,
            float(np.mean(speeds)) if speeds else None,
            np.concatenate([score.center_distance for score in scores]),
        )

    def _entry(self, score: Score) -> dict[str, Any]:
        """What the report says of a tracker."""
        each = {
            item.name: self._numbers(item.observed, item.scores, item.frames_per_second)
            | {"length": int(item.counted.sum())}
            for item in score.sequences
        }
        return {
            **self.header(score.tracker, self.protocol.name),
            "uncounted_sequences": list(score.uncounted),
            "overall": self._numbers(score.pooled, score.scores, score.frames_per_second),
            "seq_wise": each,
        }

    def _numbers(self, curves: Curves, scores: Mapping[str, float], speed: float | None) -> dict[str, Any]:
        """Curves and scores by their names in reports."""
        named = {f"{key}_curve": curve.tolist() for key in _GOT10K_KEYS if len(curve := getattr(curves, key))}
        numbers = {_GOT10K_KEYS.get(key, key): value for key, value in scores.items()}
        before, behind = (
            {name: known[key] for key, name in self.other_names.items() if key in known} for known in (named, numbers)
        )
        return {**before, **named, **numbers, **behind, "speed_fps": speed}

    def _pack(self, tracker: str) -> dict[str, Any]:
        self._results(tracker)  # says what is missing in terms of the experiment
        target = self.report_dir / tracker / f"{tracker}.zip"
        checked = build_submission(self.benchmark.name, self.store(tracker).folder, target, self.root_dir)
        return {
            "benchmark": self.benchmark.title,
            "protocol": self.protocol.name,
            "split": self.split,
            "sequences": checked.sequences,
            "submission": str(target),
            "remarks": [str(problem) for problem in checked.problems],
        }


class _OfSubset(OnePassExperiment):
    """An experiment on a split that one may choose; by default the one that is usually reported."""

    name: ClassVar[str]
    subsets: ClassVar[tuple[str, ...]] = ()
    """Those of the benchmark's splits that make an experiment, where not all do."""

    def __init__(
        self,
        root_dir: str | Path,
        subset: str | None = None,
        result_dir: str | Path = "results",
        report_dir: str | Path = "reports",
        protocol: str | Protocol | None = None,
    ) -> None:
        if self.subsets and subset not in (None, *self.subsets):
            expected = " or ".join(map(repr, self.subsets))
            raise EvaluationError(f"{get_benchmark(self.name).title}: unknown subset {subset!r}; expected {expected}")
        super().__init__(self.name, root_dir, subset, result_dir, report_dir, protocol)


class ExperimentLaSOT(_OfSubset):
    """LaSOT by the rules of its own toolkit, in which frames flagged absent are misses.

    Args:
        root_dir: folder of the classes, or of the sequences.
        subset: "test" or "train"; further arguments are those of `OnePassExperiment`.
        protocol: `lasot-official`, or another one.
    """

    name = "lasot"


class ExperimentTrackingNet(_OfSubset):
    """TrackingNet by the rules of its server; on the test split, `report` builds and checks the package to upload.

    Args:
        root_dir: folder of the chunks.
        subset: "test", "train", or a chunk such as "TRAIN_0"; further arguments are those of `OnePassExperiment`.
        protocol: `trackingnet-official`, or another one.
    """

    name = "trackingnet"


class ExperimentTLP(OnePassExperiment):
    """TLP by the rules of its paper, longest subsequence included.

    Args:
        root_dir: folder of the sequences; further arguments are those of `OnePassExperiment`.
        protocol: `tlp`, or another one.
    """

    def __init__(
        self,
        root_dir: str | Path,
        result_dir: str | Path = "results",
        report_dir: str | Path = "reports",
        protocol: str | Protocol | None = None,
    ) -> None:
        super().__init__("tlp", root_dir, None, result_dir, report_dir, protocol)


class ExperimentUAV123(OnePassExperiment):
    """UAV123 by the rules of its own toolkit, in which frames without annotation stay in the denominator.

    Args:
        root_dir: folder with `anno` and `data_seq`.
        version: "UAV123" or "UAV20L"; further arguments are those of `OnePassExperiment`.
        protocol: `uav123-official`, or another one.

    Raises:
        EvaluationError: another version.
    """

    def __init__(
        self,
        root_dir: str | Path,
        version: str = "UAV123",
        result_dir: str | Path = "results",
        report_dir: str | Path = "reports",
        protocol: str | Protocol | None = None,
    ) -> None:
        if version.upper() not in ("UAV123", "UAV20L"):
            raise EvaluationError(f"UAV123: unknown version {version!r}; expected UAV123 or UAV20L")
        super().__init__(version.lower(), root_dir, None, result_dir, report_dir, protocol)


_OTB_VERSIONS = {"2013": "otb2013", "otb2013": "otb2013", "2015": "otb100", "otb2015": "otb100", "tb100": "otb100"}


class ExperimentOTB(OnePassExperiment):
    """OTB by the definitions of its papers.

    Args:
        root_dir: folder of the sequences.
        version: 2013, or 2015 (also called TB-100), which also names the folders of results and reports: `OTB2015`.
        protocol: `otb-official`, or another one.

    Raises:
        EvaluationError: another version.
    """

    def __init__(
        self,
        root_dir: str | Path,
        version: int | str = 2015,
        result_dir: str | Path = "results",
        report_dir: str | Path = "reports",
        protocol: str | Protocol | None = None,
    ) -> None:
        if str(version).lower() not in _OTB_VERSIONS:
            raise EvaluationError(f"OTB: unknown version {version!r}; expected 2013 or 2015")
        name = _OTB_VERSIONS[str(version).lower()]
        super().__init__(name, root_dir, None, result_dir, report_dir, protocol, folder=f"OTB{version}")


def got10k_name(sequence: str) -> str:
    """The name of a sequence in the got10k toolkit's files: `Jogging.1` for `Jogging-1`, `Human4` for `Human4-2`."""
    if sequence == "Human4-2":
        return "Human4"
    video, dash, target = sequence.rpartition("-")
    return f"{video}.{target}" if dash and video in ("Jogging", "Skating2") else sequence


class ExperimentGOT10k(_OfSubset):
    """GOT-10k by its own rules: three runs of trackers that are not deterministic, average overlap over all frames.

    On the test split, `report` builds and checks the package to upload.

    Args:
        root_dir: folder with `val` and `test`.
        subset: "val" or "test"; further arguments are those of `OnePassExperiment`.
        result_dir: results go to `<result_dir>/GOT-10k/<tracker>/<sequence>/<sequence>_001.txt`.
        protocol: `got10k`, or another one.

    Raises:
        EvaluationError: another subset.
    """

    name = "got10k"
    subsets = ("val", "test")
    repetitions = 3
    file_per_sequence = False
    other_names = MappingProxyType({"success_curve": "succ_curve", "sr50": "sr"})
