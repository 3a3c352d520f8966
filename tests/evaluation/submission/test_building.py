"""Packages are made of stored results, the same bytes each time, and only if the server would take them."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest

from dmtrack.errors import EvaluationError
from dmtrack.evaluation.readers import read_results
from dmtrack.evaluation.submission import RejectedError, build_submission, check_package


@pytest.fixture
def results(tmp_path, got10k_files):
    folder = tmp_path / "results" / "mine"
    for name, text in got10k_files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "manifest.json").write_text("{}")
    return folder


def test_got10k(tmp_path, results, got10k_data):
    checked = build_submission("got10k", results, tmp_path / "mine.zip", got10k_data)
    assert (checked.sequences, checked.frames, checked.problems) == (180, 540, ())
    with zipfile.ZipFile(tmp_path / "mine.zip") as archive:
        assert len(archive.namelist()) == 360
        name = "GOT-10k_Test_000003"
        assert archive.read(f"{name}/{name}_001.txt").decode().splitlines()[0] == "3.000,20.000,30.000,40.000"
        assert archive.read(f"{name}/{name}_time.txt").decode().splitlines()[1] == "0.10000000"
    build_submission("got10k", results, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == (tmp_path / "mine.zip").read_bytes()
    assert check_package(tmp_path / "mine.zip", data=got10k_data).problems == ()


def test_the_package_reads_back_as_results(tmp_path, results, got10k_data):
    from dmtrack.data.sources import GOT10k

    build_submission("got10k", results, tmp_path / "mine.zip")
    found = read_results(tmp_path / "mine.zip", GOT10k(got10k_data, "test"))
    assert found.layout == "got10k" and len(found.results) == 180 and found.name == "mine"
    np.testing.assert_array_equal(found.results["GOT-10k_Test_000180"].boxes_xywh[0], [180, 20, 30, 40])


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda path: path.unlink(), "GOT-10k_Test_000009_001.txt: missing; expected boxes of all 180"),
        (lambda path: path.write_text("1,2,3,4\nnan,nan,nan,nan\n1,2,3,4\n"), "line 2: .* holds NaN"),
        (lambda path: path.write_text("1,2,x,4\n"), "001.txt:1: expected 4 numbers separated by commas"),
    ],
)
def test_nothing_is_written_that_would_be_rejected(tmp_path, results, spoil, says):
    spoil(results / "GOT-10k_Test_000009" / "GOT-10k_Test_000009_001.txt")
    with pytest.raises(EvaluationError, match=says):
        build_submission("got10k", results, tmp_path / "mine.zip")
    assert not list(tmp_path.glob("*mine*.zip"))


def test_times_are_needed(tmp_path, results):
    (results / "GOT-10k_Test_000009" / "GOT-10k_Test_000009_time.txt").unlink()
    with pytest.raises(RejectedError, match=r"1 problem, first: .*_time\.txt: missing") as caught:
        build_submission("got10k", results, tmp_path / "mine.zip")
    assert len(caught.value.checked.rejected) == 1


def test_results_of_another_tool_need_the_data_set(tmp_path, got10k_files, got10k_data):
    folder = tmp_path / "pytracking"
    folder.mkdir()
    for name, text in got10k_files.items():
        file = name.rpartition("/")[2].replace("_001", "")
        (folder / file).write_text(text.replace(",", "\t"))
    with pytest.raises(EvaluationError, match="or with --data ROOT one of another tool"):
        build_submission("got10k", folder, tmp_path / "mine.zip")
    assert build_submission("got10k", folder, tmp_path / "mine.zip", got10k_data).sequences == 180


def test_all_lengths_that_do_not_fit_are_named_and_align_makes_them_fit(tmp_path, got10k_files, got10k_data):
    folder = tmp_path / "pytracking"
    folder.mkdir()
    for name, text in got10k_files.items():
        boxes = text if "_time" in name else text.partition("\n")[2]
        (folder / name.rpartition("/")[2].replace("_001", "")).write_text(boxes)
    with pytest.raises(EvaluationError, match=r"180 of 180 .*--align GOT-10k_Test_000180="):
        build_submission("got10k", folder, tmp_path / "mine.zip", got10k_data)
    with pytest.raises(RejectedError) as caught:  # the boxes fit now; nobody knows the seconds of the first frames
        build_submission("got10k", folder, tmp_path / "mine.zip", got10k_data, "add-first")
    assert caught.value.checked.frames == 540
    assert all("_time.txt" in problem.file for problem in caught.value.checked.rejected)


def test_trackingnet(tmp_path, trackingnet_files):
    folder = tmp_path / "results"
    for name, text in trackingnet_files.items():
        sequence = name.removesuffix(".txt")
        (folder / sequence).mkdir(parents=True)
        (folder / sequence / f"{sequence}_001.txt").write_text(text)
    checked = build_submission("trackingnet", folder, tmp_path / "mine.zip")
    assert (checked.sequences, checked.frames) == (511, 1533)
    with zipfile.ZipFile(tmp_path / "mine.zip") as archive:
        assert archive.namelist() == sorted(trackingnet_files)
    for path in (folder / "00000000003_0").iterdir():
        path.unlink()
    with pytest.raises(RejectedError, match=r"510 files <sequence>\.txt"):
        build_submission("trackingnet", folder, tmp_path / "mine.zip")


def test_unknown_benchmarks_are_refused(tmp_path, results):
    with pytest.raises(EvaluationError, match="no submission to 'got10' is known; did you mean 'got10k'"):
        build_submission("got10", results, tmp_path / "mine.zip")
