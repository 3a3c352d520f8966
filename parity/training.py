"""`train_*.npz`: losses, gradients and one optimiser step, with frozen and with live batch norm."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dmtrack.config.top_level import Optimizer
from dmtrack.data.batches import Batch
from dmtrack.data.preprocessing import PreparedImage, prepare_image
from dmtrack.models.global_search.dmtrack_gs import DMTrackGS
from dmtrack.models.global_search.losses import average_over_pairs
from dmtrack.training.optimizers import build_optimizer
from parity.formulas import formula_model, inclusive_box_to_xywh, make_image, paste_texture
from parity.golden import GoldenFile

TRAINING_SCALE = (480, 320)
LEARNING_RATE = 0.00025
MAX_NORM = 35.0
PUBLISHED_OPTIMIZER = Optimizer(
    type="SGD", lr=0.001, weight_decay=1e-4, momentum=0.9, bias_lr_mult=2.0, bias_decay_mult=0.0
)
TOLERANCES = {"eval": (1e-4, 1e-3), "train": (1e-3, 2e-2)}
"""Relative, of losses and gradients; statistics of one image per batch amplify rounding."""

WATCHED_PARAMETERS = (
    "backbone.base.base_layer.0.weight",
    "backbone.base.level3.tree2.root.conv.weight",
    "backbone.dla_up.ida_1.proj_2.conv.conv_offset.weight",
    "backbone.dla_up.ida_0.node_1.conv.weight",
    "neck.lateral_convs.1.conv.weight",
    "neck.fpn_convs.2.conv.bias",
    "template.fpn_modulator.0.weight",
    "template.fpn_modulator.2.bias",
    "controller.controller_cls1.bias",
    "controller.controller_cls2.weight",
    "controller.controller_reg1.bias",
    "controller.controller_reg2.bias",
    "cond_modulator.downsampler_cls.weight",
    "cond_modulator.downsampler_reg.bias",
    "bbox_head.cls_convs.3.gn.weight",
    "bbox_head.reg_convs.0.conv.weight",
    "bbox_head.fcos_cls.weight",
    "bbox_head.fcos_cls.bias",
    "bbox_head.fcos_reg.bias",
    "bbox_head.fcos_centerness.weight",
    "bbox_head.scales.0.scale",
    "bbox_head.scales.1.scale",
    "bbox_head.scales.2.scale",
)


def check_training(golden: GoldenFile) -> None:
    """One step from the same weights in each mode of batch norm."""
    for mode in TOLERANCES:
        if golden.names(f"{mode}|"):
            _check_mode(golden, mode)


def _check_mode(golden: GoldenFile, mode: str) -> None:
    loss_tolerance, gradient_tolerance = TOLERANCES[mode]
    model = formula_model().train(mode == "train")
    batch = _batch(golden, model, mode)
    per_instance = model.instance_losses(batch)
    losses = average_over_pairs(per_instance, batch.query.clip_index)
    golden.relative(f"{mode}|losses", losses, loss_tolerance)
    golden.relative(f"{mode}|inst_losses", per_instance, loss_tolerance)
    losses.sum().backward()

    parameters = dict(model.named_parameters())
    gradients = [parameter.grad for parameter in parameters.values() if parameter.grad is not None]
    norm = torch.linalg.vector_norm(torch.stack([gradient.double().norm() for gradient in gradients]))
    golden.exact(f"{mode}|n_params_with_grad", len(gradients))
    golden.relative(f"{mode}|grad_norm", norm, gradient_tolerance)
    watched = [parameters[name].grad for name in WATCHED_PARAMETERS]
    magnitudes = [_sum(gradient, absolute=True) for gradient in watched]
    golden.relative(f"{mode}|grad_l1", magnitudes, gradient_tolerance)
    # Sums cancel, so their error is measured against the sums of magnitudes.
    scale = np.asarray(golden.given(f"{mode}|grad_l1"))
    golden.relative(f"{mode}|grad_sum", [_sum(gradient) for gradient in watched], gradient_tolerance, scale)
    _check_batch_norms(golden, mode, model, loss_tolerance)

    before = np.array([_sum(parameters[name]) for name in WATCHED_PARAMETERS])
    nn.utils.clip_grad_norm_(model.parameters(), MAX_NORM)
    build_optimizer(model, PUBLISHED_OPTIMIZER, LEARNING_RATE).step()
    after = np.array([_sum(parameters[name]) for name in WATCHED_PARAMETERS])
    # What the step changed is what is checked; the sums themselves hardly move.
    clipping = min(1.0, MAX_NORM / float(golden.given(f"{mode}|grad_norm")))
    rounding = 1e-6 * np.abs(before) + 1e-6
    scale = LEARNING_RATE * clipping * np.asarray(golden.given(f"{mode}|grad_l1")) + rounding / gradient_tolerance
    golden.relative(f"{mode}|post_step_sum", after, gradient_tolerance, scale)


def _batch(golden: GoldenFile, model: DMTrackGS, mode: str) -> Batch:
    seed = int(golden.given("seed"))
    query, query_boxes = _side(golden, model, seed, "boxes_z")
    search, search_boxes = _side(golden, model, seed + 1, "boxes_x")
    golden.exact(f"{mode}|img_shape", (*query.size_hw, 3))
    golden.exact(f"{mode}|pad_shape", (*query.tensor.shape[2:], 3))
    golden.close(f"{mode}|gt_z", query_boxes, 1e-4)
    golden.close(f"{mode}|gt_x", search_boxes, 1e-4)
    return Batch.pair(
        query_images=query.tensor,
        search_images=search.tensor,
        query_boxes_xyxy=query_boxes,
        search_boxes_xyxy=search_boxes,
        pair_index=torch.zeros(len(query_boxes), dtype=torch.int64),
        query_sizes_hw=torch.tensor([query.size_hw]),
        search_sizes_hw=torch.tensor([search.size_hw]),
    )


def _side(golden: GoldenFile, model: DMTrackGS, seed: int, boxes: str) -> tuple[PreparedImage, Tensor]:
    image: NDArray[np.uint8] = make_image(seed, int(golden.given("H")), int(golden.given("W")))
    for instance, box in enumerate(golden.given(boxes)):
        paste_texture(image, int(golden.given("seed")) + 10 + instance, *inclusive_box_to_xywh(box))
    prepared = prepare_image(image, replace(model.preprocessing, scale=TRAINING_SCALE))
    scaled = np.asarray(golden.given(boxes), dtype=np.float32) * np.float32(prepared.scale_factor)
    height, width = prepared.tensor.shape[2:]
    limits = np.array([width - 1, height - 1, width - 1, height - 1], dtype=np.float32)
    return prepared, torch.from_numpy(np.clip(scaled, 0, limits))


def _check_batch_norms(golden: GoldenFile, mode: str, model: DMTrackGS, tolerance: float) -> None:
    prefix = f"{mode}|bn|"
    for name in golden.names(prefix):
        norm = model.get_submodule(name.removeprefix(prefix))
        assert isinstance(norm, nn.BatchNorm2d)
        assert norm.running_mean is not None and norm.running_var is not None
        statistics = torch.stack([norm.running_mean[:16], norm.running_var[:16]])
        golden.close(name, statistics, tolerance)
    if f"{mode}|bn_batches" in golden:
        counted = [
            int(module.num_batches_tracked)
            for name, module in model.named_modules()
            if isinstance(module, nn.BatchNorm2d)
            and module.num_batches_tracked is not None
            and not name.startswith("backbone.ida_up.")
        ]
        expected = int(golden.given(f"{mode}|bn_batches"))
        golden.exact(f"{mode}|bn_batches", max(counted, key=lambda value: abs(value - expected)))


def _sum(values: Tensor | None, absolute: bool = False) -> float:
    if values is None:
        return 0.0
    values = values.detach().double()
    return float((values.abs() if absolute else values).sum())
