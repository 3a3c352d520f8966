"""Arrays with one row per thing: what detections, states of filters and tables of tracks have in common."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.int64] | NDArray[np.bool_] | slice


class Rows:
    """Base of dataclasses whose arrays have a row per thing. Fields that are no arrays belong to all of the things."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """By name; fields of subclasses among them, without those that are None."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}

    def __len__(self) -> int:
        return len(getattr(self, next(iter(self.__dataclass_fields__))))

    def select(self, index: Index) -> Self:
        """Some of them, in that order: integers, a mask or a slice."""
        return replace(self, **{name: values[index] for name, values in self.arrays.items()})

    def joined(self, *others: Self) -> Self:
        """These and all others, one after the other; all of them have the same fields."""
        parts = (self, *others)
        return replace(self, **{name: np.concatenate([getattr(part, name) for part in parts]) for name in self.arrays})
