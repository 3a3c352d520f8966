from __future__ import annotations

import json
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from dmtrack import files
from dmtrack.errors import OutputError


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
