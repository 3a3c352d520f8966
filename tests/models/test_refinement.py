from __future__ import annotations

import pytest
import torch

from dmtrack.errors import ConfigError
from dmtrack.models.backbones.residual_trunk import ResidualTrunk
from dmtrack.models.fast.inference_copy import inference_copy
from dmtrack.models.global_search.candidates import CandidateHead, Proposals, RefinementHead
from dmtrack.models.global_search.losses import paired_iou
from dmtrack.models.global_search.refinement import boxes_to_refine, moved, refinement_loss
from dmtrack.models.global_search.tiny import DMTrackGSTiny
from dmtrack.models.global_search.tiny_head import TinyHead
from dmtrack.models.necks import SingleMapFusion
from tests.support.small_reid import look_alikes, no_instances


def small_model(train_mode: str = "all", candidates: bool = True, refinement: bool = True) -> DMTrackGSTiny:
    torch.manual_seed(0)
    return DMTrackGSTiny(
        ResidualTrunk((8, 16, 16, 16, 16), (1, 1, 1, 1)),
        SingleMapFusion((16, 16, 16, 16), 16),
        TinyHead(16, 4, 16),
        CandidateHead((16, 16), (4, 8), channels=8, hidden=16) if candidates else None,
        RefinementHead((16, 16), (4, 8), channels=16, hidden=32) if refinement else None,
        train_mode,  # type: ignore[arg-type]
        scale=(128, 96),
    )


def test_borders_move_by_shares_of_the_size_and_never_change_places() -> None:
    box = torch.tensor([10.0, 20, 30, 60])
    assert moved(box, torch.tensor([0.1, -0.25, 0.5, 0.0])).tolist() == [12, 10, 40, 60]
    assert moved(box, torch.tensor([1.5, 0.0, 0.0, 0.0])).tolist() == [30, 20, 40, 60]


def test_it_learns_from_what_overlaps_the_target() -> None:
    true = torch.tensor([[10.0, 10, 30, 30], [50, 50, 70, 90]])
    dense = torch.cat([true.repeat_interleave(6, 0), torch.zeros(12, 4)]).expand(3, 24, 4).clone()
    proposals = Proposals(dense[:, 11:13], torch.full((3, 2), 0.5), torch.tensor([[True, True]] * 2 + [[True, False]]))
    boxes = boxes_to_refine(dense, torch.rand(3, 24), proposals, true)
    overlaps = paired_iou(boxes.boxes_xyxy, true[:, None])
    assert boxes.boxes_xyxy.shape == (2, 2 + 8 + 6, 4)  # the third target is absent
    # Six of the eight boxes of single locations overlap their target, and these alone are of use.
    assert boxes.valid[:, 2:10].sum(1).tolist() == [6, 6]
    assert (overlaps[:, 2:10][boxes.valid[:, 2:10]] == 1).all()
    assert (overlaps[:, -6:].mean(0).diff() < 0).sum() >= 3  # further and further beside


def test_its_loss_is_that_of_the_boxes_near_the_target() -> None:
    true = torch.tensor([[0.0, 0, 10, 10]])
    found = torch.tensor([[[0.0, 0, 10, 5], [0, 0, 10, 1], [0, 0, 10, 10]]])
    boxes = Proposals(found, torch.ones(1, 3), torch.tensor([[True, True, False]]))
    # Generalised IoU of the first is .5; the second overlaps too little and the third is no box.
    assert float(refinement_loss(found, boxes, true)) == pytest.approx(2 * 0.5, rel=1e-5)
    nothing = Proposals(found[:0], torch.ones(0, 3), torch.ones(0, 3, dtype=torch.bool))
    assert float(refinement_loss(found[:0], nothing, true[:0])) == 0.0


def test_it_learns_where_the_object_ends_and_everything_else_stays() -> None:
    trained = small_model()
    optimizer = torch.optim.AdamW(trained.parameters(), 3e-3)
    for step in range(25):
        optimizer.zero_grad()
        sum(trained(look_alikes(step)).values()).backward()
        optimizer.step()
    model = small_model("refinement").train()
    model.load_state_dict(trained.state_dict())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], 5e-3)
    for step in range(60):
        losses = model(look_alikes(step))
        assert list(losses) == ["loss_refinement"]
        optimizer.zero_grad()
        losses["loss_refinement"].backward()
        optimizer.step()
    after = model.state_dict()
    changed = {name.split(".")[0] for name, value in before.items() if not torch.equal(value, after[name])}
    assert changed == {"refinement_head"}
    model.eval()
    batch = look_alikes(1000)
    index, true = batch.query.clip_index, batch.search.boxes_xyxy
    beside = torch.stack([moved(true, torch.tensor(by)) for by in ([0.25, 0, 0.25, 0], [0, 0.3, 0, 0.0])], 1)
    boxes = Proposals(beside, torch.full((len(true), 2), 0.5), torch.ones(len(true), 2, dtype=torch.bool))
    with torch.no_grad():
        templates = model.encode_templates(model.extract(batch.query.images), batch.query.boxes_xyxy, index)
        refined = model.refine(model.extract(batch.search.images), templates, index, boxes)
    found, better = paired_iou(beside, true[:, None]).mean(), paired_iou(refined, true[:, None]).mean()
    assert float(found) < 0.7
    assert float(better) > float(found) + 0.1


def test_what_is_found_is_refined_and_keeps_its_score() -> None:
    model, plain = small_model(), small_model(refinement=False).eval()
    for step in range(4):  # so that batch statistics are not those of a fresh network
        model(look_alikes(step))
    model.eval()
    plain.load_state_dict(model.state_dict(), strict=False)
    batch = look_alikes(3)
    index, found = batch.query.clip_index, []
    with torch.inference_mode():
        for one in (plain, model, inference_copy(model).model):
            templates = one.encode_templates(one.extract(batch.query.images), batch.query.boxes_xyxy, index)
            found.append(one.decode(one.search(one.extract(batch.search.images), templates, index), (90, 128), 0.5))
    for as_found, refined, fast in zip(*found, strict=True):
        torch.testing.assert_close(refined.scores, as_found.scores)
        assert not torch.allclose(refined.boxes_xyxy, as_found.boxes_xyxy)
        torch.testing.assert_close(fast.boxes_xyxy, refined.boxes_xyxy, atol=1e-2, rtol=1e-4)
        assert (refined.boxes_xyxy >= 0).all()
        assert (refined.boxes_xyxy <= torch.tensor([256, 180, 256, 180])).all()


def test_a_batch_without_targets_costs_nothing() -> None:
    losses = small_model("refinement").train()(no_instances())
    assert float(losses["loss_refinement"].detach()) == 0.0


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"candidates": False}, "model.refinement_head needs model.candidate_head"),
        ({"train_mode": "refinement", "refinement": False}, "trains model.refinement_head, which is None"),
    ],
)
def test_parts_that_do_not_fit_are_refused(parts: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        small_model(**parts)  # type: ignore[arg-type]
