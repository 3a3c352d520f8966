"""SiamRPN++ in training: what is frozen and until when, batches, losses."""

import numpy as np
import pytest
import torch

from dmtrack.config import build
from dmtrack.config.top_level import Optimizer
from dmtrack.data.batches import Batch
from dmtrack.data.samples import Clip
from dmtrack.errors import ConfigError, DMTrackError
from dmtrack.registry import MODELS
from dmtrack.training.optimizers import parameter_multipliers
from dmtrack.weights.loading import load_backbone

MODEL = {
    "type": "SiamRPN",
    "flavour": "pysot",
    "backbone": {"type": "SiameseAlexNet", "width_mult": 0.04},
    "head": {"type": "SiamRPNHead", "in_channels": [10], "weighted": False},
    "center_size": None,
    "preprocessing": {"search_size": 287, "base_size": 0},
    "train_cfg": {"search_size": 159, "backbone_layers": ["features.11", "features.12"], "backbone_from_epoch": 2},
}
LATE = {"features.11.weight", "features.11.bias", "features.12.weight", "features.12.bias"}


def make(**train_cfg):
    torch.manual_seed(0)
    return build({**MODEL, "train_cfg": {**MODEL["train_cfg"], **train_cfg}}, MODELS)


def pair(positive=True, size=159, seed=0):
    rng = np.random.default_rng(seed)
    images = [rng.integers(0, 255, (side, side, 3)).astype(np.uint8) for side in (127, size)]
    box = np.array([[size / 2 - 32, size / 2 - 30, size / 2 + 34, size / 2 + 33]])
    return Clip.pair(images[0], images[1], np.array([[30.0, 30, 90, 90]]), box, positive=positive)


def batch(model, *positives) -> Batch:
    encoder = model.clip_encoder()
    rng = np.random.default_rng(3)
    return encoder.collate([encoder.encode(pair(positive), rng) for positive in positives])


def trained(model, positives=(True, False)):
    """Names of the backbone's parameters that get a gradient, and of statistics that move."""
    before = {name: buffer.clone() for name, buffer in model.backbone.named_buffers()}
    model.zero_grad(set_to_none=True)
    torch.stack(list(model(batch(model, *positives)).values())).sum().backward()
    gradients = {name for name, parameter in model.backbone.named_parameters() if parameter.grad is not None}
    moved = {name.rpartition(".")[0] for name, value in model.backbone.named_buffers() if (value != before[name]).any()}
    return gradients, moved


def test_the_backbone_joins_at_its_epoch_and_only_the_named_parts_of_it():
    model = make().train()
    assert trained(model) == (set(), set())
    assert all(parameter.grad is not None for parameter in model.head.parameters())
    model.start_epoch(1)
    assert trained(model) == (set(), set())
    model.start_epoch(2)
    assert trained(model) == (LATE, {"features.12"})
    model.eval()
    model.train()  # as around a validation
    assert trained(model)[1] == {"features.12"}
    model.eval()
    assert not any(module.training for module in model.modules())


def test_without_settings_everything_is_trained_from_the_start():
    model = build({key: value for key, value in MODEL.items() if key != "train_cfg"}, MODELS).train()
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert all(module.training for module in model.modules())


def test_a_part_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match="SiameseAlexNet has no part 'layer4'; it has features"):
        make(backbone_layers=["layer4"])


def test_the_backbone_has_a_learning_rate_of_its_own():
    factors = parameter_multipliers(make(), Optimizer("SGD", 0.1, backbone_lr_mult=0.1))
    assert factors["backbone.features.11.weight"] == (0.1, 1.0)
    assert factors["head.cls_heads.0.kernel_convs.conv.weight"] == (1.0, 1.0)


def test_batches_hold_bgr_images_and_the_targets_of_positive_and_negative_pairs():
    model = make()
    made = batch(model, True, False)
    assert made.query.images.shape == (2, 3, 127, 127) and made.search.images.shape == (2, 3, 159, 159)
    assert (made.query.images[0, 0].numpy() == pair().query.image[..., 2]).all()
    labels = made.targets["labels"]
    assert labels.shape == (2, 5 * 5 * 5)
    assert (labels[0] == 1).sum() > 0 and (labels[1] == 1).sum() == 0 and (labels[1] == 0).sum() == 16
    moved = made.to("cpu")
    assert moved.targets.keys() == {"labels", "deltas", "label_weights", "box_weights"}


def test_losses_are_finite_without_a_positive_pair():
    model = make().train()
    losses = model(batch(model, False, False))
    assert losses["loss_bbox"] == 0 and torch.isfinite(losses["loss_cls"])


def test_images_or_maps_of_another_size_are_one_sentence():
    model = make()
    with pytest.raises(ConfigError, match=r"287x287 pixels where the model's search_size is 159; .* \(127, 159\)"):
        model.clip_encoder().encode(pair(size=287), np.random.default_rng(0))
    wrong = build({**MODEL, "preprocessing": {"search_size": 287, "base_size": 8}}, MODELS)
    with pytest.raises(DMTrackError, match=r"map of 5x5 cells, but model\.preprocessing says 13"):
        wrong(batch(wrong, True, True))


def test_the_published_alexnet_file_fills_the_backbone(tmp_path):
    model = make()
    places = {0: "layer1.0", 1: "layer1.1", 4: "layer2.0", 5: "layer2.1", 8: "layer3.0", 9: "layer3.1",
              11: "layer4.0", 12: "layer4.1", 14: "layer5.0", 15: "layer5.1"}  # fmt: skip
    published = {}
    for name, value in model.backbone.state_dict().items():
        _, place, leaf = name.split(".")
        published[f"{places[int(place)]}.{leaf}"] = torch.full_like(value, int(place))
    torch.save({**published, "fc.weight": torch.zeros(3)}, tmp_path / "alexnet-bn.pth")
    load_backbone(model.backbone, tmp_path / "alexnet-bn.pth")
    assert model.backbone.features[11].weight.unique().tolist() == [11]
