from __future__ import annotations

import json
from array import array
from pathlib import Path

import numpy as np
import pytest

from dmtrack.errors import OutputError
from dmtrack.running.box_log import BoxLog, choose_folder, latency
from dmtrack.tracking.base import TrackResult

RUN = {"source": "a/clip.mp4", "first_box_xywh": [1.0, 2.0, 3.0, 4.0], "config": "dmtrackGS_tiny", "config_hash": "x"}


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path("results", "track")


def keep(folder: Path, run: dict[str, object]) -> None:
    folder.mkdir(parents=True)
    (folder / "boxes.json").write_text(json.dumps(run))


def test_only_the_same_run_replaces_results(results: Path) -> None:
    keep(results / "clip", RUN)
    assert choose_folder(None, RUN) == results / "clip"
    for change in ({"first_box_xywh": [9.0, 2.0, 3.0, 4.0]}, {"config_hash": "y"}, {"start_frame": 5}):
        assert choose_folder(None, {**RUN, **change}) == results / "clip-2"
        assert choose_folder(None, {**RUN, **change}, overwrite=True) == results / "clip"
        with pytest.raises(OutputError, match=r"results of another run .*--overwrite"):
            choose_folder(results / "clip", {**RUN, **change})
    assert choose_folder(None, {**RUN, "source": "b/clip.mp4"}, overwrite=True) == results / "clip-2"
    assert choose_folder(results / "clip", {**RUN, "source": "b/clip.mp4"}, overwrite=True) == results / "clip"


def test_a_recording_of_a_camera_is_never_replaced(results: Path) -> None:
    keep(results / "camera_0", {"source": "camera:0"})
    assert choose_folder(None, {"source": "camera:0"}, live=True) == results / "camera_0-2"
    assert choose_folder(None, {"source": "rtsp://host:1/a b"}, live=True) == results / "host_1_a_b"


def test_rows_are_on_disk_at_once_and_json_has_no_nan(tmp_path: Path) -> None:
    log = BoxLog(tmp_path, targets=2)
    seen = TrackResult(np.array([1.0, 2, 3, 4.00049]), 0.25, True)
    log.add([seen, TrackResult(np.full(4, np.nan), 0.0, False)])
    partial = (tmp_path / "boxes.partial.csv").read_text().splitlines()
    assert partial == [
        "frame,target,x,y,w,h,score,present", "0,1,1.000,2.000,3.000,4.000,0.2500,1", "0,2,nan,nan,nan,nan,0.0000,0",
    ]  # fmt: skip
    log.finish({"source": "clip.mp4", "fps": float("nan")})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["boxes.csv", "boxes.json"]
    document = json.loads((tmp_path / "boxes.json").read_text(), parse_constant=pytest.fail)
    assert document["fps"] is None and document["columns"][1] == "target"
    assert document["boxes"] == [[0, 1, 1.0, 2.0, 3.0, 4.0, 0.25, True], [0, 2, *[None] * 4, 0.0, False]]


def test_a_folder_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot write .*boxes.partial.csv: No such file"):
        BoxLog(tmp_path / "none")


def test_latency_is_that_of_the_tracker_in_milliseconds() -> None:
    assert latency(array("f")) == {}
    assert latency(array("f", (0.01, 0.02, 0.03))) == {"mean_fps": 50.0, "latency_p50_ms": 20.0, "latency_p95_ms": 29.0}
