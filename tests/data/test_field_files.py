"""Annotations as people really have them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dmtrack.config.loading import read_config
from dmtrack.data.benchmarks import open_benchmark
from dmtrack.data.doctor import Options, examine
from dmtrack.data.sources.folder import SequenceFolder
from dmtrack.data.sources.image_folder import ImageFolder
from dmtrack.evaluation.measures.trajectory import read_trajectory
from dmtrack.evaluation.readers import read_results
from dmtrack.evaluation.readers.mot import read_mot_detections
from dmtrack.media.images import write_image

BOXES = [[20.0, 10, 16, 16], [22, 11, 16, 16], [24, 12, 16, 16]]
LINES = "".join(",".join(f"{value:g}" for value in box) + "\n" for box in BOXES)


def test_case_of_a_byte_order_mark(shared_folder):
    root = shared_folder / "cases" / "byte_order_mark_in_annotation" / "data"
    assert examine("folder", root, Options(full=True)).problems == []
    (sequence,) = list(SequenceFolder(root))
    assert sequence.boxes_xywh[0].tolist() == [10, 10, 12, 12]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_every_reader_takes_a_byte_order_mark(encoding, tmp_path):
    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode(encoding))
        return path

    write("set/seq/groundtruth.txt", LINES)
    write("set/seq/absence.label", "0\n0\n0\n")
    write("set/seq/meta.json", '{"index_base": 0}')
    (sequence,) = list(SequenceFolder(tmp_path / "set", images=False))
    assert sequence.boxes_xywh.tolist() == BOXES
    write("lasot/cup-1.txt", LINES)
    write("lasot/absent/cup-1.txt", "0\n1\n0\n")
    write("lasot/testing_set.txt", "cup-1\n")
    assert open_benchmark("lasot", tmp_path / "lasot", images=False)["cup-1"].present.tolist() == [True, False, True]
    for name in ("seq.txt", "seq_time.txt"):
        write(f"flat/{name}", LINES if name == "seq.txt" else "0.1\n0.1\n0.1\n")
    read = read_results(tmp_path / "flat", [sequence]).results["seq"]
    assert read.boxes_xywh.tolist() == BOXES and read.seconds is not None
    write("json/seq.json", json.dumps([{"res": BOXES, "type": "rect"}]))
    assert read_results(tmp_path / "json", [sequence]).results["seq"].boxes_xywh.tolist() == BOXES
    assert len(read_trajectory(write("vot/seq_001.txt", LINES))) == 3
    assert len(read_mot_detections(write("det.txt", "1,-1,2,3,4,5,0.5,-1,-1,-1\n"))) == 1
    assert read_config(write("a.py", "seed = 3\n"))["seed"] == 3
    for name in ("annotations.csv", "annotations.json"):
        folder = tmp_path / name.replace(".", "_")
        write_image(folder / "a.png", np.zeros((4, 4, 3), np.uint8))
        write(f"{folder.name}/{name}", "a.png,1,2,3,4\n" if name.endswith("csv") else '{"a.png": [[1, 2, 3, 4]]}')
        assert ImageFolder(folder)[0].boxes_xywh.tolist() == [[1, 2, 3, 4]]
