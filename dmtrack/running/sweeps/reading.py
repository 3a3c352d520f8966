"""Experiment files, and single values of them that the command line changes with `--set`."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from dmtrack.config.top_level import TopLevel
from dmtrack.errors import EvaluationError
from dmtrack.registry import did_you_mean
from dmtrack.running.sweeps.settings import TOP_KEYS


def read_experiment(path: str | Path) -> dict[str, Any]:
    """The values of an experiment file, whose keys are not checked yet.

    Raises:
        EvaluationError: it cannot be read, or is no YAML of keys and values.
    """
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = getattr(error, "strerror", None) or error
        raise EvaluationError(
            f"experiment {path}: {reason}; give a YAML file with `benchmark:` and `trackers:`, as in experiments/"
        ) from error
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise EvaluationError(f"experiment {path}: expected lines `key: value`, as in experiments/*.yaml")
    return values


def split_assignments(assignments: Iterable[str]) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
    """Tells apart the `key=value` that belong to the experiment and those that belong to configs.

    The first word of the key decides: what an experiment file may begin a line with belongs to it, the rest to the
    configs of the trackers.

    Returns:
        (dotted key, text of the value) of the experiment, and whole assignments for configs.

    Raises:
        EvaluationError: an assignment without `=`, or a key that neither has.
    """
    ours, configs = [], []
    of_configs = {item.name for item in fields(TopLevel)}
    for assignment in assignments:
        key, sign, value = assignment.partition("=")
        if not sign or not key:
            raise EvaluationError(f"--set {assignment}: expected KEY=VALUE, e.g. benchmark.seed=7")
        first = key.split(".")[0]
        if first in TOP_KEYS:
            ours.append((key, value))
        elif first in of_configs:
            configs.append(assignment)
        else:
            raise EvaluationError(f"--set {assignment}: unknown key {first!r}{did_you_mean(first, TOP_KEYS)}")
    return ours, tuple(configs)


def with_assignments(values: dict[str, Any], assignments: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """A copy of an experiment's values with some replaced.

    Args:
        values: of the experiment.
        assignments: (dotted key, YAML text of the value); items of a list are counted from 0.

    Raises:
        EvaluationError: a key leads nowhere, or a value is no YAML.
    """
    changed = _spelled_out(values)
    for key, text in assignments:
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise EvaluationError(f"--set {key}={text}: the value is no YAML ({error})") from error
        _assign(changed, key, value)
    return changed


def _spelled_out(values: dict[str, Any]) -> dict[str, Any]:
    """A copy in which benchmarks and trackers that are given by their name alone have keys like the others."""
    changed = copy.deepcopy(values)
    for key, only_word in (("benchmark", "name"), ("benchmarks", "name"), ("trackers", "config")):
        given = changed.get(key)
        if isinstance(given, str):
            changed[key] = {only_word: given}
        elif isinstance(given, list):
            changed[key] = [{only_word: item} if isinstance(item, str) else item for item in given]
    trackers = changed.setdefault("trackers", [{}])
    if isinstance(trackers, dict):
        changed["trackers"] = [trackers]
    return changed


def _assign(values: dict[str, Any], key: str, value: Any) -> None:
    if key.startswith("benchmark.") and "benchmarks" in values:
        raise EvaluationError(f"--set {key}: the experiment has `benchmarks`; say which, e.g. benchmarks.0.{key[10:]}")
    place: Any = values
    words = key.split(".")
    for depth, word in enumerate(words):
        where = ".".join(words[:depth])
        step: Any = word
        if isinstance(place, list):
            if not word.isdecimal() or int(word) >= len(place):
                raise EvaluationError(
                    f"--set {key}: {where} is a list of {len(place)}; say which item, from {where}.0 to "
                    f"{where}.{len(place) - 1}"
                )
            step = int(word)
        elif not isinstance(place, dict):
            raise EvaluationError(f"--set {key}: {where} has no keys; it is {place!r}")
        if depth == len(words) - 1:
            place[step] = value
        else:
            place = place[step] if isinstance(place, list) else place.setdefault(step, {})
