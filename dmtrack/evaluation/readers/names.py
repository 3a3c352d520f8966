"""Which file is whose: names of results matched with names of sequences, by declared rules only."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from dmtrack.errors import EvaluationError

ALIASES = {"human4": "human4-2"}
"""Names that toolkits use for one and the same sequence: OTB annotates only the second target of Human4."""

PREFIXES = (
    *("otb", "uav", "nfs", "tpl", "tc", "tlp", "lasot", "lasotext", "got", "trackingnet", "tnl", "vot", "itb", "avist"),
)
"""Names of benchmarks that toolkits put before names of sequences (PyTracking: `uav_bike1`), numbers left out."""


@dataclass(frozen=True)
class Matching:
    """Files and sequences that belong together.

    Attributes:
        found: label of a file by name of a sequence, in the order of the sequences.
        rules: name of the sequence -> rule by which it was found.
        extra: labels that belong to no sequence.
    """

    found: Mapping[str, str]
    rules: Mapping[str, str]
    extra: tuple[str, ...] = ()
    suffix: str | None = field(default=None)

    def notes(self) -> tuple[str, ...]:
        """One sentence per rule that was needed."""
        sentences = []
        for rule, meaning in RULES.items():
            pairs = [f"{self.found[name]} -> {name}" for name, by in self.rules.items() if by == rule]
            if pairs and rule != "exact":
                sentences.append(f"names: {len(pairs)} matched by rule '{rule}' ({meaning}): {listed(pairs)}")
        return tuple(sentences)


def _letters(name: str) -> str:
    return re.sub(r"[-_. ]+", "-", name.casefold())


def _alias(name: str) -> str:
    return ALIASES.get(_letters(name), _letters(name))


def is_of_benchmark(name: str, benchmark: str) -> bool:
    """Whether a folder or prefix called so belongs to a benchmark: `OTB2015`, `otb` and `otb100` are all OTB's.

    Args:
        name: of the folder, or the prefix.
        benchmark: its name as users type it.
    """
    return bool(_family(name)) and _family(name) == _family(benchmark)


def _family(name: str) -> str:
    """The name of a benchmark without its number: `GOT-10k` and `got10k` are `got`, `UAV123` is `uav`."""
    return re.split(r"[\d_. -]", name.casefold())[0]


RULES: dict[str, str] = {
    "exact": "the same name",
    "case": "capitals do not count",
    "separator": "'-', '_', '.' and space are the same",
    "alias": "two names of one sequence",
    "prefix": "the benchmark's name stands before",
    "tracker": "the tracker's name stands behind",
}
"""How a file may be named, tried in this order; a rule is used only where it leaves no choice."""

_KEYS: dict[str, Callable[[str], str]] = {
    "exact": lambda name: name,
    "case": str.casefold,
    "separator": _letters,
    "alias": _alias,
}


def match_names(labels: Iterable[str], sequences: Iterable[str], where: str, benchmark: str = "") -> Matching:
    """Finds the file of each sequence.

    Where a benchmark's name stands before the names of some files (`uav_car2` beside `otb_Car2`), those of the
    benchmark at hand are taken first; where it is not known, those that more sequences have.

    Args:
        labels: names of files or folders, without suffixes that belong to the layout.
        sequences: names of the benchmark.
        where: folder or archive, for errors.
        benchmark: its name as users type it; empty where it is not known.

    Raises:
        EvaluationError: two files fit one sequence by the same rule, or the files are of several trackers.
    """
    wanted, every = list(dict.fromkeys(sequences)), list(dict.fromkeys(labels))
    exact = set(wanted)
    prefixed: dict[str, dict[str, str]] = {}
    for label in every:
        # The benchmark's name may stand before that of the sequence.
        match = re.match(r"([^-_. ]*)[-_. ](.+)", label, re.DOTALL)
        if match and label not in exact and _family(match[1]) in PREFIXES:
            prefixed.setdefault(match[1].casefold(), {})[label] = match[2]
    own = _own_prefix(prefixed, wanted, where, benchmark)
    found, rules = _match(own, wanted, where)
    rules = dict.fromkeys(rules, "prefix")
    decided = benchmark or own
    foreign = {label for files in prefixed.values() if decided and files is not own for label in files}
    plain = {label: label for label in every if label not in foreign and label not in found.values()}
    # Beside files that have the benchmark's prefix, a name that is merely similar is another benchmark's.
    rest = [name for name in wanted if name not in found]
    further, further_rules = _match(plain, rest, where, exact_only=bool(found))
    found, rules = found | further, rules | further_rules
    free = [label for label in every if label not in found.values()]
    suffix = None
    if free and len(found) < len(wanted):
        left = [label for label in free if label in plain]
        suffix, pairs = _with_tracker_name(left, [name for name in wanted if name not in found], where)
        found.update(pairs)
        rules.update(dict.fromkeys(pairs, "tracker"))
        free = [label for label in free if label not in pairs.values()]
    ordered = [name for name in wanted if name in found]
    return Matching(
        {name: found[name] for name in ordered}, {name: rules[name] for name in ordered}, tuple(free), suffix
    )


def _match(
    labels: Mapping[str, str], wanted: list[str], where: str, exact_only: bool = False
) -> tuple[dict[str, str], dict[str, str]]:
    """Files by name of a sequence, and the rules by which they were found.

    Args:
        labels: label of a file -> what it calls the sequence.
        wanted: names of sequences.
        where: folder or archive, for errors.
        exact_only: no other rule counts.
    """
    free = list(labels)
    found: dict[str, str] = {}
    rules: dict[str, str] = {}
    for rule, key in _KEYS.items():
        keys = Counter(key(name) for name in wanted)
        files: dict[str, list[str]] = {}
        for label in free:
            files.setdefault(key(labels[label]), []).append(label)
        for name in wanted:
            fitting = files.get(key(name), [])
            if name in found or keys[key(name)] > 1 or not fitting:
                continue
            if len(fitting) > 1:
                raise EvaluationError(
                    f"{where} holds two results that may be of sequence {name!r} ({', '.join(fitting[:2])}: "
                    f"{RULES[rule]}); remove one of them"
                )
            found[name], rules[name] = fitting[0], rule
            free.remove(fitting[0])
        if exact_only:
            break
    return found, rules


def _own_prefix(
    prefixed: Mapping[str, Mapping[str, str]], wanted: list[str], where: str, benchmark: str
) -> Mapping[str, str]:
    """The files of the benchmark at hand, among files by prefix; of none where none has its name."""
    if benchmark:
        of_name = [prefix for prefix in prefixed if is_of_benchmark(prefix, benchmark)]
        chosen = next((prefix for prefix in of_name if prefix == benchmark.casefold()), next(iter(of_name), None))
        return prefixed[chosen] if chosen is not None else {}
    counts = {prefix: len(_match(files, wanted, where)[0]) for prefix, files in prefixed.items()}
    best = sorted((prefix for prefix in counts if counts[prefix]), key=lambda prefix: -counts[prefix])
    if len(best) > 1 and counts[best[0]] == counts[best[1]]:
        raise EvaluationError(
            f"{where} holds results that may be of two benchmarks ({best[0]}_..., {best[1]}_...: {RULES['prefix']}); "
            "name the benchmark, or remove those of the other"
        )
    return prefixed[best[0]] if best else {}


def _with_tracker_name(labels: list[str], names: list[str], where: str) -> tuple[str | None, dict[str, str]]:
    """Files called `<sequence>_<tracker>`, as OTB's MATLAB code writes them: the ending that most of them share."""
    of_key: dict[str, list[str]] = {}
    for name in names:
        of_key.setdefault(_alias(name), []).append(name)
    endings: dict[str, dict[str, str]] = {}
    for label in labels:
        for cut in (match.start() for match in re.finditer(r"[-_. ]", label)):
            start, ending = _alias(label[:cut]), label[cut + 1 :]
            if ending and len(of_key.get(start, [])) == 1:
                endings.setdefault(ending, {})[of_key[start][0]] = label
    # An ending is the tracker's where several sequences or most files have it; a number is a target, no tracker.
    endings = {
        ending: pairs
        for ending, pairs in endings.items()
        if not ending.isdecimal()
        and (len(pairs) > 1 or 2 * sum(label.endswith(ending) for label in labels) > len(labels))
    }
    if not endings:
        return None, {}
    ranked = sorted(endings, key=lambda ending: (-len(endings[ending]), ending))
    best = endings[ranked[0]]
    taken = set(best.values())
    for other in ranked[1:]:
        if len(endings[other]) * 2 >= len(best) and not taken & set(endings[other].values()):
            raise EvaluationError(
                f"{where} holds results of several trackers ({ranked[0]}, {other}); give a folder of one of them"
            )
    return ranked[0], best


def listed(names: Iterable[str], most: int = 6) -> str:
    """Some names, and how many more there are."""
    every = list(names)
    return ", ".join(every[:most]) + (f" and {len(every) - most} more" if len(every) > most else "")
