"""How long `dmtrack --help` takes, beside what the Python interpreter alone takes.

    python benchmarks/bench_cli.py --json cli.json

Target: under 0.5 s. The best of several runs is taken, because what other programs do can only add time.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

from dmtrack.files import write_json

TARGET_SECONDS = 0.5


def best_seconds(command: list[str], runs: int) -> float:
    """The shortest wall time of `runs` runs of a command."""
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    options = parser.parse_args()
    interpreter = best_seconds([sys.executable, "-c", "pass"], options.runs)
    help_text = best_seconds([sys.executable, "-m", "dmtrack.cli.main", "--help"], options.runs)
    figures = {
        "help_seconds": round(help_text, 4),
        "interpreter_seconds": round(interpreter, 4),
        "help_over_interpreter": round(help_text / interpreter, 2),
        "target_seconds": TARGET_SECONDS,
        "reached": help_text < TARGET_SECONDS,
        "runs": options.runs,
    }
    print(
        f"dmtrack --help: {help_text:.3f} s, Python alone: {interpreter:.3f} s, ratio {help_text / interpreter:.1f}; "
        f"target {TARGET_SECONDS} s {'reached' if figures['reached'] else 'MISSED'} (best of {options.runs})"
    )
    if options.json:
        write_json(options.json, figures)


if __name__ == "__main__":
    main()
