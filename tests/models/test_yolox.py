"""YOLOX: names of parameters, assignment of cells to boxes, losses where there is little to teach, detection."""

import json

import numpy as np
import pytest
import torch

from dmtrack.association.policies.sort import Sort
from dmtrack.boxes import xywh_to_xyxy
from dmtrack.config import build, load_config
from dmtrack.data.batches import Batch, FrameBatch
from dmtrack.data.samples import Clip, Sample
from dmtrack.data.sampling import MosaicClips
from dmtrack.errors import ConfigError, WeightsError
from dmtrack.models.fast.inference_copy import inference_copy
from dmtrack.models.yolox.head import Predictions, select_boxes
from dmtrack.models.yolox.losses import assign, detection_losses
from dmtrack.models.yolox.yolox import YOLOX
from dmtrack.registry import DATASETS, MODELS
from dmtrack.tracking.multi_object import MultiObjectTracker
from dmtrack.weights import load_into, read_weights
from dmtrack.weights.importers import from_yolox
from dmtrack.weights.importing import import_weights
from parity.mot_formulas import YOLOX_MODELS

SMALL = {"type": "YOLOX", "depth": 0.33, "width": 0.125, "preprocessing": {"size_wh": (128, 64)}}


def predictions(boxes_cxcywh, stride=8.0, grid_wh=(8, 8), objectness=0.0):
    """What a head says of one map of 8x8 cells that gives these boxes, and tiny ones elsewhere."""
    width, height = grid_wh
    corners = torch.tensor([[x, y] for y in range(height) for x in range(width)], dtype=torch.float32)
    raw = torch.zeros(1, len(corners), 4)
    for cell, (cx, cy, w, h) in boxes_cxcywh.items():
        place = torch.tensor([cx, cy]) / stride - corners[cell]
        raw[0, cell] = torch.cat([place, torch.tensor([w, h]).div(stride).log()])
    logits = torch.full((1, len(corners)), objectness)
    return Predictions(raw, logits, logits[..., None].clone(), corners, torch.full((len(corners),), stride))


@pytest.mark.parametrize(("network", "million"), [("nano", 0.896754), ("s", 8.937682), ("x", 98.995378)])
def test_parameters_have_the_published_names(network, million, shared_folder):
    published = json.loads((shared_folder / "golden" / "mot" / f"params_yolox_{network}_mot.json").read_text())
    with torch.device("meta"):
        model = YOLOX(**YOLOX_MODELS[network])
    assert {name: tuple(shape) for name, shape, _ in published} == {
        name: tuple(tensor.shape) for name, tensor in model.state_dict().items()
    }
    assert sum(parameter.numel() for parameter in model.parameters()) / 1e6 == pytest.approx(million)


def test_a_cell_that_two_boxes_want_answers_for_the_one_that_it_costs_least():
    # Cell 27 (column 3, row 3) has its middle at (28, 28); its box is that of the second object.
    said = predictions({27: (30.0, 28.0, 20.0, 20.0), 28: (36.0, 28.0, 20.0, 20.0)}, objectness=2.0)
    boxes_xyxy = torch.tensor([[26.0, 18.0, 46.0, 38.0], [20.0, 18.0, 40.0, 38.0]])
    chosen = assign(said, 0, boxes_xyxy, torch.tensor([0, 0]), (64, 64))
    answers = dict(zip(chosen.cells.tolist(), chosen.objects.tolist(), strict=True))
    assert answers[27] == 1
    assert answers[28] == 0
    assert chosen.overlaps[chosen.cells == 27].tolist() == pytest.approx([1.0])


def test_the_middle_of_a_box_that_leaves_the_image_is_moved_to_its_border():
    """Its own middle at x = -40 would be more than 2.5 strides from every cell, and no cell lies in the box."""
    said = predictions({})
    outside = torch.tensor([[-82.0, 20.0, 2.0, 40.0]])
    chosen = assign(said, 0, outside, torch.tensor([0]), (64, 64))
    assert len(chosen.cells) >= 1
    assert all(cell % 8 <= 2 for cell in chosen.cells.tolist())


def test_losses_are_over_the_answering_cells_and_finite_without_a_box():
    said = predictions({27: (30.0, 28.0, 20.0, 20.0)})
    truth = torch.tensor([[20.0, 18.0, 40.0, 38.0]])
    one = torch.zeros(1, dtype=torch.int64)
    losses, count = detection_losses(said, truth, one, one, (64, 64), with_l1=True)
    assert count == 1
    assert float(losses["loss_iou"]) == pytest.approx(0.0, abs=1e-5)
    assert float(losses["loss_l1"]) == pytest.approx(0.0, abs=1e-5)
    # 64 logits of zero, and one class logit of zero whose target is IoU 1.
    assert float(losses["loss_objectness"]) == pytest.approx(64 * np.log(2), rel=1e-5)
    assert float(losses["loss_class"]) == pytest.approx(np.log(2), rel=1e-5)
    none = torch.zeros(0, dtype=torch.int64)
    losses, count = detection_losses(said, truth[:0], none, none, (64, 64), with_l1=False)
    assert (count, sorted(losses)) == (0, ["loss_class", "loss_iou", "loss_objectness"])
    assert all(torch.isfinite(loss) for loss in losses.values())


def test_cells_in_an_ignored_region_are_asked_nothing_unless_they_answer_for_a_box():
    said = predictions({27: (30.0, 28.0, 20.0, 20.0)})
    truth = torch.tensor([[20.0, 18.0, 40.0, 38.0]])
    # 4x2 cells have their middle in the region, and so has cell 27, which answers for the box.
    regions = torch.tensor([[0.0, 48.0, 32.0, 64.0], [25.0, 25.0, 31.0, 31.0]])
    boxes, index = torch.cat([truth, regions]), torch.zeros(3, dtype=torch.int64)
    ignored = torch.tensor([False, True, True])
    losses, count = detection_losses(said, boxes, index, index, (64, 64), False, ignored)
    assert count == 1
    assert float(losses["loss_objectness"]) == pytest.approx((64 - 8) * np.log(2), rel=1e-5)
    assert float(losses["loss_iou"]) == pytest.approx(0.0, abs=1e-5)
    losses, count = detection_losses(said, regions, index[:2], index[:2], (64, 64), False, ignored[1:])
    assert (count, float(losses["loss_objectness"])) == (0, pytest.approx((64 - 9) * np.log(2), rel=1e-5))


@pytest.mark.parametrize(("agnostic", "left"), [(False, 2), (True, 1)])
def test_boxes_suppress_those_of_their_own_class_or_of_all(agnostic, left):
    said = predictions({0: (30.0, 30.0, 20.0, 20.0), 1: (31.0, 30.0, 20.0, 20.0)}, objectness=-9.0)
    objectness, classes = said.objectness.clone(), torch.full((1, 64, 2), -9.0)
    objectness[0, :2] = 5.0
    classes[0, 0, 0] = classes[0, 1, 1] = 5.0
    (found,) = select_boxes(
        Predictions(said.boxes, objectness, classes, said.corners_xy, said.strides), 0.3, 0.7, agnostic
    )
    assert len(found.boxes_xyxy) == left
    assert found.boxes_xyxy[0].tolist() == pytest.approx([20.0, 20.0, 40.0, 40.0], abs=1e-3)


def test_the_l1_loss_joins_in_and_the_size_of_batches_changes():
    torch.manual_seed(0)
    model = build({**SMALL, "train_cfg": {"l1_from": 3, "heights": (1, 3)}}, MODELS)
    truth = torch.tensor([[10.0, 10.0, 50.0, 40.0], [60.0, 5.0, 90.0, 60.0]])
    frame = FrameBatch(torch.rand(2, 3, 64, 128), truth, torch.tensor([0, 1]), torch.tensor([[64, 128]] * 2))
    seen = []
    model.backbone.register_forward_pre_hook(lambda _, inputs: seen.append(tuple(inputs[0].shape[2:])))
    for epoch, has_l1 in ((2, False), (3, True)):
        model.start_epoch(epoch)
        assert ("loss_l1" in model.losses(Batch((frame,)))) == has_l1
    for _ in range(8):
        torch.stack(list(model.losses(Batch((frame,))).values())).sum().backward()
    assert set(seen) == {(32, 64), (64, 128), (96, 192)}
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters())


def test_it_is_the_detector_of_a_multi_object_tracker_in_pixels_of_the_frame():
    torch.manual_seed(0)
    model = build({**SMALL, "test_cfg": {"least_score": 0.0}}, MODELS).eval()
    image = np.random.default_rng(0).integers(0, 255, (90, 200, 3), dtype=np.uint8)
    found = model.detect(image)
    assert len(found) > 10
    assert (np.diff(found.scores) <= 0).all()
    # The input of 128x64 is 0.64 times the frame: a middle of a cell cannot lie right of 200 pixels by much.
    assert found.boxes_xyxy[:, [0, 2]].mean(axis=1).max() > 130
    assert len(MultiObjectTracker(Sort(min_hits=0), model.detect).step(image).ids) > 0


@pytest.mark.parametrize(
    ("depthwise", "precision", "tolerance"), [(False, "fp32", 1e-3), (True, "fp32", 1e-3), (False, "bf16", 2.0)]
)
@torch.inference_mode()
def test_the_fast_copy_says_the_same(depthwise, precision, tolerance):
    torch.manual_seed(0)
    model = build({**SMALL, "width": 0.5, "depthwise": depthwise}, MODELS)
    for _ in range(2):  # statistics of the batch norms that are not those of a new network
        model.predict(torch.randn(2, 3, 64, 128))
    model.eval()
    fast, needs_autocast = inference_copy(model, precision)
    assert not needs_autocast
    images = torch.randn(1, 3, 128, 160)
    plain, copied = model.predict(images), fast.predict(images)
    assert copied.boxes.dtype == torch.float32
    assert float((plain.boxes_xyxy() - copied.boxes_xyxy()).abs().max()) < tolerance
    assert float((plain.objectness - copied.objectness).abs().max()) < tolerance / 10


def test_unfitting_settings_and_weights_are_refused():
    with pytest.raises(ConfigError, match=r"size_wh is \(100, 64\).*multiples of 32"):
        build({**SMALL, "preprocessing": {"size_wh": (100, 64)}}, MODELS)
    with pytest.raises(ConfigError, match=r"heights is \(5, 3\)"):
        build({**SMALL, "train_cfg": {"heights": (5, 3)}}, MODELS)
    encoder, rng = build({**SMALL, "classes": 80}, MODELS).clip_encoder(), np.random.default_rng(0)
    for size_hw, number, reason in (((64, 128), 80, "an object of class 80"), ((60, 60), 3, "60x60.*LetterboxTo")):
        sample = Sample(np.zeros((*size_hw, 3), np.uint8), np.ones((1, 4)), classes=np.array([number]))
        with pytest.raises(ConfigError, match=reason):
            encoder.encode(Clip((sample,), aligned=False), rng)
    model = build(SMALL, MODELS)
    with pytest.raises(WeightsError, match=r"takes pixels as yolox does.*'bytetrack'"):
        model.check_metadata({"normalisation": {"flavour": "yolox"}}, "s.pth")


@pytest.mark.parametrize("origin", ["bytetrack", "yolox"])
def test_published_checkpoints_are_imported_for_pixels_of_their_flavour(origin, tmp_path):
    config = {"bytetrack": "yolox_nano_mix_det", "yolox": "yolox_nano"}[origin]
    torch.manual_seed(0)
    model = build(load_config(f"configs/yolox/{config}.py")["model"], MODELS)
    torch.save({"start_epoch": 80, "model": model.state_dict(), "optimizer": {}}, tmp_path / "published.pth.tar")
    found = import_weights(
        tmp_path / "published.pth.tar", origin, f"configs/yolox/{config}.py", tmp_path / "own.safetensors"
    )
    weights = read_weights(found)
    assert weights.metadata["normalisation"]["flavour"] == origin
    load_into(model, weights.state_dict, found, metadata=weights.metadata)
    with pytest.raises(WeightsError, match=r"holds no backbone.backbone.stem"):
        from_yolox({"conv1.weight": torch.zeros(1)}, ())
    other = {"bytetrack": "yolox", "yolox": "bytetrack"}[origin]
    with pytest.raises(WeightsError, match="takes pixels as"):
        import_weights(tmp_path / "published.pth.tar", other, f"configs/yolox/{config}.py", tmp_path / "no.safetensors")


def people(number):
    """An image of two bright people on a dark ground."""
    rng = np.random.default_rng(number)
    image = rng.integers(0, 60, (64, 96, 3), dtype=np.uint8)
    boxes_xywh = []
    for side in (0, 48):
        left, top, height = side + rng.integers(0, 30), rng.integers(0, 30), rng.integers(24, 34)
        image[top : top + height, left : left + height // 2] = rng.integers(170, 255, 3)
        boxes_xywh.append([left, top, height // 2, height])
    return image, np.array(boxes_xywh, dtype=np.float64)


@DATASETS.register
class BrightPeople:
    """Draws an image of people, all from the numbers of a training set."""

    def sample(self, rng, image_size_wh=None):
        image, boxes_xywh = people(int(rng.integers(0, 60)))
        return Clip((Sample(image, xywh_to_xyxy(boxes_xywh), np.arange(2)),), aligned=False)


def test_mosaics_hold_boxes_where_their_objects_are():
    made = MosaicClips(BrightPeople(), (96, 64), degrees=0.0, shear=0.0, translate=0.0, scale=(1.0, 1.0), mixup=0.0)
    seen = 0
    for number in range(20):
        sample = made.sample(np.random.default_rng(number)).query
        assert sample.size_wh == (96, 64)
        for left, top, right, bottom in sample.boxes_xyxy:
            inside = sample.image[max(int(top) + 2, 0) : int(bottom) - 2, max(int(left) + 2, 0) : int(right) - 2]
            if left > 0 and top > 0 and right < 96 and bottom < 64 and min(inside.shape[:2]) > 2:
                seen += 1
                # Another person may stand in front, but none is as dark as the ground.
                assert np.median(inside) > 114
    assert seen > 20
    mixed = MosaicClips(BrightPeople(), (96, 64), mixup=1.0).sample(np.random.default_rng(3)).query
    assert mixed.image.dtype == np.uint8
    assert len(mixed.boxes_xyxy) == len(mixed.identities)
