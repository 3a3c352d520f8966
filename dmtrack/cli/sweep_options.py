"""The options by which commands choose benchmark and trackers, together with an experiment file."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from dmtrack.cli import options
from dmtrack.errors import EvaluationError

if TYPE_CHECKING:
    from dmtrack.config.located import LocatedDict
    from dmtrack.running.sweeps.settings import SweepSettings

_GENERATED = {"synthetic": "kind", "seed": "seed", "count": "count", "frames": "frames"}
_TRACKER = ("config", "weights", "tracker", "name")
_TOP = (
    "protocol",
    "processes",
    "gpus",
    "engine",
    "address",
    "results",
    "reports",
    "json",
    "cache",
    "compare",
    "device",
    "precision",
    "restart",
)


def _shared(
    experiment: options.Experiment = None,
    data: options.Data = None,
    layout: options.Layout = None,
    split: options.Split = None,
    stride: options.Stride = 1,
    synthetic: options.Synthetic = None,
    seed: options.Seed = 900_001,
    count: options.Count = 20,
    frames: options.Frames = 100,
    benchmark: options.Benchmark = None,
    config: options.Config = None,
    weights: options.Weights = None,
    precision: options.Precision = None,
    import_: options.Import = None,
    set_: options.SweepSet = None,
) -> None:
    """The options of every command that `added` decorates; it is never called."""


def added(command: Callable[..., None]) -> Callable[..., None]:
    """Decorator: the command also takes the options by which benchmark and trackers are chosen.

    It gets none of them as arguments, but reads them all together with `settings_of(context)`. An option of its own
    that has the name of a shared one stands in its place.
    """
    own = dict(inspect.signature(command, eval_str=True).parameters)
    every = {**inspect.signature(_shared, eval_str=True).parameters, **own}

    @functools.wraps(command)
    def run(**values: Any) -> None:
        command(**{name: values[name] for name in own})

    ordered = [every.pop("context"), *every.values()]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in ordered}
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in ordered]
    )
    return run


def settings_of(context: typer.Context) -> SweepSettings:
    """What a command is to run: its experiment file, `--set`, and its other options, which win in that order.

    Raises:
        EvaluationError: an unknown key, a wrong value, or nothing says what to track.
    """
    from dmtrack.config.located import locate
    from dmtrack.running.sweeps.reading import read_experiment, split_overrides, with_overrides
    from dmtrack.running.sweeps.settings import parse_settings

    chosen = {name.rstrip("_"): value for name, value in context.params.items()}
    path = chosen["experiment"]
    given = chosen
    if path is not None:
        # What somebody wrote, without defaults.
        sources = {name.rstrip("_"): context.get_parameter_source(name) for name in context.params}
        given = {name: value for name, value in chosen.items() if getattr(sources[name], "name", "") != "DEFAULT"}
    own, overrides = split_overrides(chosen["set"] or ())
    if path is None:
        _check_without_file(chosen, own, overrides)
        values = locate({"benchmark": _benchmark_alone(chosen)})
        origin = "the command line"
    else:
        origin = f"experiment {path}"
        values = read_experiment(path)
        if own:
            values = with_overrides(values, own)
        if any(given.get(name) is not None for name in ("data", "layout", "split", "stride", *_GENERATED)):
            _change_benchmark(values, given, origin)
    tracker = {name: _plain(given[name]) for name in _TRACKER if given.get(name) is not None}
    said = {name: _plain(given[name]) for name in _TOP if given.get(name) is not None}
    if tracker:
        said["trackers"] = [locate(tracker)]
    if chosen["import"]:
        before = values.get("import") or []
        said["import"] = [*([before] if isinstance(before, str) else before), *chosen["import"]]
    for key, value in said.items():
        values.put(key, value, "the command line")
    return parse_settings(values, origin, overrides, "comparison" if path is None else Path(path).stem)


def _check_without_file(chosen: Mapping[str, Any], own: tuple[str, ...], overrides: tuple[str, ...]) -> None:
    if (chosen["data"] is None) == (chosen["synthetic"] is None):
        raise EvaluationError(
            "say what to track, one of: --experiment FILE (see experiments/), --data FOLDER, "
            "--synthetic plain|look-alikes|distractors|crowds"
        )
    if own:
        raise EvaluationError(f"--set {own[0]} changes an experiment file; give one with --experiment")
    if chosen.get("tracker") is not None and (chosen["config"] or chosen["weights"] or overrides):
        raise EvaluationError("--tracker takes your own class, so --config, --weights and --set do not apply")


def _benchmark_alone(chosen: Mapping[str, Any]) -> dict[str, Any]:
    label = chosen["benchmark"]
    if chosen["data"] is None:
        generated = {key: chosen[name] for name, key in _GENERATED.items()}
        return {"name": "synthetic", "label": label, "stride": chosen["stride"], **generated}
    layout, root = chosen["layout"] or "folder", chosen["data"]
    if layout == "got10k" and chosen["stride"] == 1:
        label = label or root.resolve().name
    split = chosen["split"] if layout != "folder" else None
    return {"name": layout, "root": str(root), "split": split, "stride": chosen["stride"], "label": label}


def _change_benchmark(values: LocatedDict, given: Mapping[str, Any], origin: str) -> None:
    """Puts what the command line says into the file's benchmark."""
    from dmtrack.config.located import LocatedDict

    if "benchmarks" in values:
        raise EvaluationError(
            f"{origin} has several benchmarks; change one of them with --set benchmarks.0.KEY=VALUE instead"
        )
    benchmark = values.get("benchmark")
    benchmark = LocatedDict({"name": benchmark}) if isinstance(benchmark, str) else benchmark
    if not isinstance(benchmark, LocatedDict):
        raise EvaluationError(f"{origin}: expected `benchmark:` with keys and values")
    pairs = {"data": "root", "layout": "name", "split": "split", "stride": "stride", "benchmark": "label", **_GENERATED}
    for name, key in pairs.items():
        if given.get(name) is not None:
            benchmark.put(key, _plain(given[name]), "the command line")
    values["benchmark"] = benchmark


def _plain(value: Any) -> Any:
    """A value as it would stand in the file."""
    if isinstance(value, Path):
        return str(value)
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
