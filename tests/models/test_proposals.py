from __future__ import annotations

import torch

from dmtrack.models.global_search.proposals import propose, vote_boxes


def test_overlapping_boxes_vote_by_their_scores() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10], [2.0, 0, 12, 10], [50.0, 50, 60, 60], [7.0, 7, 7, 7]])
    scores = torch.tensor([0.75, 0.25, 0.2, 0.1])
    voted = vote_boxes(boxes, scores, torch.tensor([0, 2, 3]), 0.5)
    torch.testing.assert_close(voted, torch.tensor([[0.5, 0, 10.5, 10], [50.0, 50, 60, 60], [7.0, 7, 7, 7]]))


def test_every_target_gets_the_same_number_of_boxes() -> None:
    far_apart = torch.tensor([[0.0, 0, 10, 10], [20.0, 0, 30, 10], [40.0, 0, 60, 10]])
    one_place = torch.tensor([[0.0, 0, 10, 10], [0.0, 1, 10, 11], [1.0, 0, 11, 10]])
    scores = torch.tensor([[0.2, 0.9, 0.5], [0.5, 0.4, 0.3]])
    proposals = propose(torch.stack([far_apart, one_place]), scores, (8, 50), 2, 0.5, 0.5)
    assert proposals.valid.tolist() == [[True, True], [True, False]]
    torch.testing.assert_close(proposals.scores, torch.tensor([[0.9, 0.5], [0.5, 0.5]]))
    torch.testing.assert_close(proposals.boxes_xyxy[0], torch.tensor([[20.0, 0, 30, 8], [40, 0, 50, 8]]))
    torch.testing.assert_close(proposals.boxes_xyxy[1, 1], proposals.boxes_xyxy[1, 0])


def test_no_target_has_no_boxes() -> None:
    proposals = propose(torch.zeros(0, 5, 4), torch.zeros(0, 5), (8, 8), 3, 0.5, 0.5)
    assert proposals.boxes_xyxy.shape == (0, 3, 4)
