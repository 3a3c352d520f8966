"""How long it takes to score one tracker on LaSOT's test set under every one-pass protocol, beside a loop over frames.

    python benchmarks/bench_metrics.py --annotations FOLDER --json metrics.json

FOLDER has <sequence>/{groundtruth.txt, absent.txt}, as the evaluation toolkit of LaSOT has them.

Results are the truth with noise, written to text files first. Reading the text files and computing the scores are timed
apart. The loop does for each frame what `lasot-official` asks for, in plain Python and NumPy; it runs over some of the
sequences, and the ratio is that of seconds per frame on those very sequences. Target: the ratio is at least 20.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dmtrack.data.sources.annotations import read_flags, read_rows
from dmtrack.evaluation.protocols import Protocol
from dmtrack.evaluation.protocols.official import LASOT_OFFICIAL
from dmtrack.evaluation.protocols.protocol import protocols_of
from dmtrack.evaluation.results import ResultStore, SequenceResult
from dmtrack.evaluation.scoring import Score, combine, score_sequence
from dmtrack.files import write_json

TARGET_RATIO = 20.0
FIRST_PIXEL = 1.0
"""LaSOT's files count pixels from 1."""

Array = NDArray[np.float64]


class Case(NamedTuple):
    """One sequence: true boxes and results in 0-based pixels, and where the target is present."""

    name: str
    truth_xywh: Array
    present: NDArray[np.bool_]
    results_xywh: Array


def read_truth(folder: Path) -> tuple[Array, NDArray[np.bool_]]:
    """Boxes as the files have them, and the frames that are not flagged absent."""
    boxes = read_rows(folder / "groundtruth.txt", "a line per frame")
    return boxes, read_flags(folder / "absent.txt", "a flag per frame", len(boxes)) == 0


def write_results(folders: list[Path], store: ResultStore, seed: int) -> None:
    """A result with noise for each sequence."""
    random = np.random.default_rng(seed)
    for folder in folders:
        boxes, _ = read_truth(folder)
        boxes[:, :2] -= FIRST_PIXEL
        store.write(folder.name, SequenceResult(boxes + random.normal(0, 6, boxes.shape)))


def read_case(folder: Path, store: ResultStore) -> Case:
    """Both text files of a sequence."""
    truth, present = read_truth(folder)
    truth[:, :2] -= FIRST_PIXEL
    return Case(folder.name, truth, present, store.read(folder.name).boxes_xywh)


def score(protocol: Protocol, cases: list[Case]) -> Score:
    """What the package does."""
    scored = [
        score_sequence(protocol, case.name, case.truth_xywh, case.present, case.results_xywh, first_pixel=FIRST_PIXEL)
        for case in cases
    ]
    return combine(protocol, "noise", "lasot", scored)


def score_in_a_loop(cases: list[Case]) -> dict[str, float]:
    """The same by `lasot-official`, one frame after the other."""
    overlap_steps, pixel_steps, side_steps = np.linspace(0, 1, 21), np.arange(51), np.arange(51) / 100
    curves: dict[str, list[Array]] = {"success": [], "precision": [], "normalized_precision": []}
    for case in cases:
        overlap_hits, pixel_hits, side_hits = np.zeros(21), np.zeros(51), np.zeros(51)
        previous = None
        for index, (truth, result) in enumerate(zip(case.truth_xywh, case.results_xywh, strict=True)):
            if index and (np.isnan(result).any() or result[2] <= 0 or result[3] <= 0):
                result = previous
            previous = result
            if not index:
                result = truth
            if not case.present[index]:
                continue
            iou = distance = normalized = -1.0
            if (truth[:2] + FIRST_PIXEL > 0).all() and (truth[2:] > 0).all():
                width = min(truth[0] + truth[2], result[0] + result[2]) - max(truth[0], result[0])
                height = min(truth[1] + truth[3], result[1] + result[3]) - max(truth[1], result[1])
                shared = max(width, 0.0) * max(height, 0.0)
                iou = shared / (truth[2] * truth[3] + result[2] * result[3] - shared)
                offset = (result[:2] + result[2:] / 2) - (truth[:2] + truth[2:] / 2)
                distance = float(np.linalg.norm(offset))
                normalized = float(np.linalg.norm(offset / truth[2:]))
            overlap_hits += iou > overlap_steps
            pixel_hits += distance <= pixel_steps
            side_hits += normalized <= side_steps
        for kind, hits in zip(curves, (overlap_hits, pixel_hits, side_hits), strict=True):
            curves[kind].append(hits / len(case.truth_xywh))
    means = {kind: np.mean([curve for curve in rows if curve.any()], axis=0) for kind, rows in curves.items()}
    return {
        "success": float(means["success"].mean()),
        "precision": float(means["precision"][20]),
        "normalized_precision": float(means["normalized_precision"][20]),
    }


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--annotations", type=Path, required=True, metavar="FOLDER", help="<sequence>/groundtruth.txt")
    parser.add_argument("--loop-sequences", type=int, default=14, help="how many of the sequences the loop scores")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    options = parser.parse_args()
    folders = sorted(path.parent for path in options.annotations.glob("*/groundtruth.txt"))
    with tempfile.TemporaryDirectory() as temporary:
        store = ResultStore(Path(temporary) / "noise")
        write_results(folders, store, options.seed)
        start = time.perf_counter()
        cases = [read_case(folder, store) for folder in folders]
        reading = time.perf_counter() - start
    seconds: dict[str, float] = {}
    for name, protocol in protocols_of(Protocol).items():
        start = time.perf_counter()
        score(protocol, cases)
        seconds[name] = time.perf_counter() - start

    some = cases[:: max(1, len(cases) // options.loop_sequences)]
    start = time.perf_counter()
    looped = score_in_a_loop(some)
    loop_seconds = time.perf_counter() - start
    start = time.perf_counter()
    scored = score(LASOT_OFFICIAL, some).scores
    own_seconds = time.perf_counter() - start
    difference = max(abs(scored[key] - value) for key, value in looped.items())
    ratio = loop_seconds / own_seconds
    frames, loop_frames = (sum(len(case.truth_xywh) for case in group) for group in (cases, some))
    figures = {
        "sequences": len(cases),
        "frames": frames,
        "protocols": len(seconds),
        "read_seconds": round(reading, 3),
        "score_seconds": round(sum(seconds.values()), 3),
        "score_seconds_by_protocol": {name: round(value, 3) for name, value in seconds.items()},
        "loop_frames": loop_frames,
        "loop_seconds": round(loop_seconds, 3),
        "loop_over_package": round(ratio, 1),
        "loop_difference": difference,
        "target_ratio": TARGET_RATIO,
        "reached": ratio >= TARGET_RATIO,
    }
    print(
        f"{len(cases)} sequences, {frames} frames: text files read in {reading:.2f} s, scored under {len(seconds)} "
        f"protocols in {sum(seconds.values()):.2f} s ({sum(seconds.values()) / len(seconds):.2f} s each)\n"
        f"loop over the frames of {len(some)} sequences ({loop_frames} frames): {loop_seconds:.2f} s, package "
        f"{own_seconds:.4f} s, ratio {ratio:.0f}; target {TARGET_RATIO:.0f} "
        f"{'reached' if figures['reached'] else 'MISSED'} (scores differ by {difference:.1e})"
    )
    if options.json:
        write_json(options.json, figures)


if __name__ == "__main__":
    main()
