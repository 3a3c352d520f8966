"""How many boxes a person draws until every frame is right, with a tracker between them and without.

    python benchmarks/bench_annotation_effort.py FOLDER/otb_deer FOLDER/uav_wakeboard7 --json effort.json

A made person starts with the true box of the first frame, looks through the video, and corrects the frame that is
furthest from the truth, until all visible frames overlap it by at least `--right`. Frames between two boxes are filled
by a tracker that runs forward and backward (as on the page of `dmtrack serve`), or by drawing straight lines between
them. Prints the number of boxes drawn, and the ratio to straight lines.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from dmtrack.data.sequences import Sequence
from dmtrack.data.sources.folder import SequenceFolder
from dmtrack.evaluation.measures.one_pass import overlaps
from dmtrack.files import write_json
from dmtrack.media.random_access import RandomFrames
from dmtrack.media.video import open_frames
from dmtrack.tracking.base import Tracker
from dmtrack.web.segments import track_segment
from dmtrack.web.targets import KeyFrame, Segment, Target
from dmtrack.web.tracking import Trackers


def straight_line(segment: Segment) -> dict[int, np.ndarray]:
    """Boxes between two key frames, or the last one from there on."""
    start = np.array(segment.start_xywh)
    end = start if segment.end_xywh is None else np.array(segment.end_xywh)
    span = segment.last - segment.first
    last = segment.last - (segment.end_xywh is not None)
    return {
        number: start + (end - start) * (number - segment.first) / span for number in range(segment.first + 1, last + 1)
    }


def tracked(frames: RandomFrames, fresh: Callable[[], Tracker], segment: Segment) -> dict[int, np.ndarray]:
    """Boxes that a tracker finds, from both ends where there are two."""
    return {number: row[:4] for number, row, _ in track_segment(frames, fresh, segment)}


def boxes_drawn(
    sequence: Sequence, fill: Callable[[Segment], dict[int, np.ndarray]], right: float, most: int
) -> tuple[int, float]:
    """Boxes until every visible frame is right, or `most`; and the share of visible frames that are right then."""
    first = int(np.flatnonzero(sequence.present)[0])
    rows = np.full((len(sequence), 7), math.nan, np.float32)
    target = Target(1, "target", rows)
    frame = first
    while True:
        box = tuple(sequence.boxes_xywh[frame].tolist())
        target.key_frames[frame] = KeyFrame(box)
        target.rows[frame, :4] = box
        for segment in target.segments(""):
            if segment not in target.done:
                for number, box_xywh in fill(segment).items():
                    target.rows[number, :4] = box_xywh
                target.finish(segment)
        quality = np.where(sequence.present, np.nan_to_num(overlaps(target.rows[:, :4], sequence.boxes_xywh)), 1.0)
        quality[:first] = 1.0
        quality[sorted(target.key_frames)] = 1.0  # of float32 boxes
        frame = int(quality.argmin())
        share = float((quality[sequence.present] >= right).mean())
        if quality[frame] >= right or len(target.key_frames) >= most:
            return len(target.key_frames), share


def main() -> None:
    """Counts for all sequences and all ways of filling."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sequences", nargs="+", type=Path, help="folders of images with groundtruth.txt")
    parser.add_argument("--right", type=float, default=0.7, help="overlap from which a box needs no correction")
    parser.add_argument("--most", type=int, default=200, help="boxes after which it gives up")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    trackers, found = Trackers(), []
    for path in asked.sequences:
        sequence = next(one for one in SequenceFolder(path.parent) if one.name == path.name)
        ways: dict[str, Callable[[Segment], dict[int, np.ndarray]]] = {"straight lines": straight_line}
        for config in ("dmtrackGS_tiny", "dmtrackReID_tiny"):
            ways[config] = partial(tracked, RandomFrames(open_frames(path)), partial(trackers.fresh, config))
        counts = {}
        for name, fill in ways.items():
            start = time.perf_counter()
            counts[name], share = boxes_drawn(sequence, fill, asked.right, asked.most)
            ratio, seconds = counts["straight lines"] / counts[name], time.perf_counter() - start
            print(
                f"{sequence.name} ({len(sequence)} frames), {name}: {counts[name]} boxes, {ratio:.2f}x, "
                f"{share:.3f} right, {seconds:.0f} s",
                flush=True,
            )
        found.append({"sequence": sequence.name, "frames": len(sequence), "boxes": counts})
    if asked.json:
        write_json(asked.json, {"right": asked.right, "sequences": found})


if __name__ == "__main__":
    main()
