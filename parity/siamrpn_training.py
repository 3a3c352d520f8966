"""`train.npz`: learning rates, crops, augmentation, targets, losses and pairs of SiamRPN++."""

from __future__ import annotations

import re

import numpy as np
import torch
from numpy.typing import NDArray

from dmtrack.boxes import xywh_to_xyxy
from dmtrack.data.samples import Clip
from dmtrack.data.sampling.siamese_pairs import pair_frames
from dmtrack.data.siamese import BlurSearch, CropAround, ShiftColour, ShiftScaleCrop
from dmtrack.data.transforms import RandomGray
from dmtrack.models.siamrpn.flavours import SiamesePreprocessing
from dmtrack.models.siamrpn.layers import Outputs
from dmtrack.models.siamrpn.losses import (
    BACKGROUND,
    POSITIVE,
    AnchorTargets,
    anchor_groups,
    anchor_iou,
    assign,
    box_deltas,
    negative_pair_anchors,
    siamrpn_losses,
    stack_targets,
    training_anchors_xyxy,
)
from dmtrack.training.optimizers import warmup_then_log
from parity.golden import Array, GoldenFile
from parity.siamrpn_formulas import frame_rgb, target_box_xywh

PIXEL_TOLERANCE = 2e-3
BOX_TOLERANCE = 1e-4
TARGET_TOLERANCE = 1e-5
LOSS_TOLERANCE = 1e-5
RATE_TOLERANCE = 1e-9
SEARCH_FRAME = 3
EVERY_ANCHOR = 11
SCHEDULES = {20: (5, (0.2, 1.0), (1.0, 0.1)), 15: (4, (0.1, 0.8), (0.8, 0.05))}
"""Epochs of a file's schedule: warm-up epochs, factors of the warm-up and of the decay."""

MM, PYSOT = SiamesePreprocessing("mmtracking"), SiamesePreprocessing("pysot")
PAIR_DRAWS, VIDEO_LENGTHS, FRAME_RANGE = 20, (30, 17), 5


def check_training(golden: GoldenFile) -> None:
    """Every array of the file."""
    _check_schedules(golden)
    seeds = sorted({int(match[1]) for name in golden.names("s") if (match := re.match(r"s(\d+)_", name))})
    for seed in seeds:
        gt_box = _check_augmentation(golden, seed)
        _check_targets(golden, seed, gt_box)
        _check_pysot_targets(golden, seed, gt_box)
        _check_losses(golden, seed, gt_box)
        _check_pairs(golden, seed)


def _check_schedules(golden: GoldenFile) -> None:
    epochs = len(golden.given("lr_factors"))
    warmup_epochs, warmup, decay = SCHEDULES.get(epochs, SCHEDULES[20])
    golden.close("lr_factors", warmup_then_log(epochs, warmup_epochs, warmup, decay), RATE_TOLERANCE)
    rates = warmup_then_log(20, 5, (0.001, 0.005), (0.005, 0.0005))
    golden.close("pysot_lr_8gpu", rates, RATE_TOLERANCE)


def _check_augmentation(golden: GoldenFile, seed: int) -> NDArray[np.float64]:
    """Crops and every augmentation; returns the box of the augmented search image."""
    prefix = f"s{seed}_"
    height, width = (240, 320) if seed % 2 else (150, 220)
    boxes = [
        xywh_to_xyxy(np.array([target_box_xywh(time, height, width, seed)], dtype=np.float64))
        for time in (0, SEARCH_FRAME)
    ]
    images = [frame_rgb(time, height, width, seed).astype(np.float32) for time in (0, SEARCH_FRAME)]
    squares = CropAround()(Clip.pair(images[0], images[1], boxes[0], boxes[1]), _random(seed))
    _compare_pair(golden, f"{prefix}crop511", squares, 17, sums=True)
    shifted = ShiftScaleCrop()(squares, _random(seed))
    _compare_pair(golden, f"{prefix}ss", shifted, 9)
    _compare_pair(golden, f"{prefix}color", ShiftColour()(shifted, _random(seed)), 17, boxes=False)
    blurred = BlurSearch((0.0, 1.0))(shifted, _random(seed))
    golden.close(f"{prefix}blur_1", _bgr(blurred.search.image)[::17, ::17], PIXEL_TOLERANCE)
    grayed = RandomGray(1.0)(shifted, _random(seed))
    golden.close(f"{prefix}gray_1", _bgr(grayed.search.image)[::17, ::17], PIXEL_TOLERANCE)
    chain = squares
    random = _random(seed)
    for step in (ShiftScaleCrop(), ShiftColour(), BlurSearch()):
        chain = step(chain, random)
    _compare_pair(golden, f"{prefix}chain", chain, 17)
    return np.asarray(golden.given(f"{prefix}chain_1_box"), dtype=np.float64)[0]


def _compare_pair(
    golden: GoldenFile, name: str, pair: Clip, every: int, boxes: bool = True, sums: bool = False
) -> None:
    for side, sample in enumerate(pair.samples):
        image, box = sample.image, sample.boxes_xyxy
        golden.close(f"{name}_{side}", _bgr(image)[::every, ::every], PIXEL_TOLERANCE)
        if boxes:
            golden.close(f"{name}_{side}_box", box, BOX_TOLERANCE)
        if sums and f"{name}_{side}_sum" in golden:
            pixels = image.shape[0] * image.shape[1]
            found = _bgr(image).sum(axis=(0, 1), dtype=np.float64) / pixels
            error = float(np.abs(found - golden.given(f"{name}_{side}_sum") / pixels).max())
            golden.add(f"{name}_{side}_sum", error, PIXEL_TOLERANCE, "largest difference of the mean")


def _check_targets(golden: GoldenFile, seed: int, box_xyxy: Array) -> None:
    prefix = f"s{seed}_"
    groups = anchor_groups(MM, box_xyxy)
    golden.exact(f"{prefix}pos_candidates", groups["positive"])
    golden.exact(f"{prefix}ignore_candidates", groups["ignored"])
    anchors = training_anchors_xyxy(MM)
    golden.close(f"{prefix}maxiou", anchor_iou(anchors, box_xyxy)[::EVERY_ANCHOR], TARGET_TOLERANCE)
    golden.close(f"{prefix}targets_strided", box_deltas(anchors, box_xyxy)[::EVERY_ANCHOR], TARGET_TOLERANCE)
    targets = assign(MM, box_xyxy, True, _random(seed))
    counts = [
        int((targets.labels == POSITIVE).sum()),
        int((targets.labels == BACKGROUND).sum()),
        float(targets.label_weights.sum()),
        float(targets.box_weights.sum()) * 4,
    ]
    golden.close(f"{prefix}counts", counts, TARGET_TOLERANCE)
    golden.exact(f"{prefix}neg_candidates", negative_pair_anchors(MM, box_xyxy))


def _check_pysot_targets(golden: GoldenFile, seed: int, box_xyxy: Array) -> None:
    prefix = f"s{seed}_pysot_"
    anchors = training_anchors_xyxy(PYSOT)
    golden.close(f"{prefix}overlap_strided", anchor_iou(anchors, box_xyxy)[::EVERY_ANCHOR], TARGET_TOLERANCE)
    golden.close(f"{prefix}delta_strided", box_deltas(anchors, box_xyxy)[::EVERY_ANCHOR].T, TARGET_TOLERANCE)
    targets = assign(PYSOT, box_xyxy, True, _random(seed))
    golden.exact(f"{prefix}cls", targets.labels)
    positives, background = int((targets.labels == POSITIVE).sum()), int((targets.labels == BACKGROUND).sum())
    golden.close(
        f"{prefix}delta_weight_sum", [float(targets.box_weights.sum()), positives, background], TARGET_TOLERANCE
    )
    golden.exact(f"{prefix}neg_cls", assign(PYSOT, box_xyxy, False, _random(seed)).labels)


def _check_losses(golden: GoldenFile, seed: int, box_xyxy: Array) -> None:
    """Both samples of the batch use the first candidates."""
    generator = torch.Generator().manual_seed(500 + seed)
    cls = torch.randn(2, 10, 25, 25, generator=generator)
    outputs = Outputs(cls, torch.randn(2, 20, 25, 25, generator=generator) * 0.3)
    groups = anchor_groups(MM, box_xyxy)
    positive, background = groups["positive"][:16], groups["background"][:48]
    anchors = training_anchors_xyxy(MM)
    labels = np.full(len(anchors), -1, dtype=np.int64)
    labels[positive], labels[background] = POSITIVE, BACKGROUND
    label_weights, box_weights = (np.zeros(len(anchors), dtype=np.float32) for _ in range(2))
    label_weights[positive], label_weights[background] = 0.5 / len(positive), 0.5 / len(background)
    box_weights[positive] = 1 / len(positive)
    targets = AnchorTargets(labels, box_deltas(anchors, box_xyxy), label_weights, box_weights)
    losses = siamrpn_losses(outputs, stack_targets([targets, targets]), MM)
    golden.relative(
        f"s{seed}_loss_cls_bbox", [float(losses[name]) for name in ("loss_cls", "loss_bbox")], LOSS_TOLERANCE
    )


def _check_pairs(golden: GoldenFile, seed: int) -> None:
    random = _random(seed)
    rows = []
    for _ in range(PAIR_DRAWS):
        pair = pair_frames(VIDEO_LENGTHS, random, FRAME_RANGE, 0.8)
        rows.append([*pair.template, *pair.search, int(pair.positive)])
    golden.exact(f"s{seed}_pairs", rows)


def _random(seed: int) -> np.random.RandomState:
    """The generator that the references drew from."""
    return np.random.RandomState(seed)


def _bgr(image: Array) -> Array:
    return np.asarray(image)[..., ::-1]
