"""What a sweep does, from an experiment file, `--set` and the options of the command line.

benchmark:                      # or `benchmarks:` with a list of such
  name: synthetic               # or lasot, otb100, ... with root, split, stride, sequences, label
  kind: distractors             # generated sequences alone: kind, seed, count, frames, size_wh, distractors,
  seed: 900001                  # similarity, absence, occlusion; domain of crowds
trackers:                       # without it, the default config
  - dmtrackGS_tiny              # a config, or module:Class
  - {name: mine, config: FILE, weights: FILE, precision: bf16, set: [tracker.presence_threshold=0.4]}
protocol: dmtrack-visible       # without it, the benchmark's own
absence_scores: true            # also: does the tracker know when the target is gone (OxUvA, VOT long-term)
processes: 2                    # also: gpus, engine, address, results, reports, json, cache, compare, import, device,
                                # precision, restart
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Literal

from dmtrack.config import Count, CountOrZero, parse_section
from dmtrack.config.checking import Checker
from dmtrack.config.choices import BASELINES, check_settings
from dmtrack.config.located import KeyPath, LocatedDict, finish
from dmtrack.errors import ConfigError
from dmtrack.running.sweeps.benchmarks import BenchmarkChoice, Generated
from dmtrack.running.trackers import TrackerChoice


@dataclass(frozen=True)
class NamedTracker:
    """A tracker of a sweep.

    Attributes:
        choice: which it is.
        name: what folders and tables call it; None takes its own name.
    """

    choice: TrackerChoice
    name: str | None = None

    @property
    def is_plugin(self) -> bool:
        """Whether it is `module:Class` or the name of a baseline instead of a config."""
        name = self.choice.config or ""
        return name in BASELINES or (":" in name and not Path(name).exists())


@dataclass(frozen=True, kw_only=True)
class SweepOptions:
    """What experiment files say in the words of the code.

    Attributes:
        protocol: name of the rules; None takes each benchmark's own.
        absence_scores: report besides whether trackers know when the target is gone.
        processes: sequences tracked at once on this machine.
        gpus: of this machine, dealt out to the processes; with Ray, whether tasks ask for one.
        engine: what runs the processes.
        address: of the Ray cluster.
        results: folder of raw results.
        reports: folder of tables and plots.
        json: where the scores go besides.
        cache: folder of stored detections that trackers run from.
        restart: replace stored results.
    """

    protocol: str | None = None
    absence_scores: bool = False
    processes: Count = 1
    gpus: CountOrZero = 0
    engine: Literal["local", "ray"] = "local"
    address: str | None = None
    results: Path = Path("results")
    reports: Path = Path("reports")
    json: Path | None = None
    cache: Path | None = None
    restart: bool = False


@dataclass(frozen=True)
class SweepSettings(SweepOptions):
    """Trackers x benchmarks.

    Attributes:
        benchmarks: at least one.
        trackers: at least one.
        compare: folders of other trackers' results for the same table.
        imports: modules of the user's to import first.
        name: of the experiment, for the folder of reports on several trackers.
    """

    benchmarks: tuple[BenchmarkChoice, ...]
    trackers: tuple[NamedTracker, ...]
    compare: tuple[Path, ...] = ()
    imports: tuple[str, ...] = ()
    name: str = "comparison"


Words = str | tuple[str, ...] | None
"""Several words of an experiment file; one alone needs no list."""


@dataclass(frozen=True, kw_only=True)
class BenchmarkEntry(Generated):
    """`benchmark` of an experiment file: `BenchmarkChoice`, with the keys of `Generated` beside the others."""

    name: str
    root: Path | None = None
    split: str | None = None
    stride: Count = 1
    label: str | None = None
    sequences: Words = None

    def choice(self) -> BenchmarkChoice:
        """The benchmark as it is opened."""
        generated = Generated(**{item.name: getattr(self, item.name) for item in fields(Generated)})
        names = _several(self.sequences)
        return BenchmarkChoice(self.name, self.root, self.split, self.stride, self.label, names, generated)


@dataclass(frozen=True, kw_only=True)
class TrackerEntry:
    """`trackers.0` of an experiment file: `NamedTracker`; `tracker` is `module:Class`."""

    name: str | None = None
    config: str | None = None
    tracker: str | None = None
    weights: Path | None = None
    device: str | None = None
    precision: str | None = None
    set_: Words = None

    def named(self, experiment: ExperimentFile, overrides: tuple[str, ...]) -> NamedTracker:
        """The tracker as it is built.

        Args:
            experiment: whose device and precision it has unless it names its own.
            overrides: `key=value` for its config besides its own ones.
        """
        choice = TrackerChoice(
            config=self.tracker or self.config,
            weights=self.weights,
            device=self.device or experiment.device,
            precision=self.precision or experiment.precision,
            overrides=_several(self.set_),
            imports=_several(experiment.import_),
        )
        tracker = NamedTracker(choice, self.name)
        if tracker.is_plugin:
            return tracker
        return replace(tracker, choice=replace(choice, overrides=(*choice.overrides, *overrides)))


@dataclass(frozen=True, kw_only=True)
class ExperimentFile(SweepOptions):
    """All keys of an experiment file; `device` and `precision` are for trackers that have none of their own."""

    benchmark: str | BenchmarkEntry | None = None
    benchmarks: list[str | BenchmarkEntry] | None = None
    trackers: str | TrackerEntry | list[str | TrackerEntry] | None = None
    compare: Words = None
    import_: Words = None
    device: str | None = None
    precision: str | None = None


def parse_settings(
    values: LocatedDict, origin: str, overrides: tuple[str, ...] = (), name: str = "comparison"
) -> SweepSettings:
    """The settings, every key and value checked.

    Args:
        values: what the file and the command line say together.
        origin: what errors call the place of values whose line is unknown.
        overrides: `key=value` for the configs of all trackers.
        name: of the experiment.

    Raises:
        ConfigError: an unknown key, a wrong value, no benchmark; names the line.
    """
    config = finish(values, origin)
    said = parse_section(config, ExperimentFile, name="an experiment")
    checker = Checker(origin, config.locations)

    def fault(message: str, *path: str | int) -> ConfigError:
        return checker.error(path, f"{'.'.join(map(str, path))!r}: {message}" if path else message)

    if said.address is not None and said.engine != "ray":
        raise fault("an address is that of a Ray cluster; add --engine ray, or leave it out", "address")
    if (said.benchmark is None) == (said.benchmarks is None):
        raise fault("expected either `benchmark:` or `benchmarks:`")
    for key in ("benchmarks", "trackers"):
        if getattr(said, key) == []:
            raise fault("expected at least one, got an empty list", key)
    benchmarks: list[BenchmarkChoice] = []
    for number, entry in enumerate(said.benchmarks or [said.benchmark or ""]):
        place: KeyPath = ("benchmarks", number) if said.benchmarks else ("benchmark",)
        entry = BenchmarkEntry(name=entry) if isinstance(entry, str) else entry
        written = values["benchmarks"][number] if said.benchmarks else values["benchmark"]
        generated = [item.name for item in fields(Generated) if not isinstance(written, str) and item.name in written]
        if generated and entry.name != "synthetic":
            raise fault(f"is for `name: synthetic`, and this is {entry.name!r}; leave it out", *place, generated[0])
        if entry.similarity is not None and entry.similarity[0] > entry.similarity[1]:
            raise fault(f"expected the lower number first, got {entry.similarity!r}", *place, "similarity")
        benchmark = entry.choice()
        if any(benchmark.title == other.title for other in benchmarks):
            raise fault(f"two benchmarks are called {benchmark.title!r}; give one a `label:`", *place)
        benchmarks.append(benchmark)
    trackers = []
    entries = said.trackers if isinstance(said.trackers, list) else [said.trackers or TrackerEntry()]
    for number, item in enumerate(entries):
        own = TrackerEntry(config=item) if isinstance(item, str) else item
        if own.tracker is not None and (own.config or own.weights or own.set_):
            raise fault(
                "--tracker takes your own class, so --config, --weights and --set do not apply", "trackers", number
            )
        trackers.append(own.named(said, overrides))
        chosen = trackers[-1].choice
        if not trackers[-1].is_plugin and not said.import_:  # whose classes are not registered yet
            check_settings(chosen.config, chosen.weights, chosen.overrides)
    if overrides and all(tracker.is_plugin for tracker in trackers):
        raise fault(f"--set {overrides[0]} changes a config, and no tracker has one")
    if said.gpus and any((tracker.choice.device or "cuda") != "cuda" for tracker in trackers):
        raise fault("gpus are dealt out to the processes, so leave the device out", "gpus")
    return SweepSettings(
        tuple(benchmarks),
        tuple(trackers),
        compare=tuple(Path(folder) for folder in _several(said.compare)),
        imports=_several(said.import_),
        name=name,
        **{item.name: getattr(said, item.name) for item in fields(SweepOptions)},
    )


def _several(words: Words) -> tuple[str, ...]:
    return (words,) if isinstance(words, str) else words or ()
