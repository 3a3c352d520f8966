"""Everything that is wrong with a file of results is one sentence with the file and the line."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dmtrack.errors import EvaluationError
from dmtrack.evaluation.readers import read_results

GOOD = ["10,20,30,40", "30,20,30,40", "50,20,30,40", "70,20,30,40", "90,20,30,40"]


def with_line(number, line):
    rows = list(GOOD)
    rows[number - 1] = line
    return "\n".join(rows) + "\n"


def refuse(folder, sequences, says, **options):
    with pytest.raises(EvaluationError, match=says) as caught:
        read_results(folder, sequences, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (with_line(3, "inf,20,30,40"), r"a\.txt, line 3: the box inf,20,30,40 is infinite \(1 such box in the file\)"),
        (with_line(2, "30,20,-30,40"), r"a\.txt, line 2: the box 30,20,-30,40 has a negative size"),
        (
            with_line(4, "70 20 30 40"),
            r"a\.txt, line 4: '70 20 30 40' is separated by spaces, lines before it by commas",
        ),
        (with_line(4, "70,20,30,"), r"a\.txt, line 4: '70,20,30,' has 3 numbers; expected 4 numbers"),
        (with_line(5, "90,2"), r"a\.txt, line 5: '90,2' has 2 numbers; .* seems to be cut off"),
        (with_line(2, "a,b,c,d"), r"a\.txt, line 2: 'a,b,c,d' holds something that is no number"),
        (with_line(2, ""), r"a\.txt, line 2 is empty"),
        ("", r"a\.txt is empty"),
        ("\n".join(GOOD[:4]), r"a\.txt holds 4 boxes for the 5 frames of sequence 'a'"),
        ("\n".join([*GOOD, "1,2,3,4"]), r"a\.txt holds 6 boxes for the 5 frames of sequence 'a'"),
        (b"\x89PNG\xff\xfe\x00", r"a\.txt, line 1: byte 0x89 is no UTF-8 text"),
    ],
)
def test_text(write, sequence, content, says):
    refuse(write({"a.txt": content}), [sequence("a")], says)


def test_line_ends_of_windows_and_byte_order_marks_are_no_error(write, sequence):
    content = b"\xef\xbb\xbf" + "\r\n".join(GOOD).encode()
    found = read_results(write({"a.txt": content}), [sequence("a")])
    np.testing.assert_array_equal(found.results["a"].boxes_xywh, sequence("a").boxes_xywh)


def test_nan_is_kept_as_a_miss_and_noted(write, sequence):
    found = read_results(write({"a.txt": with_line(3, "NaN,NaN,NaN,NaN").replace("70,", "nan,")}), [sequence("a")])
    assert np.isnan(found.results["a"].boxes_xywh[2:4]).all() and np.isfinite(found.results["a"].boxes_xywh[:2]).all()
    assert any("a.txt: 2 boxes with NaN, first in line 3; kept as misses" in note for note in found.notes)


def test_bad_boxes_are_left_to_the_protocol_where_asked(write, sequence):
    folder = write({"a.txt": with_line(3, "inf,20,30,40").replace("70,20,30", "70,20,-30")})
    found = read_results(folder, [sequence("a")], bad_boxes="keep")
    assert found.results["a"].boxes_xywh[3, 2] == -30 and np.isinf(found.results["a"].boxes_xywh[2, 0])
    assert sum("left to the protocol" in note for note in found.notes) == 2


def test_a_named_layout_has_its_separators(write, sequence):
    folder = write({"a.txt": "\n".join(GOOD).replace(",", " ")})
    says = r"a\.txt, line 1: numbers are separated by spaces; expected commas in the layout 'pysot'.*layout='text'"
    refuse(folder, [sequence("a")], says, layout="pysot")


def test_sequences_of_another_benchmark(write, benchmark):
    says = r"tracker has no result for any of the 4 sequences \(Basketball, .*\): what is there is called airplane-1"
    refuse(write({"airplane-1.txt": GOOD[0]}), benchmark, says)


def test_nothing_there(tmp_path, write, benchmark):
    refuse(tmp_path / "nowhere", benchmark, "nowhere does not exist; give a folder of results or a zip archive")
    refuse(write({"readme.md": "hello"}), benchmark, "tracker holds no results; expected")


def test_several_trackers_or_experiments(write, sequence):
    text = "\n".join(GOOD)
    refuse(
        write({"ECO/a.txt": text, "MEEM/a.txt": text}),
        [sequence("a")],
        r"holds results in 2 places: ECO \(flat\), MEEM \(flat\); give the folder of one tracker",
    )


def test_companions_that_do_not_fit(write, sequence):
    text = "\n".join(GOOD)
    folder = write({"a/a_001.txt": text, "a/a_score.txt": "0.5\n0.5\n"}, "scores")
    refuse(folder, [sequence("a")], r"a_score\.txt, line 3: the file has 2 values for 5 boxes")
    folder = write({"a/a_001.txt": text, "a/a_time.txt": "0.1\nx\n"}, "words")
    refuse(folder, [sequence("a")], r"a_time\.txt, line 2: 'x' holds something that is no number")
    found = read_results(write({"a/a_001.txt": text, "a/a_time.txt": "0.1\n0.1\n"}, "times"), [sequence("a")])
    assert found.results["a"].seconds is None
    assert any("a_time.txt: 2 times for 5 boxes; no speed is taken" in note for note in found.notes)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("1\n3\n", r"a_001\.txt, line 2: '3'; expected a code \(0, 1 or 2\)"),
        ("1\n1,2,3,4,5\n", r"a_001\.txt, line 2: '1,2,3,4,5'; expected a code"),
        ("1\nm1,2,3\n", r"a_001\.txt, line 2 is a mask, which is not supported"),
        ("1\ninf,2,3,4\n", r"a_001\.txt, line 2 is infinite"),
    ],
)
def test_vot(write, sequence, content, says):
    refuse(write({"baseline/a/a_001.txt": content}), [sequence("a", 2)], says)


def test_broken_zip(tmp_path, sequence):
    from zipfile import ZIP_DEFLATED, ZipFile

    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK\x03\x04 and then nothing")
    refuse(broken, [sequence("a")], r"broken\.zip is no readable zip archive")
    with ZipFile(tmp_path / "good.zip", "w", ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", "\n".join(GOOD))
    content = bytearray((tmp_path / "good.zip").read_bytes())
    content[40:50] = b"\xff" * 10
    broken.write_bytes(bytes(content))
    refuse(broken, [sequence("a")], r"broken\.zip: a\.txt is damaged")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"not a mat file at all", r"a\.mat is no readable \.mat file"),
        (b"", r"a\.mat is no readable \.mat file"),
        ("{}", r"a\.mat has no variable 'results' \(it has boxes\)"),
        ("ivtAff", r"a\.mat holds shapes of type 'ivtAff'; only 'rect' is supported"),
        ("twice", r"a\.mat holds 2 runs; expected one \(OPE\)"),
        ("columns", r"a\.mat: 'res' has 5 x 3 numbers"),
        ("inf", r"a\.mat, row 2: the box inf,2,3,4 is infinite"),
    ],
)
def test_mat(write, sequence, content, says):
    import io

    from scipy.io import savemat

    boxes = np.array([[1.0, 2, 3, 4]] * 5)
    cell = np.empty((1, 2), dtype=object)
    cell[0, 0] = cell[0, 1] = {"res": boxes, "type": "rect"}
    bad = boxes.copy()
    bad[1, 0] = np.inf
    variables = {
        "{}": {"boxes": boxes},
        "ivtAff": {"results": {"res": boxes, "type": "ivtAff"}},
        "twice": {"results": cell},
        "columns": {"results": {"res": boxes[:, :3], "type": "rect"}},
        "inf": {"results": {"res": bad, "type": "rect"}},
    }
    if isinstance(content, str):
        stream = io.BytesIO()
        savemat(stream, variables[content])
        content = stream.getvalue()
    refuse(write({"a.mat": content}), [sequence("a")], says)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('[{"res": [[1, 2, 3', r"a\.json is no complete JSON file"),
        ("[]", r"a\.json holds no list of runs"),
        ("[1]", r"a\.json holds no list of runs"),
        (json.dumps([{"fps": 3}]), r"a\.json has no field 'res' \(it has fps\)"),
        (json.dumps([{"res": [[1, 2, 3, 4], [1, 2, 3]]}]), r"a\.json, row 2: \[1, 2, 3\] are no 4 numbers"),
        (json.dumps([{"res": [[1, 2, 3, "x"]]}]), r"a\.json, row 1: "),
        (json.dumps([{"res": [[1, 2, 3, 4]], "resType": "affine"}]), r"a\.json holds shapes of type 'affine'"),
        (json.dumps([{"res": [[1, 2, -3, 4]] * 5}]), r"a\.json, row 1: the box 1,2,-3,4 has a negative size"),
    ],
)
def test_json(write, sequence, content, says):
    refuse(write({"a.json": content}), [sequence("a")], says)
