"""Crops, decoding and targets on numbers that one can check by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dmtrack.models.siamrpn import Outputs, SiamesePreprocessing, crops
from dmtrack.models.siamrpn.crops import crop, crop_sides, mean_colour, polygon_to_cxcywh
from dmtrack.models.siamrpn.decoding import SearchParameters, choose, clip_to_frame, decode
from dmtrack.models.siamrpn.losses import (
    SiamRPNTraining,
    assign,
    box_deltas,
    siamrpn_losses,
    stack_targets,
    training_anchors_xyxy,
)

FLAVOURS = ("pysot", "mmtracking")
BOTH = pytest.mark.parametrize("flavour", FLAVOURS)


def outputs_with(cell, anchor, deltas, cells=25):
    """One anchor is the target with certainty."""
    cls, reg = torch.zeros(1, 10, cells, cells), torch.zeros(1, 20, cells, cells)
    cls[0, :5] = 20.0
    row, column = cell
    cls[0, anchor, row, column], cls[0, 5 + anchor, row, column] = -20.0, 20.0
    for kind, value in enumerate(deltas):
        reg[0, 5 * kind + anchor, row, column] = value
    return Outputs(cls, reg)


@BOTH
def test_a_certain_anchor_moves_the_box(flavour):
    preprocessing = SiamesePreprocessing(flavour)
    # 64x64 anchor, two cells right and one up; the box is as large as the anchor in the crop.
    outputs = outputs_with((11, 14), 2, (0.0, 0.0, 0.0, 0.0))
    last = np.array([100.0, 80.0, 32.0, 32.0])
    best = choose(decode(outputs, preprocessing), last, SearchParameters(0.0, 0.0, 0.5), preprocessing)
    zoom = 127 / 64  # the context of a 32x32 box is 64 pixels wide
    assert best.score == pytest.approx(1)
    np.testing.assert_allclose(best.box_cxcywh[:2], [100 + 16 / zoom, 80 - 8 / zoom], rtol=1e-6)
    np.testing.assert_allclose(best.box_cxcywh[2:], (32 + 64 / zoom) / 2, rtol=1e-6)


def test_only_mmtracking_limits_the_growth_of_boxes():
    outputs = outputs_with((12, 12), 2, (0.0, 0.0, 9.0, 9.0))
    widths = {}
    for flavour in FLAVOURS:
        decoded = decode(outputs, SiamesePreprocessing(flavour))
        widths[flavour] = decoded.boxes_cxcywh[decoded.scores.argmax(), 2]
    assert widths["mmtracking"] == pytest.approx(64 * 62.5, rel=1e-5)
    assert widths["pysot"] == pytest.approx(64 * np.exp(9), rel=1e-5)


def test_penalty_prefers_the_old_shape():
    preprocessing = SiamesePreprocessing("pysot")
    outputs = outputs_with((12, 12), 0, (0.0, 0.0, 0.0, 0.0))
    outputs.cls[0, 2, 12, 12], outputs.cls[0, 7, 12, 12] = -20.0, 19.0
    decoded = decode(outputs, preprocessing)
    square = np.array([100.0, 100.0, 32.0, 32.0])
    free = choose(decoded, square, SearchParameters(0.0, 0.0, 1.0), preprocessing)
    penalised = choose(decoded, square, SearchParameters(0.5, 0.0, 1.0), preprocessing)
    assert free.box_cxcywh[2] > 1.5 * free.box_cxcywh[3]
    assert penalised.box_cxcywh[2] == pytest.approx(penalised.box_cxcywh[3], rel=1e-3)


def test_parameters_out_of_range():
    from dmtrack.errors import ConfigError

    for bad in ({"penalty_k": -1}, {"window_influence": 1.5}, {"lr": float("nan")}):
        with pytest.raises(ConfigError, match=next(iter(bad))):
            SearchParameters(**bad)


@given(st.lists(st.floats(-1e6, 1e6), min_size=4, max_size=4))
def test_clipped_boxes_stay_in_the_frame(values):
    x, y, width, height = clip_to_frame(np.array(values), (200, 100))
    assert 0 <= x <= 200 and 0 <= y <= 100
    assert 10 <= width <= 200 and 10 <= height <= 100


@BOTH
def test_a_crop_inside_the_frame_without_scaling_is_the_frame(flavour):
    frame = np.random.default_rng(0).integers(0, 256, (300, 400, 3)).astype(np.uint8)
    preprocessing = SiamesePreprocessing(flavour)
    fill = mean_colour(frame, preprocessing)
    side = 127 if flavour == "pysot" else 126  # MMTracking includes the last pixel
    found = crop(frame, (200, 150), side, 127, fill, preprocessing)
    # PySOT names pixels by their centres, so that the middle of an odd crop lies between two.
    half = 64 if flavour == "pysot" else 63
    left, top = 200 - half, 150 - half
    np.testing.assert_array_equal(found, frame[top : top + 127, left : left + 127])


@BOTH
@settings(max_examples=40)
@given(x=st.floats(-400, 800), y=st.floats(-400, 800), side=st.integers(1, 1500))
def test_crops_anywhere_are_full_and_between_the_colours(flavour, x, y, side):
    frame = np.full((60, 90, 3), 200, np.uint8)
    preprocessing = SiamesePreprocessing(flavour)
    found = crop(frame, (x, y), side, 31, np.array([10.0, 20.0, 30.0]), preprocessing)
    assert found.shape == (31, 31, 3)
    assert found.min() >= 10 and found.max() <= 200
    if abs(x) + abs(y) + side > 5000:
        np.testing.assert_allclose(found, [[[10, 20, 30]]])


def test_a_patch_that_would_not_fit_in_memory_is_sampled(monkeypatch):
    frame = np.random.default_rng(0).integers(0, 256, (120, 160, 3)).astype(np.uint8)
    preprocessing = SiamesePreprocessing("pysot")
    fill = mean_colour(frame, preprocessing)
    expected = crop(frame, (80, 60), 700, 255, fill, preprocessing)
    monkeypatch.setattr(crops, "LARGEST_PATCH", 600)
    found = crop(frame, (80, 60), 700, 255, fill, preprocessing)
    assert np.abs(found - expected).max() <= 4  # OpenCV samples positions in steps of 1/32 pixel
    assert crop(frame, (80, 60), 10_000_000, 255, fill, preprocessing).shape == (255, 255, 3)


@BOTH
def test_sides_of_tiny_boxes_are_a_pixel_at_least(flavour):
    assert crop_sides((0.1, 0.1), SiamesePreprocessing(flavour)) == (1, 1)
    assert crop_sides((1, 1), SiamesePreprocessing(flavour)) == (2, 4)


def test_an_upright_polygon_is_its_box():
    np.testing.assert_allclose(polygon_to_cxcywh([10, 20, 40, 20, 40, 60, 10, 60]), [25, 40, 30, 40])
    np.testing.assert_allclose(polygon_to_cxcywh([10, 20, 40, 20, 40, 60, 10, 60], 1.0), [25, 40, 31, 41])


@BOTH
def test_targets_decode_to_the_box_and_weights_balance(flavour):
    preprocessing = SiamesePreprocessing(flavour)
    box = np.array([90.0, 100, 160, 170])
    targets = assign(preprocessing, box, True, np.random.default_rng(0))
    anchors = training_anchors_xyxy(preprocessing)
    sizes = anchors[:, 2:] - anchors[:, :2]
    centres = (anchors[:, :2] + anchors[:, 2:]) / 2 + targets.deltas[:, :2] * sizes
    np.testing.assert_allclose(centres, np.tile([125, 135], (len(anchors), 1)), atol=1e-3)
    np.testing.assert_allclose(np.exp(targets.deltas[:, 2:]) * sizes, 70, rtol=1e-5)
    assert (targets.labels == 0).sum() == 48
    assert 0 < (targets.labels == 1).sum() <= 16
    assert targets.label_weights.sum() == pytest.approx(1)
    assert targets.box_weights.sum() == pytest.approx(1)


def test_truncation_by_index_favours_the_top_of_the_map():
    preprocessing, box = SiamesePreprocessing("mmtracking"), np.array([90.0, 100, 160, 170])
    rows = {}
    for truncate in (True, False):
        settings_ = SiamRPNTraining(truncate_by_index=truncate)
        drawn = [assign(preprocessing, box, True, np.random.default_rng(seed), settings_) for seed in range(20)]
        rows[truncate] = np.mean([np.flatnonzero(targets.labels == 0).mean() for targets in drawn])
    assert rows[True] < rows[False] - 100


@BOTH
def test_a_negative_pair_has_background_alone_and_no_box_loss(flavour):
    preprocessing = SiamesePreprocessing(flavour)
    targets = assign(preprocessing, [180, 180, 200, 200], False, np.random.default_rng(0))
    assert (targets.labels == 0).sum() == 16
    assert (targets.labels == 1).sum() == 0
    far_away = assign(preprocessing, [4000, 4000, 4100, 4100], False, np.random.default_rng(0))
    assert (far_away.labels >= 0).sum() == 0
    outputs = Outputs(torch.zeros(2, 10, 25, 25, requires_grad=True), torch.randn(2, 20, 25, 25, requires_grad=True))
    losses = siamrpn_losses(outputs, stack_targets([targets, far_away]), preprocessing)
    sum(losses.values()).backward()
    assert losses["loss_bbox"].item() == 0
    # log 2 on background only: half of it, and for MMTracking in one pair of two.
    assert losses["loss_cls"].item() == pytest.approx(np.log(2) / (2 if flavour == "pysot" else 4), rel=1e-5)
    assert torch.isfinite(outputs.cls.grad).all()


def test_deltas_of_the_anchor_itself_are_zero():
    anchors = training_anchors_xyxy(SiamesePreprocessing())
    np.testing.assert_allclose(box_deltas(anchors[[77]], anchors[77]), 0, atol=1e-6)
