"""`dmtrack eval`: what the protocols are, and why two of them give one result different scores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dmtrack.cli import options
from dmtrack.cli.options import SCORES, SEQUENCES, TRACKER, option

if TYPE_CHECKING:
    from dmtrack.data.sequences import Sequence
    from dmtrack.evaluation.protocols import Protocol

group = typer.Typer(help="Show the protocols, and why their scores differ.")


@group.command("protocols")
def protocols(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Show all rules of these.")] = None,
    import_: options.Import = None,
) -> None:
    """List the protocols, a line each; with NAME, all rules of one."""
    options.add_modules(import_)
    from dmtrack.pages.explain import print_protocols

    print_protocols(names or [])


@group.command("explain")
def explain(
    sequence: Annotated[str, option(SEQUENCES, help="Name of the sequence.")],
    results: Annotated[Path, option(TRACKER, metavar="FOLDER", help="Results of one tracker, of any known layout.")],
    data: Annotated[
        Path,
        option(SEQUENCES, "--data", "--root", metavar="FOLDER", help="The benchmark, or a folder of sequences."),
    ],
    benchmark: Annotated[str, option(SEQUENCES, help="Name of the benchmark: lasot, otb100, uav123, ...")] = "folder",
    split: Annotated[str | None, option(SEQUENCES, help="Split of the benchmark.")] = None,
    protocol: Annotated[
        list[str] | None,
        option(SCORES, help="Only these protocols, the first is compared with the others; repeatable."),
    ] = None,
    align: options.Align = None,
    box_format: options.BoxFormat = None,
    json: options.Json = None,
    import_: options.Import = None,
) -> None:
    """Show which frames of one result each protocol counts how, and which rules make the scores differ.

    No image is needed: annotations and results are enough.
    """
    options.add_modules(import_)
    from dmtrack.evaluation.explain import explain_result
    from dmtrack.evaluation.protocols import Protocol, get_protocol
    from dmtrack.evaluation.readers import read_results
    from dmtrack.files import write_json
    from dmtrack.pages.explain import page_console, print_explanation

    opened, usual = _open_sequence(benchmark, data, split, sequence)
    chosen = [get_protocol(name, Protocol) for name in dict.fromkeys(protocol or ())] or usual
    known = "" if benchmark == "folder" else benchmark
    rules = options.alignment_rules(align)
    found = read_results(results, [opened], align=rules, box_format=box_format, benchmark=known)
    explanation = explain_result(found.cut(opened), found.results[opened.name], chosen)
    print_explanation(explanation, results.name, page_console())
    if json:
        write_json(json, explanation.to_dict())


def _open_sequence(benchmark: str, data: Path, split: str | None, name: str) -> tuple[Sequence, list[Protocol]]:
    """The sequence, without its images, and the protocols to explain unless the user names some.

    Those are the benchmark's own, first its default, then all others.
    """
    from dmtrack.data.benchmarks import get_benchmark, open_benchmark
    from dmtrack.errors import EvaluationError
    from dmtrack.evaluation.protocols import Protocol, protocols_of
    from dmtrack.registry import did_you_mean

    every = protocols_of(Protocol)
    own = [every[each] for each in get_benchmark(benchmark).protocols if each in every]
    sequences = open_benchmark(benchmark, data, split, images=False)
    names = list(getattr(sequences, "names", ())) or [item.name for item in sequences]
    if name not in names:
        raise EvaluationError(f"{data} has no sequence {name!r}{did_you_mean(name, names)}")
    return sequences[names.index(name)], own + [item for item in every.values() if item not in own]
