"""Faster R-CNN: the same boxes as torchvision's, MMDetection's names, regression for Tracktor, training."""

import json

import numpy as np
import pytest
import torch
from torchvision.models.detection import fasterrcnn_resnet50_fpn
from torchvision.ops import MultiScaleRoIAlign

from dmtrack.association.policies import Tracktor
from dmtrack.boxes import xywh_to_xyxy
from dmtrack.config import build, load_config
from dmtrack.data.batches import Batch, FrameBatch
from dmtrack.errors import WeightsError
from dmtrack.models.fast.inference_copy import inference_copy
from dmtrack.models.faster_rcnn.faster_rcnn import FasterRCNN, FasterRCNNDetection, FasterRCNNPreprocessing
from dmtrack.models.faster_rcnn.parts import LEVELS, PyramidPool
from dmtrack.registry import MODELS
from dmtrack.tracking.multi_object import MultiObjectTracker
from dmtrack.tracking.track_by_detection import detector_of
from dmtrack.weights.importers.detectors import from_mmdetection, from_torchvision


def image(seed: int = 0) -> np.ndarray:
    coarse = torch.from_numpy(np.random.default_rng(seed).uniform(0, 255, (1, 3, 8, 10)).astype(np.float32))
    smooth = torch.nn.functional.interpolate(coarse, (128, 160), mode="bicubic")[0].clamp(0, 255)
    return smooth.byte().permute(1, 2, 0).numpy()


@pytest.fixture(scope="module")
def published() -> torch.nn.Module:
    """torchvision's own network with weights that find something."""
    torch.manual_seed(0)
    network = fasterrcnn_resnet50_fpn(weights=None, weights_backbone=None, num_classes=3, min_size=128, max_size=160)
    for module in network.modules():
        if module.__class__.__name__ == "FrozenBatchNorm2d":
            module.eps = 0.0
    with torch.no_grad():  # scores that are far apart
        network.roi_heads.box_predictor.cls_score.weight.mul_(0.1)
    return network.eval()


@pytest.fixture(scope="module")
def ours(published: torch.nn.Module) -> FasterRCNN:
    model = FasterRCNN(2, preprocessing=FasterRCNNPreprocessing(scale=(160, 128), flavour="torchvision"))
    given = from_torchvision(published.state_dict(), model.state_dict())
    missing, unexpected = model.load_state_dict(given, strict=False)
    assert not unexpected and all(name.endswith("num_batches_tracked") for name in missing)
    return model.eval()


def test_torchvisions_weights_give_torchvisions_boxes(published: torch.nn.Module, ours: FasterRCNN) -> None:
    with torch.inference_mode():
        (expected,) = published([torch.from_numpy(image()).permute(2, 0, 1) / 255])
    found = ours.detect(image())
    assert len(expected["boxes"]) > 20 and found.classes is not None
    np.testing.assert_allclose(found.boxes_xyxy, expected["boxes"].numpy(), atol=5e-2)
    np.testing.assert_allclose(found.scores, expected["scores"].numpy(), atol=1e-4)
    np.testing.assert_array_equal(found.classes, expected["labels"].numpy() - 1)
    fast = inference_copy(ours).model.detect(image())
    np.testing.assert_allclose(fast.boxes_xyxy, found.boxes_xyxy, atol=0.1)


def test_the_pool_out_of_a_pyramid_is_torchvisions() -> None:
    rng = np.random.default_rng(0)
    maps = {name: torch.randn(2, 4, 256 >> number, 256 >> number) for number, name in enumerate(LEVELS)}
    boxes = [
        torch.from_numpy(xywh_to_xyxy(np.exp(rng.uniform(1, 6, (9, 4))))).float().clamp(max=1020) for _ in range(2)
    ]
    expected = MultiScaleRoIAlign(LEVELS, 7, 2)(maps, boxes, [(1024, 1024)] * 2)
    torch.testing.assert_close(PyramidPool(False, 2)(maps, boxes, [(1024, 1024)] * 2), expected)


def test_mmdetections_names_and_the_background_at_the_other_end(shared_folder) -> None:
    named = json.loads((shared_folder / "golden" / "siamrpn" / "params_other" / "params_tracktor_r50.json").read_text())
    file = {name: torch.rand(shape).to(getattr(torch, dtype)) for name, shape, dtype in named}
    model = build(load_config("configs/faster_rcnn/tracktor_mot17_half.py")["model"], MODELS)
    given = from_mmdetection(file, model.state_dict())
    model.load_state_dict(given)
    scores = model.roi_heads.box_predictor.cls_score.bias
    assert torch.equal(scores.detach(), file["detector.roi_head.bbox_head.fc_cls.bias"].flip(0))
    boxes = model.roi_heads.box_predictor.bbox_pred.bias.detach()
    assert boxes[:4].eq(0).all() and torch.equal(boxes[4:], file["detector.roi_head.bbox_head.fc_reg.bias"])
    anchors = model.rpn.anchor_generator.cell_anchors[0]
    np.testing.assert_allclose(anchors[0], [-22.627417, -11.313708, 22.627417, 11.313708], rtol=1e-6)
    with pytest.raises(WeightsError, match="which any Faster R-CNN has"):
        from_mmdetection({"head.weight": torch.zeros(1)}, ())
    with pytest.raises(WeightsError, match="set it to 'torchvision'"):
        model.check_metadata({"normalisation": {"flavour": "torchvision"}}, "coco.pth")


def test_regressed_boxes_are_those_of_the_second_stage_and_carry_tracktor(ours: FasterRCNN) -> None:
    detector = detector_of(ours, "cpu", "fp32")
    found = detector(image())
    assert detector.regress is not None
    moved = detector.regress(image(), found.boxes_xywh)
    assert len(moved) == len(found) and np.isfinite(moved.boxes_xyxy).all()
    assert moved.boxes_xyxy.min() >= 0 and (moved.boxes_xyxy.max(axis=0) <= [160, 128, 160, 128]).all()
    # What is cut out under a box does not depend on the boxes beside it.
    alone = detector.regress(image(), found.boxes_xywh[3:4])
    np.testing.assert_allclose(alone.boxes_xyxy[0], moved.boxes_xyxy[3], atol=1e-2)
    tracker = MultiObjectTracker(Tracktor(min_score=0.3, keep_score=0.01), detector)
    first, second = tracker.step(image()), tracker.step(image())
    assert len(first) and set(second.ids) & set(first.ids)


def test_embeddings_have_a_row_per_box_and_training_teaches() -> None:
    torch.manual_seed(0)
    scale = FasterRCNNPreprocessing(scale=(64, 64))
    model = FasterRCNN(
        embeddings=True, test_cfg=FasterRCNNDetection(most_boxes=5, least_score=0.0), preprocessing=scale
    )
    found = model.eval().detect(image()[:64, :64])
    assert found.embeddings is not None and found.embeddings.shape == (len(found), 128) and len(found) == 5
    boxes_xyxy = torch.tensor([[8.0, 8.0, 40.0, 56.0]])
    # The second image is empty.
    frame = FrameBatch(torch.rand(2, 3, 64, 64), boxes_xyxy, torch.tensor([0]), torch.tensor([[64, 64], [64, 60]]))
    losses = model.train().losses(Batch((frame,)))
    assert sorted(losses) == ["loss_box_reg", "loss_classifier", "loss_objectness", "loss_rpn_box_reg"]
    sum(losses.values()).backward()  # type: ignore[union-attr]
    learns = {name.split(".")[1] for name, one in model.named_parameters() if one.grad is not None and one.grad.any()}
    assert {"body", "fpn", "head", "box_head", "box_predictor"} <= learns
    assert not any(module.training for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d))
    assert all(one.grad is None for one in model.backbone.body.layer1.parameters())
