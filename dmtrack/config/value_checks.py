"""Checks of values that have the right type, for the dataclasses of the schema; each passes None."""

from __future__ import annotations

from dmtrack.config.located import KeyPath
from dmtrack.errors import ConfigError


class ConfigValueError(ConfigError):
    """A value of the right type that makes no sense.

    Args:
        message: one sentence that begins with the key.
        key: dotted, from the top of the config.

    Attributes:
        path: the key as a path, to look up where it was written.
    """

    def __init__(self, message: str, key: str = "") -> None:
        super().__init__(message)
        self.path: KeyPath = tuple(int(part) if part.isdecimal() else part for part in key.split("."))


def check_one_of(key: str, value: object, allowed: tuple[object, ...]) -> None:
    """Raises ConfigValueError unless the value is one of `allowed`."""
    if value is not None and value not in allowed:
        raise ConfigValueError(f"{key} is {value!r}: expected one of {', '.join(map(repr, allowed))}", key)


def check_positive(key: str, value: float | None) -> None:
    """Raises ConfigValueError unless the number is above 0."""
    if value is not None and not value > 0:
        raise ConfigValueError(f"{key} is {value!r}: expected a number above 0", key)


def check_whole(key: str, value: object, least: int = 1) -> None:
    """Raises ConfigValueError unless the value is a whole number of at least `least`."""
    if value is not None and (not isinstance(value, int) or value < least):
        bound = "above 0" if least == 1 else f"of at least {least}"
        raise ConfigValueError(f"{key} is {value!r}: expected a whole number {bound}", key)
