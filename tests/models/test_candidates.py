from __future__ import annotations

import pytest
import torch
from torchvision.ops import roi_align

from dmtrack.data.batches import Batch
from dmtrack.errors import ConfigError
from dmtrack.models.backbones.residual_trunk import ResidualTrunk
from dmtrack.models.fast.blocks import sample_cells
from dmtrack.models.fast.inference_copy import inference_copy
from dmtrack.models.global_search.candidates import CandidateHead, Proposals, propose, vote_boxes
from dmtrack.models.global_search.tiny import DMTrackGSTiny
from dmtrack.models.global_search.tiny_head import TinyHead, candidate_losses
from dmtrack.models.necks import SingleMapFusion


def small_model() -> DMTrackGSTiny:
    torch.manual_seed(0)
    return DMTrackGSTiny(
        ResidualTrunk((8, 16, 16, 16, 16), (1, 1, 1, 1)),
        SingleMapFusion((16, 16, 16, 16), 16),
        TinyHead(16, 4, 16),
        CandidateHead((16, 16), (4, 8), channels=8, hidden=16),
        scale=(128, 96),
    )


def look_alikes(seed: int) -> Batch:
    """Two squares of one size and different colour in each image; the target is the first, and they change places."""
    generator = torch.Generator().manual_seed(seed)
    images = 0.1 * torch.randn(2, 1, 3, 96, 128, generator=generator)
    colours = torch.tensor([[2.0, -1, 0], [-1, 0, 2]])
    query = torch.tensor([[10.0, 20, 42, 52], [80, 40, 112, 72]])
    search = torch.tensor([[84.0, 36, 116, 68], [12, 30, 44, 62]])
    for image, boxes in zip(images[:, 0], (query, search), strict=True):
        for (left, top, right, bottom), colour in zip(boxes.int().tolist(), colours, strict=True):
            image[:, top:bottom, left:right] += colour[:, None, None]
    size = torch.tensor([[96, 128]])
    return Batch.pair(images[0], images[1], query, search, torch.tensor([0, 0]), size, size)


def test_the_second_look_learns_to_tell_two_look_alikes_apart() -> None:
    model = small_model()
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    for step in range(80):
        losses = model(look_alikes(step))
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
    model.eval()
    batch = look_alikes(1000)
    both = Proposals(batch.search.boxes_xyxy.expand(2, 2, 4), torch.full((2, 2), 0.5), torch.ones(2, 2, dtype=bool))
    with torch.no_grad():
        templates = model.encode_templates(
            model.extract(batch.query.images), batch.query.boxes_xyxy, batch.query.clip_index
        )
        logits = model.second_look(model.extract(batch.search.images), templates, batch.query.clip_index, both)
    assert logits[0, 0] > logits[0, 1] + 2
    assert logits[1, 1] > logits[1, 0] + 2


def test_the_inference_copy_finds_the_same() -> None:
    model = small_model()
    for step in range(4):  # so that batch statistics are not those of a fresh network
        model(look_alikes(step))
    model.eval()
    batch = look_alikes(7)
    found = []
    for one in (model, inference_copy(model).model):
        with torch.inference_mode():
            templates = one.encode_templates(
                one.extract(batch.query.images), batch.query.boxes_xyxy, batch.query.clip_index
            )
            outputs = one.search(one.extract(batch.search.images), templates, batch.query.clip_index)
            found.append(one.decode(outputs, (90, 128), 0.5))
    for slow, fast in zip(*found, strict=True):
        torch.testing.assert_close(fast.scores, slow.scores, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(fast.boxes_xyxy, slow.boxes_xyxy, atol=1e-2, rtol=1e-4)
        assert (slow.scores.diff() <= 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_cutting_by_table_look_up_is_roi_align(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(3)
    level = torch.randn(2, 5, 12, 16, generator=generator).to(dtype).contiguous(memory_format=torch.channels_last)
    corners = torch.rand(40, 2, generator=generator) * 220 - 60
    sizes = torch.rand(40, 2, generator=generator) * 120
    rois = torch.cat([torch.arange(40)[:, None] % 2.0, corners, corners + sizes], dim=1)
    fine = torch.randn(2, 3, 24, 33, generator=generator).to(dtype).contiguous(memory_format=torch.channels_last)
    tolerance = 1e-5 if dtype == torch.float32 else 0.03
    for found, one, stride in zip(sample_cells([fine, level], rois, 7, [4, 8]), (fine, level), (4, 8), strict=True):
        wanted = roi_align(one.float(), rois, 7, 1 / stride, sampling_ratio=1, aligned=True)
        torch.testing.assert_close(found.float(), wanted, atol=tolerance, rtol=tolerance)


def test_losses_of_known_logits() -> None:
    boxes = torch.tensor([[[0.0, 0, 10, 10], [0, 0, 10, 4.5], [40, 40, 50, 50]]]).expand(2, 3, 4)
    proposals = Proposals(boxes, torch.full((2, 3), 0.5), torch.ones(2, 3, dtype=torch.bool))
    # The first target is where the first box is, the second is absent.
    losses = candidate_losses(torch.zeros(2, 3), proposals, torch.tensor([[0.0, 0, 10, 10]]))
    # IoU .45 teaches nothing in the first row; the other five cost log 2 each.
    assert float(losses["loss_candidate"]) == pytest.approx(5 * 0.693147 / 2 / 3, rel=1e-5)
    assert float(losses["loss_choice"]) == pytest.approx(1.098612 / 2, rel=1e-5)
    nothing = candidate_losses(
        torch.zeros(0, 3), Proposals(*(value[:0] for value in vars(proposals).values())), boxes[0][:0]
    )
    assert sum(float(value) for value in nothing.values()) == 0.0


def test_a_head_of_another_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match="candidate_head must be a CandidateHead, got Linear"):
        DMTrackGSTiny(
            ResidualTrunk((8, 16, 16, 16, 16), (1, 1, 1, 1)),
            SingleMapFusion((16, 16, 16, 16), 16),
            TinyHead(16, 4, 16),
            torch.nn.Linear(2, 2),
        )


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
