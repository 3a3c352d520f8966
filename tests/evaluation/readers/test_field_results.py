"""Results as people really send them: other box formats, archives of other systems, several benchmarks in one place."""

from __future__ import annotations

import io
import json
import zipfile
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmtrack.boxes import xywh_to_xyxy
from dmtrack.data.benchmarks import open_benchmark
from dmtrack.data.sequences import Annotation, Sequence
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.protocols import get_protocol
from dmtrack.evaluation.readers import read_results
from dmtrack.evaluation.readers.boxes import RawResult, suspected_format
from dmtrack.evaluation.readers.names import match_names
from dmtrack.evaluation.scoring import score_result


def moving(name="a", frames=12, base=0, hidden=False):
    """A target that moves two pixels a frame, first at 101.25, 60.5."""
    boxes = np.array([[101.25 + 2 * frame, 60.5 + frame, 30, 44] for frame in range(frames)])
    if hidden:
        boxes[1:] = np.nan
    present = np.isfinite(boxes[:, 0])
    annotation = Annotation(index_base=base, first_box_only=hidden)
    return Sequence(name, boxes, present, lambda index: index, annotation=annotation)


def to_cxcywh(boxes_xywh):
    return np.concatenate([boxes_xywh[:, :2] + boxes_xywh[:, 2:] / 2, boxes_xywh[:, 2:]], axis=1)


def x_last(boxes):
    return boxes[:, [1, 0, 3, 2]]


AS_WRITTEN = {
    "xyxy": xywh_to_xyxy,
    "inclusive-xyxy": partial(xywh_to_xyxy, inclusive=True),
    "cxcywh": to_cxcywh,
    "yxyx": lambda boxes: x_last(xywh_to_xyxy(boxes)),
    "yxhw": x_last,
    "xxyy": lambda boxes: xywh_to_xyxy(boxes)[:, [0, 2, 1, 3]],
    "inclusive-xxyy": lambda boxes: xywh_to_xyxy(boxes, inclusive=True)[:, [0, 2, 1, 3]],
    "yyxx": lambda boxes: xywh_to_xyxy(boxes)[:, [1, 3, 0, 2]],
}
TRACKED = moving().boxes_xywh + np.array([0.4, -0.3, 1.2, 0.8])
TRACKED[0] = moving().boxes_xywh[0]


def text(rows, digits="%.3f", separator=","):
    return "".join(separator.join(digits % value for value in row) + "\n" for row in rows)


def written(box_format):
    """Numbers as a tool with such boxes writes them."""
    if box_format == "given-first":
        return np.concatenate([xywh_to_xyxy(TRACKED[:1]), TRACKED[1:]])
    return AS_WRITTEN[box_format](TRACKED)


@pytest.mark.parametrize("box_format", [*AS_WRITTEN, "given-first"])
@pytest.mark.parametrize("base", [0, 1])
@pytest.mark.parametrize("digits", ["%.3f", "%.0f"])
@pytest.mark.parametrize("file", ["a.txt", "a/a_001.txt", "a.json"])
def test_another_box_format_is_suspected_and_read_on_request(box_format, base, digits, file, write):
    rows = written(box_format)
    rows[:, :2] += base
    if box_format.endswith(("xyxy", "yxyx", "xxyy", "yyxx")):
        rows[:, 2:] += base
    elif box_format == "given-first":
        rows[0, 2:] += base
    content = text(rows, digits)
    if file.endswith("json"):
        rows = [[float(value) for value in line.split(",")] for line in content.splitlines()]
        content = json.dumps([{"res": rows, "type": "rect"}])
    folder = write({file: content})
    with pytest.raises(
        EvaluationError, match="the first boxes of 1 of 1 results are those of the benchmark if read as "
    ):
        read_results(folder, [moving(base=base)])
    found = read_results(folder, [moving(base=base)], box_format="detected")
    assert any(note.startswith("box format: read as ") for note in found.notes)
    off = np.abs(found.results["a"].boxes_xywh - TRACKED).max()
    assert off <= (0.001 if digits == "%.3f" else 2.01)
    plain = read_results(folder, [moving(base=base)], box_format="xywh").results["a"].boxes_xywh
    assert np.abs(plain - TRACKED).max() > 10


@pytest.mark.parametrize("box_format", ["xyxy", "cxcywh"])
def test_the_given_box_may_stand_before_another_format(box_format, write):
    rows = AS_WRITTEN[box_format](TRACKED)
    rows[0] = TRACKED[0]
    folder = write({"a.txt": text(rows)})
    with pytest.raises(EvaluationError, match=rf"if read as {box_format} "):
        read_results(folder, [moving()])
    found = read_results(folder, [moving()], box_format=box_format).results["a"].boxes_xywh
    np.testing.assert_allclose(found, TRACKED, atol=1e-3)


def test_the_first_box_is_enough_where_the_truth_is_hidden(write):
    for box_format in (*AS_WRITTEN, "given-first"):
        folder = write({"a.txt": text(written(box_format))}, box_format)
        with pytest.raises(EvaluationError, match=rf"if read as {box_format} \("):
            read_results(folder, [moving(hidden=True)])


@given(
    st.tuples(st.floats(0, 500), st.floats(0, 500), st.floats(2, 300), st.floats(2, 300)),
    st.sampled_from([0.0, 0.5, 1.0]),
    st.booleans(),
)
def test_boxes_as_they_should_be_are_never_suspected(box, shift, lost):
    """Neither those of a tracker that is off by the number of the first pixel, nor of one that loses its target."""
    truth = np.array([box] * 8) + np.arange(8)[:, None] * [1, 1, 0, 0]
    rows = truth + np.array([shift, shift, 0, 0])
    if lost:
        rows[1:] = rows[0]
        truth[1:, :2] += 400
    assert suspected_format(RawResult("a.txt", rows), truth) == ""


def test_mixed_results_are_read_file_by_file(write):
    sequences = [moving(name) for name in ("a", "b", "c")]
    folder = write({"a.txt": text(TRACKED), "b.txt": text(written("xyxy")), "c.txt": text(written("cxcywh"))})
    with pytest.raises(
        EvaluationError, match=r"of 2 of 3 results .* as cxcywh \(centre.*\): c; as xyxy \(left, top, right.*\): b; say"
    ):
        read_results(folder, sequences)
    found = read_results(folder, sequences, box_format="detected")
    for result in found.results.values():
        np.testing.assert_allclose(result.boxes_xywh, TRACKED, atol=1e-3)
    with pytest.raises(EvaluationError, match="unknown box format 'xyyxy'; did you mean 'xyxy'"):
        read_results(folder, sequences, box_format="xyyxy")
    with pytest.raises(EvaluationError, match=r"a\.txt, read as xyxy, line 2: the box .* has a negative size"):
        read_results(folder, [moving("a")], box_format="xyxy")


def test_shares_of_the_frame_are_refused(write):
    folder = write({"a.txt": text(TRACKED / [640, 480, 640, 480], "%.6f")})
    with pytest.raises(EvaluationError, match=r"a\.txt has no number above 1, as if they were shares"):
        read_results(folder, [moving()])


def test_case_of_corner_boxes(shared_folder):
    case = shared_folder / "cases" / "corner_boxes_in_results"
    sequences = list(open_benchmark("lasot", case / "annos", images=False))
    with pytest.raises(EvaluationError, match=r"corners seems not to hold left, top, .* if read as inclusive-xyxy"):
        read_results(case / "corners", sequences)
    found = read_results(case / "corners", sequences, box_format="inclusive-xyxy")
    good = read_results(case / "good", sequences)
    for sequence in sequences:
        scores = [
            score_result(get_protocol("lasot-official"), sequence, one.results[sequence.name]) for one in (found, good)
        ]
        assert scores[0].scores == pytest.approx(scores[1].scores)


def zipped(files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo("x")
            info.filename = name  # as it is, whatever this system would make of it
            archive.writestr(info, content)
    return stream.getvalue()


@pytest.mark.parametrize(
    "names",
    [
        ("mine\\a.txt", "mine\\b.txt"),
        ("mine\\a\\a_001.txt", "mine\\a\\a_time.txt", "mine\\b\\b_001.txt"),
        (".\\mine\\a.txt", ".\\mine\\b.txt", ".\\mine\\"),
        ("./mine/a.txt", "./mine/b.txt"),
        ("mine\\results/a.txt", "mine\\results/b.txt", "__MACOSX\\mine\\._a.txt"),
        ("C:\\me\\a.txt", "C:\\me\\b.txt"),
        ("/mine/a.txt", "/mine/b.txt"),
    ],
)
def test_archives_of_any_system(names, tmp_path):
    contents = {
        name: "" if name.endswith("\\") else "0.1\n" * 12 if "time" in name else text(TRACKED) for name in names
    }
    (tmp_path / "r.zip").write_bytes(zipped(contents))
    found = read_results(tmp_path / "r.zip", [moving("a"), moving("b")])
    assert list(found.results) == ["a", "b"] and not any("not read" in note for note in found.notes)


def test_an_archive_that_was_unpacked_elsewhere_and_one_that_holds_a_file_twice(tmp_path):
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "mine\\a.txt").write_text(text(TRACKED))
    assert list(read_results(tmp_path / "r", [moving("a")]).results) == ["a"]
    (tmp_path / "r.zip").write_bytes(zipped({"mine\\a.txt": text(TRACKED), "mine/a.txt": text(TRACKED)}))
    with pytest.raises(EvaluationError, match=r"r\.zip holds mine/a\.txt 2 times; pack it again"):
        read_results(tmp_path / "r.zip", [moving("a")])


UAV = ["bike1", "car2", "uav1_1", "uav5"]


@pytest.mark.parametrize(
    ("labels", "benchmark", "found"),
    [
        (["otb_Boy", "otb_Car2", "uav_car2", "uav_uav5"], "uav123", {"car2": "uav_car2", "uav5": "uav_uav5"}),
        (["otb_Boy", "otb_Car2", "uav_car2", "uav_uav5"], "", {"car2": "uav_car2", "uav5": "uav_uav5"}),
        (["UAV123-car2", "OTB100-Car2", "LaSOT-car-2"], "uav123", {"car2": "UAV123-car2"}),
        (["uav123_car2", "uav20l_car2"], "uav123", {"car2": "uav123_car2"}),
        (["nfs_Car2", "car2", "uav5"], "uav123", {"car2": "car2", "uav5": "uav5"}),
        (["Car2", "uav_car2"], "uav123", {"car2": "uav_car2"}),  # the other one is OTB's
        (["nfs_car2", "car-2"], "uav123", {}),
        (["uav1_1", "uav5"], "uav123", {"uav1_1": "uav1_1", "uav5": "uav5"}),
        (["otb_car2", "otb_Boy"], "uav123", {}),
        (["otb_car2"], "", {"car2": "otb_car2"}),
    ],
)
def test_results_of_several_benchmarks_are_told_apart(labels, benchmark, found):
    matching = match_names(labels, UAV, "folder", benchmark)
    assert matching.found == found
    assert sorted([*found.values(), *matching.extra]) == sorted(labels)


def test_two_benchmarks_that_cannot_be_told_apart_are_refused():
    with pytest.raises(EvaluationError, match=r"may be of two benchmarks \(otb_\.\.\., nfs_\.\.\..*name the benchmark"):
        match_names(["otb_car2", "nfs_car2"], UAV, "folder")


@pytest.mark.parametrize(
    "folders", [("otb", "uav"), ("OTB2015", "UAV123"), ("raw/OTB-100", "raw/UAV123/mine"), ("lasot", "uav123")]
)
@pytest.mark.parametrize("packed", [False, True])
def test_folders_of_several_benchmarks_are_told_apart(folders, packed, write, tmp_path):
    files = {f"{folder}/car2.txt": text(TRACKED) for folder in folders}
    place = write(files)
    if packed:
        place = tmp_path / "r.zip"
        place.write_bytes(zipped(files))
    found = read_results(place, [moving("car2")], benchmark="uav123")
    assert list(found.results) == ["car2"] and f"in {folders[1]}" in found.notes[0]
    with pytest.raises(EvaluationError, match="holds results in 2 places"):
        read_results(place, [moving("car2")])


def test_cases_of_archives_and_several_benchmarks(shared_folder):
    cases = shared_folder / "cases"
    sequences = list(open_benchmark("lasot", cases / "zip_with_backslashes" / "annos", images=False))
    assert len(read_results(cases / "zip_with_backslashes" / "mine.zip", sequences).results) == 2
    several = cases / "results_of_several_benchmarks"
    sequences = list(open_benchmark("uav123", several / "UAV", images=False))
    found = read_results(several / "results", sequences, benchmark="uav123")
    assert sorted(found.results) == ["car2", "uav5"]
    assert "not read: 2 files that belong to none of the sequences: otb_Boy.txt, otb_Car2.txt" in found.notes


def test_a_result_of_vot_that_is_codes_alone_has_no_box_to_convert(write):
    with pytest.raises(EvaluationError, match=r"a_001\.txt holds 1 boxes for the 12 frames"):
        read_results(write({"baseline/a/a_001.txt": "1\n"}), [moving()], box_format="cxcywh")


def test_results_of_other_pixels_are_noted(write):
    halved = "\n".join(",".join(f"{value:g}" for value in box) for box in moving().boxes_xywh / 2)
    found = read_results(write({"A.TXT": halved}), [moving("A")])
    assert any("check the boxes: 1 of 1 results start more than half a box away" in note for note in found.notes)


@pytest.mark.parametrize(("heading", "fits"), [("# x y w h", True), ("% x1 y1 x2 y2", False)])
def test_a_heading_may_be_a_comment(write, heading, fits):
    rows = "\n".join(" ".join(f"{value:g}" for value in box) for box in moving().boxes_xywh)
    found = read_results(write({"a.txt": f"{heading}\n{rows}"}), [moving()], box_format="xywh", bad_boxes="keep")
    assert np.array_equal(found.results["a"].boxes_xywh, moving().boxes_xywh) == fits


def test_decimal_commas_are_called_so(write):
    with pytest.raises(EvaluationError, match=r"a\.txt, line 1: '1,5;2,5;3,5;4,5' has commas for decimal points"):
        read_results(write({"a.txt": "1,5;2,5;3,5;4,5\n" * 12}), [moving()])
