"""The sequences of a sweep: a benchmark on disk or a generated one, every n-th frame of it, and what that is called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any

from dmtrack.config import Count, CountOrZero, Share, Within
from dmtrack.data.benchmarks import BENCHMARKS, Benchmark, open_benchmark
from dmtrack.data.sequences import OnDemand, Sequence, SequenceList
from dmtrack.data.sources.mot_challenge import everything_in
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.protocols import (
    PROTOCOLS,
    BaseProtocol,
    MultiObjectProtocol,
    Protocol,
    get_protocol,
    protocols_of,
)
from dmtrack.evaluation.results import MOT_FILES, OWN_FILES, FileNames
from dmtrack.registry import did_you_mean

CROWDS = "crowds"
"""Kind of generated videos in which everything is tracked."""

SYNTHETIC_DISTRACTORS = {"plain": 0, "look-alikes": 1, "distractors": 3}
"""Look-alikes in every sequence of a kind."""

SYNTHETIC_SIMILARITY = {"plain": (0.0, 0.5), "look-alikes": (0.0, 0.5), "distractors": (0.3, 0.8)}
"""How similar they are: up to 0.5 they are recoloured, partly re-textured, or of one shape with another texture."""

DEFAULT_PROTOCOL = "dmtrack-visible"
_BY_VISIBLE_FRAMES = ("folder", "got10k")
"""What is reported by the default protocol: it has no rules of its own, or they are another toolkit's averages."""

_OF_TARGETS = ("distractors", "similarity", "absence", "occlusion")
"""Settings that crowds do not have."""


@dataclass(frozen=True)
class Generated:
    """Settings of generated sequences, see `SyntheticSequences`.

    Attributes:
        kind: "plain", "look-alikes" (one that can be told apart), "distractors" (three that hardly can), or "crowds"
            for trackers of many objects (`SyntheticCrowds`).
        seed: of the whole set.
        count: sequences.
        frames: per sequence.
        size_wh: width and height of the frames; None is what is usual for the kind.
        distractors: look-alikes per sequence; None is what is usual for the kind.
        similarity: lowest and highest similarity of the look-alikes to the target, in [0, 1]; None likewise.
        absence: share of sequences in which the target leaves and returns, in [0, 1].
        occlusion: share of sequences in which something passes in front of the target, in [0, 1].
        domain: of crowds, "street", "dusk" or "station"; None is the first.
    """

    kind: str = "plain"
    seed: CountOrZero = 900_001
    count: Count = 20
    frames: Annotated[int, Within(2)] = 100
    size_wh: tuple[Count, Count] | None = None
    distractors: CountOrZero | None = None
    similarity: tuple[Share, Share] | None = None
    absence: Share = 0.25
    occlusion: Share = 0.3
    domain: str | None = None

    def complete(self) -> Generated:
        """With what is usual for the kind in place of None.

        Raises:
            EvaluationError: the kind is unknown, or a setting is of another kind.
        """
        if self.kind not in (*SYNTHETIC_DISTRACTORS, CROWDS):
            known = ", ".join((*SYNTHETIC_DISTRACTORS, CROWDS))
            raise EvaluationError(f"--synthetic {self.kind!r} is unknown; known: {known}")
        others = _OF_TARGETS if self.kind == CROWDS else ("domain",)
        for name in others:
            if getattr(self, name) != getattr(Generated, name):
                raise EvaluationError(
                    f"{name} does not apply to generated sequences of kind {self.kind!r}; leave it out"
                )
        if self.kind == CROWDS:
            return replace(self, size_wh=self.size_wh or (576, 320), domain=self.domain or "street")
        return replace(
            self,
            size_wh=self.size_wh or (448, 256),
            distractors=SYNTHETIC_DISTRACTORS[self.kind] if self.distractors is None else self.distractors,
            similarity=SYNTHETIC_SIMILARITY[self.kind] if self.similarity is None else self.similarity,
        )

    def open(self) -> SequenceList:
        """The sequences, which are rendered when they are asked for; the same for the same settings."""
        from dmtrack.data.synthetic.crowds import SyntheticCrowds
        from dmtrack.data.synthetic.sequences import SyntheticSequences

        settings = self.facts()
        if settings.pop("kind") != CROWDS:
            return SyntheticSequences(count=self.count, **settings)
        crowds = SyntheticCrowds(count=self.count, **settings)
        return OnDemand(self.count, lambda number: everything_in(crowds[number]))

    def facts(self) -> dict[str, Any]:
        """What decides about each sequence, by name; how many there are does not."""
        unused = {"count", *(_OF_TARGETS if self.kind == CROWDS else ("domain",))}
        return {name: value for name, value in asdict(self.complete()).items() if name not in unused}

    def title(self) -> str:
        """Names the set; whatever is not usual stands in it."""
        text = f"synthetic-{self.kind}-seed{self.seed}-{self.count}x{self.frames}"
        usual = Generated(self.kind).complete()
        for item in fields(self)[4:]:
            value = getattr(self.complete(), item.name)
            if value != getattr(usual, item.name):
                parts = value if isinstance(value, tuple) else (value,)
                shown = "-".join(part if isinstance(part, str) else f"{part:g}" for part in parts)
                text += f"-{item.name.removesuffix('_wh')}{shown}"
        return text


@dataclass(frozen=True)
class BenchmarkChoice:
    """Which sequences.

    Attributes:
        name: of `dmtrack.data.benchmarks`, or "synthetic".
        root: folder of the benchmark.
        split: None is the benchmark's usual one.
        stride: every how many frames are tracked and scored, the first frame being the first.
        label: what folders and tables call it; None makes a name.
        sequences: names of those wanted; empty means all.
        generated: what to generate, for "synthetic".
    """

    name: str
    root: Path | None = None
    split: str | None = None
    stride: int = 1
    label: str | None = None
    sequences: tuple[str, ...] = ()
    generated: Generated = Generated()

    @property
    def title(self) -> str:
        """What folders and tables call it."""
        if self.label:
            return self.label
        text = self.generated.title() if self.name == "synthetic" else self.name
        if self.name == "folder" and self.root is not None:
            text = self.root.resolve().name
        if self.shown_split != replace(self, split=None).shown_split:
            text += f"-{self.split}"
        return text if self.stride == 1 else f"{text}-stride{self.stride}"

    @property
    def entry(self) -> Benchmark | None:
        """Its row in the table of benchmarks; None of generated sequences.

        Raises:
            EvaluationError: there is none.
        """
        if self.name == "synthetic":
            return None
        if self.name not in BENCHMARKS:
            known = [*BENCHMARKS, "synthetic"]
            raise EvaluationError(f"unknown benchmark {self.name!r}{did_you_mean(self.name, known)}")
        return BENCHMARKS[self.name]

    @property
    def shown_split(self) -> str:
        """The split, as reports say it: the usual one unless another is asked for, "all" where there are none."""
        return self.split or ("all" if self.entry is None else self.entry.splits[0])

    @property
    def files(self) -> FileNames:
        """How the files of results on it are called."""
        many = self.generated.kind == CROWDS if self.entry is None else self.entry.many_objects
        return MOT_FILES if many else OWN_FILES

    @property
    def usual_protocol(self) -> str:
        """Name of the protocol under which the benchmark is reported unless another is asked for."""
        if self.entry is None or self.name in _BY_VISIBLE_FRAMES:
            return "mot-no-preprocessing" if self.files.tracks else DEFAULT_PROTOCOL
        kind = MultiObjectProtocol if self.files.tracks else Protocol
        # Those with restarts or confidences are no rules for boxes of one pass.
        return next((name for name in self.entry.protocols if name in protocols_of(kind)), DEFAULT_PROTOCOL)

    def protocol(self, name: str | None = None) -> BaseProtocol:
        """The rules of a run on it: those of that name, or the usual ones.

        Raises:
            EvaluationError: there are none of that name, or they are for results of another kind.
        """
        kind = MultiObjectProtocol if self.files.tracks else Protocol
        return get_protocol(name or self.usual_protocol, kind)

    @property
    def own_long_term_protocol(self) -> str | None:
        """Name of the benchmark's own protocol, where it needs confidences or presence, which runs store."""
        own = "" if self.entry is None else self.entry.protocols[0]
        stored = {"confidences", "presence"}
        return own if own in PROTOCOLS and stored & PROTOCOLS[own].needs else None

    @property
    def experiment(self) -> str:
        """Name of the benchmark in the folders of experiments, which run it in one pass and whole; empty otherwise.

        A label of the user's own asks for results of their own.
        """
        unlabelled = self.label is None or (self.root is not None and self.label == self.root.resolve().name)
        whole = self.stride == 1 and not self.sequences and unlabelled
        if self.entry is None or not whole or self.own_long_term_protocol is not None:
            return ""
        return self.entry.results_folder

    def identity(self) -> dict[str, Any]:
        """JSON values that decide which sequences these are, wherever they lie."""
        if self.name == "synthetic":
            facts = self.generated.facts()
            facts = {key: list(value) if isinstance(value, tuple) else value for key, value in facts.items()}
        else:
            facts = {"split": self.shown_split}
        return {"name": self.name, "stride": self.stride, **facts}

    def opener(self) -> Callable[[], Strided]:
        """Opens the sequences; picklable.

        Raises:
            EvaluationError: the benchmark is unknown, or what it needs to be opened is not given.
        """
        if self.name == "synthetic":
            if self.root is not None or self.split is not None:
                raise EvaluationError("benchmark synthetic is generated; leave its root and split out")
            self.generated.complete()
        elif self.root is None:
            raise EvaluationError(
                f"benchmark {self.name!r} needs its folder; give --data FOLDER, --set benchmark.root=FOLDER or `root:` "
                "in the experiment file"
            )
        else:
            _ = self.entry
        return self._open

    def _open(self) -> Strided:
        """The same sequences in the same order for the same choice.

        Raises:
            DataError: the folder does not have the benchmark's layout.
            EvaluationError: a wanted sequence does not exist.
        """
        if self.name == "synthetic":
            opened = self.generated.open()
        else:
            assert self.root is not None
            opened = open_benchmark(self.name, self.root, self.split)
        return Strided(opened, self.stride, self.sequences, self.title)


class Strided(OnDemand[Sequence]):
    """Every n-th frame of each sequence of a list, the first frame being the first; or of some of its sequences.

    Args:
        sequences: the list.
        stride: the n.
        names: of the sequences wanted, in whatever order; empty means all.
        title: what errors call the list.

    Attributes:
        absent: names that the published list of a benchmark has and its folder has not, where all are wanted.

    Raises:
        EvaluationError: a wanted sequence does not exist.
    """

    def __init__(self, sequences: SequenceList, stride: int, names: tuple[str, ...] = (), title: str = "") -> None:
        self._sequences, self._stride = sequences, stride
        self._indices = list(range(len(sequences)))
        self.absent: tuple[str, ...] = tuple(getattr(sequences, "missing", ()))
        if names:
            known = [sequence.name for sequence in sequences]
            for name in names:
                if name not in known:
                    raise EvaluationError(f"{title} has no sequence {name!r}{did_you_mean(name, known)}")
            self._indices, self.absent = [index for index, name in enumerate(known) if name in names], ()
        super().__init__(len(self._indices), self._sequence)

    def _sequence(self, index: int) -> Sequence:
        sequence = self._sequences[self._indices[index]]
        return sequence if self._stride == 1 else sequence.take(slice(None, None, self._stride))
