"""Values that a user wrote, checked one by one; every complaint names the file and the key."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dmtrack.errors import EvaluationError
from dmtrack.registry import did_you_mean


class Section:
    """One mapping of an experiment file. Keys that nobody asked for are unknown, which `end` complains about.

    Args:
        values: the mapping.
        where: dotted path of the mapping in its file, empty at the top.
        origin: where the values were written, for errors.
    """

    def __init__(self, values: Any, where: str, origin: str) -> None:
        self.where, self.origin = where, origin
        if not isinstance(values, Mapping):
            raise self.error(f"expected keys with values, got {values!r}")
        self._values = values
        self._asked: set[str] = set()

    def error(self, complaint: str, key: str = "") -> EvaluationError:
        """An error about this section, or a key of it."""
        path = self.path(key)
        return EvaluationError(f"{self.origin}: {f'{path!r}: ' if path else ''}{complaint}")

    def path(self, key: str) -> str:
        """The dotted path of a key in the file."""
        return ".".join(part for part in (self.where, key) if part)

    def raw(self, key: str) -> Any:
        """Whatever stands there; None where nothing does."""
        self._asked.add(key)
        return self._values.get(key)

    def text(self, key: str, choices: tuple[str, ...] = ()) -> str | None:
        """A word, one of `choices` if there are any."""
        value = self.raw(key)
        if value is None:
            return None
        if not isinstance(value, str) or not value:
            raise self.error(f"expected a word, got {value!r}", key)
        if choices and value not in choices:
            raise self.error(f"unknown {value!r}{did_you_mean(value, choices)}", key)
        return value

    def file(self, key: str) -> Path | None:
        """A path of a file or folder."""
        value = self.text(key)
        return None if value is None else Path(value).expanduser()

    def whole(self, key: str, least: int) -> int | None:
        """A whole number from `least`."""
        value = self.raw(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise self.error(f"expected a whole number from {least}, got {value!r}", key)
        return value

    def share(self, key: str) -> float | None:
        """A number from 0 to 1."""
        value = self.raw(key)
        return None if value is None else self._share(value, key)

    def shares(self, key: str) -> tuple[float, float] | None:
        """Two ascending numbers from 0 to 1."""
        value = self.raw(key)
        if value is None:
            return None
        if not isinstance(value, (list, tuple)) or len(value) != 2:
            raise self.error(f"expected two numbers as in [0.3, 0.8], got {value!r}", key)
        low, high = (self._share(item, key) for item in value)
        if low > high:
            raise self.error(f"expected the lower number first, got {value!r}", key)
        return low, high

    def size(self, key: str) -> tuple[int, int] | None:
        """Width and height."""
        value = self.raw(key)
        if value is None:
            return None
        if not isinstance(value, (list, tuple)) or len(value) != 2 or not all(type(side) is int for side in value):
            raise self.error(f"expected width and height as in [448, 256], got {value!r}", key)
        return value[0], value[1]

    def texts(self, key: str) -> tuple[str, ...]:
        """Several words; one alone needs no list."""
        value = self.raw(key)
        items = [] if value is None else value if isinstance(value, (list, tuple)) else [value]
        if not all(isinstance(item, str) and item for item in items):
            raise self.error(f"expected words, got {value!r}", key)
        return tuple(items)

    def flag(self, key: str) -> bool:
        """True or false; false where nothing stands."""
        value = self.raw(key)
        if value is not None and not isinstance(value, bool):
            raise self.error(f"expected true or false, got {value!r}", key)
        return bool(value)

    def end(self, elsewhere: Mapping[str, str] | None = None) -> None:
        """Complains about a key that nobody asked for.

        Args:
            elsewhere: keys that belong to another section, and their dotted paths there.

        Raises:
            EvaluationError: there is one; the message names the nearest key.
        """
        for key in self._values:
            if key not in self._asked:
                hint = did_you_mean(str(key), self._asked)
                if elsewhere and key in elsewhere:
                    hint = f"; did you mean {elsewhere[key]!r}?"
                raise EvaluationError(f"{self.origin}: unknown key {self.path(str(key))!r}{hint}")

    def _share(self, value: Any, key: str) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.0 <= value <= 1.0:
            raise self.error(f"expected a number from 0 to 1, got {value!r}", key)
        return float(value)
