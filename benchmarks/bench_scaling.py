"""How much faster two processes track a set of sequences than one.

    python benchmarks/bench_scaling.py --json scaling.json

Both run the shipped small model on the same generated sequences through the runner of `dmtrack test`, in spawned
processes of one thread each; their boxes must be the same. Frames are rendered before the clock starts and lie in
memory-mapped files, so that what is measured is tracking. Compared are the frames per second from the moment at which
a tenth of the frames is done; those with starting the processes, which a long sweep does not notice, are written too.
Best of several rounds. Target: 2 processes at least 1.8 times as fast as one, on a machine with two idle cores.
"""

from __future__ import annotations

import argparse
import functools
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dmtrack.data.types import Sequence
from dmtrack.evaluation.one_sequence import track_and_store
from dmtrack.evaluation.results import ResultStore
from dmtrack.evaluation.sweeps.benchmarks import open_synthetic
from dmtrack.evaluation.trackers import TrackerChoice
from dmtrack.evaluation.workers import run_spawned
from dmtrack.files import write_json

TARGET = 1.8
SEED = 900_001


class Timed(NamedTuple):
    """Frames per second of one run.

    Attributes:
        whole: with starting the processes.
        steady: from the moment at which a tenth of the frames is done.
    """

    whole: float
    steady: float


def render(count: int, frames: int, folder: Path) -> None:
    """Writes the frames of every sequence to one file."""
    for index, sequence in enumerate(open_synthetic("plain", count, frames, SEED)):
        np.save(folder / f"{index}.npy", np.stack(list(sequence.frames())))


def open_rendered(count: int, frames: int, folder: Path) -> list[Sequence]:
    """The sequences with frames from those files."""
    opened = []
    for index, sequence in enumerate(open_synthetic("plain", count, frames, SEED)):
        images = np.load(folder / f"{index}.npy", mmap_mode="r")
        opened.append(replace(sequence, read_frame=functools.partial(_frame, images)))
    return opened


def _frame(images: Any, index: int) -> Any:
    return np.array(images[index])


def run_once(processes: int, opener: functools.partial[list[Sequence]], store: ResultStore) -> Timed:
    """Tracks everything with so many processes."""
    sequences = opener()
    work = functools.partial(track_and_store, store)
    pending = list(range(len(sequences)))
    start = time.perf_counter()
    moments: list[tuple[float, int]] = []

    def note(frames: int) -> None:
        moments.append((time.perf_counter(), frames))

    for index, reason in run_spawned(
        work, TrackerChoice(device="cpu").build, opener, sequences, pending, processes, note
    ):
        if reason is not None:
            raise SystemExit(f"{sequences[index].name} failed: {reason}")
    end, total = time.perf_counter(), sum(map(len, sequences))
    begun, done = next((moment for moment in moments if moment[1] >= total / 10), moments[-1])
    return Timed(total / (end - start), (total - done) / (end - begun))


def boxes(store: ResultStore) -> dict[str, bytes]:
    """The stored boxes, by file."""
    return {path.name: path.read_bytes() for path in sorted(store.folder.glob("*/*_001.txt"))}


def main() -> int:
    """Measures, prints, writes; 1 where boxes differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=24, help="sequences")
    parser.add_argument("--frames", type=int, default=60, help="frames per sequence")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    options = parser.parse_args()
    best: dict[int, dict[str, float]] = {1: {}, 2: {}}
    written = []
    with tempfile.TemporaryDirectory() as temporary:
        rendered = Path(temporary) / "frames"
        rendered.mkdir()
        render(options.count, options.frames, rendered)
        opener = functools.partial(open_rendered, options.count, options.frames, rendered)
        for number in range(options.rounds):
            for processes in best:
                store = ResultStore(Path(temporary) / f"results{processes}-{number}")
                store.start({})
                timed = run_once(processes, opener, store)
                written.append(boxes(store))
                figures = timed._asdict()
                best[processes] = {key: max(value, best[processes].get(key, 0.0)) for key, value in figures.items()}
                print(
                    f"{processes} process(es): {figures['steady']:.1f} frames/s, {figures['whole']:.1f} with the start"
                )
    same = all(content == written[0] for content in written)
    speedup = {key: best[2][key] / best[1][key] for key in ("steady", "whole")}
    result = {
        "sequences": options.count,
        "frames_per_sequence": options.frames,
        "cpus": os.cpu_count(),
        "frames_per_second": {
            str(key): {name: round(v, 2) for name, v in value.items()} for key, value in best.items()
        },
        "speedup_steady": round(speedup["steady"], 3),
        "speedup_with_start": round(speedup["whole"], 3),
        "same_boxes": same,
        "target": TARGET,
        "target_reached": speedup["steady"] >= TARGET,
    }
    print(result)
    if options.json:
        write_json(options.json, result)
    return int(not same)


if __name__ == "__main__":
    sys.exit(main())
