"""The table of a paper: booktabs, best number bold, second underlined."""

from __future__ import annotations

import math
from collections.abc import Iterable

from dmtrack.evaluation.measures.measure import Measure
from dmtrack.evaluation.report import Report, shown_speed, weights_hash
from dmtrack.evaluation.reporting.significance import Significance

_NAMES = {"\\": "backslash", "~": "asciitilde", "^": "asciicircum", "<": "less", ">": "greater"}
_ESCAPES = str.maketrans(
    {character: rf"\{character}" for character in "&%$#_{}"}
    | {character: rf"\text{name}{{}}" for character, name in _NAMES.items()}
)
"""What LaTeX prints as the special character."""


def latex_tables(reports: Iterable[Report], significances: Iterable[Significance]) -> str:
    """One table per protocol and so per report, to be included in a document that loads booktabs.

    Numbers are in percent with one decimal, followed by the half width of their bootstrap interval.
    """
    tables = [_table(*pair) for pair in zip(reports, significances, strict=True)]
    return "% \\usepackage{booktabs}\n" + "\n".join(tables)


def _table(report: Report, significance: Significance) -> str:
    measures = report.protocol.reported()
    best = {}
    for measure in measures:
        values = [score.scores[measure.key] for score in report.scores]
        printed = {measure.printed(value) for value in values if not math.isnan(value)}
        best[measure] = sorted(printed, key=float, reverse=measure.higher_is_better)[:2]
    rows = []
    for score in report.ranked():
        cells = [score.tracker.translate(_ESCAPES)]
        for measure in measures:
            interval = significance.intervals[score.tracker][measure.key]
            half_width = (interval.high - interval.low) / 2
            cells.append(_cell(measure, score.scores[measure.key], half_width, best[measure]))
        speed = score.frames_per_second
        cells += [shown_speed(speed).translate(_ESCAPES), rf"\texttt{{{weights_hash(score)[:8] or '-'}}}"]
        rows.append("    " + " & ".join(cells) + r" \\")
    titles = [
        title.translate(_ESCAPES) for title in ("Tracker", *(measure.title for measure in measures), "fps", "weights")
    ]
    counted = max((len(score.sequences) - len(score.uncounted) for score in report.scores), default=0)
    caption = (
        f"{report.benchmark} ({report.scope}; {counted} sequences), protocol {report.protocol.name}; percent, with "
        f"half the width of the {100 * significance.level:g} % bootstrap interval over sequences "
        f"({significance.rounds} rounds)."
    )
    lines = [
        r"\begin{table}",
        r"  \centering",
        f"  \\caption{{{caption.translate(_ESCAPES)} Best in bold, second underlined.}}",
        rf"  \begin{{tabular}}{{l{'r' * (len(measures) + 1)}l}}",
        r"    \toprule",
        "    " + " & ".join(titles) + r" \\",
        r"    \midrule",
        *rows,
        r"    \bottomrule",
        r"  \end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _cell(measure: Measure, number: float, half_width: float, best: list[str]) -> str:
    if math.isnan(number):
        return "--"
    text = measure.printed(number)
    # Ranks are those of the printed digits, so that equal numbers look equal.
    if best and text == best[0]:
        marked = rf"\textbf{{{text}}}"
    elif len(best) > 1 and text == best[1]:
        marked = rf"\underline{{{text}}}"
    else:
        marked = text
    return marked if math.isnan(half_width) else rf"{marked} {{\scriptsize$\pm${measure.printed(half_width)}}}"
