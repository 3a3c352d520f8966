"""Which values of which parameters are tried: continuous ranges, grids, and the grids that people published."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from dmtrack.association.policy import Association
from dmtrack.errors import ConfigError

Value = float | int
Parameters = Mapping[str, Value]
"""Values by key under the `tracker` section of a config, such as `penalty_k` or `association.reach`."""


@dataclass(frozen=True)
class Range:
    """The values of one parameter.

    Attributes:
        name: key under the config's `tracker` section, with dots for inner sections.
        low: least value.
        high: largest value, included.
        step: between neighbouring values, counted from `low`; None for all numbers between.
        log: small values as finely as large ones.
        whole: integers alone.
    """

    name: str
    low: Value
    high: Value
    step: Value | None = None
    log: bool = False
    whole: bool = False

    def values(self) -> tuple[Value, ...]:
        """The values of a range with a step.

        Raises:
            ConfigError: it has none.
        """
        step = 1 if self.whole and self.step is None else self.step
        if step is None:
            raise ConfigError(
                f"a grid needs a step for {self.name}: give START,STOP,STEP instead of {self.low:g},{self.high:g}"
            )
        count = math.floor((self.high - self.low) / step + 1e-6) + 1
        return tuple(_rounded(self.low + index * step, self.whole) for index in range(count))

    def suggest(self, trial: Any) -> Value:
        """A trial's value of it (an Optuna trial)."""
        if self.whole:
            return int(trial.suggest_int(self.name, int(self.low), int(self.high), step=int(self.step or 1)))
        if self.log:
            return float(trial.suggest_float(self.name, self.low, self.high, log=True))
        return float(trial.suggest_float(self.name, self.low, self.high, step=self.step))

    def holds(self, value: Value | None) -> bool:
        """Whether a value is one of these; None is not."""
        if value is None or not self.low - 1e-9 <= value <= self.high + 1e-9:
            return False
        if self.step is None:
            return True
        steps = (value - self.low) / self.step
        return abs(steps - round(steps)) < 1e-6


@dataclass(frozen=True)
class Space:
    """All parameters that a study searches: at least one, names unique."""

    ranges: tuple[Range, ...]

    def __post_init__(self) -> None:
        if not self.ranges:
            raise ConfigError("there is nothing to search; give at least one --range KEY=LOW,HIGH")
        for name in self.names:
            if self.names.count(name) > 1:
                raise ConfigError(f"two ranges for {name}; give one")

    @property
    def names(self) -> tuple[str, ...]:
        """Of the parameters."""
        return tuple(item.name for item in self.ranges)

    def grid(self) -> list[dict[str, Value]]:
        """All combinations.

        Raises:
            ConfigError: a range has no step.
        """
        return [dict(zip(self.names, values, strict=True)) for values in product(*(r.values() for r in self.ranges))]

    def ends(self) -> list[dict[str, Value]]:
        """The least values of all parameters, and the largest: what to try so that no trial is out of range."""
        return [{item.name: getattr(item, end) for item in self.ranges} for end in ("low", "high")]


def parse_range(option: str, name: str, text: str, whole: bool = False) -> Range:
    """A range as users type it.

    Args:
        option: what errors call it.
        name: of the parameter.
        text: `LOW,HIGH` (all numbers between), `LOW,HIGH,log`, or `START,STOP,STEP` as published grids are given:
            the values of `numpy.arange`, without STOP.
        whole: of integers.

    Raises:
        ConfigError: it is empty, reversed or no range.
    """
    said = f"{option} {text}"
    parts = [part.strip() for part in text.split(",")]
    log = len(parts) == 3 and parts[2] == "log"
    numbers = [_number(part, said) for part in (parts[:2] if log else parts)]
    if len(numbers) not in (2, 3):
        raise ConfigError(f"{said}: expected LOW,HIGH or LOW,HIGH,log or START,STOP,STEP")
    low, high = numbers[:2]
    if low > high:
        raise ConfigError(f"{said} is reversed: {low:g} lies above {high:g}; give the smaller number first")
    if low == high:
        raise ConfigError(f"{said} is empty: both ends are {low:g}; give an upper end above it")
    if whole and any(number != int(number) for number in numbers):
        raise ConfigError(f"{said}: {name} takes whole numbers")
    if log and low <= 0:
        raise ConfigError(f"{said}: a logarithmic range begins above 0, not at {low:g}")
    if len(numbers) == 2:
        return Range(name, _rounded(low, whole), _rounded(high, whole), log=log, whole=whole)
    step = numbers[2]
    if step <= 0:
        raise ConfigError(f"{said}: the step must be above 0, not {step:g}")
    values = np.arange(low, high, step)
    # The step keeps all its digits: the last of many values must stay among them.
    return Range(name, _rounded(low, whole), _rounded(values[-1], whole), int(step) if whole else step, whole=whole)


def _number(text: str, said: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ConfigError(f"{said}: {text!r} is no number")
    return value


def _rounded(value: float, whole: bool) -> Value:
    return round(float(value)) if whole else round(float(value), 10)


_SIAMRPN = ("penalty_k", "window_influence", "lr")
_PUBLISHED = {
    "uav123": ("0.01,0.22,0.05", "0.01,0.22,0.05", "0.4,0.61,0.05"),
    "otb100": ("0.3,0.45,0.02", "0.46,0.55,0.02", "0.35,0.5,0.02"),
    "vot2018": ("0.01,0.31,0.05", "0.3,0.56,0.05", "0.2,0.51,0.05"),
    "pysot": ("0.05,0.5,0.05", "0.1,0.8,0.05", "0.35,0.5,0.05"),
}
PUBLISHED_GRIDS = {
    title: Space(tuple(parse_range("published grid", name, text) for name, text in zip(_SIAMRPN, texts, strict=True)))
    for title, texts in _PUBLISHED.items()
}
"""MMTracking's documentation suggests the first three, PySOT's hp_search.py has the last as its default."""

SIAMRPN_SPACE = Space(tuple(map(Range, _SIAMRPN, (0.0, 0.0, 0.05), (0.5, 0.7, 0.7))))


def usual_space(association: Association, section: str = "association") -> Space | None:
    """What is searched of a policy unless ranges are given; None where it has no search space.

    Args:
        association: a policy with its settings.
        section: under which they stand in a config's `tracker` section.
    """
    ranges = tuple(
        parse_range("usual range", f"{section}.{key}", values, isinstance(getattr(association, key), int))
        for key, values in association.search_space.items()
    )
    return Space(ranges) if ranges else None


def changed(space: Space, given: Iterable[Range]) -> Space:
    """The space with given ranges in place of its own of the same name, further ones behind."""
    new = {item.name: item for item in given}
    kept = [new.pop(item.name, item) for item in space.ranges]
    return Space((*kept, *new.values()))
