from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from dmtrack.errors import ConfigError
from dmtrack.models.reid.instances import NOTHING, Instances, Relations, relate, things_of
from dmtrack.models.reid.losses import (
    EmbeddingLosses,
    IdentityClassifier,
    UncertaintyWeighting,
    contrastive_loss,
    embedding_losses,
    triplet_loss,
)

# Two views of one thing at right angles, a negative in the same scene at 60 degrees to the first, one of another scene.
VECTORS = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0.5, 0, math.sqrt(0.75)], [1, 0, 0]])


def instances(things, scenes, images=None, boxes=None, identities=None) -> Instances:
    count = len(things)
    apart = torch.arange(count)[:, None] * 100.0 + torch.tensor([0.0, 0, 10, 10])
    return Instances(
        boxes_xyxy=apart if boxes is None else torch.tensor(boxes),
        images=torch.tensor(scenes if images is None else images),
        scenes=torch.tensor(scenes),
        things=torch.tensor(things),
        identities=torch.full((count,), -1) if identities is None else torch.tensor(identities),
    )


def relations_of_vectors() -> Relations:
    return relate(instances([0, 0, 1, 2], [0, 0, 0, 1]))


def test_contrastive_loss_has_the_expected_value():
    # Anchors with a positive: rows 0 and 1. exp(cos / t): positive 1; negatives of row 0: e^.5 near, e^1 elsewhere.
    first = math.log(1 + math.exp(0.5) + 0.25 * math.exp(1.0))
    second = math.log(1 + 1 + 0.25)
    loss = contrastive_loss(VECTORS, relations_of_vectors(), temperature=1.0, elsewhere=0.25)
    assert loss.item() == pytest.approx((first + second) / 2, rel=1e-6)
    only_near = contrastive_loss(VECTORS, relations_of_vectors(), temperature=1.0, elsewhere=0.0)
    assert only_near.item() == pytest.approx((math.log(1 + math.exp(0.5)) + math.log(2)) / 2, rel=1e-6)


def test_triplet_prefers_negatives_of_the_same_scene():
    # Row 0: positive 0, nearest near negative .5 although another scene has 1; row 1: positive 0, negative 0.
    loss = triplet_loss(VECTORS, relations_of_vectors(), margin=0.3)
    assert loss.item() == pytest.approx(((0.3 + 0.5) + 0.3) / 2, rel=1e-6)
    elsewhere = triplet_loss(VECTORS, relate(instances([0, 0, 1, 2], [0, 0, 1, 1])), margin=0.3)
    assert elsewhere.item() == pytest.approx(((0.3 + 1.0) + 0.3) / 2, rel=1e-6)


def test_identity_loss_is_fairmots():
    torch.manual_seed(0)
    classifier = IdentityClassifier(3, 12)
    embeddings = functional.normalize(torch.randn(4, 3), dim=1)
    identities = torch.tensor([3, -1, 11, 0])
    known = identities >= 0
    logits = math.sqrt(2) * math.log(11) * embeddings[known] @ classifier.classify.weight.t() + classifier.classify.bias
    expected = functional.cross_entropy(logits, identities[known])
    torch.testing.assert_close(classifier(embeddings, identities), expected)
    with pytest.raises(ConfigError, match=r"12 identities, but the data has identity 12.*n_identities"):
        classifier(embeddings, identities + 1)
    with pytest.raises(ConfigError, match="at least 3"):
        IdentityClassifier(3, 2)


def test_uncertainty_weighting_is_fairmots():
    weighting = UncertaintyWeighting()
    losses = weighting({"loss_cls": torch.tensor(2.0), "loss_bbox": torch.tensor(1.0)}, {"loss_id": torch.tensor(4.0)})
    expected = 0.5 * (math.exp(1.85) * 3.0 + math.exp(1.05) * 4.0 - 1.85 - 1.05)
    assert sum(losses.values()).item() == pytest.approx(expected, rel=1e-6)
    without = weighting({"loss_cls": torch.tensor(2.0)}, {})
    sum(without.values()).backward()
    assert weighting.identification.grad is None, "a batch without identities tells nothing about how hard they are"


def test_equal_identities_are_one_thing_and_unknown_ones_are_things_of_their_own():
    things = things_of(torch.tensor([7, -1, 7, -1, 2]))
    assert things[0] == things[2] and len(set(things.tolist())) == 4
    assert things_of(torch.zeros(0, dtype=torch.int64)).shape == (0,)


def test_false_candidates_are_negatives_and_coinciding_things_are_neither():
    # Things 0 and 1 lie on each other in image 0, but not in image 1, where a false candidate is, too.
    boxes = [
        [0.0, 0, 10, 10],
        [0, 0, 10, 9],
        [0, 0, 10, 10],
        [50, 0, 60, 10],
        [80, 0, 90, 10],
    ]
    relations = relate(instances([0, 1, 0, 1, NOTHING], [0] * 5, [0, 0, 1, 1, 1], boxes))
    assert relations.positive.nonzero().tolist() == [[0, 2], [1, 3], [2, 0], [3, 1]]
    assert relations.negative.nonzero().tolist() == [[0, 4], [1, 4], [2, 4], [3, 4]]


@pytest.mark.parametrize(
    ("things", "scenes"),
    [([], []), ([0], [0]), ([0, 1], [0, 0]), ([0, 0], [0, 0]), ([NOTHING, NOTHING], [0, 0])],
)
def test_a_batch_that_teaches_nothing_gives_zero_with_a_gradient(things, scenes):
    settings = EmbeddingLosses(contrastive=1.0, triplet=1.0, identity=1.0)
    embeddings = functional.normalize(torch.ones(len(things), 3), dim=1).requires_grad_()
    own = instances(things, scenes) if things else empty()
    losses = embedding_losses(embeddings, own, relate(own), settings, IdentityClassifier(3, 5))
    assert set(losses) == {"loss_contrastive", "loss_triplet", "loss_identity"}
    total = sum(losses.values())
    assert total.item() == 0.0
    total.backward()
    assert embeddings.grad is not None and not embeddings.grad.isnan().any()


def empty() -> Instances:
    nothing = torch.zeros(0, dtype=torch.int64)
    return Instances(torch.zeros(0, 4), nothing, nothing, nothing, nothing)


@pytest.mark.parametrize("settings", [{"contrastive": -1.0}, {"temperature": 0.0}, {"elsewhere": -0.1}])
def test_settings_out_of_range_name_themselves(settings):
    (name,) = settings
    with pytest.raises(ConfigError, match=f"embedding_losses.{name}"):
        EmbeddingLosses(**settings)
