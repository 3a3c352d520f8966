"""The page that shows what a demo measured: one HTML file without scripts, beside the pictures and videos it shows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from dmtrack.evaluation.report import Report, shown, shown_speed
from dmtrack.evaluation.scoring import Score
from dmtrack.pages.demo_style import STYLE


@dataclass(frozen=True)
class DemoSet:
    """One set of sequences on the page.

    Attributes:
        title: heading.
        text: what kind of sequences these are.
        report: scores; the tracker of `shown_tracker` is the one in the video.
        shown_tracker: its label.
        video: relative link to the mp4.
        poster: relative link to a picture of it.
        plots: relative links to plots on light paper; the same names with `_dark` exist.
        rival: label of the second tracker in the video, if there is one.
        timeline: relative links to the picture and the page of the timeline of one sequence, and the sequence's name.
    """

    title: str
    text: str
    report: Report
    shown_tracker: str
    video: str
    poster: str
    plots: Sequence[str]
    rival: str | None = None
    timeline: tuple[str, str, str] | None = None

    @property
    def score(self) -> Score:
        """Of the tracker in the video."""
        return next(score for score in self.report.scores if score.tracker == self.shown_tracker)


def demo_page(title: str, summary: str, sets: Sequence[DemoSet], facts: Mapping[str, str]) -> str:
    """The whole page.

    Args:
        title: heading.
        summary: one or two sentences below it.
        sets: in the order shown.
        facts: what was run: command, seeds, hashes, times; in the order shown.

    Returns:
        HTML with the styles inside and relative links only.
    """
    protocol = sets[0].report.protocol
    body = "\n".join(
        [
            f"<header><h1>{escape(title)}</h1><p>{escape(summary)}</p></header>",
            f'<div class="cards">{"".join(_card(item) for item in sets)}</div>',
            *(_section(item) for item in sets),
            f"<section><h2>What was run</h2>{_facts(facts)}",
            f"<p class='note'>Protocol <b>{escape(protocol.name)}</b>: {escape(protocol.description)}</p></section>",
        ]
    )
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="color-scheme" content="light dark">\n<title>{escape(title)}</title>\n'
        f"<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _card(item: DemoSet) -> str:
    score = item.score
    protocol = item.report.protocol
    rows = {f"centre within {protocol.precision_at:g} px": shown(score.scores["precision"])}
    if "normalized_precision" in score.scores:
        share = f"centre within {protocol.normalized_precision_at:g} of the box sides"
        rows[share] = shown(score.scores["normalized_precision"])
    rows["frames per second"] = shown_speed(score.frames_per_second)
    lines = "".join(f"<li><span>{escape(name)}</span><b>{value}</b></li>" for name, value in rows.items())
    return (
        f'<div class="card"><div class="name">{escape(item.title)}</div>'
        f'<div class="big">{shown(score.scores["success"])}</div>'
        f'<div class="unit">success, {escape(protocol.name)}</div>'
        f"<ul>{lines}</ul></div>"
    )


def _section(item: DemoSet) -> str:
    plots = "".join(_plot(link) for link in item.plots)
    return (
        f"<section><h2>{escape(item.title)}</h2><p>{escape(item.text)}</p>"
        f'<figure class="video"><video controls loop muted playsinline preload="metadata" '
        f'poster="{escape(item.poster)}" src="{escape(item.video)}"></video>'
        f'<figcaption><i class="tracker"></i>{escape(item.shown_tracker)} with its score '
        f'{_rival(item)}<i class="truth"></i>truth, where the target is visible</figcaption></figure>'
        f"{_trackers(item.report)}{_timeline(item)}"
        f'<div class="plots">{plots}</div>'
        f"<details open><summary>Sequence by sequence ({escape(item.shown_tracker)})</summary>"
        f"{_sequences(item)}</details>{_remarks(item.report)}</section>"
    )


def _rival(item: DemoSet) -> str:
    return "" if item.rival is None else f'<i class="rival"></i>{escape(item.rival)} '


def _timeline(item: DemoSet) -> str:
    if item.timeline is None:
        return ""
    picture, page, sequence = (escape(text) for text in item.timeline)
    return (
        f'<h3>Why it went as it did: {sequence}</h3><figure class="timeline"><a href="{page}">'
        f'<img src="{picture}" alt="timeline of {sequence}" loading="lazy"></a><figcaption>'
        "Everything that looked like the target, and what was taken for it. "
        f'<a href="{page}">Every change, frame by frame</a></figcaption></figure>'
    )


def _plot(link: str) -> str:
    stem, _, suffix = link.rpartition(".")
    dark = f"{stem}_dark.{suffix}"
    name = stem.rpartition("/")[2].replace("_", " ")
    return (
        f'<a href="{escape(link)}"><picture><source srcset="{escape(dark)}" media="(prefers-color-scheme: dark)">'
        f'<img src="{escape(link)}" alt="{escape(name)} plot" loading="lazy"></picture></a>'
    )


def _trackers(report: Report) -> str:
    headings = report.headings()
    head = "".join(f"<th>{escape(title)}</th>" for title in [*headings.values(), "fps", "sequences"])
    rows = []
    for score in report.ranked():
        counted, total = len(score.sequences) - len(score.uncounted), len(score.sequences) + len(score.missing)
        values = [shown(score.scores.get(metric)) for metric in headings]
        cells = [
            *values,
            shown_speed(score.frames_per_second),
            str(counted) if counted == total else f"{counted} of {total}",
        ]
        rows.append(f"<tr><th>{escape(score.tracker)}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    caption = f"{report.benchmark}, protocol {report.protocol.name}"
    return (
        f'<div class="wide"><table><caption>{escape(caption)}</caption><thead><tr><th>tracker</th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _sequences(item: DemoSet) -> str:
    rows = []
    for score in sorted(item.score.sequences, key=lambda one: -_zero_if_nan(one.scores["success"])):
        share = 100 * _zero_if_nan(score.scores["success"])
        rows.append(
            f"<tr><th>{escape(score.name)}</th>"
            f'<td class="bar"><span style="width:{share:.1f}%"></span></td><td>{shown(score.scores["success"])}</td>'
            f"<td>{shown(score.scores['precision'])}</td><td>{shown(score.scores.get('normalized_precision'))}</td>"
            f"<td>{int(score.counted.sum())} of {len(score.counted)}</td></tr>"
        )
    return (
        f'<div class="wide"><table><caption>protocol {escape(item.report.protocol.name)}</caption><thead><tr>'
        f"<th>sequence</th><th></th><th>success</th><th>precision</th><th>norm. precision</th><th>counted frames</th>"
        f"</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _facts(facts: Mapping[str, str]) -> str:
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
    return f"<dl>{rows}</dl>"


def _remarks(report: Report) -> str:
    return "".join(f'<p class="note">{escape(remark)}.</p>' for remark in report.remarks())


def _zero_if_nan(value: float) -> float:
    return 0.0 if math.isnan(value) else value
