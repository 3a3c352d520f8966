"""Tables of a search as people publish them: percent with one decimal, and per trial the values and its score."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

from dmtrack.evaluation.reporting.bootstrap import Interval
from dmtrack.search.outcome import Comparison, Outcome
from dmtrack.search.splits import TEST_MARK

BEST_SHOWN = 10


def trial_name(tracker: str, parameters: dict[str, Any]) -> str:
    """A name as PySOT's hp_search gives its result folders: `model_pk-0.050_wi-0.420_lr-0.380`."""
    short = {"penalty_k": "pk", "window_influence": "wi"}
    parts = [f"{short.get(name, name.rsplit('.', 1)[-1])}-{value:.3f}" for name, value in parameters.items()]
    return "_".join([tracker, *parts])


def comparison_table(outcome: Outcome) -> str:
    """Markdown: the config's own values and the best ones, every number of the protocol, on each set of sequences."""
    scoring = outcome.prepared.scoring
    names = outcome.prepared.settings.space.names
    titles = scoring.protocol.headings()
    heads = ["Method", "Values", "Sequences", *(name.rsplit(".", 1)[-1] for name in names), *titles.values()]
    rows = []
    for comparison in outcome.comparisons:
        for label, parameters, numbers in _lines(outcome, comparison):
            shown = [_value(parameters.get(name)) for name in names]
            scores = [_percent(numbers.get(key)) for key in titles]
            where = f"{comparison.title} ({comparison.sequences}, {comparison.relation})"
            rows.append([outcome.prepared.origin.name, label, where, *shown, *scores])
    return _markdown(heads, rows)


def _lines(outcome: Outcome, comparison: Comparison) -> list[tuple[str, dict[str, Any], dict[str, float]]]:
    mark = f" ({TEST_MARK})" if outcome.prepared.settings.test_split else ""
    return [
        ("config", outcome.prepared.current, comparison.own),
        (f"searched{mark}", outcome.best.params, comparison.best),
    ]


def best_trials_table(outcome: Outcome) -> str:
    """Markdown: the best trials, best first."""
    names = outcome.prepared.settings.space.names
    ranked = ranked_trials(outcome)[:BEST_SHOWN]
    heads = ["Rank", "Trial", *(name.rsplit(".", 1)[-1] for name in names), value_heading(outcome)]
    rows = [
        [str(rank), str(trial.number), *(_value(trial.params[name]) for name in names), _percent(trial.value)]
        for rank, trial in enumerate(ranked, 1)
    ]
    return _markdown(heads, rows)


def value_heading(outcome: Outcome) -> str:
    """What the value of a trial is."""
    text = outcome.prepared.scoring.measure.title
    if outcome.prepared.settings.tolerance_px:
        text += " (approximate)"
    return text + (f" ({TEST_MARK})" if outcome.prepared.settings.test_split else "")


def ranked_trials(outcome: Outcome) -> list[Any]:
    """Trials with a value, best first."""
    complete = [trial for trial in outcome.trials if trial.state.name == "COMPLETE"]
    return sorted(complete, key=lambda trial: (-trial.value, trial.number))


def trials_csv(outcome: Outcome) -> str:
    """Every trial, also pruned and crashed ones, with the mark of the test split in a column of its own."""
    settings, text = outcome.prepared.settings, io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = settings.space.names
    writer.writerow(
        ["trial", "name", "state", *names, outcome.prepared.scoring.metric, "approximate", "tuned_on_test_split",
         "seconds", "error"]
    )  # fmt: skip
    for trial in outcome.trials:
        parameters = {name: trial.params[name] for name in names if name in trial.params}
        writer.writerow(
            [
                trial.number,
                trial_name(outcome.prepared.origin.name, parameters),
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
    mark = f", {TEST_MARK}" if test_split else ""
    return (
        f"{comparison.title} ({comparison.sequences} sequences, {comparison.relation}{mark}): {metric} "
        f"{comparison.own[metric]:.4f} with the config's values, {comparison.best[metric]:.4f} with the best; "
        f"difference {interval_text(comparison.difference)}"
    )


def interval_text(interval: Interval) -> str:
    """A difference with the ends of its interval."""
    if not interval.is_known:
        return f"{interval.value:+.4f} (too few sequences for an interval)"
    return (
        f"{interval.value:+.4f} [{interval.low:+.4f}, {interval.high:+.4f}] at {interval.level:.0%}, "
        f"p {interval.p_value:.3g}"
    )


def _markdown(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)


def _value(value: Any) -> str:
    return "-" if value is None else f"{value:.4g}"


def _percent(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{100 * value:.1f}"
