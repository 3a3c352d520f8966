"""Bad files of multi-object tracking: one sentence and exit code 2, or the right handling, and nothing half-written."""

import json
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from dmtrack.cli.main import main
from dmtrack.media.images import write_image

GOOD = "".join(f"{frame},{one},{20 * one},10,12,30,1,1,1\n" for one in (2, 1) for frame in (1, 2, 3))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A sequence of three frames in the layout of MOTChallenge; its rows are not in order."""
    monkeypatch.chdir(tmp_path)
    for frame in (1, 2, 3):
        write_image(tmp_path / "set/seq/img1" / f"{frame:06d}.png", np.zeros((60, 120, 3), np.uint8))
    (tmp_path / "set/seq/gt").mkdir()
    (tmp_path / "set/seq/gt/gt.txt").write_text(GOOD)
    (tmp_path / "set/seq/seqinfo.ini").write_text("[Sequence]\nseqLength=3\nimWidth=120\nimHeight=60\n")
    (tmp_path / "result.txt").write_text(GOOD)
    return tmp_path


def run(capsys, *arguments):
    """Exit code, what was printed, and the one line of the error."""
    sys.argv = ["dmtrack", *arguments]
    with pytest.raises(SystemExit) as caught:
        main()
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert "Traceback" not in out + err and len(lines) <= 1
    return caught.value.code or 0, out, lines[0] if lines else ""


@pytest.mark.parametrize(
    ("det", "says"),
    [
        ("1,-1,1,1,5,5\n", "det.txt, line 1: '1,-1,1,1,5,5' has 6 numbers; expected 7 or 10"),
        ("1,-1,1,1,5,5,0.9\n2,-1,nan,1,5,5,0.9\n", "det.txt, line 2 holds something that is no finite number"),
        ("0,-1,1,1,5,5,0.9\n", "det.txt, line 1 begins with no frame number"),
        ("9,-1,1,1,5,5,0.9\n", "detections of 9 frames, but set/seq has 3"),
        ("1,-1,1,1,0,5,0.9\n", "det.txt, line 1 has a box without area"),
    ],
)
def test_bad_detections_leave_nothing(folder, capsys, det, says):
    (folder / "det.txt").write_text(det)
    code, _, line = run(capsys, "mot", "track", "set/seq", "--detections", "det.txt", "--no-video")
    assert code == 2 and says in line
    assert not [path for path in folder.glob("results/**/*") if path.is_file()]


def test_a_policy_that_refuses_the_first_frame_leaves_nothing(folder, capsys):
    (folder / "det.txt").write_text("1,-1,1,1,5,5,0.9\n")
    code, _, line = run(capsys, "mot", "track", "set/seq", "--detections", "det.txt", "--no-video", "--policy", "JDE")
    assert code == 2 and "no embeddings" in line
    assert not (folder / "results/mot/seq").exists()


@pytest.mark.parametrize(
    ("det", "frames"), [("", []), ("3,-1,1,1,50,50,0.9\n1,-1,1,1,50,50,0.9\n", [1, 3])], ids=["none", "empty frame"]
)
def test_frames_without_detections_are_frames(folder, capsys, det, frames):
    (folder / "det.txt").write_text(det)
    code, _, _ = run(capsys, "mot", "track", "set/seq", "--detections", "det.txt", "--no-video")
    rows = (folder / "results/mot/seq/tracks.txt").read_text().splitlines()
    assert code == 0 and [int(row.split(",")[0]) for row in rows] == frames
    assert json.loads((folder / "results/mot/seq/tracks.json").read_text())["frames"] == 3


BAD_ROWS = [
    ("1,8,1,1\n", "gt.txt", "numbers"),
    ("1,8,nan,1,5,5,1,1,1\n", "gt.txt", "finite"),
    ("1,8,1,1,5,-5,1,1,1\n", "gt.txt", "negative width or height"),
    ("1.5,8,1,1,5,5,1,1,1\n", "gt.txt", "whole number"),
    ("1,1e30,1,1,5,5,1,1,1\n", "gt.txt", "whole number"),
    ("0,8,1,1,5,5,1,1,1\n", "gt.txt", "frame"),
    ("9,8,1,1,5,5,1,1,1\n", "gt.txt", "frame"),
    ("2,1,1,1,5,5,1,1,1\n", "gt.txt", "identity"),
]


@pytest.mark.parametrize(("row", "names", "says"), BAD_ROWS)
@pytest.mark.parametrize("command", ["eval", "convert", "check"])
def test_bad_truth(folder, capsys, command, row, names, says):
    if command == "eval":
        pytest.importorskip("trackeval")
    (folder / "set/seq/gt/gt.txt").write_text(GOOD + row)
    arguments = {
        "eval": ("mot", "eval", "set", "result.txt"),
        "convert": ("data", "convert", "mot17", "set", "out"),
        "check": ("data", "check", "mot17", "set"),
    }[command]
    code, out, line = run(capsys, *arguments)
    said = out if command == "check" else line
    assert code == 2 and names in said and says in said
    assert not (folder / "out/mot17").exists() and not (folder / "out/mot17.json").exists()


@pytest.mark.parametrize(
    ("rows", "says"), [(row.removesuffix(",1,1\n") + "\n", says) for row, _, says in BAD_ROWS if "-5" not in row]
)
def test_bad_results(folder, capsys, rows, says):
    pytest.importorskip("trackeval")
    (folder / "result.txt").write_text(GOOD.replace(",1,1\n", "\n") + rows)
    code, _, line = run(capsys, "mot", "eval", "set", "result.txt")
    assert code == 2 and says in line


def test_rows_in_any_order_and_an_empty_result_are_scored(folder, capsys):
    pytest.importorskip("trackeval")
    code, out, _ = run(capsys, "mot", "eval", "set", "result.txt", "--json", "s.json")
    assert code == 0 and "100.0" in out
    (folder / "result.txt").write_text("")
    assert run(capsys, "mot", "eval", "set", "result.txt")[0] == 0


def test_a_missing_seqinfo_is_named(folder, capsys):
    (folder / "set/seq/seqinfo.ini").unlink()
    for arguments in (("data", "convert", "mot17", "set", "out"), ("data", "check", "mot17", "set")):
        code, out, line = run(capsys, *arguments)
        assert code == 2 and "seqinfo.ini" in out + line and "is missing" in out + line


def test_a_missing_list_file_is_named(folder, capsys):
    (folder / "d.json").write_text(json.dumps({"root": ".", "train": {"a": "a.txt"}}))
    for arguments in (("data", "convert", "fairmot", "d.json", "out"), ("data", "check", "fairmot", "d.json")):
        code, _, line = run(capsys, *arguments)
        assert code == 2 and "list a.txt is missing" in line


class DetectionModel(torch.nn.Module):
    """Stands for Ultralytics' class of that name."""


def test_pickled_modules_of_yolov5_are_refused(folder, capsys, monkeypatch):
    module = type(sys)("models.yolo")
    module.DetectionModel = DetectionModel
    monkeypatch.setitem(sys.modules, "models", type(sys)("models"))
    monkeypatch.setitem(sys.modules, "models.yolo", module)
    monkeypatch.setattr(DetectionModel, "__module__", "models.yolo")
    torch.save({"epoch": 1, "model": DetectionModel()}, folder / "yolov5s.pt", pickle_module=pickle)
    config = str(Path(__file__).parents[2] / "configs/fairmot/all_yolov5s.py")
    code, _, line = run(capsys, "weights", "import", "yolov5s.pt", "--from", "fairmot", "--config", config)
    assert code == 2 and "models.yolo.DetectionModel" in line and "state_dict" in line
