"""Which values of which parameters are tried: continuous ranges, grids, and the grids that people published."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import numpy as np

from dmtrack.association.policy import Association
from dmtrack.errors import ConfigError
from dmtrack.registry import did_you_mean

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

    def holds(self, value: Value) -> bool:
        """Whether a value is one of these."""
        if not self.low - 1e-9 <= value <= self.high + 1e-9:
            return False
        return self.step is None or abs((value - self.low) / self.step - round((value - self.low) / self.step)) < 1e-6

    def describe(self) -> str:
        """For tables and titles."""
        inner = f"{self.low:g} to {self.high:g}"
        return inner + (f" by {self.step:g}" if self.step is not None else " (log)" if self.log else "")


@dataclass(frozen=True)
class Space:
    """All parameters that a study searches.

    Attributes:
        ranges: at least one, names unique.
    """

    ranges: tuple[Range, ...]

    def __post_init__(self) -> None:
        names = self.names
        if not names:
            raise ConfigError("there is nothing to search; give at least one --range KEY=LOW,HIGH")
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(f"two ranges for {name}; give one")

    @property
    def names(self) -> tuple[str, ...]:
        """Of the parameters."""
        return tuple(item.name for item in self.ranges)

    def suggest(self, trial: Any) -> dict[str, Value]:
        """A trial's values."""
        return {item.name: item.suggest(trial) for item in self.ranges}

    def grid(self) -> list[dict[str, Value]]:
        """All combinations.

        Raises:
            ConfigError: a range has no step.
        """
        return [dict(zip(self.names, values, strict=True)) for values in product(*(r.values() for r in self.ranges))]

    def holds(self, parameters: Parameters) -> bool:
        """Whether these are values of the space."""
        return all(item.name in parameters and item.holds(parameters[item.name]) for item in self.ranges)

    def identity(self) -> list[dict[str, Any]]:
        """JSON values."""
        return [asdict(item) for item in sorted(self.ranges, key=lambda item: item.name)]


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


_PENALTY, _WINDOW, _RATE = "penalty_k", "window_influence", "lr"


def _published(penalty_k: str, window_influence: str, lr: str) -> Space:
    given = {_PENALTY: penalty_k, _WINDOW: window_influence, _RATE: lr}
    return Space(tuple(parse_range("published grid", name, text) for name, text in given.items()))


PUBLISHED_GRIDS: dict[str, Space] = {
    "uav123": _published("0.01,0.22,0.05", "0.01,0.22,0.05", "0.4,0.61,0.05"),
    "otb100": _published("0.3,0.45,0.02", "0.46,0.55,0.02", "0.35,0.5,0.02"),
    "vot2018": _published("0.01,0.31,0.05", "0.3,0.56,0.05", "0.2,0.51,0.05"),
    "pysot": _published("0.05,0.5,0.05", "0.1,0.8,0.05", "0.35,0.5,0.05"),
}
"""MMTracking's documentation suggests the first three, PySOT's hp_search.py has the last as its default."""

SIAMRPN_SPACE = Space((Range(_PENALTY, 0.0, 0.5), Range(_WINDOW, 0.0, 0.7), Range(_RATE, 0.05, 0.7)))


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


def published_grid(name: str) -> Space:
    """The published grid of that name.

    Raises:
        ConfigError: there is none.
    """
    if name not in PUBLISHED_GRIDS:
        raise ConfigError(f"unknown published grid {name!r}{did_you_mean(name, PUBLISHED_GRIDS)}")
    return PUBLISHED_GRIDS[name]


def changed(space: Space, given: Iterable[Range]) -> Space:
    """The space with given ranges in place of its own of the same name, further ones behind."""
    new = {item.name: item for item in given}
    kept = [new.pop(item.name, item) for item in space.ranges]
    return Space((*kept, *new.values()))
