"""The files of a search: the best config with its provenance, all numbers, tables and figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console

from dmtrack.config import dump_config
from dmtrack.evaluation.reporting.figures.saving import save_figure
from dmtrack.files import json_value, write_json, write_text
from dmtrack.search.figures import described, draw_importance, draw_slices
from dmtrack.search.outcome import Comparison, Outcome
from dmtrack.search.splits import FILE_MARK, TEST_MARK
from dmtrack.search.table import best_trials_table, comparison_table, ranked_trials, sentence, trials_csv


def write_outcome(outcome: Outcome, folder: Path) -> list[Path]:
    """Writes everything; the names of all files end in a mark where the test split was tuned on.

    Returns:
        The files.

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
    if len(ranked_trials(outcome)) > 1:
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
    return comments + dump_config(outcome.best_config())


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
        "comparisons": [_comparison(item, outcome.prepared.settings.test_split) for item in outcome.comparisons],
        "trials": outcome.counts(),
        "errors": {
            str(trial.number): trial.user_attrs["error"] for trial in outcome.trials if "error" in trial.user_attrs
        },
        "sharing": {**outcome.sharing, "error_of_best_value": outcome.shared_error},
        "importance": outcome.importance,
        "provenance": outcome.provenance,
    }


def _comparison(comparison: Comparison, test_split: bool) -> dict[str, Any]:
    difference = comparison.difference
    return {
        "benchmark": comparison.title,
        "relation": comparison.relation,
        "tuned_on_test_split": test_split,
        "sequences": comparison.sequences,
        "config": json_value(comparison.own),
        "best": json_value(comparison.best),
        "difference": json_value(
            {name: getattr(difference, name) for name in ("value", "low", "high", "level", "rounds", "p_value")}
        ),
    }


def tables(outcome: Outcome) -> str:
    """Both tables with what they are of, as Markdown."""
    metric, test_split = outcome.prepared.scoring.metric, outcome.prepared.settings.test_split
    parts = [f"{described(outcome)}.\n"]
    if test_split:
        parts.append(f"**All numbers below were {TEST_MARK}.**\n")
    parts += [
        comparison_table(outcome),
        "".join(f"- {sentence(item, metric, test_split)}\n" for item in outcome.comparisons),
    ]
    parts += [f"The best {len(ranked_trials(outcome)[:10])} trials:\n", best_trials_table(outcome)]
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
    crashed = outcome.counts().get("fail", 0)
    if crashed:
        reason = next(t.user_attrs["error"] for t in outcome.trials if "error" in t.user_attrs)
        console.print(f"note: trials without a value: {crashed}; the first: {reason}", highlight=False, markup=False)
    console.print(f"written: {', '.join(map(str, files))}", highlight=False, markup=False)
