import copy
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from torch import nn

from dmtrack.models.backbones.residual_trunk import ResidualTrunk
from dmtrack.models.fast import convolution
from dmtrack.models.fast.dmtrack_gs import FastDMTrackGS
from dmtrack.models.fast.inference_copy import inference_copy
from dmtrack.models.fast.rewriting import fold_batch_norms, prepare_layers
from dmtrack.models.global_search.dmtrack_gs import DMTrackGS, reference_path
from dmtrack.models.global_search.losses import TrainSettings
from dmtrack.models.global_search.parts import TemplateParts
from dmtrack.models.global_search.tiny import DMTrackGSTiny
from dmtrack.models.global_search.tiny_head import TinyHead
from dmtrack.models.necks import SingleMapFusion
from parity.formulas import PUBLISHED_MODEL, formula_model

sys.path.append(str(Path(__file__).parents[1] / "support"))
from colour_search import ColourSearch

SIZE_HW = (192, 256)
BOXES_BY_LEVEL = [
    [[10.0, 20, 60, 80]],
    [[20.0, 20, 150, 150]],
    [[0.0, 0, 255, 191]],
    [[200.0, 150, 255, 191], [10, 10, 250, 180], [0, 0, 30, 20], [50, 50, 180, 170], [-4, -3, 20, 300]],
]


@pytest.fixture(scope="module")
def model() -> DMTrackGS:
    return formula_model()


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.randn(2, 1, 3, *SIZE_HW, generator=torch.Generator().manual_seed(0))


@torch.inference_mode()
def run(model, images, boxes):
    boxes_xyxy = torch.tensor(boxes)
    index = torch.zeros(len(boxes), dtype=torch.int64)
    templates = model.encode_templates(model.extract(images[0]), boxes_xyxy, index)
    outputs = model.search(model.extract(images[1]), templates, index)
    return templates, outputs, model.decode(outputs, SIZE_HW, 0.575)


@pytest.fixture(scope="module")
def fast_model(model) -> FastDMTrackGS:
    return FastDMTrackGS(model)


@pytest.mark.parametrize("boxes", BOXES_BY_LEVEL)
def test_fp32_gives_the_published_boxes(model, fast_model, images, boxes):
    # One target in the published way is slow enough; the others are compared with the trainable model.
    with reference_path(model) if boxes is BOXES_BY_LEVEL[0] else nullcontext():
        expected_templates, expected_outputs, expected = run(model, images, boxes)
    templates, outputs, found = run(fast_model, images, boxes)
    assert len(templates.kernels[0].cls1) == len(boxes)
    for a, b in zip(expected_templates.kernels, templates.kernels, strict=True):
        torch.testing.assert_close(b.cls1, a.cls1, atol=1e-5, rtol=1e-3)
        torch.testing.assert_close(b.reg2, a.reg2, atol=1e-5, rtol=1e-3)
    for a, b in zip(expected_outputs, outputs, strict=True):
        torch.testing.assert_close(b.cls_logits, a.cls_logits, atol=1e-4, rtol=0)
        torch.testing.assert_close(b.centerness_logits, a.centerness_logits, atol=1e-4, rtol=0)
        torch.testing.assert_close(b.distances, a.distances, atol=5e-3, rtol=0)
    for a, b in zip(expected, found, strict=True):
        torch.testing.assert_close(b.boxes_xyxy[:1], a.boxes_xyxy[:1], atol=1e-2, rtol=0)
        torch.testing.assert_close(b.scores[:1], a.scores[:1], atol=1e-5, rtol=0)


def test_bf16_keeps_delicate_layers_and_comes_close(model, images):
    fast = FastDMTrackGS(model, "bf16")
    assert fast.backbone.base.level2.tree1.first[0].weight.dtype == torch.bfloat16
    assert fast.bbox_head.fcos_reg.weight.dtype == torch.float32
    _, expected, _ = run(model, images, BOXES_BY_LEVEL[0])
    _, outputs, found = run(fast, images, BOXES_BY_LEVEL[0])
    for a, b in zip(expected, outputs, strict=True):
        assert b.distances.dtype == b.cls_logits.dtype == torch.float32
        assert (a.cls_logits - b.cls_logits).abs().max() < 0.2
        assert (a.distances - b.distances).abs().mean() < 0.03 * a.distances.mean()
    assert found[0].boxes_xyxy.dtype == torch.float32


def test_several_targets_in_one_pass_equal_one_after_the_other(fast_model, images):
    _, together, _ = run(fast_model, images, BOXES_BY_LEVEL[3])
    for number, box in enumerate(BOXES_BY_LEVEL[3]):
        _, alone, _ = run(fast_model, images, [box])
        for a, b in zip(together, alone, strict=True):
            torch.testing.assert_close(a.cls_logits[number], b.cls_logits[0], atol=1e-4, rtol=0)
            torch.testing.assert_close(a.distances[number], b.distances[0], atol=5e-3, rtol=0)


def test_template_parts_and_synchronised_batch_norm_are_understood(images):
    torch.manual_seed(0)
    options = PUBLISHED_MODEL | {
        "bbox_head": {
            "type": "FCOSHead",
            "in_channels": 32,
            "feat_channels": 32,
            "mid_channels": 8,
            "stacked_convs": 1,
        },
        "neck": {"type": "FPN", "in_channels": (128, 256, 512), "out_channels": 32},
        "template": {"type": "RoITemplate", "channels": 32},
        "controller": {"type": "KernelController", "channels": 32, "mid_channels": 8},
        "template_parts": TemplateParts(2, 8),
        "train_cfg": TrainSettings("sync"),
    }
    model = DMTrackGS(**options).eval()
    nn.init.normal_(model.part_fusion.fuse_cls.weight)
    for module in model.modules():
        if isinstance(module, nn.SyncBatchNorm):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 1.5)
    fast = FastDMTrackGS(model)
    assert not any(isinstance(module, nn.SyncBatchNorm) for module in fast.backbone.base.level2.modules())
    for boxes in BOXES_BY_LEVEL[2:]:
        _, expected, _ = run(model, images, boxes)
        _, outputs, _ = run(fast, images, boxes)
        for a, b in zip(expected, outputs, strict=True):
            torch.testing.assert_close(b.cls_logits, a.cls_logits, atol=1e-4, rtol=1e-3)


def small_tiny(parts: bool = True) -> DMTrackGSTiny:
    torch.manual_seed(0)
    model = DMTrackGSTiny(
        ResidualTrunk((8, 16, 64, 64, 16), (1, 2, 2, 1)),
        SingleMapFusion((16, 64, 64, 16), 64),
        TinyHead(64, 4, 16, template_parts=TemplateParts(3, 8) if parts else None),
        scale=(256, 192),
    )
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 1.5)
    return model.train()


@pytest.mark.parametrize("boxes", [BOXES_BY_LEVEL[0], BOXES_BY_LEVEL[3]])
@pytest.mark.parametrize("parts", [True, False])
@pytest.mark.parametrize("frozen", [True, False])
def test_the_small_model_finds_the_same(monkeypatch, images, frozen, parts, boxes):
    if not frozen:
        monkeypatch.setattr(convolution, "has_frozen_convolutions", lambda _: False)
    model = small_tiny(parts)
    fast, needs_autocast = inference_copy(model)
    assert not needs_autocast
    assert model.training
    _, outputs, found = run(fast, images, boxes)
    _, _, half = run(inference_copy(model, "bf16").model, images, boxes)
    _, expected_outputs, expected = run(model.eval(), images, boxes)
    torch.testing.assert_close(outputs.logits, expected_outputs.logits, atol=1e-4, rtol=0)
    torch.testing.assert_close(outputs.ltrb, expected_outputs.ltrb, atol=1e-2, rtol=0)
    torch.testing.assert_close(found[0].boxes_xyxy[0], expected[0].boxes_xyxy[0], atol=1e-2, rtol=0)
    torch.testing.assert_close(found[0].scores, expected[0].scores, atol=1e-4, rtol=0)
    assert half[0].boxes_xyxy.dtype == torch.float32
    torch.testing.assert_close(half[0].scores[:1], expected[0].scores[:1], atol=0.02, rtol=0.1)


def test_the_original_stays_as_it_is_and_its_later_weights_do_not_reach_the_copy(images):
    model = small_tiny()
    before = copy.deepcopy(model.state_dict())
    fast = inference_copy(model).model
    _, _, first = run(fast, images, BOXES_BY_LEVEL[0])
    assert list(model.state_dict()) == list(before)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert all(parameter.requires_grad for parameter in model.parameters())
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)
    _, _, second = run(fast, images, BOXES_BY_LEVEL[0])
    assert torch.equal(first[0].boxes_xyxy, second[0].boxes_xyxy)


def test_unknown_models_keep_their_code_and_autocast():
    fast, needs_autocast = inference_copy(ColourSearch(), "bf16")
    assert type(fast) is ColourSearch and needs_autocast
    fast, needs_autocast = inference_copy(small_tiny(), "fp16")  # CPUs hardly compute in it
    assert type(fast) is DMTrackGSTiny and needs_autocast


def test_an_inference_copy_does_not_train(fast_model):
    with pytest.raises(TypeError, match="inference copy"):
        fast_model.losses(None)


@torch.no_grad()
def test_a_norm_that_cannot_be_folded_is_kept():
    torch.manual_seed(0)
    trunk = ResidualTrunk((4, 8, 8), (1, 1)).eval()
    trunk.stages[0][0].bn1 = nn.BatchNorm2d(8, affine=False).eval()
    trunk.stages[0][0].bn1.running_mean.fill_(0.3)
    images = torch.randn(1, 3, 32, 32)
    for prepared in (fold_batch_norms(trunk), prepare_layers(trunk)):
        for a, b in zip(trunk(images), prepared(images), strict=True):
            torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)
