"""Prints the page of benchmarks: `python tools/write_benchmarks_page.py > docs/benchmarks.md`."""

from __future__ import annotations

from dmtrack.data.benchmarks import BENCHMARKS, Benchmark

HEAD = """# Benchmarks

Made from the table in `dmtrack/data/benchmarks.py` by `python tools/write_benchmarks_page.py > docs/benchmarks.md`;
a test says when it is out of date. Every command and function takes these names: `dmtrack data check`, `data show`,
`data synthesize --layout`, `dmtrack test --layout`, `dmtrack report`, `dmtrack.evaluate`,
`dmtrack.data.benchmarks.open_benchmark`. A name means the benchmark, whatever folders lie in the working directory;
a folder of sequences that is called so is given as `./lasot`.

| name | benchmark | splits | what it is |
|---|---|---|---|
"""


def page() -> str:
    """The whole page."""
    items = BENCHMARKS.values()
    rows = [f"| `{item.name}` | {item.title} | {splits(item)} | {item.summary} |\n" for item in items]
    return HEAD + "".join(rows) + "".join(section(item) for item in items)


def splits(item: Benchmark) -> str:
    """Names of the splits; long rows of numbered ones by their ends."""
    if len(item.splits) > 4:
        return f"{', '.join(item.splits[:3])} ... {item.splits[-1]}"
    return ", ".join(item.splits)


def section(item: Benchmark) -> str:
    """What the table says of one benchmark."""
    counts = "; ".join(f"{split or 'all'}: {number:,}" for split, number in item.files.counts.items())
    facts = {
        "layout": f"`{item.layout}`",
        "first pixel in its files": str(item.index_base),
        "official number of sequences": counts if len(item.files.counts) < 4 else "",
        "protocols, its own first": ", ".join(f"`{name}`" for name in item.protocols),
        "experiment": f"`{item.experiment.replace(':', '.')}`" if item.experiment else "",
        "package for its server": f"`dmtrack submit build {item.name}`" if item.submission else "",
    }
    return f"\n## {item.title}\n" + "".join(f"- {fact}: {text}\n" for fact, text in facts.items() if text)


if __name__ == "__main__":
    print(page(), end="")
