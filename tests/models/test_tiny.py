from __future__ import annotations

import pytest
import torch

from dmtrack.data.batches import Batch
from dmtrack.models.backbones.residual_trunk import ResidualTrunk
from dmtrack.models.global_search.candidates import Proposals
from dmtrack.models.global_search.decode import level_points
from dmtrack.models.global_search.losses import paired_iou
from dmtrack.models.global_search.parts import TemplateParts
from dmtrack.models.global_search.tiny import DMTrackGSTiny
from dmtrack.models.global_search.tiny_head import TinyHead, TinyOutputs, centre_targets, target_losses
from dmtrack.models.necks import SingleMapFusion


def small_model(parts: bool = True) -> DMTrackGSTiny:
    torch.manual_seed(0)
    return DMTrackGSTiny(
        ResidualTrunk((8, 16, 16, 16, 16), (1, 1, 1, 1)),
        SingleMapFusion((16, 16, 16, 16), 16),
        TinyHead(16, 4, 16, template_parts=TemplateParts(3, 8) if parts else None),
        scale=(128, 96),
    )


def batch_of(pairs: int, boxes_xyxy: torch.Tensor, pair_index: torch.Tensor) -> Batch:
    images = torch.randn(2, pairs, 3, 96, 128, generator=torch.Generator().manual_seed(1))
    sizes = torch.tensor([[96, 128]] * pairs)
    return Batch.pair(images[0], images[1], boxes_xyxy, boxes_xyxy + 3, pair_index, sizes, sizes)


def two_targets() -> Batch:
    return batch_of(2, torch.tensor([[10.0, 10, 50, 40], [60, 20, 100, 80]]), torch.tensor([0, 1]))


@pytest.mark.parametrize("parts", [True, False])
def test_a_step_of_training_lowers_the_loss(parts: bool) -> None:
    model = small_model(parts)
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    totals = []
    for _ in range(12):
        total = sum(model(two_targets()).values())
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        totals.append(total.item())
    assert totals[-1] < 0.8 * totals[0]


def test_losses_of_a_batch_without_targets_are_zero_and_reach_the_graph() -> None:
    losses = small_model()(batch_of(1, torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64)))
    total = sum(losses.values())
    total.backward()
    assert total.item() == 0.0


def test_several_targets_in_one_pass_equal_one_after_the_other() -> None:
    model = small_model().eval()
    batch = two_targets()
    with torch.no_grad():
        features = model.extract(batch.query.images)
        together = model.encode_templates(features, batch.query.boxes_xyxy, batch.query.clip_index)
        both = model.search(features, together, batch.query.clip_index)
        for target in range(2):
            index = batch.query.clip_index[target : target + 1]
            alone = model.encode_templates(features, batch.query.boxes_xyxy[target : target + 1], index)
            one = model.search(features, alone, index)
            torch.testing.assert_close(one.logits[0], both.logits[target])
            torch.testing.assert_close(one.ltrb[0], both.ltrb[target])


def test_decode_reads_boxes_scores_and_frame_pixels_from_the_maps() -> None:
    model = small_model().eval()
    outputs = TinyOutputs(torch.full((1, 12, 16), -9.0), torch.full((1, 4, 12, 16), 8.0), torch.full((1, 12, 16), 9.0))
    outputs.logits[0, 5, 7] = 4.0
    outputs.ltrb[0, :, 5, 7] = torch.tensor([20.0, 10, 30, 200])
    best = model.decode(outputs, (96, 128), 0.5)[0]
    # the point is (60, 44); the bottom is clipped to the image, and frame pixels are input pixels / 0.5
    torch.testing.assert_close(best.boxes_xyxy[0], torch.tensor([80.0, 68, 180, 192]))
    class_probability, centerness = torch.sigmoid(torch.tensor([4.0, 9.0])).tolist()
    assert float(best.scores[0]) == pytest.approx(class_probability * centerness**0.5)
    assert (best.scores.diff() <= 0).all()
    assert len(best.scores) <= model.max_detections


def test_the_central_half_of_a_box_answers_for_it() -> None:
    points = level_points(12, 16, 8)
    positive, distances, centerness = centre_targets(torch.tensor([[32.0, 16, 96, 80]]), points, 4.0)
    rows, columns = torch.nonzero(positive.view(12, 16), as_tuple=True)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (4, 7, 6, 9)
    torch.testing.assert_close(distances[0, 4 * 16 + 6], torch.tensor([20.0, 20, 44, 44]))
    assert float(centerness[0, 4 * 16 + 6]) == pytest.approx(20 / 44)
    tiny_positive, _, _ = centre_targets(torch.tensor([[33.0, 17, 35, 19]]), points, 4.0)
    assert int(tiny_positive.sum()) >= 1


def test_a_perfect_prediction_costs_next_to_nothing() -> None:
    boxes = torch.tensor([[32.0, 16, 96, 80]])
    positive, distances, centerness = centre_targets(boxes, level_points(12, 16, 8))
    maps = positive.float() * 40 - 20, distances.transpose(1, 2), torch.logit(centerness.clamp(1e-4, 1 - 1e-4))
    outputs = TinyOutputs(*(one.unflatten(-1, (12, 16)) for one in maps))
    losses = target_losses(outputs, boxes, 8)
    assert float(losses["loss_cls"]) < 1e-3
    assert float(losses["loss_bbox"]) < 1e-5
    wrong = TinyOutputs(-outputs.logits, outputs.ltrb * 2, outputs.centerness)
    assert float(target_losses(wrong, boxes, 8)["loss_cls"]) > 1
    assert float(target_losses(outputs, boxes[:0], 8)["loss_absent"]) > 1


def test_a_place_in_doubt_costs_what_the_focal_loss_says() -> None:
    outputs = TinyOutputs(torch.zeros(1, 1, 1), torch.full((1, 4, 1, 1), 4.0), torch.zeros(1, 1, 1))
    expected = 0.4 * 0.25 * torch.log(torch.tensor(2.0))
    found = target_losses(outputs, torch.tensor([[0.0, 0, 8, 8]]), 8)["loss_cls"]
    assert float(found) == pytest.approx(float(expected))


def test_the_second_look_learns_from_true_boxes_and_from_boxes_half_beside_them() -> None:
    model = small_model()
    model.half_boxes = 0.35
    targets = 400
    true_xyxy = torch.tensor([[20.0, 10, 60, 70]]).repeat(targets, 1)
    elsewhere = torch.tensor([90.0, 10, 110, 30]).repeat(targets + 50, 4, 1)  # fifty are absent
    scores = torch.full((targets + 50, 4), 0.1)
    scores[:, :2] = torch.tensor([0.7, 0.6])
    found = Proposals(elsewhere, scores, torch.zeros(targets + 50, 4, dtype=torch.bool))
    shown = model._with_true_boxes(found, true_xyxy)
    assert (shown.boxes_xyxy[..., 2:] >= shown.boxes_xyxy[..., :2]).all()
    assert torch.equal(shown.boxes_xyxy[:, :2], elsewhere[:, :2])
    assert torch.equal(shown.boxes_xyxy[targets:], elsewhere[targets:])
    assert shown.valid[:targets, 2:].all() and not shown.valid[targets:].any()
    # Neither kind is given away by its score.
    assert sorted(set(shown.scores[:targets, 2:].flatten().tolist())) == pytest.approx([0.6, 0.7])
    true, beside = (paired_iou(shown.boxes_xyxy[:targets, place], true_xyxy) for place in (3, 2))
    assert (true > 0.5).float().mean() > 0.95
    assert (beside < 0.4).float().mean() > 0.5 and (beside > 0.1).float().mean() > 0.8
