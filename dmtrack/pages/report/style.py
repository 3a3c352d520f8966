"""How the report page looks, in light and dark, on paper and on a phone; and the script that sorts its tables."""

from __future__ import annotations

STYLE = """\
:root {
  --paper: #f5f6f8; --card: #ffffff; --ink: #1b1f24; --soft: #5a646e; --line: #dde2e8; --grid: #c8ced5;
  --accent: #0b65a8; --good: #00684b; --good-paper: #ddf2ea; --bar: #bcd9ee;
}
@media (prefers-color-scheme: dark) {
  :root { --paper: #0d1117; --card: #161b22; --ink: #e6edf3; --soft: #9aa5b1; --line: #2d343d; --grid: #3d444d;
    --accent: #6cb6f0; --good: #58d3a5; --good-paper: #12352a; --bar: #23435c; }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1160px; margin: 0 auto; padding: 2.2rem 1.1rem 4rem; }
h1 { font-size: 2rem; line-height: 1.15; letter-spacing: -.02em; margin: 0 0 .4rem; }
h2 { font-size: 1.3rem; letter-spacing: -.01em; margin: 0 0 .4rem; }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
.scope { color: var(--soft); margin: 0 0 .2rem; }
.lead { font-size: 1.12rem; max-width: 56rem; margin: .9rem 0 0; }
.warning { border-left: 4px solid #d55e00; padding: .5rem .9rem; margin: 1rem 0 0; background: var(--card); }
section { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1.3rem;
  margin-top: 1.2rem; }
section > p { margin: 0 0 .9rem; }
.note { color: var(--soft); font-size: .88rem; max-width: 60rem; }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; margin-top: 1rem; font-size: .92rem; }
a { color: var(--accent); }
.wide { overflow-x: auto; max-width: 100%; margin-bottom: 1.1rem; }
.tall { max-height: 34rem; overflow: auto; border: 1px solid var(--line); border-radius: 8px; }
table { width: 100%; border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); font-size: .85rem; padding: .1rem 0 .4rem; }
th, td { padding: .42rem .6rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td.text, th.text { text-align: left; }
thead th { color: var(--soft); font-weight: 500; font-size: .84rem; vertical-align: bottom; background: var(--card); }
.tall caption { padding-left: .6rem; }
.tall thead th { position: sticky; top: 0; z-index: 2; }
tbody th { font-weight: 600; background: var(--card); }
.wide th:first-child, .tall th:first-child { position: sticky; left: 0; z-index: 1; }
.tall thead th:first-child { z-index: 3; }
tbody tr:last-child > * { border-bottom: 0; }
th button { all: unset; cursor: pointer; border-radius: 3px; }
th button:focus-visible { outline: 2px solid var(--accent); }
th button::after { content: " \\2195"; opacity: .45; }
th[aria-sort=ascending] button::after { content: " \\2191"; opacity: 1; }
th[aria-sort=descending] button::after { content: " \\2193"; opacity: 1; }
.best { font-weight: 700; }
.second { text-decoration: underline; text-underline-offset: .2em; }
td small { display: block; color: var(--soft); font-size: .76rem; line-height: 1.1; }
td.filled { background: linear-gradient(90deg, var(--bar) var(--share), transparent var(--share)); }
.significant { background: var(--good-paper); color: var(--good); font-weight: 600; }
.swatch { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .45em;
  vertical-align: -.05em; }
.truth { background: #ffffff; outline: 1px dashed #000000; }
code { font: .86em ui-monospace, "DejaVu Sans Mono", monospace; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); gap: .9rem; }
.plots figure, .plot { margin: 0; }
.plots svg, .plot svg { display: block; width: 100%; height: auto; font-family: "DejaVu Sans", Verdana, sans-serif; }
.plot { max-width: 760px; }
ul.statements { margin: .3rem 0 .6rem; padding-left: 1.2rem; }
ul.statements li { margin: .25rem 0; }
details > summary { cursor: pointer; font-weight: 600; margin: .5rem 0; }
input[type=search] { font: inherit; width: min(100%, 22rem); padding: .35rem .6rem; margin: 0 0 .6rem;
  color: var(--ink); background: var(--paper); border: 1px solid var(--line); border-radius: 6px; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; font-size: .88rem; color: var(--soft); }
.failure { border-top: 1px solid var(--line); padding-top: .8rem; margin-top: 1rem; }
.failure h3 { margin: 0 0 .3rem; }
.failure h3 span { font-weight: 400; color: var(--soft); }
.timeline { display: block; width: 100%; height: 76px; }
.strip { display: grid; grid-auto-flow: column; grid-auto-columns: minmax(170px, 1fr); gap: .5rem; overflow-x: auto;
  margin-top: .5rem; }
.strip figure { margin: 0; }
.strip img { display: block; width: 100%; height: auto; border-radius: 6px; }
figcaption { color: var(--soft); font-size: .78rem; line-height: 1.3; margin-top: .2rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.3rem; margin: .6rem 0; font-size: .92rem; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 620px) {
  main { padding: 1.3rem .6rem 3rem; } section { padding: .9rem .75rem; border-radius: 9px; }
  h1 { font-size: 1.55rem; } dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; }
  .tall { max-height: 26rem; } th, td { padding: .38rem .45rem; }
}
@media print { body { background: #fff; } section { break-inside: avoid; border: 0; } .tall { max-height: none; } }
"""

SCRIPT = """\
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = head.querySelector("button");
    if (!button) return;
    button.addEventListener("click", () => {
      const falling = head.getAttribute("aria-sort") === "ascending"
        || (!head.hasAttribute("aria-sort") && head.dataset.first === "descending");
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", falling ? "descending" : "ascending");
      const value = row => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
      const rows = [...table.tBodies[0].rows];
      rows.sort((one, other) => {
        const a = value(one), b = value(other);
        // What has no number stays last in either direction.
        if (a === "" || b === "") return (a === "") - (b === "");
        const order = isNaN(a) || isNaN(b) ? a.localeCompare(b, "en", {numeric: true}) : a - b;
        return falling ? -order : order;
      });
      table.tBodies[0].append(...rows);
    });
  });
}
for (const field of document.querySelectorAll("input[data-filters]")) {
  const rows = document.getElementById(field.dataset.filters).tBodies[0].rows;
  field.addEventListener("input", () => {
    const wanted = field.value.trim().toLowerCase();
    for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  });
}
"""
