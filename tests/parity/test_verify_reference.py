"""`tools/verify_reference.py`: what passes, what fails, what is refused."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dmtrack.errors import DataError
from dmtrack.models.global_search.decode import ClassDetections
from parity.command import verify
from parity.detections import match_detections, padded_list_error
from parity.golden import GoldenFile

SCRIPT = Path(__file__).parents[2] / "tools" / "verify_reference.py"


@pytest.fixture
def golden_folder(shared_folder):
    return shared_folder / "golden" / "dmtrack" / "dev"


def copy(golden_folder, target, *names):
    for name in names:
        shutil.copy(golden_folder / name, target / name)
        (target / name).chmod(0o644)


def test_quick_files_pass_and_the_report_is_written(golden_folder, tmp_path, capsys):
    names = [path.name for path in golden_folder.glob("*.npz") if not path.name.startswith(("inf_", "train_"))]
    copy(golden_folder, tmp_path, *names)
    assert verify(["dmtrack_gs", str(tmp_path), "--json", str(tmp_path / "report.json")]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["counts"]["FAIL"] == 0
    assert report["counts"]["pass"] > 90
    assert {row["file"] for row in report["checks"]} == set(names)
    printed = capsys.readouterr().out
    assert "postproc_21.npz" in printed
    assert "tolerance" in printed


def test_a_whole_inference_passes(golden_folder, tmp_path):
    copy(golden_folder, tmp_path, "inf_c_640x360.npz")
    assert verify(["dmtrack_gs", str(tmp_path), "--only-failures"]) == 0


@pytest.mark.parametrize("change", ["value", "extra", "shape"])
def test_a_file_that_differs_fails(golden_folder, tmp_path, change, capsys):
    with np.load(golden_folder / "targets_34.npz") as stored:
        arrays = dict(stored)
    if change == "value":
        arrays["losses"] = arrays["losses"] * 1.01
    elif change == "shape":
        arrays["pos_idx1"] = arrays["pos_idx1"][:-1]
    else:
        arrays["something_new"] = np.zeros(3)
    np.savez(tmp_path / "targets_34.npz", **arrays)
    assert verify(["dmtrack_gs", str(tmp_path)]) == 1
    assert "FAIL" in capsys.readouterr().out


def test_nothing_to_check_and_unknown_files_are_refused(tmp_path):
    with pytest.raises(DataError, match="holds no"):
        verify(["dmtrack_gs", str(tmp_path)])
    with pytest.raises(DataError, match="is no folder"):
        verify(["dmtrack_gs", str(tmp_path / "nowhere")])
    np.savez(tmp_path / "surprise_1.npz", a=np.zeros(1))
    with pytest.raises(DataError, match=r"surprise_1.npz.*no check knows"):
        verify(["dmtrack_gs", str(tmp_path)])


def test_the_script_exits_with_2_and_one_sentence(tmp_path):
    (tmp_path / "ops.npz").write_bytes(b"PK\x03\x04 cut off")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "dmtrack_gs", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_what_is_no_npz_file_is_named(tmp_path):
    (tmp_path / "ops.npz").write_bytes(b"this is no archive" * 100)
    with pytest.raises(DataError, match=r"ops.npz is truncated or no .npz file"):
        verify(["dmtrack_gs", str(tmp_path)])


def test_a_missing_input_names_the_array(tmp_path):
    np.savez(tmp_path / "postproc_9.npz", seed=1)
    with pytest.raises(DataError, match=r"postproc_9.npz holds no array 'sizes'"):
        verify(["dmtrack_gs", str(tmp_path)])


def test_swapped_neighbours_match_but_other_classes_do_not():
    rows = np.array([[0, 0, 10, 10, 0.5], [5, 5, 20, 20, 0.5 - 1e-7], [1, 1, 2, 2, 0.1]])
    labels = np.array([1, 1, 0])
    assert match_detections(rows[[1, 0, 2]], labels, rows, labels)[0] == 0
    assert match_detections(rows, np.array([0, 1, 1]), rows, labels)[0] > 10
    assert match_detections(rows, np.array([0, 0, 1]), rows, labels)[0] == float("inf")
    assert match_detections(rows[:2], labels[:2], rows, labels)[0] == float("inf")
    assert match_detections(rows + 0.5, labels, rows, labels)[0] == pytest.approx(0.5)


def test_short_lists_are_filled_with_their_last_box():
    import torch

    found = ClassDetections(
        torch.tensor([[0.0, 0, 1, 1], [0, 0, 2, 2]]), torch.tensor([0.9, 0.8]), torch.tensor([1, 1])
    )
    assert padded_list_error(found, np.array([[0, 0, 1, 1], [0, 0, 2, 2], [0, 0, 2, 2]])) == 0
    assert padded_list_error(found, np.array([[0, 0, 1, 1], [0, 0, 1, 1]])) == 1


def test_every_array_must_be_looked_at(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.arange(3.0), b=np.zeros(2))
    golden = GoldenFile(tmp_path / "x.npz")
    golden.close("a", [0, 1, 2.5], 0.6)
    first, second = golden.finish()
    assert first.passed
    assert first.error == 0.5
    assert not second.passed
