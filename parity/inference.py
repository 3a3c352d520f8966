"""`inf_*.npz`: from two frames and a box to the tracker's output, with everything in between."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dmtrack.data.preprocessing import PreparedImage, prepare_image, resize
from dmtrack.models.global_search.decode import ClassDetections
from dmtrack.models.global_search.dmtrack_gs import DMTrackGS, Templates, clip_to_input
from parity.detections import (
    BOX_TOLERANCE,
    MATCHED,
    best_box_error,
    compare_detections,
    padded_list_error,
)
from parity.formulas import formula_model, inclusive_box_to_xywh, make_image, paste_texture
from parity.golden import GoldenFile, to_numpy

INPUT_TOLERANCE = 1e-5
FEATURE_TOLERANCE = 1e-4
KERNEL_TOLERANCE = 1e-5
LOGIT_TOLERANCE = 1e-4
RESIZED_LEVELS = 1.0
"""OpenCV builds may round a resized pixel differently."""

TRUNK_MODULES = (
    "backbone.base.level0",
    "backbone.base.level1",
    "backbone.base.level2",
    "backbone.base.level3",
    # The reference's aggregation overwrites the list of levels in place, and the file was written after it: the last
    # two entries are the aggregated maps that replaced levels 4 and 5.
    "backbone.dla_up.ida_1.node_1",
    "backbone.dla_up.ida_1.node_2",
)
MODULATION_MODULES = ("cond_premodulator", "bbox_head.cls_convs", "bbox_head.reg_convs", "cond_modulator")


def check_inference(golden: GoldenFile) -> None:
    """Runs the tracker's two passes on the frames that the file describes and compares every array."""
    model = formula_model()
    with torch.inference_mode():
        templates = _check_query(golden, model)
        pastes = golden.given("search_paste")
        found = [_check_search(golden, model, templates, frame) for frame in range(len(pastes))]
    if "top1_boxes" in golden:
        expected = golden.given("top1_boxes")
        error = float("inf")
        if len(expected) == len(found):
            error = max(best_box_error(both, box) for both, box in zip(found, expected, strict=True))
        golden.add("top1_boxes", error, BOX_TOLERANCE, MATCHED)
    if "f0_return_all" in golden:
        error = padded_list_error(found[0], golden.given("f0_return_all"))
        golden.add("f0_return_all", error, BOX_TOLERANCE, MATCHED)


@contextmanager
def recorded(model: torch.nn.Module, names: tuple[str, ...]) -> Iterator[dict[str, list[Tensor]]]:
    """Collects what the named modules return, call by call."""
    outputs: dict[str, list[Tensor]] = defaultdict(list)
    handles = [
        model.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, output, name=name: outputs[name].append(output)
        )
        for name in names
    ]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


def _check_query(golden: GoldenFile, model: DMTrackGS) -> Templates:
    box = golden.given("query_bbox")
    image = make_image(int(golden.given("seed")), int(golden.given("H")), int(golden.given("W")))
    paste_texture(image, int(golden.given("seed")) + 7, *inclusive_box_to_xywh(box))
    golden.statistics("query_u8_stat", image, 0.0)
    prepared = prepare_image(image, model.preprocessing)
    _check_preprocessing(golden, image, prepared)

    scaled = torch.from_numpy(np.asarray(box, dtype=np.float32) * np.float32(prepared.scale_factor))[None]
    index = torch.zeros(1, dtype=torch.int64)
    watched = (*TRUNK_MODULES, "backbone.dla_up", "template")
    with recorded(model, watched) as outputs:
        features = model.extract(prepared.tensor)
        templates = model.encode_templates(features, scaled, index)
    clipped = clip_to_input(scaled, features[0], model.bbox_head.strides[0])
    golden.close("query_bbox_scaled", clipped, 1e-4)

    for level, name in enumerate(TRUNK_MODULES):
        golden.statistics(f"q_base{level}_stat", outputs[name][0], FEATURE_TOLERANCE)
    for level, features_of_level in enumerate(outputs["backbone.dla_up"][0]):
        golden.described(f"q_dlaup{level}", features_of_level, 4999, FEATURE_TOLERANCE)
    for level, features_of_level in enumerate(features):
        golden.described(f"q_fpn{level}", features_of_level, 4999, FEATURE_TOLERANCE)
    roi_features = model.template.pool(features, clipped, index)
    golden.statistics("roi_feat_stat", roi_features, FEATURE_TOLERANCE)
    golden.close("roi_feat_ch16", roi_features[0, ::16], FEATURE_TOLERANCE)
    for level, template in enumerate(outputs["template"][0]):
        golden.described(f"template{level}", template, 61, FEATURE_TOLERANCE)
    for level, kernels in enumerate(templates.kernels):
        for kind, stride in (("cls1", 307), ("cls2", 13), ("reg1", 307), ("reg2", 13)):
            kernel = getattr(kernels, kind)[0][..., None, None]
            golden.described(f"dyn_l{level}_{kind}", kernel, stride, KERNEL_TOLERANCE)
    return templates


def _check_preprocessing(golden: GoldenFile, image: NDArray[np.uint8], prepared: PreparedImage) -> None:
    resized = resize(image, prepared.scale_factor)
    golden.close("scale_factor", prepared.scale_factor, 1e-12)
    golden.exact("query_resized_shape", resized.shape)
    golden.statistics("query_resized_u8_stat", resized, RESIZED_LEVELS)
    golden.close("query_resized_u8_sample", resized[::29, ::31], RESIZED_LEVELS)
    golden.exact("img_shape", (*prepared.size_hw, 3))
    tensor = to_numpy(prepared.tensor[0])
    golden.exact("pad_shape", (*tensor.shape[1:], 3))
    golden.exact("query_tensor_shape", tensor.shape)
    golden.statistics("query_tensor_stat", tensor, INPUT_TOLERANCE)
    golden.close("query_tensor_sample", tensor[:, ::29, ::31], INPUT_TOLERANCE)


def _check_search(golden: GoldenFile, model: DMTrackGS, templates: Templates, frame: int) -> ClassDetections:
    seed = int(golden.given("seed"))
    image = make_image(seed + 1 + frame, int(golden.given("H")), int(golden.given("W")))
    paste_texture(image, seed + 7, *(int(value) for value in golden.given("search_paste")[frame]))
    golden.statistics(f"search{frame}_u8_stat", image, 0.0)
    prepared = prepare_image(image, model.preprocessing)
    tensor = to_numpy(prepared.tensor[0])
    golden.statistics(f"search{frame}_tensor_stat", tensor, INPUT_TOLERANCE)
    golden.close(f"search{frame}_tensor_sample", tensor[:, ::29, ::31], INPUT_TOLERANCE)

    with recorded(model, MODULATION_MODULES) as steps:
        features = model.extract(prepared.tensor)
        outputs = model.search(features, templates, torch.zeros(1, dtype=torch.int64))
    for level, maps in enumerate(outputs):
        prefix = f"x{frame}_"
        golden.described(f"{prefix}fpn{level}", features[level], 4999, FEATURE_TOLERANCE)
        for branch, name in enumerate(("cls", "reg")):
            premodulated = steps["cond_premodulator"][level][branch]
            golden.described(f"{prefix}pre{level}_{name}", premodulated, 9973, FEATURE_TOLERANCE)
            towered = steps[f"bbox_head.{name}_convs"][level]
            golden.described(f"{prefix}tower{level}_{name}", towered, 997, FEATURE_TOLERANCE)
            modulated = steps["cond_modulator"][level][branch]
            golden.described(f"{prefix}cm{level}_{name}", modulated, 997, FEATURE_TOLERANCE)
        step = 2 if level == 0 else 1
        for name, values, tolerance in (
            ("cls", maps.cls_logits, LOGIT_TOLERANCE),
            ("reg", maps.distances, BOX_TOLERANCE),
            ("ctr", maps.centerness_logits, LOGIT_TOLERANCE),
        ):
            golden.statistics(f"{prefix}{name}{level}_stat", values, tolerance)
            golden.close(f"{prefix}{name}{level}_map", values[0, :, ::step, ::step], tolerance)
    found = model.decode_all_classes(outputs, prepared.size_hw, prepared.scale_factor)[0]
    compare_detections(golden, f"f{frame}_dets", f"f{frame}_labels", found)
    return found
