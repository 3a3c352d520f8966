"""The files of a search: the best config with its provenance, all numbers, tables and figures."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from dmtrack.config import dump_config
from dmtrack.evaluation.reporting.figures.theme import save_figure
from dmtrack.files import write_json, write_text
from dmtrack.search.figures import draw_importance, draw_slices
from dmtrack.search.outcome import Comparison, Outcome
from dmtrack.search.splits import FILE_MARK, TEST_MARK
from dmtrack.search.tracks import with_parameters

BEST_SHOWN = 10


def write_outcome(outcome: Outcome, folder: Path) -> list[Path]:
    """Writes everything and lists it; the names of all files end in a mark where the test split was tuned on.

    Raises:
        OutputError: a file cannot be written.
    """
    mark = FILE_MARK if outcome.prepared.settings.test_split else ""
    files = [folder / f"{name}{mark}{suffix}" for name, suffix in
             (("best", ".py"), ("search", ".json"), ("table", ".md"), ("trials", ".csv"))]  # fmt: skip
    write_text(files[0], best_config_text(outcome))
    write_json(files[1], summary(outcome))
    write_text(files[2], tables(outcome))
    write_text(files[3], trials_csv(outcome))
    if outcome.importance:
        files += save_figure(draw_importance(outcome), folder / f"importance{mark}", (".png", ".pdf"))
    if len(outcome.ranked) > 1:
        files += save_figure(draw_slices(outcome), folder / f"slices{mark}", (".png", ".pdf"))
    return files


def best_config_text(outcome: Outcome) -> str:
    """A config that `dmtrack test --config` takes, with where its values come from as comments."""
    metric = outcome.prepared.scoring.metric
    mark = outcome.prepared.settings.test_split
    lines = [f"Values found by `dmtrack search`; trial {outcome.best.number} of {len(outcome.trials)}."]
    if mark:
        lines.append(f"These values were {TEST_MARK}: scores on that split are no measure of the tracker.")
    lines += [sentence(comparison, metric, mark) for comparison in outcome.comparisons]
    shown = {key: value for key, value in outcome.provenance.items() if key not in ("space", "software")}
    lines += [f"{key}: {value if isinstance(value, str) else json.dumps(value)}" for key, value in shown.items()]
    comments = "".join(f"# {line}\n" for line in lines)
    origin = outcome.prepared.origin
    return comments + dump_config({**origin.config, "tracker": with_parameters(origin.settings, outcome.best.params)})


def summary(outcome: Outcome) -> dict[str, Any]:
    """Everything as JSON values."""
    return {
        "best": {
            "parameters": outcome.best.params,
            "value": outcome.best.value,
            "approximate": bool(outcome.prepared.settings.tolerance_px),
            "tuned_on_test_split": outcome.prepared.settings.test_split,
        },
        "config_values": outcome.prepared.current,
        "comparisons": [
            {
                "benchmark": item.title,
                "relation": item.relation,
                "tuned_on_test_split": outcome.prepared.settings.test_split,
                "sequences": item.sequences,
                "config": item.own,
                "best": item.best,
                "difference": {key: value for key, value in asdict(item.difference).items() if key != "sequences"},
            }
            for item in outcome.comparisons
        ],
        "trials": outcome.counts,
        "errors": {
            str(trial.number): trial.user_attrs["error"] for trial in outcome.trials if "error" in trial.user_attrs
        },
        "sharing": {**outcome.sharing, "error_of_best_value": outcome.shared_error},
        "importance": outcome.importance,
        "provenance": outcome.provenance,
    }


def tables(outcome: Outcome) -> str:
    """Both tables with what they are of, as Markdown."""
    metric, test_split = outcome.prepared.scoring.metric, outcome.prepared.settings.test_split
    parts = [f"{outcome.described()}.\n"]
    if test_split:
        parts.append(f"**All numbers below were {TEST_MARK}.**\n")
    parts += [
        comparison_table(outcome),
        "".join(f"- {sentence(item, metric, test_split)}\n" for item in outcome.comparisons),
    ]
    parts += [f"The best {len(outcome.ranked[:BEST_SHOWN])} trials:\n", best_trials_table(outcome)]
    if outcome.sharing:
        parts.append(sharing_text(outcome) + "\n")
    return "\n".join(parts)


def sharing_text(outcome: Outcome) -> str:
    """How network passes were shared, in one sentence, with the measured error of what is approximate."""
    facts = outcome.sharing
    text = f"Sharing: {facts['sharing']}; {facts['network_passes']} network passes for {facts['frames']} frames"
    if "hit_rate" in facts:
        text += f" (hit rate {facts['hit_rate']:.1%})"
    text += "; exact" if facts["exact"] else "; approximate"
    if outcome.shared_error is not None:
        text += f": the best value was found {outcome.shared_error:+.4f} off its exact one"
    return f"{text}. {facts['trials_of_this_run']} trials in {facts['seconds']:.1f} s."


def print_outcome(outcome: Outcome, files: list[Path], console: Console) -> None:
    """What a person wants to know at once."""
    settings, metric = outcome.prepared.settings, outcome.prepared.scoring.metric
    values = ", ".join(f"{name} {value:.4g}" for name, value in outcome.best.params.items())
    console.print(f"best of {len(outcome.trials)} trials: {values}", highlight=False)
    for comparison in outcome.comparisons:
        console.print(sentence(comparison, metric, settings.test_split), highlight=False, markup=False)
    if len(outcome.comparisons) == 1:
        console.print(
            "note: no sequences were held out, so the gain above is that of the tuning split itself; see "
            "--held-out-share"
        )
    if outcome.sharing:
        console.print(sharing_text(outcome), highlight=False)
    crashed = outcome.counts.get("fail", 0)
    if crashed:
        reason = next(t.user_attrs["error"] for t in outcome.trials if "error" in t.user_attrs)
        console.print(f"note: trials without a value: {crashed}; the first: {reason}", highlight=False, markup=False)
    console.print(f"written: {', '.join(map(str, files))}", highlight=False, markup=False)


def comparison_table(outcome: Outcome) -> str:
    """Markdown: the config's own values and the best ones, every number of the protocol, on each set of sequences."""
    scoring = outcome.prepared.scoring
    names = outcome.prepared.settings.space.names
    titles = scoring.protocol.headings()
    heads = ["Method", "Values", "Sequences", *(name.rsplit(".", 1)[-1] for name in names), *titles.values()]
    mark = f" ({TEST_MARK})" if outcome.prepared.settings.test_split else ""
    rows = []
    for comparison in outcome.comparisons:
        for label, parameters, numbers in (
            ("config", outcome.prepared.current, comparison.own),
            (f"searched{mark}", outcome.best.params, comparison.best),
        ):
            shown = [f"{parameters[name]:.4g}" if name in parameters else "-" for name in names]
            values = ((measure, numbers.get(measure.key, math.nan)) for measure in scoring.protocol.reported())
            scores = ["-" if math.isnan(value) else measure.printed(value) for measure, value in values]
            where = f"{comparison.title} ({comparison.sequences}, {comparison.relation})"
            rows.append([outcome.prepared.origin.name, label, where, *shown, *scores])
    return _markdown(heads, rows)


def best_trials_table(outcome: Outcome) -> str:
    """Markdown: the best trials, best first."""
    names = outcome.prepared.settings.space.names
    heads = ["Rank", "Trial", *(name.rsplit(".", 1)[-1] for name in names), outcome.value_heading]
    rows = [
        [str(rank), str(trial.number), *(f"{trial.params[name]:.4g}" for name in names), f"{100 * trial.value:.1f}"]
        for rank, trial in enumerate(outcome.ranked[:BEST_SHOWN], 1)
    ]
    return _markdown(heads, rows)


def trials_csv(outcome: Outcome) -> str:
    """Every trial, also pruned and crashed ones, with the mark of the test split in a column of its own.

    Names are those of PySOT's hp_search for its result folders: `model_pk-0.050_wi-0.420_lr-0.380`.
    """
    short = {"penalty_k": "pk", "window_influence": "wi"}
    settings, text = outcome.prepared.settings, io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = settings.space.names
    writer.writerow(
        ["trial", "name", "state", *names, outcome.prepared.scoring.metric, "approximate", "tuned_on_test_split",
         "seconds", "error"]
    )  # fmt: skip
    for trial in outcome.trials:
        values = {name: trial.params[name] for name in names if name in trial.params}
        parts = [f"{short.get(name, name.rsplit('.', 1)[-1])}-{value:.3f}" for name, value in values.items()]
        writer.writerow(
            [
                trial.number,
                "_".join([outcome.prepared.origin.name, *parts]),
                trial.state.name.lower(),
                *(trial.params.get(name, "") for name in names),
                "" if trial.state.name != "COMPLETE" else repr(trial.value),
                bool(settings.tolerance_px),
                settings.test_split,
                trial.user_attrs.get("seconds", ""),
                trial.user_attrs.get("error", ""),
            ]
        )
    return text.getvalue()


def sentence(comparison: Comparison, metric: str, test_split: bool) -> str:
    """The difference with its interval."""
    mark, interval = f", {TEST_MARK}" if test_split else "", comparison.difference
    text = f"{interval.value:+.4f} (too few sequences for an interval)"
    if interval.is_known:
        text = (
            f"{interval.value:+.4f} [{interval.low:+.4f}, {interval.high:+.4f}] at {interval.level:.0%}, "
            f"p {interval.p_value:.3g}"
        )
    return (
        f"{comparison.title} ({comparison.sequences} sequences, {comparison.relation}{mark}): {metric} "
        f"{comparison.own[metric]:.4f} with the config's values, {comparison.best[metric]:.4f} with the best; "
        f"difference {text}"
    )


def _markdown(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)
