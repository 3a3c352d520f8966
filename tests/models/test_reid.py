from __future__ import annotations

import copy
import sys
from pathlib import Path

import pytest
import torch

from dmtrack.errors import ConfigError
from dmtrack.models.fast.inference_copy import inference_copy
from dmtrack.models.fast.reid import FastDMTrackReID
from dmtrack.models.global_search.base import Detections
from dmtrack.models.global_search.dmtrack_gs import DMTrackGS
from dmtrack.models.reid.dmtrack_reid import DMTrackReID
from dmtrack.models.reid.embedding_head import EmbeddingHead
from dmtrack.models.reid.instances import NOTHING, detected_candidates, one_per_pair
from dmtrack.tracking import GlobalSearchTracker

sys.path.append(str(Path(__file__).parents[1] / "support"))
from small_reid import SIZE_HW, look_alikes, no_instances, small_reid

ALL_LOSSES = {"contrastive": 1.0, "triplet": 1.0, "identity": 1.0}


@torch.inference_mode()
def run(model, images, boxes):
    boxes_xyxy = torch.tensor(boxes)
    index = torch.zeros(len(boxes), dtype=torch.int64)
    templates = model.encode_templates(model.extract(images[:1]), boxes_xyxy, index)
    outputs = model.search(model.extract(images[1:]), templates, index)
    return templates, model.decode(outputs, tuple(images.shape[2:]), 0.575)


def train(model: DMTrackReID, steps: int) -> None:
    """A few steps on scenes of two look-alikes."""
    model.train()
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=3e-3)
    for step in range(steps):
        torch.manual_seed(step)
        losses = model(look_alikes(step))
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()


@torch.no_grad()
def margin(model: DMTrackReID) -> float:
    """Cosine of two views of the same square minus that of the two squares, on scenes not trained on."""
    model.eval()
    batch = look_alikes(999)
    query, search = (
        model.embedding(model._split(model.extract(images))[1], boxes, batch.query.clip_index)
        for images, boxes in (
            (batch.query.images, batch.query.boxes_xyxy),
            (batch.search.images, batch.search.boxes_xyxy),
        )
    )
    cosines = query @ search.t()
    other = torch.arange(len(query)) ^ 1
    return (cosines.diagonal() - cosines[torch.arange(len(query)), other]).min().item()


@pytest.mark.parametrize(("kind", "hard_candidates"), [("roi", 4), ("location", 0)])
def test_a_few_steps_separate_look_alikes_and_leave_a_frozen_detector_as_it_was(kind, hard_candidates):
    model = small_reid(kind, hard_candidates=hard_candidates)
    before = copy.deepcopy(model.detector.state_dict())
    assert margin(model) < 0.3
    train(model, 30)
    assert margin(model) > 0.5
    for name, value in model.detector.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert not model.detector.training and model.embedding.training is False
    assert all(parameter.grad is None for parameter in model.detector.parameters())


def test_joint_training_moves_both_and_sums_to_fairmots_loss():
    model = small_reid(train_mode="joint").train()
    batch = look_alikes(0)
    before = copy.deepcopy(model.state_dict())
    torch.manual_seed(1)
    losses = model(batch)
    assert model.detector.training
    sum(losses.values()).backward()
    for part in ("detector.backbone.stem.0.weight", "embedding.body.reduce.weight", "uncertainty.detection"):
        assert model.get_parameter(part).grad.abs().sum() > 0, part
    assert not torch.equal(
        model.detector.backbone.stem[1].running_mean, before["detector.backbone.stem.1.running_mean"]
    )
    # The same batch norms and the same draws: the detector's own losses.
    model.load_state_dict(before)
    torch.manual_seed(1)
    model._annotated(batch)
    detection = sum(loss.item() for loss in model.detector.losses(batch).values())
    weights = {name: loss.item() for name, loss in losses.items()}
    identification = weights.pop("loss_contrastive")
    assert weights.pop("loss_uncertainty") == pytest.approx(0.5 * (-1.85 - 1.05))
    assert sum(weights.values()) == pytest.approx(0.5 * 2.718281828**1.85 * detection, rel=1e-4)
    assert identification > 0


@pytest.mark.parametrize("settings", [{"hard_candidates": 4}, {"train_mode": "joint"}])
def test_a_batch_without_instances_teaches_nothing(settings):
    model = small_reid(embedding_losses=ALL_LOSSES, n_identities=5, **settings).train()
    losses = model(no_instances())
    assert all(torch.isfinite(loss) for loss in losses.values())
    assert sum(loss.item() for name, loss in losses.items() if name in ("loss_contrastive", "loss_identity")) == 0
    sum(losses.values()).backward()


def test_known_identities_are_classified_and_unknown_ones_are_not():
    model = small_reid(embedding_losses=ALL_LOSSES, n_identities=5).train()
    batch = look_alikes(0)
    assert model(batch)["loss_identity"].item() == 0.0
    batch.query.identities = torch.tensor([0, 4, -1, -1])
    assert model(batch)["loss_identity"].item() > 0.5
    batch.query.identities = torch.tensor([0, 5, -1, -1])
    with pytest.raises(ConfigError, match="the model has 5 identities"):
        model(batch)


def test_candidates_of_the_detector_are_views_or_negatives():
    model = small_reid().eval()
    batch = look_alikes(3)
    features = [model._split(model.extract(images))[0] for images in (batch.query.images, batch.search.images)]
    things = torch.tensor([0, 1, 2, 3])

    class Everything:
        """Finds the true boxes, slightly shifted, and three places where nothing or half a thing is."""

        encode_templates = search = staticmethod(lambda *arguments: arguments[-1])

        @staticmethod
        def decode(pairs, size_hw, scale_factor):
            shown = [batch.search.boxes_xyxy[batch.query.clip_index == pair] + 1.0 for pair in pairs]
            wrong = torch.tensor([[0.0, 80, 20, 96], [60, 0, 80, 20]])
            boxes = [torch.cat([own, wrong, own[:1] + torch.tensor([12.0, 0, 12, 0])]) for own in shown]
            return [Detections(rows, torch.ones(len(rows))) for rows in boxes]

    found = detected_candidates(Everything(), *features, batch, things, 8)
    assert found.things.tolist() == [0, 1, NOTHING, NOTHING, 2, 3, NOTHING, NOTHING]
    assert found.images.tolist() == [2, 2, 2, 2, 3, 3, 3, 3] and found.scenes.tolist() == [0] * 4 + [1] * 4
    assert one_per_pair(torch.tensor([0, 0, 0, 2, 5, 5])).shape == (3,)


@pytest.mark.parametrize("kind", ["location", "roi"])
def test_the_small_models_copy_embeds_the_same(kind):
    model = small_reid(kind).eval()
    batch = look_alikes(1)
    images = torch.cat([batch.query.images[:1], batch.search.images[:1]])
    boxes = batch.query.boxes_xyxy[:2].tolist()
    fast, needs_autocast = inference_copy(model)
    assert isinstance(fast, FastDMTrackReID) and not needs_autocast
    assert_same_embeddings(run(model, images, boxes), run(fast, images, boxes))
    with pytest.raises(TypeError, match="inference copy"):
        fast.losses(batch)


@pytest.fixture(scope="module")
def published() -> DMTrackGS:
    """The published architecture, with a narrower neck and head."""
    torch.manual_seed(0)
    return DMTrackGS(
        backbone={"type": "DLA34"},
        neck={"type": "FPN", "in_channels": (128, 256, 512), "out_channels": 32},
        template={"type": "RoITemplate", "channels": 32},
        controller={"type": "KernelController", "channels": 32, "mid_channels": 8},
        bbox_head={
            "type": "FCOSHead",
            "in_channels": 32,
            "feat_channels": 32,
            "mid_channels": 8,
            "stacked_convs": 1,
        },
    ).eval()


@pytest.mark.parametrize("kind", ["location", "roi"])
def test_the_published_detectors_copy_embeds_the_same_and_finds_the_same(published, kind):
    model = DMTrackReID(published, EmbeddingHead((128,), (8,), kind, hidden=16, channels=8)).eval()
    images = torch.randn(2, 3, 96, 128, generator=torch.Generator().manual_seed(0))
    boxes = [[10.0, 20, 60, 80], [0, 0, 127, 95]]
    expected = run(model, images, boxes)
    assert_same_embeddings(expected, run(inference_copy(model).model, images, boxes))
    alone = run(published, images, boxes)[1]
    for own, other in zip(expected[1], alone, strict=True):
        assert torch.equal(own.boxes_xyxy, other.boxes_xyxy) and torch.equal(own.scores, other.scores)


def assert_same_embeddings(expected, found):
    torch.testing.assert_close(found[0].embeddings, expected[0].embeddings, atol=1e-4, rtol=0)
    for own, other in zip(found[1], expected[1], strict=True):
        # Candidates of almost equal score may change places, or drop each other.
        distances, nearest = (own.boxes_xyxy[:, None] - other.boxes_xyxy).abs().amax(2).min(1)
        same = distances < 0.02
        assert same.sum() > 0.7 * len(other.scores) > 0
        torch.testing.assert_close(own.embeddings[same], other.embeddings[nearest[same]], atol=5e-3, rtol=0)


def test_several_targets_in_one_pass_equal_one_after_the_other():
    model = small_reid().eval()
    batch = look_alikes(2)
    images = torch.cat([batch.query.images[:1], batch.search.images[:1]])
    boxes = batch.query.boxes_xyxy[:2].tolist()
    templates, together = run(model, images, boxes)
    assert len(templates.embeddings) == 2
    for number, box in enumerate(boxes):
        alone_templates, (alone,) = run(model, images, [box])
        torch.testing.assert_close(alone_templates.embeddings[0], templates.embeddings[number], atol=1e-5, rtol=0)
        torch.testing.assert_close(alone.embeddings, together[number].embeddings, atol=1e-4, rtol=0)
        torch.testing.assert_close(alone.embeddings.norm(dim=1), torch.ones(len(alone.scores)))


def test_the_tracker_passes_embeddings_on():
    tracker = GlobalSearchTracker(small_reid().eval(), device="cpu")
    frame = (torch.rand(*SIZE_HW, 3, generator=torch.Generator().manual_seed(0)) * 255).byte().numpy()
    tracker.init_targets(frame, [(10, 20, 32, 32), (80, 40, 32, 32)])
    templates = tracker.template_embeddings()
    assert [one.shape for one in templates] == [(8,), (8,)] and templates[0].dtype.name == "float16"
    candidates = tracker.step(frame).candidates
    assert candidates.embeddings is not None
    assert candidates.embeddings.shape == (len(candidates.scores), 8)
    assert candidates.embeddings.dtype.name == "float16"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"train_mode": "both"}, "must be 'frozen' or 'joint'"),
        ({"train_mode": "joint", "hard_candidates": 2}, "train_mode='frozen'"),
        ({"hard_candidates": -1}, "from 0 up"),
        ({"embedding_losses": {"contrast": 1.0}}, "unknown key 'embedding_losses.contrast'"),
        ({"embedding_losses": {"identity": 1.0}}, "n_identities is 0"),
    ],
)
def test_settings_that_cannot_be_are_one_clear_error(settings, message):
    with pytest.raises(ConfigError, match=message):
        small_reid(**settings)
