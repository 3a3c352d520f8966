"""What every protocol has, of whatever kind, and the one table of protocols by name, which one's own join."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from dmtrack.errors import EvaluationError
from dmtrack.evaluation.measures.measure import Measure, SequenceMeasure
from dmtrack.evaluation.results import SequenceResult, TrackerResults
from dmtrack.evaluation.scoring import Score, SequenceScore, frames_per_second
from dmtrack.registry import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

    from dmtrack.data.sequences import Sequence
    from dmtrack.evaluation.report import Report
    from dmtrack.evaluation.reporting.figures.theme import Theme

Array = NDArray[np.float64]


class Drawing(NamedTuple):
    """A figure: the name of its file, what it shows, and how it is drawn."""

    name: str
    title: str
    draw: Callable[[Theme], Figure]


@dataclass(frozen=True)
class BaseProtocol(ABC):
    """The rules by which the results of trackers become numbers. A kind of protocol is a subclass.

    A kind says which measures it reports, what it observes in one sequence, and how its sequences are pooled; tables,
    files, intervals, figures and the page ask it and its measures, and know no kind by name.

    Attributes:
        name: what every number that follows these rules is labelled with.
        description: the rules in one or two sentences, for people.
        source: where the rules are from.
    """

    name: str
    description: str
    source: str = ""

    compared_keys: ClassVar[tuple[str, ...]] = ()
    """The measures in which single sequences can be compared, where the headline number cannot be."""

    overlap_title: ClassVar[str] = "IoU"
    """What the page draws over the frames of a sequence."""

    by_attribute: ClassVar[bool] = False
    """Whether numbers of the sequences of one attribute (fast motion, occlusion) are shown."""

    not_this_kind: ClassVar[str] = ""
    """What the error says of a protocol of another kind where one of this kind is asked for."""

    @abstractmethod
    def reported(self) -> tuple[Measure, ...]:
        """The measures, first the one that trackers are ranked by."""

    @abstractmethod
    def score(self, sequence: Sequence, tracker: TrackerResults) -> SequenceScore:
        """One tracker on one sequence of which it has a result.

        Raises:
            EvaluationError: the result does not fit the sequence, or lacks what the measures need.
        """

    @abstractmethod
    def pool(self, sequences: Iterable[SequenceScore]) -> Any:
        """What is known of several sequences together; `read` finds all numbers in it."""

    def read(self, pooled: Any) -> dict[str, float]:
        """The number of every measure, by its key; NaN where nothing defines it. By default from `pooled.scores`."""
        return {key: pooled.scores[key] for key in self.headings() if key in pooled.scores}

    @abstractmethod
    def resample(self, score: Score, draws: Array) -> dict[str, Array]:
        """All numbers of one tracker, computed anew on drawn sequences.

        Args:
            score: of the tracker.
            draws: (rounds, sequences) how often each sequence is drawn.

        Returns:
            (rounds,) numbers by key; NaN where the drawn sequences do not define them.
        """

    @property
    def compared(self) -> Measure:
        """The measure in which single sequences are compared: the first one of `compared_keys`."""
        measures = self.reported()
        return next((measure for measure in measures if measure.key in self.compared_keys), measures[0])

    @property
    def needs(self) -> frozenset[str]:
        """What the measures need of a run, see `Measure.needs`."""
        return frozenset(need for measure in self.reported() for need in measure.needs)

    def measure(self, key: str) -> Measure:
        """The measure of that key."""
        return next(measure for measure in self.reported() if measure.key == key)

    def legend(self) -> dict[str, str]:
        """What the numbers say, by their titles, in the order of `reported`."""
        return {measure.title: measure.meaning for measure in self.reported() if measure.meaning}

    def headings(self) -> dict[str, str]:
        """Column titles by the key of the measure, in the order of `reported`."""
        return {measure.key: measure.title for measure in self.reported()}

    def check(self) -> None:
        """Refuses impossible rules.

        Raises:
            EvaluationError: the message names the rule.
        """
        keys = [measure.key for measure in self.reported()]
        if len(set(keys)) != len(keys):
            raise EvaluationError(f"protocol {self.name!r}: two measures have the same key among {', '.join(keys)}")

    def counts(self, item: SequenceScore) -> bool:
        """Whether a sequence enters the numbers of several."""
        return True

    def drawn_from(self, scores: Iterable[Score]) -> int:
        """How many sequences the bootstrap draws from that change a number."""
        return max((len(score.sequences) for score in scores), default=0)

    def notes(self, scores: Iterable[Score]) -> list[str]:
        """Sentences on what the rules take for granted of these trackers, or cannot say of them."""
        return []

    def further(self, scores: Iterable[Score]) -> dict[str, Any]:
        """JSON values that stand in the report beside the numbers, such as the curve behind them."""
        return {}

    def drawings(self, report: Report) -> Iterator[Drawing]:
        """The figures of a report. Matplotlib is imported here, so that tables need not wait for it."""
        return iter(())

    def rules(self) -> list[tuple[str, str]]:
        """Names and values of the rules, for people who compare protocols."""
        shown = [field.name for field in fields(self) if field.name not in ("name", "description", "source")]
        rules = [(name.replace("_", " "), getattr(self, name)) for name in shown]
        return [
            *((name, "-" if value is None else str(value)) for name, value in rules if name != "measures"),
            ("numbers", ", ".join(self.headings().values())),
        ]


@dataclass(frozen=True)
class MeasuredProtocol(BaseProtocol):
    """Measures that are computed one by one, each from the result of a sequence.

    Attributes:
        measures: the numbers that are reported, first the one that trackers are ranked by.
    """

    measures: tuple[SequenceMeasure, ...] = ()

    by_attribute: ClassVar[bool] = True

    _GIVEN: ClassVar[Mapping[str, str]] = {"confidences": "scores", "presence": "present", "times": "seconds"}

    def reported(self) -> tuple[SequenceMeasure, ...]:
        """The measures."""
        return self.measures

    def score(self, sequence: Sequence, tracker: TrackerResults) -> SequenceScore:
        """What the sequence adds to each measure, and the measure of it alone."""
        from dmtrack.evaluation.measures.one_pass import overlaps

        sequence, result = tracker.cut(sequence), tracker.results[sequence.name]
        self._check_given(sequence, tracker.name, result)
        added = {measure.key: measure.of_sequence(sequence, result) for measure in self.measures}
        counted = sequence.present.copy()
        iou = overlaps(result.boxes_xywh[counted], sequence.boxes_xywh[counted])
        numbers = {measure.key: measure.over_sequences([added[measure.key]]) for measure in self.measures}
        return SequenceScore(sequence.name, counted, iou, numbers, added, frames_per_second(result.seconds))

    def pool(self, sequences: Iterable[SequenceScore]) -> dict[str, list[Any]]:
        """What all sequences add, by measure."""
        observed = [item.observed for item in sequences]
        return {measure.key: [added[measure.key] for added in observed] for measure in self.measures}

    def read(self, pooled: dict[str, list[Any]]) -> dict[str, float]:
        """What each measure makes of it."""
        return {measure.key: measure.over_sequences(pooled[measure.key]) for measure in self.measures}

    def resample(self, score: Score, draws: Array) -> dict[str, Array]:
        """Every measure of every round's sequences."""
        samples = {measure.key: np.empty(len(draws)) for measure in self.measures}
        for place, times in enumerate(draws.astype(int)):
            drawn = np.repeat(np.arange(len(times)), times)
            for measure in self.measures:
                added = score.pooled[measure.key]
                samples[measure.key][place] = measure.over_sequences(added[index] for index in drawn)
        return samples

    def _check_given(self, sequence: Sequence, tracker: str, result: SequenceResult) -> None:
        for need, name in self._GIVEN.items():
            if need in self.needs and getattr(result, name) is None:
                raise EvaluationError(
                    f"the results of {tracker} for {sequence.name!r} hold no {need}, but {self.name} needs them"
                )


PROTOCOLS: dict[str, BaseProtocol] = {}
"""All that are known, of every kind, by name."""

Kind = TypeVar("Kind", bound=BaseProtocol)


def register(protocol: Kind) -> Kind:
    """Makes a protocol known under its name.

    Raises:
        EvaluationError: another protocol has that name, or a rule is impossible.
    """
    if PROTOCOLS.get(protocol.name, protocol) != protocol:
        raise EvaluationError(f"two different protocols are called {protocol.name!r}; choose another name for yours")
    protocol.check()
    PROTOCOLS[protocol.name] = protocol
    return protocol


def protocols_of(kind: type[Kind]) -> dict[str, Kind]:
    """The protocols of one kind, by name."""
    return {name: protocol for name, protocol in PROTOCOLS.items() if isinstance(protocol, kind)}


@overload
def get_protocol(name: str) -> BaseProtocol: ...
@overload
def get_protocol(name: str, kind: type[Kind]) -> Kind: ...
def get_protocol(name: str, kind: type[Any] = BaseProtocol) -> Any:
    """The protocol of that name.

    Args:
        name: of the protocol.
        kind: what it must be, where the caller cannot do with any protocol.

    Raises:
        EvaluationError: there is none, and the message names the nearest one; or it is of another kind.
    """
    known = protocols_of(kind)
    if name in known:
        return known[name]
    if name in PROTOCOLS:
        raise EvaluationError(f"protocol {name!r} {kind.not_this_kind or 'is of another kind'}")
    raise EvaluationError(f"unknown protocol {name!r}{did_you_mean(name, known)}")
