"""The options by which commands choose benchmark and trackers, together with an experiment file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dmtrack.errors import EvaluationError

if TYPE_CHECKING:
    import typer

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


def settings_of(context: typer.Context) -> SweepSettings:
    """What a command is to run: its experiment file, `--set`, and its other options, which win in that order.

    Raises:
        EvaluationError: an unknown key, a wrong value, or nothing says what to track.
    """
    from dmtrack.config.located import locate
    from dmtrack.running.sweeps.reading import read_experiment, split_overrides, with_overrides
    from dmtrack.running.sweeps.settings import parse_settings

    options = {name.rstrip("_"): value for name, value in context.params.items()}
    path = options["experiment"]
    given = options if path is None else _given(context, options)
    own, overrides = split_overrides(options["set"] or ())
    if path is None:
        _check_without_file(options, own, overrides)
        values = locate({"benchmark": _benchmark_alone(options)})
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
    if options["import"]:
        before = values.get("import") or []
        said["import"] = [*([before] if isinstance(before, str) else before), *options["import"]]
    for key, value in said.items():
        values.put(key, value, "the command line")
    return parse_settings(values, origin, overrides, "comparison" if path is None else Path(path).stem)


def _given(context: typer.Context, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that somebody wrote, without defaults."""
    sources = {name.rstrip("_"): context.get_parameter_source(name) for name in context.params}
    return {name: value for name, value in options.items() if getattr(sources[name], "name", "") != "DEFAULT"}


def _check_without_file(options: Mapping[str, Any], own: tuple[str, ...], overrides: tuple[str, ...]) -> None:
    if (options["data"] is None) == (options["synthetic"] is None):
        raise EvaluationError(
            "say what to track, one of: --experiment FILE (see experiments/), --data FOLDER, "
            "--synthetic plain|look-alikes|distractors"
        )
    if own:
        raise EvaluationError(f"--set {own[0]} changes an experiment file; give one with --experiment")
    if options.get("tracker") is not None and (options["config"] or options["weights"] or overrides):
        raise EvaluationError("--tracker takes your own class, so --config, --weights and --set do not apply")


def _benchmark_alone(options: Mapping[str, Any]) -> dict[str, Any]:
    label = options["benchmark"]
    if options["data"] is None:
        generated = {key: options[name] for name, key in _GENERATED.items()}
        return {"name": "synthetic", "label": label, "stride": options["stride"], **generated}
    layout, root = options["layout"] or "folder", options["data"]
    if layout == "got10k" and options["stride"] == 1:
        label = label or root.resolve().name
    split = options["split"] if layout != "folder" else None
    return {"name": layout, "root": str(root), "split": split, "stride": options["stride"], "label": label}


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
