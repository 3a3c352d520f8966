"""What a number says of itself: its name, its unit, which way is better, and what it needs to know of a run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from dmtrack.data.sequences import Sequence
    from dmtrack.evaluation.results import SequenceResult

Array = NDArray[np.float64]

SHARE = "share"
"""The unit of numbers between 0 and 1, which papers print in percent and whose differences are points."""


@dataclass(frozen=True)
class Measure:
    """One number of a protocol. Tables, figures, files and the page show it by what it says here.

    Attributes:
        key: name in JSON files, CSV files and score mappings.
        title: name in tables.
        unit: `share`, or what is counted ("failures").
        higher_is_better: whether a larger number is the better one.
        range: smallest and largest possible number.
        meaning: what the number says, and which would be good: part of a sentence for people.
        needs: what it needs of a run: `boxes`, `regions`, `frame size`, `restarts`, `confidences`, `presence`, `times`,
            `identities`.
        digits: after the point in tables: 0 for whole counts.
    """

    key: str
    title: str
    unit: str = field(default=SHARE, kw_only=True)
    higher_is_better: bool = field(default=True, kw_only=True)
    range: tuple[float, float] = field(default=(0.0, 1.0), kw_only=True)
    meaning: str = field(default="", kw_only=True)
    needs: tuple[str, ...] = field(default=("boxes",), kw_only=True)
    digits: int = field(default=3, kw_only=True)

    @property
    def scale(self) -> float:
        """What papers multiply the number with: 100 for shares, which they print in percent."""
        return 100.0 if self.unit == SHARE else 1.0

    def printed(self, number: float) -> str:
        """The number as papers print it: a share in percent with one decimal, a count without."""
        return f"{self.scale * number:.{min(1, self.digits)}f}"

    def axis(self, values: ArrayLike) -> tuple[float, float]:
        """The ends of an axis that shows these numbers: of the range, or the largest number where it has no end."""
        known = np.asarray(values, dtype=np.float64)
        known = known[np.isfinite(known)]
        least, most = self.range
        largest = float(known.max()) if len(known) else least + 1.0
        return least, most if np.isfinite(most) else max(largest, least + 1.0)

    def to_dict(self) -> dict[str, Any]:
        """JSON values; an infinite end of the range is null."""
        return {
            "title": self.title,
            "unit": self.unit,
            "higher_is_better": self.higher_is_better,
            "range": [end if np.isfinite(end) else None for end in self.range],
            "needs": list(self.needs),
        }


class SequenceMeasure(Measure, ABC):
    """A number that is computed for itself: what each sequence adds to it, and the number of several sequences.

    A new measure (HOTA, IDF1, mAP, mask AP) is a subclass of this one, reported by a `MeasuredProtocol`.
    """

    @abstractmethod
    def of_sequence(self, sequence: Sequence, result: SequenceResult) -> Any:
        """What one sequence adds: its number, or the sums behind it (`over_sequences` decides).

        Args:
            sequence: with its truth, cut to the frames that the result covers.
            result: of the tracker; what `needs` names is there.
        """

    def over_sequences(self, added: Iterable[Any]) -> float:
        """The number of all sequences together: the mean of theirs, those without a number (NaN) left out.

        Args:
            added: what `of_sequence` gave, of one or more sequences, possibly of one several times.
        """
        values = np.array(list(added), dtype=np.float64)
        values = values[~np.isnan(values)]
        return float(values.mean()) if len(values) else float("nan")
