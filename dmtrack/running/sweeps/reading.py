"""Experiment files, and single values of them that the command line changes with `--set`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dmtrack.config.loading import apply_override, split_override
from dmtrack.config.located import LocatedDict, locate
from dmtrack.config.signatures import keys_of_dataclass
from dmtrack.config.top_level import TopLevel
from dmtrack.config.yaml_reader import read_yaml
from dmtrack.errors import ConfigError
from dmtrack.files import read_text
from dmtrack.registry import did_you_mean
from dmtrack.running.sweeps.settings import ExperimentFile


def read_experiment(path: str | Path) -> LocatedDict:
    """The values of an experiment file with their lines; the keys are not checked yet.

    Raises:
        ConfigError: it cannot be read, or is no YAML of keys and values.
    """
    path = Path(path)
    if not path.is_file():
        raise ConfigError(
            f"experiment {path} is no file; give a YAML file with `benchmark:` and `trackers:`, as in experiments/"
        )
    return read_yaml(read_text(path, "an experiment", ConfigError), str(path))


def split_overrides(overrides: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Tells apart the `key=value` that belong to the experiment and those that belong to the configs of its trackers.

    The first word of the key decides.

    Raises:
        ConfigError: one without `=`, or a key that neither has.
    """
    experiment, configs = [], []
    of_experiments, of_configs = (keys_of_dataclass(kind).keys for kind in (ExperimentFile, TopLevel))
    for override in overrides:
        first = split_override(override)[0][0]
        if first in of_experiments:
            experiment.append(override)
        elif first in of_configs:
            configs.append(override)
        else:
            known = [*of_experiments, *of_configs]
            raise ConfigError(f"--set {override}: unknown key {first!r}{did_you_mean(first, known)}")
    return tuple(experiment), tuple(configs)


def with_overrides(values: LocatedDict, overrides: Iterable[str]) -> LocatedDict:
    """A copy of an experiment's values with some replaced; items of a list are counted from 0.

    Raises:
        ConfigError: a key leads nowhere.
    """
    # Benchmarks and trackers that are given by their name alone get keys like the others.
    changed = LocatedDict(values)
    changed.where = dict(values.where)
    for key, only_word in (("benchmark", "name"), ("benchmarks", "name"), ("trackers", "config")):
        given: Any = changed.get(key, [{}] if key == "trackers" else None)
        if key == "trackers" and not isinstance(given, list):
            given = [given]
        where = values.where.get(key)
        if isinstance(given, str):
            changed.put(key, LocatedDict({only_word: given}, where), where)
        elif isinstance(given, list):
            items = [{only_word: item} if isinstance(item, str) else item for item in given]
            changed.put(key, [item if isinstance(item, LocatedDict) else locate(item, where) for item in items], where)
    for override in overrides:
        if override.startswith("benchmark.") and "benchmarks" in changed:
            raise ConfigError(
                f"--set {override}: the experiment has `benchmarks`; say which, e.g. benchmarks.0.{override[10:]}"
            )
        changed = apply_override(changed, override)
    return changed
