"""How the demo page looks, in light and dark."""

from __future__ import annotations

STYLE = """\
:root {
  --paper: #f6f7f9; --card: #ffffff; --ink: #1b1f24; --soft: #5b6570; --line: #dfe3e8;
  --accent: #d55e00; --tracker: #e69f00; --truth: #56b4e9; --rival: #cc79a7;
}
@media (prefers-color-scheme: dark) {
  :root { --paper: #0d1117; --card: #161b22; --ink: #e6edf3; --soft: #9aa5b1; --line: #2d343d; --accent: #f28c38; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 3rem 1.25rem 4rem; }
header h1 { font-size: 2.2rem; line-height: 1.15; letter-spacing: -.02em; margin: 0 0 .6rem; }
header p { font-size: 1.1rem; color: var(--soft); max-width: 46rem; margin: 0; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(260px, 1fr)); gap: 1rem; margin: 2rem 0 0; }
.card, section { background: var(--card); border: 1px solid var(--line); border-radius: 14px; }
.card { padding: 1.25rem 1.5rem; }
.card .name { font-weight: 600; }
.card .big {
  font-size: 3.2rem; font-weight: 700; line-height: 1.1; color: var(--accent); font-variant-numeric: tabular-nums; }
.card .unit { color: var(--soft); font-size: .9rem; }
.card ul { list-style: none; margin: .9rem 0 0; padding: .7rem 0 0; border-top: 1px solid var(--line);
  font-size: .92rem; }
.card li { display: flex; justify-content: space-between; gap: 1rem; color: var(--soft); }
.card li b { color: var(--ink); font-variant-numeric: tabular-nums; }
section { padding: 1.5rem; margin-top: 1.5rem; }
h2 { margin: 0 0 .3rem; font-size: 1.35rem; letter-spacing: -.01em; }
section > p { margin: 0 0 1rem; color: var(--soft); max-width: 48rem; }
figure { margin: 0 0 1.25rem; }
video { display: block; width: 100%; border-radius: 10px; background: #000; }
figcaption { color: var(--soft); font-size: .9rem; margin-top: .5rem; }
figcaption i { display: inline-block; width: .95em; height: .8em; border: 3px solid; border-radius: 3px;
  margin: 0 .4em 0 .9em; vertical-align: -.05em; }
figcaption i:first-child { margin-left: 0; }
.tracker { border-color: var(--tracker) !important; }
.rival { border-color: var(--rival) !important; }
.truth { border-color: var(--truth) !important; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); gap: .75rem; margin: 1.25rem 0; }
.plots img { display: block; width: 100%; height: auto; border-radius: 8px; border: 1px solid var(--line); }
.timeline img { display: block; width: 100%; border-radius: 8px; border: 1px solid var(--line); background: #fff; }
.wide { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: .93rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); font-size: .85rem; padding: .2rem 0 .4rem; }
th, td { padding: .45rem .6rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child { text-align: left; }
thead th { color: var(--soft); font-weight: 500; font-size: .85rem; }
tbody th { font-weight: 600; }
tbody tr:last-child > * { border-bottom: 0; }
.bar { width: 40%; min-width: 120px; }
.bar span { display: block; height: .6rem; border-radius: 4px; background: var(--accent); }
summary { cursor: pointer; font-weight: 600; margin: .3rem 0 .5rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1.5rem; margin: 1rem 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .9rem; }
.note { color: var(--soft); font-size: .9rem; }
@media (max-width: 560px) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .6rem; } }
"""
