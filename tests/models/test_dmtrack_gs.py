"""The published model: names, batching over targets, batch norm, losses."""

import json

import pytest
import torch

from dmtrack.config import build
from dmtrack.data.batches import Batch
from dmtrack.errors import ConfigError
from dmtrack.models.global_search.dmtrack_gs import clip_to_input, dead_parameters, reference_path
from dmtrack.registry import MODELS

CHANNELS = 16


def small_model(**changes):
    torch.manual_seed(0)
    settings = {
        "backbone": {"type": "DLA34"},
        "neck": {"type": "FPN", "in_channels": (128, 256, 512), "out_channels": CHANNELS},
        "template": {"type": "RoITemplate", "channels": CHANNELS},
        "controller": {"type": "KernelController", "channels": CHANNELS, "mid_channels": 8},
        "bbox_head": {
            "type": "FCOSHead",
            "in_channels": CHANNELS,
            "feat_channels": CHANNELS,
            "stacked_convs": 1,
            "mid_channels": 8,
        },
    }
    model = build({"type": "DMTrackGS", **settings, **changes}, MODELS)
    for name, parameter in model.named_parameters():
        # The published start is almost constant; larger kernels and offsets make differences visible.
        if "backbone.base" not in name and parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=(1.0 / parameter[0].numel()) ** 0.5)
    for scale in model.bbox_head.scales:
        torch.nn.init.constant_(scale.scale, 30.0)
    return model.eval()


@pytest.fixture(scope="module")
def model():
    return small_model()


def make_batch(pairs=2, boxes=((10, 10, 60, 50), (20, 8, 40, 40), (40, 20, 90, 60)), pair_index=(0, 0, 1)):
    generator = torch.Generator().manual_seed(1)
    boxes = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    sizes = torch.tensor([[64, 96]] * pairs)
    return Batch.pair(
        query_images=torch.randn(pairs, 3, 64, 96, generator=generator),
        search_images=torch.randn(pairs, 3, 64, 96, generator=generator),
        query_boxes_xyxy=boxes,
        search_boxes_xyxy=boxes + 3,
        pair_index=torch.tensor(pair_index, dtype=torch.int64),
        query_sizes_hw=sizes,
        search_sizes_hw=sizes,
    )


def test_state_dict_is_the_published_one(shared_folder):
    published = json.loads((shared_folder / "golden/dmtrack/params_dmtrack_gs.json").read_text())
    wide = {"channels": 256}
    model = small_model(
        neck={"type": "FPN", "in_channels": (128, 256, 512), "out_channels": 256},
        template={"type": "RoITemplate", **wide},
        controller={"type": "KernelController", **wide},
        bbox_head={"type": "FCOSHead"},
    )
    ours = [[name, list(value.shape), str(value.dtype).split(".")[1]] for name, value in model.state_dict().items()]
    assert ours == published


def test_dead_parameters_are_exactly_those_that_need_no_gradient(model):
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad != name.startswith(dead_parameters), name
    assert sum(not parameter.requires_grad for parameter in model.parameters()) == 34


def test_many_targets_in_one_pass_equal_one_after_the_other(model):
    batch = make_batch()
    with torch.no_grad():
        query, search = model.extract(batch.query.images), model.extract(batch.search.images)
        templates = model.encode_templates(query, batch.query.boxes_xyxy, batch.query.clip_index)
        together = model.search(search, templates, batch.query.clip_index)
        with reference_path(model):
            templates = model.encode_templates(query, batch.query.boxes_xyxy, batch.query.clip_index)
            alone = model.search(search, templates, batch.query.clip_index)
    assert not model.reference_equivalent
    for ours, published in zip(together, alone, strict=True):
        for maps, expected in zip(ours, published, strict=True):
            assert maps.std() > 0
            torch.testing.assert_close(maps, expected, atol=2e-3, rtol=1e-4)


def test_targets_in_one_image_share_its_features(model):
    batch = make_batch(pairs=1, pair_index=(0, 0, 0))
    with torch.no_grad():
        features = model.extract(batch.query.images)
        templates = model.encode_templates(features, batch.query.boxes_xyxy, batch.query.clip_index)
        outputs = model.search(features, templates, batch.query.clip_index)
        twice = tuple(torch.cat([level, level]) for level in features)
        same = model.search(twice, templates, torch.tensor([1, 0, 1]))
        found = model.decode(outputs, (60, 90), 0.5)
    for ours, expected in zip(outputs, same, strict=True):
        torch.testing.assert_close(ours.cls_logits, expected.cls_logits, atol=1e-4, rtol=1e-4)
    assert len(found) == 3
    for detections in found:
        assert detections.boxes_xyxy.shape == (len(detections.scores), 4)
        assert (detections.scores.diff() <= 0).all()
        assert len(detections.scores) <= 100
        assert detections.boxes_xyxy.max() <= 180


def test_losses_average_targets_then_pairs(model):
    batch = make_batch()
    with torch.no_grad():
        per_target = model.instance_losses(batch)
        losses = model.losses(batch)
    expected = (per_target[:2].mean(dim=0) + per_target[2]) / 2
    torch.testing.assert_close(torch.stack(list(losses.values())), expected)
    assert list(losses) == ["loss_cls", "loss_bbox", "loss_centerness"]
    assert (expected > 0).all()


def test_batch_without_instances_gives_zero_losses_with_a_graph():
    model = small_model().train()
    losses = model.losses(make_batch(pairs=1, boxes=(), pair_index=()))
    total = torch.stack(list(losses.values())).sum()
    assert total.item() == 0.0
    total.backward()
    missing = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert missing == []
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_live_batch_norm_is_updated_by_query_and_search_dead_projections_included():
    model = small_model().train()
    with torch.no_grad():
        model.losses(make_batch())
    state = model.state_dict()
    assert state["backbone.base.level3.project.1.num_batches_tracked"] == 2
    assert state["backbone.dla_up.ida_1.node_2.actf.0.num_batches_tracked"] == 2
    assert state["backbone.ida_up.node_2.actf.0.num_batches_tracked"] == 0


def test_frozen_batch_norm_keeps_its_statistics_but_learns():
    model = small_model(train_cfg={"batch_norm": "frozen"}).train()
    before = model.state_dict()["backbone.base.level3.project.1.running_mean"].clone()
    sum(model.losses(make_batch()).values()).backward()
    assert torch.equal(before, model.state_dict()["backbone.base.level3.project.1.running_mean"])
    assert model.backbone.base.base_layer[1].weight.grad is not None
    assert model.bbox_head.training


def test_template_parts_start_as_the_model_without_them(model):
    extended = small_model(template_parts={"grid": 3, "channels": 8})
    extended.load_state_dict(model.state_dict(), strict=False)
    torch.nn.init.zeros_(extended.part_fusion.fuse_cls.weight)
    torch.nn.init.zeros_(extended.part_fusion.fuse_reg.weight)
    batch = make_batch()
    with torch.no_grad():
        torch.testing.assert_close(extended.instance_losses(batch), model.instance_losses(batch))
    torch.nn.init.ones_(extended.part_fusion.fuse_cls.weight)
    with torch.no_grad():
        assert not torch.allclose(extended.instance_losses(batch), model.instance_losses(batch))


def test_query_boxes_are_clipped_to_the_padded_input():
    finest = torch.zeros(1, 1, 8, 12)
    boxes = torch.tensor([[-5.0, 10, 200, 300], [100, 70, 120, 90]])
    assert clip_to_input(boxes, finest, 8).tolist() == [[0, 10, 95, 63], [95, 63, 95, 63]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_cfg": {"batchnorm": "live"}}, "did you mean 'batch_norm'"),
        ({"train_cfg": {"batch_norm": "off"}}, "'live' or 'frozen' or 'sync'"),
        ({"test_cfg": {"nms_iuo": 0.5}}, "did you mean 'nms_iou'"),
        ({"preprocessing": {"scales": (1, 2)}}, "did you mean 'scale'"),
        ({"neck": {"type": "FNP", "in_channels": [1], "out_channels": 2}}, "did you mean 'FPN'"),
    ],
)
def test_bad_settings_name_the_key(changes, message):
    with pytest.raises(ConfigError, match=message):
        small_model(**changes)


def test_half_precision_gives_finite_gradients_and_float_boxes():
    model = small_model().train()
    batch = make_batch()
    with torch.autocast("cpu", torch.bfloat16):
        losses = model.instance_losses(batch)
    assert losses.dtype == torch.float32
    losses.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        features = model.extract(batch.query.images)
        templates = model.encode_templates(features, batch.query.boxes_xyxy, batch.query.clip_index)
        found = model.decode(model.search(features, templates, batch.query.clip_index), (64, 96), 1.0)
    assert all(detections.boxes_xyxy.dtype == torch.float32 for detections in found)
