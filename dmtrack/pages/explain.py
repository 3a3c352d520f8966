"""What `dmtrack eval` prints: protocols with their rules, and why they give one result different scores."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Collection

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dmtrack.evaluation.explain import NUMBERS, Explanation, Frames, ProtocolView, Step
from dmtrack.evaluation.protocols import PROTOCOLS, BaseProtocol, get_protocol
from dmtrack.evaluation.protocols.describing import describe_rule
from dmtrack.progress import plain_table

WIDEST = 120
NARROWEST = 108
"""Columns: a table that is cut or folded in every cell is no help."""


def print_protocols(names: Collection[str]) -> None:
    """Prints each protocol with its rules; a table of all of them, a line each, where none is named.

    Raises:
        EvaluationError: no such protocol.
    """
    console = page_console()
    if not names:
        console.print(_protocols_table())
        print_indented(console, "All rules of one: dmtrack eval protocols NAME", "", style="dim")
    for protocol in [get_protocol(name) for name in names]:
        console.print(Text(protocol.name, style="bold"))
        print_indented(console, protocol.description, "  ")
        if protocol.source:
            print_indented(console, f"source: {protocol.source}", "  ", style="dim")
        rules = Table.grid(padding=(0, 2, 0, 0))
        rules.add_column(width=18, no_wrap=True)
        rules.add_column()
        for rule, text in protocol.rules():
            rules.add_row(f"  {rule}", text)
        console.print(rules)
        console.print()


def _protocols_table() -> Table:
    """Protocols of boxes alone first; those of several years of one challenge share a line."""
    families: dict[str, list[BaseProtocol]] = {}
    for protocol in sorted(PROTOCOLS.values(), key=lambda protocol: protocol.needs != {"boxes"}):
        families.setdefault(re.sub(r"\d{4}", "", protocol.name), []).append(protocol)
    table = plain_table()
    for title in ("protocol", "ranks by", "needs beside boxes", "whose rules"):
        table.add_column(title, style="bold" if title == "protocol" else "")
    for first, *others in families.values():
        years = [re.findall(r"\d{4}", protocol.name)[0] for protocol in others[-1:]]
        # A description begins with what the protocol is.
        whose = re.split(r"[:;.,] ", first.description)[0]
        table.add_row(
            " ... ".join([first.name, *years]),
            first.reported()[0].title,
            ", ".join(sorted(first.needs - {"boxes", "regions"})) or "-",
            re.sub(r"(?<=VOT)\d{4} ", " ", whose) if others else whose,
        )
    return table


def print_explanation(explanation: Explanation, tracker: str, console: Console) -> None:
    """The page: numbers and counts per protocol, groups of frames, and differences rule by rule."""
    console.print(Text(f"{explanation.sequence} · {explanation.frames} frames · {tracker}", style="bold"))
    console.print(_numbers_table(explanation.views))
    for remark in (*_unusual_readings(explanation.views), *explanation.remarks):
        print_indented(console, remark, "", style="dim")
    console.print(Text("\nWhich frames are counted how (frames are numbered from 1)", style="bold"))
    for group in explanation.groups:
        count = len(group.frames)
        console.print(Text(f"{ranges(group.frames)} ({count} frame{'s' * (count > 1)}): {group.what}"))
        by_fate: dict[str, list[str]] = {}
        for protocol, fate in group.fates.items():
            by_fate.setdefault(fate, []).append(protocol)
        ordered = sorted(by_fate.items(), key=lambda item: len(item[1]))
        for fate, names in ordered:
            usual = len(ordered) > 1 and fate == ordered[-1][0] and len(names) > len(explanation.views) / 2
            who = "all protocols" if len(ordered) == 1 else "all others" if usual else ", ".join(names)
            print_indented(console, f"{fate}: {who}", "    ")
    if len(explanation.views) > 1:
        _print_differences(explanation, console)


def ranges(frames: Frames, most: int = 5) -> str:
    """Indices from 0 as ranges of numbers from 1: `1-5, 9`; after `most` ranges, how many more there are."""
    breaks = np.flatnonzero(np.diff(frames) > 1)
    starts = frames[np.concatenate([[0], breaks + 1])] + 1
    ends = frames[np.concatenate([breaks, [len(frames) - 1]])] + 1
    parts = [f"{start}" if start == end else f"{start}-{end}" for start, end in zip(starts, ends, strict=True)]
    more = f" and {len(parts) - most} more ranges" if len(parts) > most else ""
    return ", ".join(parts[:most]) + more


def _numbers_table(views: tuple[ProtocolView, ...]) -> Table:
    table = plain_table()
    table.add_column("\nprotocol", style="bold", no_wrap=True)
    for title in ("\nsuccess", "\nprecision", "norm.\nprecision"):
        table.add_column(title, no_wrap=True)
    for title in views[0].counts():
        table.add_column(title.replace(" by rule", "\nby rule") if " " in title else f"\n{title}", justify="right")
    for view in views:
        cells = []
        for usual, (title, value) in zip(_USUAL_TITLES, _shown_numbers(view), strict=True):
            unknown = "-" if value is None else "none" if np.isnan(value) else f"{value:.4f}"
            cells.append(unknown + "*" * (value is not None and title != usual))
        table.add_row(view.protocol.name, *cells, *(str(count) if count else "-" for count in view.counts().values()))
    return table


_USUAL_TITLES = ("success", "P@20px", "Pnorm@0.2")


def _shown_numbers(view: ProtocolView) -> list[tuple[str, float | None]]:
    """Title and value of each of `NUMBERS`."""
    titles = view.protocol.headings()
    keys = (next(iter(titles)), *NUMBERS[1:])
    return [(titles.get(key, ""), view.score.scores.get(key)) for key in keys]


def _unusual_readings(views: tuple[ProtocolView, ...]) -> list[str]:
    unusual = []
    for view in views:
        titles = [
            title
            for usual, (title, value) in zip(_USUAL_TITLES, _shown_numbers(view), strict=True)
            if value is not None and title != usual
        ]
        if titles:
            unusual.append(f"{view.protocol.name}: {', '.join(titles)}")
    return [f"* read otherwise: {'; '.join(unusual)}"] if unusual else []


def _print_differences(explanation: Explanation, console: Console) -> None:
    reference, *others = explanation.views
    console.print(Text(f"\nWhy they differ from {reference.protocol.name}", style="bold"))
    print_indented(
        console,
        "Its rules are exchanged one after the other; columns: change of success, precision, normalised precision",
        "",
        style="dim",
    )
    alike: dict[tuple[str, ...], list[ProtocolView]] = {}
    for view in others:
        steps = explanation.steps(reference.protocol.name, view.protocol.name)
        alike.setdefault(tuple(_step_line(step) for step in steps if step.matters), []).append(view)
    for lines, views in alike.items():
        names = ", ".join(view.protocol.name for view in views)
        if not lines:
            print_indented(console, f"{names}: the same, as far as both report a number", "")
            continue
        console.print(Text(f"{_changes(reference.changes_to(views[0]))}  {names}", style="bold"))
        for line in lines:
            print_indented(console, line, "    ")
    pooled: dict[str, list[str]] = {}
    for view in explanation.views:
        pooled.setdefault(describe_rule(view.protocol, "pooling"), []).append(view.protocol.name)
    if len(pooled) > 1:
        words = "; ".join(f"{pooling}: {', '.join(names)}" for pooling, names in pooled.items())
        print_indented(console, f"They also pool differently, which one sequence cannot show. {words}", "", "dim")


def _step_line(step: Step) -> str:
    """What exchanging one rule changes; of two lists of words, only the entries that not both have."""
    where = f", frame{'s' * (len(step.frames) > 1)} {ranges(step.frames, most=3)}" if len(step.frames) else ""
    count = f" ({len(step.frames)})" if len(step.frames) > 1 else ""
    old, new = step.before.split("; "), step.after.split("; ")
    before = "; ".join(part for part in old if part not in new) or "as before"
    after = "; ".join(part for part in new if part not in old) or "without it"
    return f"{_changes(step.changes)}  {step.rule}{where}{count}: {before} -> {after}"


def _changes(changes: dict[str, float | None]) -> str:
    shown = [
        f"{'-':^7}" if change is None or np.isnan(change) else f"{change + 0.0 if abs(change) >= 5e-5 else 0.0:+.4f}"
        for change in changes.values()
    ]
    return " ".join(shown)


def page_console() -> Console:
    """A console that is wide enough for the tables, also where the output is a file."""
    console = Console(highlight=False)
    if not console.is_terminal or console.width < NARROWEST:
        console = Console(highlight=False, width=max(NARROWEST, min(WIDEST, console.width)))
    return console


def print_indented(console: Console, text: str, indent: str, style: str = "") -> None:
    """Prints a paragraph, its later lines indented a little further."""
    lines = textwrap.wrap(
        text, console.width - 1, initial_indent=indent, subsequent_indent=indent + "  ", break_on_hyphens=False
    )
    console.print(Text("\n".join(lines), style=style))
