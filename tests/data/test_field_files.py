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
from dmtrack.errors import DataError
from dmtrack.evaluation.readers import read_results
from dmtrack.evaluation.readers.mot import read_mot_detections
from dmtrack.evaluation.readers.text import read_trajectory
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


HEADED = {
    "file,x,y,w,h": "{0},{1},{2},{3},{4}",
    "h,w,y,x,file": "{4},{3},{2},{1},{0}",
    "filename,width,height,class,xmin,ymin,xmax,ymax": "{0},64,48,cup,{1},{2},{5},{6}",
    "image_path,cx,cy,w,h,label": "{0},{7},{8},{3},{4},cup",
    "Label;Left;Top;Right;Bottom;File Name": "cup;{1};{2};{5};{6};{0}",
    "ImageID\tLabelName\tConfidence\tXMin\tXMax\tYMin\tYMax": "{0}\tcup\t1\t{1}\t{5}\t{2}\t{6}",
    "path,x1,y1,x2,y2,class_name": "{0},{1},{2},{5},{6},cup",
    "img,bbox_x,bbox_y,bbox_width,bbox_height": "{0},{1},{2},{3},{4}",
    "id,image,x0,y0,x1,y1": "7,{0},{1},{2},{5},{6}",
    '"file","ymin","xmin","ymax","xmax"': '"{0}",{2},{1},{6},{5}',
}


@pytest.mark.parametrize("heading", HEADED)
def test_headings_say_what_the_columns_of_a_table_are(heading, tmp_path):
    lines = [heading]
    for number, (x, y, w, h) in enumerate(BOXES):
        write_image(tmp_path / f"a{number}.png", np.zeros((48, 64, 3), np.uint8))
        cells = (f"a{number}.png", x, y, w, h, x + w, y + h, x + w / 2, y + h / 2)
        lines.append(HEADED[heading].format(*cells))
    (tmp_path / "annotations.csv").write_text("\n".join(lines) + "\n")
    records = list(ImageFolder(tmp_path))
    assert [record.boxes_xywh.tolist() for record in records] == [[box] for box in BOXES]
    assert all(record.labels == (("cup" if "cup" in HEADED[heading] else ""),) for record in records)
    assert examine("image-folder", tmp_path, Options(full=True)).problems == []


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (
            "file,a,b,c,d\na.png,1,2,3,4\n",
            r"annotations\.csv:1: the heading 'file,a,b,c,d' names no box",
        ),
        ("file,xmin,ymin,xmax,ymax\na.png,1,2,x,4\n", r"annotations\.csv:2: expected file,xmin,ymin,xmax,ymax, got"),
        ("file,xmin,ymin,xmax,ymax\na.png,1,2,3\n", r"annotations\.csv:2: expected file,xmin,ymin,xmax,ymax, got"),
        ("ImageID,XMin,XMax,YMin,YMax\na.png,0.1,0.5,0.25,1\n", r"all numbers are between -1 and 1, as shares"),
    ],
)
def test_tables_that_say_something_else_are_refused(table, says, tmp_path):
    (tmp_path / "annotations.csv").write_text(table)
    with pytest.raises(DataError, match=says):
        ImageFolder(tmp_path)


def test_corners_without_a_heading_are_found_by_the_doctor(tmp_path):
    for number in range(3):
        write_image(tmp_path / f"a{number}.png", np.zeros((48, 64, 3), np.uint8))
    rows = ["a0.png,20,10,60,40,cup", "a1.png,30,20,63,47,cup", "a2.png,,,,,"]
    (tmp_path / "annotations.csv").write_text("\n".join(rows) + "\n")
    found = examine("image-folder", tmp_path, Options(full=True))
    assert [finding.line().partition("; name the columns")[0] for finding in found.problems] == [
        f"{tmp_path / 'a0.png'}: 2 of 2 boxes reach beyond their images, first here; all lie inside if they are "
        "left,top,right,bottom"
    ]


@pytest.mark.parametrize(
    ("heading", "line"),
    [
        ("x,y,w,h", "{0},{1},{2},{3}"),
        ("xmin,ymin,xmax,ymax", "{0},{1},{4},{5}"),
        ("frame cx cy w h score", "1 {6} {7} {2} {3} 0.5"),
        ("Y\tX\tHeight\tWidth", "{1}\t{0}\t{3}\t{2}"),
        ("frame;left;top;right;bottom;class", "1;{0};{1};{4};{5};cup"),
    ],
)
def test_headings_of_sequences_and_results(heading, line, tmp_path):
    rows = [line.format(x, y, w, h, x + w, y + h, x + w / 2, y + h / 2) for x, y, w, h in BOXES]
    for name in ("set/seq/groundtruth.txt", "results/seq.txt", "got10k/seq/seq_001.txt"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("\n".join([heading, *rows]) + "\n")
    (sequence,) = list(SequenceFolder(tmp_path / "set", images=False))
    assert sequence.boxes_xywh.tolist() == BOXES
    for folder in ("results", "got10k"):
        assert read_results(tmp_path / folder, [sequence]).results["seq"].boxes_xywh.tolist() == BOXES
    (tmp_path / "set/seq/groundtruth.txt").write_text("left,top\n1,2\n")
    with pytest.raises(DataError, match=r"groundtruth\.txt, line 1: the heading 'left,top' names no box"):
        list(SequenceFolder(tmp_path / "set", images=False))
    (tmp_path / "set/seq/groundtruth.txt").write_text("x,y,w,h\n1,2,3,4\n1,2,3\n")
    with pytest.raises(DataError, match=r"groundtruth\.txt, line 3: expected 'x,y,w,h', got '1,2,3'"):
        list(SequenceFolder(tmp_path / "set", images=False))


def test_case_of_a_heading_that_says_corners(shared_folder):
    folder = shared_folder / "cases" / "csv_heading_with_corners" / "photos"
    assert [record.boxes_xywh[0].tolist()[2:] for record in ImageFolder(folder)] == [[16, 16]] * 3
    assert examine("image-folder", folder, Options(full=True)).problems == []


@pytest.mark.parametrize(
    ("attributes", "tags"),
    [('"OCC"', ("OCC",)), ('["OCC", "SV"]', ("OCC", "SV")), ('{"OCC": true, "SV": false}', ("OCC",)), ("3", None)],
)
def test_attributes_of_a_sequence_in_any_form(attributes, tags, tmp_path):
    (tmp_path / "seq").mkdir()
    (tmp_path / "seq/groundtruth.txt").write_text(LINES)
    (tmp_path / "seq/meta.json").write_text(f'{{"attributes": {attributes}}}')
    if tags is None:
        with pytest.raises(
            DataError, match=r'meta\.json: expected a name, a list of names or an object in "attributes"'
        ):
            list(SequenceFolder(tmp_path, images=False))
    else:
        assert SequenceFolder(tmp_path, images=False)[0].annotation.tags == tags
