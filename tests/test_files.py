from __future__ import annotations

import json
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmtrack import files
from dmtrack.errors import DataError, EvaluationError, OutputError


def test_a_failed_write_leaves_the_old_content_and_no_litter(tmp_path: Path) -> None:
    target = tmp_path / "result.txt"
    files.write_text(target, "old")
    with pytest.raises(RuntimeError), files.atomic_path(target) as path:
        path.write_text("half of the n")
        raise RuntimeError
    assert target.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["result.txt"]


def test_json_and_digest(tmp_path: Path) -> None:
    target = tmp_path / "sub" / "a.json"
    files.write_json(target, {"success": 0.5})
    assert target.read_text() == '{\n  "success": 0.5\n}\n'
    assert len(files.sha256(target)) == 64
    assert target.stat().st_mode & 0o444


def test_numbers_that_json_does_not_have_are_null(tmp_path: Path) -> None:
    files.write_json(tmp_path / "a.json", {"scores": [float("nan"), np.float64(0.25)], "low": (-math.inf, 3)})
    assert json.loads((tmp_path / "a.json").read_text()) == {"scores": [None, 0.25], "low": [None, 3]}
    assert files.json_value(math.nan) is None and type(files.json_value(np.float64(0.5))) is float


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        OutputError, match=r"^cannot write to folder .*below: a file stands where a folder is needed; ch"
    ):
        files.check_writable_folder(tmp_path / "file" / "below")


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(OutputError, match=r"No space left.*free some space"), files.atomic_path(tmp_path / "x"):
        Path("/dev/full").write_text("more than nothing")


def test_several_can_check_one_folder_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(files.check_writable_folder, [tmp_path / "reports"] * 400)) == {tmp_path / "reports"}
    assert not list((tmp_path / "reports").iterdir())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_text_is_read_whatever_editor_saved_it(encoding, line_end, tmp_path):
    path = tmp_path / "groundtruth.txt"
    path.write_bytes(line_end.join(["10,10,12,12", "Größe 11", ""]).encode(encoding))
    assert files.read_text(path, "boxes") == "10,10,12,12\nGröße 11\n"


def test_files_with_a_mark_that_were_joined(tmp_path):
    (tmp_path / "a.txt").write_bytes("1,2\n".encode("utf-8-sig") * 2)
    assert files.read_text(tmp_path / "a.txt", "boxes") == "1,2\n1,2\n"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (
            "1,2\nGröße".encode("latin-1"),
            r"a\.txt, line 2: byte 0xf6 is no UTF-8 text: expected boxes; save the file as",
        ),
        ("1,2\n".encode("utf-16-le"), r"a\.txt is no text in UTF-8 \(UTF-16\?\)"),
        (b"\xff\xfe1", r"a\.txt, line 1: byte 0x31 is no UTF-16 text"),
        (b"\x89PNG\r\n\x1a\n\0", r"a\.txt, line 1: byte 0x89 is no UTF-8 text"),
    ],
)
def test_other_encodings_are_one_sentence(content, says, tmp_path):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(DataError, match=says):
        files.read_text(tmp_path / "a.txt", "boxes")
    with pytest.raises(EvaluationError, match=says):
        files.read_text(tmp_path / "a.txt", "boxes", EvaluationError)


def test_text_that_cannot_be_opened(tmp_path):
    with pytest.raises(DataError, match=r"b\.txt is missing: expected boxes"):
        files.read_text(tmp_path / "b.txt", "boxes")
    with pytest.raises(DataError, match=r"cannot be read \(Is a directory\): expected boxes"):
        files.read_text(tmp_path, "boxes")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"a": 1,\n"b"', r"a\.json:2: no valid JSON \(.*\): expected a record"),
        ("[1]", r"a\.json holds no JSON object: expected a record"),
    ],
)
def test_what_is_no_json_object_is_one_sentence(content, says, tmp_path):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(EvaluationError, match=says):
        files.read_json(tmp_path / "a.json", "a record", EvaluationError)


@given(st.binary(max_size=60), st.sampled_from([b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\xff\xfe\0\0"]))
def test_any_bytes_are_text_or_one_sentence(content, mark):
    try:
        text = files.decode_text(mark + content, "a.txt", "boxes")
    except DataError:
        return
    assert "\r" not in text and "\ufeff" not in text
