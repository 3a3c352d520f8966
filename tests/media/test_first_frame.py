from __future__ import annotations

import numpy as np
import pytest

from dmtrack.boxes import pairwise_iou_xyxy, xywh_to_xyxy
from dmtrack.data.synthetic.sequences import SyntheticSequences
from dmtrack.media.first_frame import first_frame_picture, propose_boxes


def overlaps(proposed, box_xywh):
    return pairwise_iou_xyxy(xywh_to_xyxy(np.array([box_xywh], dtype=np.float64)), xywh_to_xyxy(proposed))[0]


@pytest.mark.parametrize("size_wh", [(64, 48), (320, 240), (1920, 1080)])
def test_a_bright_square_is_the_first_proposal_at_any_size(size_wh):
    width, height = size_wh
    frame = np.full((height, width, 3), (30, 60, 30), np.uint8)
    box = np.array([width // 4, height // 3, width // 8, width // 8])
    x, y, w, h = box.tolist()
    frame[y : y + h, x : x + w] = (220, 180, 40)
    proposed = propose_boxes(frame)
    assert overlaps(proposed, box)[0] > 0.8
    assert (proposed[:, :2] >= 0).all() and (proposed[:, :2] + proposed[:, 2:] <= size_wh).all()


def test_many_generated_targets_are_among_nine_proposals():
    sequences = SyntheticSequences(count=12, frames=2, seed=5, distractors=0)
    found = 0
    for sequence in sequences:
        proposed = propose_boxes(sequence.read_frame(0))
        assert len(proposed) <= 9
        found += len(proposed) > 0 and overlaps(proposed, sequence.boxes_xywh[0]).max() >= 0.3
    assert found >= 5


@pytest.mark.parametrize("shape", [(480, 640, 3), (2, 3, 3), (4, 900, 3)])
def test_nothing_is_proposed_where_there_is_nothing(shape):
    frame = np.full(shape, 90, np.uint8)
    assert propose_boxes(frame).shape == (0, 4)
    assert first_frame_picture(frame, []).ndim == 3


def test_lines_and_boxes_stand_at_their_pixels():
    frame = np.zeros((240, 320, 3), np.uint8)
    picture = first_frame_picture(frame, [[100, 120, 50, 40]])
    assert picture.shape == (720, 960, 3)  # three times as large, to be read
    columns = np.flatnonzero((picture[700] == 102).all(axis=1))  # 40 % white, below all labels
    assert columns.tolist() == list(range(60, 960, 60))  # every 20 pixels of the frame
    coloured = np.argwhere((picture == (230, 159, 0)).all(axis=2))
    (top, left), (bottom, right) = coloured[coloured[:, 0] > 340].min(axis=0), coloured.max(axis=0)
    assert abs(left - 300) <= 2 and abs(right - 449) <= 2 and abs(bottom - 479) <= 2 and top <= 360
    assert first_frame_picture(np.zeros((2160, 3840, 3), np.uint8), []).shape == (1080, 1920, 3)
