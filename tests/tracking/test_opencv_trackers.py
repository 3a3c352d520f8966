from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from dmtrack.errors import BoxError, ConfigError, DMTrackError
from dmtrack.tracking import opencv_trackers
from dmtrack.tracking.opencv_trackers import MIL, Vit, available


def moving_square(index: int) -> np.ndarray:
    frame = np.full((120, 160, 3), 60, np.uint8)
    frame[::7] = 90
    frame[40 + index : 64 + index, 30 + 2 * index : 54 + 2 * index] = (220, 40, 30)
    frame[48 + index : 56 + index, 38 + 2 * index : 46 + 2 * index] = (20, 40, 230)
    return frame


@pytest.mark.skipif("MIL" not in available(), reason="this OpenCV has no MIL")
def test_mil_follows_a_moving_square():
    tracker = MIL()
    tracker.init(moving_square(0), (30, 40, 24, 24))
    for index in range(1, 9):
        result = tracker.step(moving_square(index))
        assert result.present and result.score == 1.0
        assert np.abs(result.box_xywh - (30 + 2 * index, 40 + index, 24, 24)).max() <= 8
    assert tracker.name == "OpenCV MIL" and not tracker.is_deterministic


@pytest.mark.skipif("MIL" not in available(), reason="this OpenCV has no MIL")
def test_bad_use_is_one_sentence():
    tracker = MIL()
    with pytest.raises(DMTrackError, match="no target yet"):
        tracker.step(moving_square(0))
    with pytest.raises(BoxError, match="outside the first frame"):
        tracker.init(moving_square(0), (500, 500, 5, 5))
    with pytest.raises(DMTrackError, match="a frame of 6x90 pixels"):
        tracker.init(np.zeros((90, 6, 3), np.uint8), (0, 0, 6, 20))


@pytest.mark.skipif("MIL" not in available(), reason="this OpenCV has no MIL")
@pytest.mark.parametrize(
    "box", [(158.4, 118.4, 30, 30), (-0.5, -0.5, 1.2, 1.2), (50, 50, 1, 1), (50, 50, 4, 4), (50, 50, 2, 30)]
)
def test_tiny_targets_are_tracked_and_stay_tiny(box):
    # OpenCV's MIL itself would never return from these.
    tracker = MIL()
    tracker.init(moving_square(0), box)
    found = tracker.step(moving_square(1)).box_xywh
    assert found[2] <= max(box[2], 2) and found[3] <= max(box[3], 2)


def test_what_opencv_lacks_is_said_with_what_it_has(monkeypatch):
    monkeypatch.delattr(cv2, "TrackerMIL_create", raising=False)
    monkeypatch.delattr(cv2, "TrackerMIL", raising=False)
    with pytest.raises(ConfigError, match=r"this OpenCV \(.+\) has no tracker MIL; it has "):
        MIL()


class FakeTracker:
    def __init__(self, parameters: SimpleNamespace) -> None:
        self.parameters, self.frames = parameters, 0

    def init(self, frame: np.ndarray, box: tuple[int, ...]) -> None:
        self.first = (frame[0, 0].tolist(), box)

    def update(self, frame: np.ndarray) -> tuple[bool, tuple[int, ...]]:
        self.frames += 1
        return self.frames == 1, (1, 2, 3, 4)

    def getTrackingScore(self) -> float:  # noqa: N802
        return 1.25


def test_network_files_are_found_and_their_absence_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(cv2, "TrackerVit_create", FakeTracker, raising=False)
    monkeypatch.setattr(cv2, "TrackerVit_Params", SimpleNamespace, raising=False)
    monkeypatch.delenv(opencv_trackers.MODELS_VARIABLE, raising=False)
    with pytest.raises(ConfigError, match=r"needs vitTracker.onnx; put them in a folder and name it"):
        Vit()
    with pytest.raises(ConfigError, match=r"no vitTracker.onnx or object_tracking_vittrack_2023sep.onnx in"):
        Vit(tmp_path)
    file = tmp_path / "object_tracking_vittrack_2023sep.onnx"
    file.write_bytes(b"weights")
    monkeypatch.setenv(opencv_trackers.MODELS_VARIABLE, str(tmp_path))
    tracker = Vit()
    frame = np.zeros((15, 20, 3), np.uint8)
    frame[..., 0] = 200  # red
    tracker.init(frame, (2.4, 3.6, 9, 8))
    assert tracker._tracker.parameters.net == str(file)
    assert tracker._tracker.first == ([0, 0, 200], (2, 4, 9, 8))
    first, lost = tracker.step(frame), tracker.step(frame)
    assert first.present and first.score == 1.0 and first.box_xywh.tolist() == [1, 2, 3, 4]
    assert not lost.present and lost.box_xywh.tolist() == [1, 2, 3, 4]


@pytest.mark.skipif("Vit" not in available(), reason="this OpenCV has no Vit")
def test_a_broken_network_file_is_one_sentence(tmp_path):
    (tmp_path / "vitTracker.onnx").write_bytes(b"no network")
    with pytest.raises(ConfigError, match=r"OpenCV cannot use .*vitTracker.onnx"):
        Vit(tmp_path)
