"""How much faster two processes track a set of sequences than one.

    python benchmarks/bench_scaling.py --json scaling.json

Both run the shipped small model on the same generated sequences through the runner of `dmtrack test`, in spawned
processes of one thread each; their boxes must be the same. Frames are rendered before the clock starts and lie in
memory-mapped files, so that what is measured is tracking. Compared are the frames per second from the moment at which
a tenth of the frames is done; those with starting the processes, which a long sweep does not notice, are written too.
Best of several rounds. Target: 2 processes at least 1.8 times as fast as one, on a machine with two idle cores.

Two "CPUs" are often the two threads of one core, which no program can make 1.8 times as fast as one. So the same run
measures the machine's own ceiling: the same tracker on frames in memory, in one process and in two that share nothing,
without runner, results, scores or a parent process. `share_of_ceiling` is what the runner makes of it.
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dmtrack.data.sequences import Sequence
from dmtrack.evaluation.results import ResultStore
from dmtrack.files import write_json
from dmtrack.running.one_sequence import track_and_store
from dmtrack.running.sweeps.benchmarks import Generated
from dmtrack.running.trackers import TrackerChoice
from dmtrack.running.workers import Job, run_spawned, use_one_thread

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
    for index, sequence in enumerate(Generated("plain", SEED, count, frames).open()):
        np.save(folder / f"{index}.npy", np.stack(list(sequence.frames())))


def open_rendered(count: int, frames: int, folder: Path) -> list[Sequence]:
    """The sequences with frames from those files."""
    opened = []
    for index, sequence in enumerate(Generated("plain", SEED, count, frames).open()):
        images = np.load(folder / f"{index}.npy", mmap_mode="r")
        opened.append(replace(sequence, read_frame=functools.partial(_frame, images)))
    return opened


def _frame(images: Any, index: int) -> Any:
    return np.array(images[index])


def run_once(processes: int, opener: functools.partial[list[Sequence]], store: ResultStore) -> Timed:
    """Tracks everything with so many processes."""
    sequences = opener()
    work = functools.partial(track_and_store, store)
    start = time.perf_counter()
    moments: list[tuple[float, int]] = []

    def note(frames: int) -> None:
        moments.append((time.perf_counter(), frames))

    job = Job(TrackerChoice(device="cpu").build, opener, sequences, list(range(len(sequences))), note)
    for index, reason in run_spawned(job, work, processes):
        if reason is not None:
            raise SystemExit(f"{sequences[index].name} failed: {reason}")
    end, total = time.perf_counter(), sum(map(len, sequences))
    begun, done = next((moment for moment in moments if moment[1] >= total / 10), moments[-1])
    return Timed(total / (end - start), (total - done) / (end - begun))


def compute(barrier: Any, rates: Any, seconds: float, count: int, frames: int, folder: Path) -> None:
    """Tracks one sequence over and over for so many seconds, beginning when all processes are ready."""
    use_one_thread()
    tracker = TrackerChoice(device="cpu").build()
    sequence = open_rendered(count, frames, folder)[0]
    images = list(sequence.frames())
    tracker.init(images[0], sequence.boxes_xywh[0])
    for image in images[1:4]:
        tracker.update(image)
    barrier.wait()
    start, done = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        tracker.update(images[1 + done % (len(images) - 1)])
        done += 1
    rates.put(done / (time.perf_counter() - start))


def compute_rate(processes: int, seconds: float, count: int, frames: int, folder: Path) -> float:
    """Frames per second of so many independent processes together."""
    context = multiprocessing.get_context("spawn")
    barrier, rates = context.Barrier(processes), context.Queue()
    arguments = (barrier, rates, seconds, count, frames, folder)
    running = [context.Process(target=compute, args=arguments) for _ in range(processes)]
    for process in running:
        process.start()
    total = sum(rates.get(timeout=seconds + 120) for _ in running)
    for process in running:
        process.join()
    return float(total)


def boxes(store: ResultStore) -> dict[str, bytes]:
    """The stored boxes, by file."""
    return {path.name: path.read_bytes() for path in sorted(store.folder.glob("*/*_001.txt"))}


def main() -> int:
    """Measures, prints, writes; 1 where boxes differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=24, help="sequences")
    parser.add_argument("--frames", type=int, default=60, help="frames per sequence")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each measurement of the ceiling")
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    options = parser.parse_args()
    best: dict[int, dict[str, float]] = {1: {}, 2: {}}
    raw: dict[int, float] = {1: 0.0, 2: 0.0}
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
            for processes in raw:
                rate = compute_rate(processes, options.seconds, options.count, options.frames, rendered)
                raw[processes] = max(rate, raw[processes])
                print(f"{processes} process(es) that only compute: {rate:.1f} frames/s")
    same = all(content == written[0] for content in written)
    ceiling = raw[2] / raw[1]
    speedup = {key: best[2][key] / best[1][key] for key in ("steady", "whole")}
    result = {
        "sequences": options.count,
        "frames_per_sequence": options.frames,
        "cpus": os.cpu_count(),
        "frames_per_second": {
            str(key): {name: round(v, 2) for name, v in value.items()} for key, value in best.items()
        },
        "compute_only_frames_per_second": {str(key): round(value, 2) for key, value in raw.items()},
        "scaling": round(speedup["steady"], 3),
        "machine_ceiling": round(ceiling, 3),
        "share_of_ceiling": round(speedup["steady"] / ceiling, 3),
        "share_of_compute_only_speed": {str(key): round(best[key]["steady"] / raw[key], 3) for key in best},
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
