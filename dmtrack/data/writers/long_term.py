"""Writers of long-term benchmarks in their official layouts; see `sequences.py` for what all writers share."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dmtrack.boxes import xywh_to_xyxy
from dmtrack.data.sequences import Sequence
from dmtrack.data.writers.folders import FrameWriter, atomic_folder, box_lines, extend_list, over_sequences
from dmtrack.files import read_text, write_text

OXUVA_FRAMES_PER_SECOND = 30
"""OxUvA annotates one frame per second of its videos."""


@over_sequences
def write_vot_lt(sequence: Sequence, root: Path, frames: FrameWriter) -> str:
    """VOT2018-LT's layout: rectangles counted from 0, NaN where the target is absent."""
    with atomic_folder(root / sequence.name) as folder:
        frames(folder / "color", sequence)
        (folder / "groundtruth.txt").write_text(box_lines(sequence.boxes_xywh, "nan,nan,nan,nan"))
    extend_list(root / "list.txt", sequence.name)
    return sequence.name


@over_sequences
def write_tlp(sequence: Sequence, root: Path, frames: FrameWriter) -> str:
    """TLP's layout: frame, box and "lost" in each line; frames without target repeat the last box."""
    with atomic_folder(root / sequence.name) as folder:
        frames(folder / "img", sequence, "{:05d}.jpg")
        lines, last = [], np.zeros(4)
        for number, (box, present) in enumerate(zip(sequence.boxes_xywh, sequence.present, strict=True), start=1):
            last = box if present else last
            values = ",".join(f"{value:.4f}" for value in last)
            lines.append(f"{number},{values},{int(not present)}\n")
        (folder / "groundtruth_rect.txt").write_text("".join(lines))
    return sequence.name


@over_sequences
def write_oxuva(
    sequence: Sequence,
    root: Path,
    frames: FrameWriter,
    split: str = "dev",
    annotated_every: int = OXUVA_FRAMES_PER_SECOND,
) -> str:
    """OxUvA's layout: one target per video (`obj0000`); annotations of the dev split alone.

    Args:
        sequence: a name with an underscore keeps it, the target's name comes behind.
        root: of the dataset.
        frames: writes the images.
        split: "dev" or "test".
        annotated_every: frames from one annotation to the next.
    """
    width, height = sequence.video.size_wh()
    with atomic_folder(root / "images" / split / sequence.name) as folder:
        frames(folder, sequence, "{:06d}.jpeg", first=0)
    relative = np.nan_to_num(xywh_to_xyxy(sequence.boxes_xywh)) / np.array([width, height, width, height])
    corners = [",".join(f"{value:.7f}" for value in (x1, x2, y1, y2)) for x1, y1, x2, y2 in relative]
    target = f"{sequence.name},obj0000"
    _replace_lines(root / "tasks" / f"{split}.csv", target, [f"{target},0,{len(sequence) - 1},{corners[0]}"])
    if split == "dev":
        labels = [
            f"{target},0,object,false,unknown,{frame},"
            + (f"present,{corners[frame]}" if sequence.present[frame] else "absent,-1,-1,-1,-1")
            for frame in range(0, len(sequence), annotated_every)
        ]
        _replace_lines(root / "annotations" / f"{split}.csv", target, labels)
    return f"{sequence.name}_obj0000"


def _replace_lines(path: Path, target: str, lines: list[str]) -> None:
    """Puts the lines of one target at the end of a table, instead of those that it had."""
    kept = read_text(path, "labels").splitlines() if path.is_file() else []
    kept = [line for line in kept if not line.startswith(f"{target},")]
    write_text(path, "".join(f"{line}\n" for line in [*kept, *lines]))
