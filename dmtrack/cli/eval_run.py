"""The work behind `dmtrack eval`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table
from rich.text import Text

from dmtrack import registry
from dmtrack.data.sequences import Sequence as VideoSequence
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.explain import Explanation, explain_result
from dmtrack.evaluation.protocols import PROTOCOLS, Protocol, get_protocol
from dmtrack.evaluation.protocols.describing import RULES, describe_rule
from dmtrack.evaluation.results import ResultStore, SequenceResult
from dmtrack.evaluation.vot import VOT_PROTOCOLS, OverlapRule
from dmtrack.evaluation.vot.rules import AnyVotProtocol
from dmtrack.files import write_json
from dmtrack.pages.explain import page_console, print_explanation, print_indented
from dmtrack.registry import did_you_mean


@dataclass(frozen=True)
class ExplainJob:
    """The options of `dmtrack eval explain`."""

    sequence: str
    results: Path
    data: Path
    benchmark: str = "folder"
    split: str | None = None
    protocols: tuple[str, ...] = ()
    json: Path | None = None
    imports: tuple[str, ...] = ()


def list_protocols(names: Iterable[str], imports: Iterable[str] = ()) -> None:
    """Prints each protocol with its rules.

    Raises:
        EvaluationError: no such protocol.
    """
    registry.load_plugins()
    registry.import_modules(tuple(imports))
    console = page_console()
    every: dict[str, Protocol | AnyVotProtocol] = {**PROTOCOLS, **VOT_PROTOCOLS}
    chosen = list(names) or list(every)
    for name in chosen:
        if name not in every:
            raise EvaluationError(f"unknown protocol {name!r}{did_you_mean(name, every)}")
    for protocol in [every[name] for name in chosen]:
        console.print(Text(protocol.name, style="bold"))
        print_indented(console, protocol.description, "  ")
        if protocol.source:
            print_indented(console, f"source: {protocol.source}", "  ", style="dim")
        rules = Table.grid(padding=(0, 2, 0, 0))
        rules.add_column(width=18, no_wrap=True)
        rules.add_column()
        for rule, text in rules_of(protocol):
            rules.add_row(f"  {rule}", text)
        console.print(rules)
        console.print()


def rules_of(protocol: Protocol | AnyVotProtocol) -> list[tuple[str, str]]:
    """Names and values of a protocol's rules."""
    if isinstance(protocol, Protocol):
        return [(rule, describe_rule(protocol, rule)) for rule in RULES]
    shown = [field for field in fields(protocol) if field.name not in ("name", "description", "source")]
    rules = [(field.name.replace("_", " "), getattr(protocol, field.name)) for field in shown]
    overlaps = [(name, value.rasterizing if isinstance(value, OverlapRule) else value) for name, value in rules]
    return [
        *((name, "-" if value is None else str(value)) for name, value in overlaps),
        ("numbers", ", ".join(protocol.headings().values())),
    ]


def run_explain(job: ExplainJob) -> Explanation:
    """Prints which frames each protocol counts how and why scores differ; writes all of it as JSON if asked to.

    Raises:
        EvaluationError: unknown sequence, protocol or benchmark, or no readable result.
        DataError: the benchmark cannot be opened.
        OutputError: the JSON file cannot be written.
    """
    registry.load_plugins()
    registry.import_modules(job.imports)
    sequence, defaults = open_sequence(job)
    protocols = [get_protocol(name) for name in dict.fromkeys(job.protocols)] or defaults
    explanation = explain_result(sequence, read_result(job.results, sequence), protocols)
    console = page_console()
    print_explanation(explanation, job.results.name, console)
    if job.json:
        write_json(job.json, to_json(explanation))
    return explanation


def open_sequence(job: ExplainJob) -> tuple[VideoSequence, list[Protocol]]:
    """The sequence, without its images, and the protocols to explain unless the user names some.

    Those are the benchmark's own, first its default, then all others.
    """
    from dmtrack.data.benchmarks import get_benchmark, open_benchmark

    benchmark = get_benchmark(job.benchmark)
    sequences = open_benchmark(job.benchmark, job.data, job.split, images=False)
    names = list(getattr(sequences, "names", ())) or [item.name for item in sequences]
    if job.sequence not in names:
        raise EvaluationError(
            f"{job.data} has no sequence {job.sequence!r}{did_you_mean(job.sequence, names)}; it has "
            f"{', '.join(names[:3])} ..."
        )
    known = [PROTOCOLS[name] for name in benchmark.protocols if name in PROTOCOLS]
    return sequences[names.index(job.sequence)], known + [item for item in PROTOCOLS.values() if item not in known]


def read_result(folder: Path, sequence: VideoSequence) -> SequenceResult:
    """One tracker's result of the sequence, from whatever layout.

    Raises:
        EvaluationError: there is none.
    """
    store = ResultStore(folder)
    if store.exists(sequence.name):
        return store.read(sequence.name)
    from dmtrack.evaluation.readers import read_results

    found = read_results(folder, [sequence])
    if sequence.name not in found.results:
        raise EvaluationError(f"{folder} has no result of sequence {sequence.name!r}; give the folder of one tracker")
    return found.results[sequence.name]


def to_json(explanation: Explanation) -> dict[str, Any]:
    """The explanation as JSON values; frames are numbered from 0."""
    reference = explanation.views[0].protocol.name
    return {
        "sequence": explanation.sequence,
        "frames": explanation.frames,
        "protocols": {
            view.protocol.name: {
                "scores": {key: _json_number(value) for key, value in view.score.scores.items()},
                "frames": view.counts(),
            }
            for view in explanation.views
        },
        "groups": [
            {"what": group.what, "frames": group.frames.tolist(), "fates": group.fates} for group in explanation.groups
        ],
        "compared_with": reference,
        "steps": {
            view.protocol.name: [
                {
                    "rule": step.rule,
                    "from": step.before,
                    "to": step.after,
                    "frames": step.frames.tolist(),
                    "changes": {key: _json_number(value) for key, value in step.changes.items()},
                }
                for step in explanation.steps(reference, view.protocol.name)
            ]
            for view in explanation.views[1:]
        },
    }


def _json_number(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else float(value)
