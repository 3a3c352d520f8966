"""Writers of video datasets in their official layouts; every sequence appears complete or not at all.

Each function writes one sequence and gives its name; `over_sequences` makes it a writer of many. Writing more sequences
to the same place adds them; a sequence of the same name is replaced.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np

from dmtrack.boxes import xywh_to_xyxy
from dmtrack.data.sequences import Sequence
from dmtrack.data.writers.folders import FrameWriter, atomic_folder, box_lines, extend_list, flag_lines, over_sequences
from dmtrack.files import write_text

_ABSENT_ZERO = "0.0000,0.0000,0.0000,0.0000"
_ABSENT_NAN = "nan,nan,nan,nan"


@over_sequences
def write_folder(sequence: Sequence, root: Path, frames: FrameWriter) -> str:
    """The layout of `SequenceFolder`: 0-based boxes, NaN where the target is absent."""
    with atomic_folder(root / sequence.name) as folder:
        frames(folder, sequence)
        (folder / "groundtruth.txt").write_text(box_lines(sequence.boxes_xywh, _ABSENT_NAN))
        (folder / "absence.label").write_text(flag_lines(~sequence.present))
        (folder / "meta.json").write_text(json.dumps({"name": sequence.name, "index_base": 0}, indent=1) + "\n")
    return sequence.name


@over_sequences
def write_got10k(sequence: Sequence, root: Path, frames: FrameWriter, split: str = "val") -> str:
    """GOT-10k's layout; `cover` is 8 (wholly visible) or 0 (absent) where a sequence does not know better."""
    cover = np.where(sequence.present, 8, 0) if sequence.cover is None else sequence.cover
    width, height = sequence.video.size_wh()
    x1, y1, x2, y2 = np.nan_to_num(xywh_to_xyxy(sequence.boxes_xywh)).T
    cut = sequence.present & ((x1 <= 0) | (y1 <= 0) | (x2 >= width) | (y2 >= height))
    with atomic_folder(root / split / sequence.name) as folder:
        frames(folder, sequence)
        (folder / "groundtruth.txt").write_text(box_lines(sequence.boxes_xywh, _ABSENT_ZERO))
        (folder / "absence.label").write_text(flag_lines(~sequence.present))
        (folder / "cover.label").write_text(flag_lines(cover))
        (folder / "cut_by_image.label").write_text(flag_lines(cut))
        (folder / "meta_info.ini").write_text(
            f"[METAINFO]\nurl: none\nbegin: 00:00:00\nend: 00:00:00\nanno_fps: 10Hz\nobject_class: object\n"
            f"motion_class: motion\nmajor_class: object\nroot_class: object\nresolution: ({width}, {height})\n"
        )
    extend_list(root / split / "list.txt", sequence.name)
    return sequence.name


@over_sequences
def write_lasot(sequence: Sequence, root: Path, frames: FrameWriter, split: str = "test") -> str:
    """LaSOT's layout: whole pixels counted from 1, flags on one line; other names become `<name>-1`."""
    name = sequence.name if re.fullmatch(r".+-\d+", sequence.name) else f"{sequence.name}-1"
    with atomic_folder(root / name.rsplit("-", 1)[0] / name) as folder:
        frames(folder / "img", sequence)
        (folder / "groundtruth.txt").write_text(box_lines(sequence.boxes_xywh, "0,0,0,0", decimals=0, base=1))
        (folder / "full_occlusion.txt").write_text(",".join("0" for _ in sequence.present) + "\n")
        (folder / "out_of_view.txt").write_text(",".join("01"[int(absent)] for absent in ~sequence.present) + "\n")
        (folder / "nlp.txt").write_text("object\n")
    extend_list(root / ("training_set.txt" if split == "train" else "testing_set.txt"), name)
    return name


@over_sequences
def write_trackingnet(sequence: Sequence, root: Path, frames: FrameWriter, split: str = "TRAIN_0") -> str:
    """TrackingNet's layout; `split` is a chunk ("TRAIN_0") or "TEST", of which only first boxes are written."""
    chunk = root / split
    # The annotation is written last: readers find sequences by it.
    with atomic_folder(chunk / "frames" / sequence.name) as folder:
        frames(folder, sequence, "{}.jpg", first=0)
    boxes = sequence.boxes_xywh[:1] if split == "TEST" else sequence.boxes_xywh
    write_text(chunk / "anno" / f"{sequence.name}.txt", box_lines(boxes, _ABSENT_ZERO))
    return sequence.name


@over_sequences
def write_otb(sequence: Sequence, root: Path, frames: FrameWriter) -> str:
    """OTB-100's layout: whole pixels counted from 1; it knows no absence, such frames get a box without area."""
    with atomic_folder(root / sequence.name) as folder:
        frames(folder / "img", sequence, "{:04d}.jpg")
        (folder / "groundtruth_rect.txt").write_text(box_lines(sequence.boxes_xywh, "0,0,0,0", decimals=0, base=1))
    return sequence.name


@over_sequences
def write_uav123(sequence: Sequence, root: Path, frames: FrameWriter, version: str = "UAV123") -> str:
    """UAV123's layout: boxes counted from 1, NaN where the target is absent; `version` may be "UAV20L"."""
    with atomic_folder(root / "data_seq" / "UAV123" / sequence.name) as folder:
        frames(folder, sequence, "{:06d}.jpg")
    lines = box_lines(sequence.boxes_xywh, "NaN,NaN,NaN,NaN", base=1)
    write_text(root / "anno" / version / f"{sequence.name}.txt", lines)
    return sequence.name


_VOT_TAGS = ("camera_motion", "illum_change", "motion_change", "occlusion", "size_change")


@over_sequences
def write_vot(sequence: Sequence, root: Path, frames: FrameWriter) -> str:
    """VOT2018's layout: polygons (or the boxes' corners) counted from 0, and tag files."""
    polygons = sequence.annotation.polygons
    if polygons is None:
        x1, y1, x2, y2 = xywh_to_xyxy(sequence.boxes_xywh).T
        polygons = np.stack([x1, y1, x2, y1, x2, y2, x1, y2], axis=1)
    with atomic_folder(root / sequence.name) as folder:
        frames(folder / "color", sequence)
        (folder / "groundtruth.txt").write_text(
            "".join(",".join(f"{value:.4f}" for value in polygon) + "\n" for polygon in polygons)
        )
        for tag in _VOT_TAGS:
            flags = ~sequence.present if tag == "occlusion" else np.zeros(len(sequence))
            (folder / f"{tag}.tag").write_text(flag_lines(flags))
    extend_list(root / "list.txt", sequence.name)
    return sequence.name
