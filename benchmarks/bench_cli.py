"""How long commands take that do no tracking, in this tree and in another one, and which heavy libraries they import;
and how long a user waits for the first printed word, for a refusal, and for the first tracked frame.

    python benchmarks/bench_cli.py --before ../older-tree --json cli.json

A run of a command is a process of its own. The trees take turns, and the shortest of several runs counts, because what
other programs do can only add time. A line says what each command took as soon as it is measured, and the file holds
all figures up to there, so that nothing is lost where a busy machine makes it long (`--runs 1` is then enough for the
seconds of CPU). Target: `dmtrack --help` in under 0.5 s.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console

from dmtrack.evaluation.results import ResultStore, SequenceResult
from dmtrack.files import write_json
from dmtrack.progress import plain_table

TARGET_SECONDS = 0.5
SEQUENCES, FRAMES = 20, 100
COMMANDS = {
    "--help": ["--help"],
    "report --help": ["report", "--help"],
    "eval protocols": ["eval", "protocols"],
    "eval explain": ["eval", "explain", "--sequence", "video00", "--data", "videos", "--results", "near"],
    "report": ["report", "videos", "near", "far"],
    "submit check": ["submit", "check", "none.zip", "--benchmark", "got10k"],
}
BOX = ["--box", "20,20,30,30"]
TRACK = ["track", "frames", *BOX, "--no-video", "--output"]
"""Ends with the folder of the results, a new one for every run."""

REFUSED = {
    "track missing.mp4": ["track", "missing.mp4", *BOX],
    "track a box outside": ["track", "frames", "--box", "900,900,5,5"],
    "track --config missing": ["track", "frames", *BOX, "--config", "missing"],
    "train --config missing": ["train", "--config", "missing"],
    "test --data missing": ["test", "--data", "missing"],
    "report, results missing": ["report", "videos", "missing"],
    "eval protocols missing": ["eval", "protocols", "missing"],
    "weights show missing": ["weights", "show", "missing"],
}
HEAVY = ("torch", "torchvision", "cv2", "matplotlib", "scipy")
SAY = f"print('heavy:', *[name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
PROGRAM = f"import atexit, sys\natexit.register(lambda: {SAY})\nfrom dmtrack.cli.main import main\nmain()"


def write_results(folder: Path) -> None:
    """Annotations without images, the results of two trackers, and eight frames to track."""
    random = np.random.default_rng(0)
    (folder / "frames").mkdir()
    for number in range(8):
        picture = random.integers(0, 255, (96, 128, 3), dtype=np.uint8)
        Image.fromarray(picture).save(folder / "frames" / f"{number}.png")
    for number in range(SEQUENCES):
        boxes = np.concatenate([random.uniform(10, 40, (FRAMES, 2)), np.full((FRAMES, 2), 20.0)], axis=1)
        (folder / "videos" / f"video{number:02d}").mkdir(parents=True)
        np.savetxt(folder / "videos" / f"video{number:02d}" / "groundtruth.txt", boxes, fmt="%.2f", delimiter=",")
        for name, shift in (("near", 1.0), ("far", 6.0)):
            result = SequenceResult(boxes + np.array([shift, 0, 0, 0]), np.full(FRAMES, 0.02))
            ResultStore(folder / name).write(f"video{number:02d}", result)


def seconds_and_libraries(arguments: list[str], tree: Path, folder: Path) -> tuple[float, list[str]]:
    """Wall time of one run of a command, and the heavy libraries that it imported."""
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], cwd=folder, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    seconds = time.perf_counter() - start
    last = (done.stderr.splitlines() or [""])[-1]
    # `submit check` ends with 2: there is no such file.
    if done.returncode not in (0, 2) or not last.startswith("heavy:"):
        raise SystemExit(f"dmtrack {' '.join(arguments)} in {tree} failed:\n{done.stderr}")
    return seconds, last.split()[1:]


def waiting(arguments: list[str], tree: Path, folder: Path, log: Path | None = None) -> tuple[float, float, float]:
    """Seconds until the first word is printed, until the command ends or has tracked the second frame, and of CPU.

    Args:
        arguments: of the command.
        tree: whose command.
        folder: where it runs.
        log: what it writes a line to per tracked frame, below a head and the line of the given box.
    """
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONUNBUFFERED": "1"}
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments], cwd=folder, env=environment, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    first: list[float] = []

    def read() -> None:
        assert process.stdout is not None
        process.stdout.read(1)
        first.append(time.perf_counter() - start)
        process.stdout.read()

    reader = threading.Thread(target=read)
    reader.start()
    tracked = float("nan")
    while log is not None and tracked != tracked and process.poll() is None:
        if log.exists() and log.read_text().count("\n") >= 3:
            tracked = time.perf_counter() - start
        time.sleep(0.005)
    reader.join()
    code = process.wait()
    ended = time.perf_counter() - start
    if code != (0 if log else 2):
        raise SystemExit(f"dmtrack {' '.join(arguments)} in {tree} ended with {code}")
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    return first[0], ended if log is None or tracked != tracked else tracked, cpu


def waits(command: str, trees: dict[str, Path], folder: Path, runs: int) -> dict[str, list[float]]:
    """Shortest waits of a refused command or of tracking, by tree."""
    found = {tree: [float("inf")] * 3 for tree in trees}
    for run in range(runs):
        for tree, path in trees.items():
            log = folder / f"out-{tree}-{run}" / "boxes.partial.csv" if command == "track" else None
            arguments = [*TRACK, str(log.parent)] if log else REFUSED[command]
            times = waiting(arguments, path, folder, log)
            found[tree] = [round(min(pair), 3) for pair in zip(found[tree], times, strict=True)]
    return found


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="of each command in each tree (default: %(default)s)")
    parser.add_argument("--before", type=Path, metavar="TREE", help="another tree, to compare with")
    parser.add_argument("--json", metavar="FILE", help="write the figures there, anew after each command")
    options = parser.parse_args()
    trees = {"now": Path(__file__).resolve().parent.parent}
    if options.before is not None:
        trees = {"before": options.before.resolve(), **trees}
    commands: dict[str, Any] = {}
    waited: dict[str, Any] = {}
    figures = {"commands": commands, "waits": waited, "target_seconds": TARGET_SECONDS, "runs": options.runs}

    def keep(command: str, found: dict[str, Any]) -> None:
        print(f"dmtrack {command}: {found}", file=sys.stderr, flush=True)
        if options.json:
            write_json(options.json, figures)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_results(folder)
        for command in (*REFUSED, "track"):
            waited[command] = waits(command, trees, folder, options.runs)
            keep(command, waited[command])
        for command, arguments in COMMANDS.items():
            found: dict[str, Any] = {tree: {"seconds": float("inf")} for tree in trees}
            for _ in range(options.runs):
                for tree, path in trees.items():
                    seconds, libraries = seconds_and_libraries(arguments, path, folder)
                    found[tree] = {"seconds": round(min(seconds, found[tree]["seconds"]), 3), "imports": libraries}
            commands[command] = found
            keep(command, found)
    reached = figures["reached"] = commands["--help"]["now"]["seconds"] < TARGET_SECONDS
    table = plain_table(["command"], [title for tree in trees for title in (f"{tree} [s]", "imports")])
    for command, found in commands.items():
        cells = [[f"{one['seconds']:.2f}", " ".join(one["imports"]) or "-"] for one in found.values()]
        table.add_row(f"dmtrack {command}", *(cell for pair in cells for cell in pair))
    Console(width=120).print(table)
    table = plain_table(
        ["a user waits"], [f"{tree}, {what} [s]" for tree in trees for what in ("first word", "end", "CPU")]
    )
    for command, rows in waited.items():
        name = "track: first tracked frame" if command == "track" else command
        table.add_row(name, *(f"{seconds:.2f}" for times in rows.values() for seconds in times))
    Console(width=120).print(table)
    print(f"dmtrack --help: target {TARGET_SECONDS} s {'reached' if reached else 'MISSED'} (best of {options.runs})")
    if options.json:
        write_json(options.json, figures)


if __name__ == "__main__":
    main()
