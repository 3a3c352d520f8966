"""What a search is asked to do, and what it prepares from that."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dmtrack.config import Count, CountOrZero, Positive, check_fields, parse_section
from dmtrack.data.sequences import Sequence
from dmtrack.errors import ConfigError
from dmtrack.models.siamrpn.decoding import SearchParameters
from dmtrack.running.cached_tracker import describe
from dmtrack.running.one_sequence import check_kind
from dmtrack.running.sweeps.benchmarks import BenchmarkChoice
from dmtrack.running.sweeps.running import cache_of
from dmtrack.running.trackers import TrackerChoice
from dmtrack.search.sharing import SharedOutputs
from dmtrack.search.space import Space
from dmtrack.search.study import Sampler
from dmtrack.search.tracks import FullRuns, Origin, ReplayedDetections, origin_of, policy_of
from dmtrack.search.work import Scoring
from dmtrack.tracking.base import MultiTracker


@dataclass(frozen=True)
class SearchSettings:
    """One search; can be sent to other processes.

    Attributes:
        tuning: sequences that trials are scored on.
        tracker: whose parameters are searched.
        space: which values.
        storage: file or URL of the study.
        output: folder of what comes of it.
        sampler: which values are tried next.
        trials: in the whole study; None is all of a grid, or 100.
        seed: of the sampler.
        name: of the study in its file.
        protocol: of the scores; None is the benchmark's own.
        metric: that is maximised; None is the protocol's first.
        held_out: sequences on which the best values are compared with the config's own; None compares nowhere.
        cache: folder of stored detections.
        share: whether trials share network outputs.
        tolerance_px: see `SharedOutputs`.
        memory_gb: of kept outputs, per process.
        prune: stop trials below the median of the others.
        processes: that work at once on this machine.
        join: work on a study that another run works on.
        test_split: the tuning split is a test split, on request.
    """

    tuning: BenchmarkChoice
    tracker: TrackerChoice
    space: Space
    storage: str = "search.db"
    output: Path = Path("search")
    sampler: Sampler = "tpe"
    trials: Count | None = None
    seed: CountOrZero = 0
    name: str = "dmtrack"
    protocol: str | None = None
    metric: str | None = None
    held_out: BenchmarkChoice | None = None
    cache: Path = Path("cache")
    share: bool = True
    tolerance_px: float = 0.0
    memory_gb: Positive = 2.0
    prune: bool = True
    processes: Count = 1
    join: bool = False
    test_split: bool = False

    def __post_init__(self) -> None:
        check_fields(self)

    def tracks(
        self, origin: Origin, benchmark: BenchmarkChoice, exact: bool = False
    ) -> FullRuns | ReplayedDetections | SharedOutputs:
        """How sequences of a benchmark are tracked with the parameters of trials; exactly, or with their tolerance.

        Raises:
            DMTrackError: the tracker cannot be built, or its detections are missing.
        """
        if origin.way == "full" or not self.share:
            return FullRuns(self.tracker, origin.settings)
        if origin.way == "replay":
            stored = cache_of(self.cache, benchmark, describe(self.tracker).detections)
            stored.require()
            return ReplayedDetections(origin.kind, origin.settings, stored)
        tolerance = 0.0 if exact else self.tolerance_px
        return SharedOutputs(self.tracker.build(), tolerance, int(self.memory_gb * 2**30))

    def open(self, benchmark: BenchmarkChoice) -> list[Sequence]:
        """The sequences of a benchmark, in one order for all trials: the first ones stand for all of them."""
        sequences = list(benchmark.opener()())
        return [sequences[index] for index in np.random.default_rng(0).permutation(len(sequences))]


@dataclass
class Prepared:
    """A search that is known to be in order: `sequences` are of the tuning split.

    Attributes:
        current: the config's own values of the searched parameters.
    """

    settings: SearchSettings
    origin: Origin
    scoring: Scoring
    sequences: list[Sequence]
    current: dict[str, Any] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """What a study keeps: where its numbers come from. JSON values."""
        settings, origin = self.settings, self.origin
        return {
            "space": [asdict(item) for item in sorted(settings.space.ranges, key=lambda item: item.name)],
            "benchmark": settings.tuning.title,
            "split": settings.tuning.shown_split,
            "sequences": [sequence.name for sequence in self.sequences],
            "seeds": {
                **({"sequences": settings.tuning.generated.seed} if settings.tuning.name == "synthetic" else {}),
                "sampler": settings.seed,
            },
            "tracker": origin.name,
            "config_hash": origin.config_hash,
            "weights_sha256": origin.weights_sha256,
            "protocol": self.scoring.protocol.name,
            "metric": self.scoring.metric,
            "sharing_tolerance_px": settings.tolerance_px if origin.way == "shared" and settings.share else 0.0,
            "tuned_on_test_split": settings.test_split,
            "sampler": settings.sampler,
        }


def prepare(settings: SearchSettings) -> Prepared:
    """Opens everything that can be wrong before the first trial.

    Raises:
        DMTrackError: benchmark, tracker, protocol or ranges cannot be used.
    """
    scoring = Scoring(settings.tuning.protocol(settings.protocol), settings.metric)
    origin = origin_of(settings.tracker)
    everything = issubclass(origin.kind, MultiTracker)
    for benchmark in (settings.tuning, settings.held_out):
        if benchmark is not None:
            check_kind(origin.name, everything, f"benchmark {benchmark.title}", benchmark.files.tracks)
    sequences = settings.open(settings.tuning)
    if origin.way == "shared":
        for end in settings.space.ends():
            parse_section(end, SearchParameters, source="--range", name="SiamRPN++'s parameters")
    elif settings.tolerance_px:
        raise ConfigError("--sharing-tolerance is for SiamRPN++ alone; other trackers share exactly or not at all")
    elif origin.way == "replay" and settings.share:
        # A value out of range is not to be found by a hundred crashed trials.
        for end in settings.space.ends():
            policy_of(origin.kind, origin.settings, end)
    return Prepared(settings, origin, scoring, sequences, origin.current(settings.space))
