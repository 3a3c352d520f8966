"""What a sweep does, from an experiment file, `--set` and the options of the command line.

benchmark:                      # or `benchmarks:` with a list of such
  name: synthetic               # or lasot, otb100, ... with root, split, stride, sequences, label
  kind: distractors             # generated sequences alone: kind, seed, count, frames, size_wh, distractors,
  seed: 900001                  # similarity, absence, occlusion
trackers:                       # without it, the default config
  - dmtrackGS_tiny              # a config, or module:Class
  - {name: mine, config: FILE, weights: FILE, precision: bf16, set: [tracker.presence_threshold=0.4]}
protocol: dmtrack-visible       # without it, the benchmark's own
absence_scores: true            # also: does the tracker know when the target is gone (OxUvA, VOT long-term)
processes: 2                    # also: gpus, engine, address, results, reports, json, cache, compare, import, device,
                                # precision, restart
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from dmtrack.errors import EvaluationError
from dmtrack.running.sweeps.benchmarks import BenchmarkChoice, Generated
from dmtrack.running.sweeps.checking import Section
from dmtrack.running.trackers import TrackerChoice

TOP_KEYS = (
    "benchmark",
    "benchmarks",
    "trackers",
    "protocol",
    "absence_scores",
    "processes",
    "gpus",
    "engine",
    "address",
    "results",
    "reports",
    "json",
    "cache",
    "compare",
    "import",
    "device",
    "precision",
    "restart",
)
ENGINES = ("local", "ray")
_GENERATED_KEYS = tuple(item.name for item in fields(Generated))


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
        """Whether it is `module:Class` instead of a config."""
        return ":" in (self.choice.config or "") and not Path(self.choice.config or "").exists()


@dataclass(frozen=True)
class SweepSettings:
    """Trackers x benchmarks.

    Attributes:
        benchmarks: at least one.
        trackers: at least one.
        protocol: name of the rules; None takes each benchmark's own.
        absence_scores: report besides whether trackers know when the target is gone.
        processes: sequences tracked at once on this machine.
        gpus: of this machine, dealt out to the processes; with Ray, whether tasks ask for one.
        engine: "local" or "ray".
        address: of the Ray cluster.
        results: folder of raw results.
        reports: folder of tables and plots.
        json: where the scores go besides.
        cache: folder of stored detections that trackers run from.
        compare: folders of other trackers' results for the same table.
        imports: modules of the user's to import first.
        restart: replace stored results.
        name: of the experiment, for the folder of reports on several trackers.
    """

    benchmarks: tuple[BenchmarkChoice, ...]
    trackers: tuple[NamedTracker, ...]
    protocol: str | None = None
    absence_scores: bool = False
    processes: int = 1
    gpus: int = 0
    engine: str = "local"
    address: str | None = None
    results: Path = Path("results")
    reports: Path = Path("reports")
    json: Path | None = None
    cache: Path | None = None
    compare: tuple[Path, ...] = ()
    imports: tuple[str, ...] = ()
    restart: bool = False
    name: str = "comparison"


def parse_settings(
    values: Mapping[str, Any], origin: str, overrides: tuple[str, ...] = (), name: str = "comparison"
) -> SweepSettings:
    """The settings, every key and value checked.

    Args:
        values: what the file and the command line say together.
        origin: where the values were written, for errors.
        overrides: `key=value` for the configs of all trackers.
        name: of the experiment.

    Raises:
        EvaluationError: an unknown key, a wrong value, no benchmark.
    """
    top = Section(values, "", origin)
    imports = top.texts("import")
    common = {"device": top.text("device"), "precision": top.text("precision")}
    engine = top.text("engine", ENGINES) or "local"
    address = top.text("address")
    if address is not None and engine != "ray":
        raise top.error("an address is that of a Ray cluster; add --engine ray, or leave it out", "address")
    settings = SweepSettings(
        benchmarks=_benchmarks(top),
        trackers=_trackers(top, imports, common, overrides),
        protocol=top.text("protocol"),
        absence_scores=top.flag("absence_scores"),
        processes=top.whole("processes", 1) or 1,
        gpus=top.whole("gpus", 0) or 0,
        engine=engine,
        address=address,
        results=top.file("results") or Path("results"),
        reports=top.file("reports") or Path("reports"),
        json=top.file("json"),
        cache=top.file("cache"),
        compare=tuple(Path(folder) for folder in top.texts("compare")),
        imports=imports,
        restart=top.flag("restart"),
        name=name,
    )
    top.end({key: f"benchmark.{key}" for key in ("name", "root", "split", "stride", *_GENERATED_KEYS)})
    if settings.gpus and any((tracker.choice.device or "cuda") != "cuda" for tracker in settings.trackers):
        raise top.error("gpus are dealt out to the processes, so leave the device out", "gpus")
    return settings


def _benchmarks(top: Section) -> tuple[BenchmarkChoice, ...]:
    one, several = top.raw("benchmark"), top.raw("benchmarks")
    if (one is None) == (several is None):
        raise top.error("expected either `benchmark:` or `benchmarks:`")
    if one is not None:
        return (_benchmark(one, "benchmark", top.origin),)
    if not isinstance(several, list) or not several:
        raise top.error(f"expected a list of benchmarks, got {several!r}", "benchmarks")
    choices = tuple(_benchmark(item, f"benchmarks.{index}", top.origin) for index, item in enumerate(several))
    titles = [choice.title for choice in choices]
    for index, title in enumerate(titles):
        if title in titles[:index]:
            raise top.error(f"two benchmarks are called {title!r}; give one a `label:`", f"benchmarks.{index}")
    return choices


def _benchmark(values: Any, where: str, origin: str) -> BenchmarkChoice:
    section = Section({"name": values} if isinstance(values, str) else values, where, origin)
    name = section.text("name")
    if name is None:
        raise section.error("needs a `name:` (lasot, otb100, ..., folder or synthetic)")
    given = {
        "kind": section.text("kind"),
        "seed": section.whole("seed", 0),
        "count": section.whole("count", 1),
        "frames": section.whole("frames", 2),
        "size_wh": section.size("size_wh"),
        "distractors": section.whole("distractors", 0),
        "similarity": section.shares("similarity"),
        "absence": section.share("absence"),
        "occlusion": section.share("occlusion"),
    }
    generated: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if generated and name != "synthetic":
        raise section.error(f"is for `name: synthetic`, and this is {name!r}; leave it out", next(iter(generated)))
    choice = BenchmarkChoice(
        name=name,
        root=section.file("root"),
        split=section.text("split"),
        stride=section.whole("stride", 1) or 1,
        label=section.text("label"),
        sequences=section.texts("sequences"),
        generated=Generated(**generated),
    )
    section.end()
    return choice


def _trackers(
    top: Section, imports: tuple[str, ...], common: Mapping[str, str | None], overrides: tuple[str, ...]
) -> tuple[NamedTracker, ...]:
    items = top.raw("trackers")
    items = [{}] if items is None else items if isinstance(items, list) else [items]
    if not items:
        raise top.error("expected at least one tracker", "trackers")
    trackers = tuple(
        _tracker(item, f"trackers.{index}", top.origin, imports, common, overrides) for index, item in enumerate(items)
    )
    if overrides and all(tracker.is_plugin for tracker in trackers):
        raise top.error(f"--set {overrides[0]} changes a config, and no tracker has one")
    return trackers


def _tracker(
    values: Any,
    where: str,
    origin: str,
    imports: tuple[str, ...],
    common: Mapping[str, str | None],
    overrides: tuple[str, ...],
) -> NamedTracker:
    section = Section({"config": values} if isinstance(values, str) else values, where, origin)
    own_class, config, weights = section.text("tracker"), section.text("config"), section.file("weights")
    own_overrides = section.texts("set")
    if own_class is not None and (config or weights or own_overrides):
        raise EvaluationError(
            f"{origin}: {where}: --tracker takes your own class, so --config, --weights and --set do not apply"
        )
    choice = TrackerChoice(
        config=own_class or config,
        weights=weights,
        device=section.text("device") or common["device"],
        precision=section.text("precision") or common["precision"],
        overrides=own_overrides,
        imports=imports,
    )
    tracker = NamedTracker(choice, section.text("name"))
    section.end()
    if overrides and not tracker.is_plugin:
        return replace(tracker, choice=replace(choice, overrides=(*own_overrides, *overrides)))
    return tracker
