from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dmtrack.errors import EvaluationError
from dmtrack.evaluation.readers.mot import read_mot_detections


def test_frames_are_sorted_and_pixels_counted_from_0(tmp_path: Path) -> None:
    path = tmp_path / "det.txt"
    path.write_text("3,-1,1,1,10,20,0.5\n3,-1,2,3,4,5,9\n")
    frames = read_mot_detections(path, frames=4)
    assert [len(frame) for frame in frames] == [0, 0, 2, 0]
    np.testing.assert_array_equal(frames[2].boxes_xywh, [[1, 2, 4, 5], [0, 0, 10, 20]])
    np.testing.assert_array_equal(frames[2].boxes_xyxy, [[1, 2, 5, 7], [0, 0, 10, 20]])
    assert frames[2].scores.tolist() == [9.0, 0.5] and len(read_mot_detections(path)) == 3


def test_ten_columns_are_read_too(tmp_path: Path) -> None:
    path = tmp_path / "det.txt"
    path.write_text("1,-1,11,21,4,5,0.25,-1,-1,-1\n")
    (frame,) = read_mot_detections(path)
    assert frame.boxes_xywh.tolist() == [[10, 20, 4, 5]]


def test_an_empty_file_has_no_detections(tmp_path: Path) -> None:
    (tmp_path / "det.txt").write_text("")
    assert read_mot_detections(tmp_path / "det.txt") == []
    assert [len(frame) for frame in read_mot_detections(tmp_path / "det.txt", frames=2)] == [0, 0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,-1,1,1,5,5,0.5\n0,-1,1,1,5,5,0.5\n", "line 2 begins with no frame number"),
        ("1e18,-1,1,1,5,5,0.5\n", "line 1 begins with no frame number; expected whole numbers from 1 to 10,000,000"),
        ("1.5,-1,1,1,5,5,0.5\n", "line 1 begins with no frame number"),
        ("1,-1,1,1,0,5,0.5\n", "line 1 has a box without area"),
        ("1,-1,nan,1,5,5,0.5\n", "line 1 holds something that is no finite number"),
        ("1,-1,1,1,5,5,high\n", "line 1: .* holds something that is no number; expected 7 or 10 numbers"),
        ("1,-1,1,1,5,5\n", "line 1: .* has 6 numbers; expected 7 or 10 numbers"),
        ("9,-1,1,1,5,5,0.5\n", "has detections in frame 9 of a sequence of 8"),
    ],
)
def test_what_is_no_det_txt_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "det.txt"
    path.write_text(text)
    with pytest.raises(EvaluationError, match=message):
        read_mot_detections(path, frames=8)
    with pytest.raises(EvaluationError, match="is missing"):
        read_mot_detections(tmp_path / "nothing.txt")
