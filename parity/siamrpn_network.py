"""`net.npz`, `decode.npz` and `track.npz`: maps of the network, what follows from raw outputs, and whole tracks."""

from __future__ import annotations

import functools
import re

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dmtrack.boxes import cxcywh_to_xywh, xywh_to_xyxy
from dmtrack.errors import DataError
from dmtrack.models.siamrpn.decoding import SearchParameters, choose, clip_to_frame, decode
from dmtrack.models.siamrpn.flavours import SiamesePreprocessing
from dmtrack.models.siamrpn.layers import Outputs, depthwise_correlation
from dmtrack.models.siamrpn.siamrpn import SiamRPN
from dmtrack.tracking.siamrpn import LongTerm, SiamRPNTracker, TargetState
from parity.golden import Array, GoldenFile, to_numpy
from parity.siamrpn_formulas import formula_siamrpn, frame_bgr, frame_rgb, network_input, target_box_xywh

MAP_TOLERANCE = 1e-3
"""Relative to the largest magnitude of the map."""

DECODED_TOLERANCE = 2e-3
BOX_TOLERANCE_PX, SCORE_TOLERANCE = 0.05, 1e-3
SALTS = ("", "holdout/")
PARAMETERS = {
    "mm_lasot": SearchParameters(0.05, 0.42, 0.38),
    "mm_uav": SearchParameters(0.1, 0.1, 0.5),
    "pysot": SearchParameters(0.05, 0.42, 0.38),
}
LOST_CASE = LongTerm(confidence_low=0.8, confidence_high=0.998, lost_search_size=831)
FOREGROUND_SHIFTS = (8, -6, -6, 14)


def check_network(golden: GoldenFile) -> None:
    """Maps of template and search image from the backbone to the fused outputs."""
    seeds = sorted({int(match[1]) for name in golden.names("s") if (match := re.match(r"s(\d+)_", name))})
    if not seeds:
        raise DataError(f"{golden.name} holds no case (names that begin with s1_ or the like); copy the file again")
    with torch.inference_mode():
        model = _model_by_first_map(golden, seeds[0])
        for seed in seeds:
            _check_maps(golden, model, seed)


def _model_by_first_map(golden: GoldenFile, seed: int) -> SiamRPN:
    """The files do not say which salt their weights were made with: the first map tells."""
    name = f"s{seed}_z_backbone2"
    expected = golden.given(name)
    for salt in SALTS:
        model = formula_siamrpn(salt=salt)
        found = _sample(model.backbone(_exemplar(seed))[0])
        if found.shape == expected.shape and np.abs(found - expected).max() <= MAP_TOLERANCE * np.abs(expected).max():
            return model
    return formula_siamrpn()


def _exemplar(seed: int) -> Tensor:
    return network_input(frame_bgr(0, 127, 127, seed))


def _check_maps(golden: GoldenFile, model: SiamRPN, seed: int) -> None:
    prefix = f"s{seed}_"
    assert model.neck is not None
    maps = {"z": _exemplar(seed), "x": network_input(frame_bgr(0, 255, 255, seed + 50))}
    necks = {}
    for side, images in maps.items():
        features = model.backbone(images)
        necks[side] = model.neck(features)
        for stage, level in zip((2, 3, 4), features, strict=True):
            name = f"{prefix}{side}_backbone{stage}"
            _compare(golden, name, level)
            golden.exact(f"{name}_shape", level.shape)
        for index, level in enumerate(necks[side]):
            _compare(golden, f"{prefix}{side}_neck{index}", level)
    templates = [model.cut_centre(level) for level in necks["z"]]
    for index, (template, search) in enumerate(zip(templates, necks["x"], strict=True)):
        _compare(golden, f"{prefix}ztemplate{index}", template)
        cls, reg = model.head.cls_heads[index], model.head.reg_heads[index]
        if index == 0:
            responses = depthwise_correlation(cls.search_convs(search), cls.kernel_convs(template))  # type: ignore[operator]
            _compare(golden, f"{prefix}corr_cls0", responses)
        _compare(golden, f"{prefix}cls_head{index}", cls(template, search))
        _compare(golden, f"{prefix}reg_head{index}", reg(template, search))
    outputs = model.search(model.encode_template(maps["z"]), maps["x"])
    magnitude = float(outputs.cls.abs().max()), float(outputs.reg.abs().max())
    golden.relative(f"{prefix}cls", outputs.cls[0], MAP_TOLERANCE, magnitude[0])
    golden.relative(f"{prefix}reg", outputs.reg[0, :, ::2, ::2], MAP_TOLERANCE, magnitude[1])
    _compare_statistics(golden, f"{prefix}reg_stats", outputs.reg)
    golden.informative([f"{prefix}pysot_maxdiff"], "how far the references are from each other")


def _compare(golden: GoldenFile, name: str, values: Tensor) -> None:
    golden.relative(name, _sample(values), MAP_TOLERANCE, float(values.abs().max()))
    _compare_statistics(golden, f"{name}_stats", values)


def _compare_statistics(golden: GoldenFile, name: str, values: Tensor) -> None:
    """Mean, standard deviation, largest magnitude and sum, each against the largest magnitude."""
    if name not in golden:
        return
    exact = values.double()
    largest = float(exact.abs().max())
    found = [float(exact.mean()), float(exact.std()), largest, float(exact.sum())]
    golden.relative(name, found, MAP_TOLERANCE, np.array([largest, largest, largest, largest * exact.numel()]))


def _sample(values: Tensor) -> Array:
    flat = values.reshape(-1)
    return to_numpy(flat[:: max(1, flat.numel() // 600)][:600])


def check_decoding(golden: GoldenFile) -> None:
    """Boxes that follow from random outputs, in both flavours and in long-term mode."""
    for name in golden.names("c"):
        if match := re.fullmatch(r"c(\d+)_prev", name):
            _check_decoding_case(golden, int(match[1]))


def _check_decoding_case(golden: GoldenFile, case: int) -> None:
    last = golden.given(f"c{case}_prev").astype(np.float64)
    penalty_k, influence, lr, height, width = golden.given(f"c{case}_param").tolist()
    parameters, size_wh = SearchParameters(penalty_k, influence, lr), (int(width), int(height))
    generator = torch.Generator().manual_seed(7000 + case)
    cls = torch.randn(1, 10, 25, 25, generator=generator) * 1.5
    outputs = Outputs(cls, torch.randn(1, 20, 25, 25, generator=generator) * 0.3)

    preprocessing = SiamesePreprocessing("mmtracking")
    best = choose(decode(outputs, preprocessing), last, parameters, preprocessing)
    clipped = clip_to_frame(best.box_cxcywh, size_wh)
    golden.close(f"c{case}_mm", [best.score, *best.box_cxcywh, *clipped], DECODED_TOLERANCE)

    preprocessing = SiamesePreprocessing("pysot")
    state = TargetState(last, parameters, preprocessing)
    result = state.advance(outputs, size_wh)
    golden.close(f"c{case}_pysot", [result.score, *state.box_cxcywh, *result.box_xywh], DECODED_TOLERANCE)

    state = TargetState(last, parameters, preprocessing, LOST_CASE)
    rows = []
    for step, shift in enumerate(FOREGROUND_SHIFTS):
        generator = torch.Generator().manual_seed(9000 + 10 * case + step)
        cells = preprocessing.score_size(state.search_size)
        cls = torch.randn(1, 10, cells, cells, generator=generator)
        cls[:, 5:] += shift
        result = state.advance(Outputs(cls, torch.randn(1, 20, cells, cells, generator=generator) * 0.3), size_wh)
        rows.append([cells, result.score, *result.box_xywh, *state.box_cxcywh, float(state.lost)])
    golden.close(f"c{case}_pysot_lt", rows, DECODED_TOLERANCE)


def check_tracks(golden: GoldenFile) -> None:
    """Runs of ten frames, by the model itself and by the fast copy that tracking uses."""
    pattern = re.compile(r"(mm_lasot|mm_uav|pysot)_(\d+)x(\d+)_s(\d+)")
    runs = [(name, match) for name in golden.names("") if (match := pattern.fullmatch(name))]
    salt: str | None = None
    compared: set[str] = set()
    for name, match in runs:
        variant, height, width, seed = match[1], int(match[2]), int(match[3]), int(match[4])
        expected = golden.given(name)
        truth = f"gt_{height}x{width}_s{seed}"
        boxes_xywh = golden.given(truth)
        if truth not in compared:
            compared.add(truth)
            golden.exact(truth, [target_box_xywh(time, height, width, seed) for time in range(len(boxes_xywh))])
        frames = [frame_rgb(time, height, width, seed) for time in range(len(expected))]
        if salt is None:
            salt = _salt_of_track(variant, frames, boxes_xywh[0], expected)
        for fast in (False, True):
            found = _track(_tracker(variant, salt, fast), variant, frames, boxes_xywh[0])
            how = "fast copy" if fast else "eager"
            box_error = float(np.abs(found[:, :4] - expected[:, :4]).max())
            score_error = float(np.abs(found[:, 4] - expected[:, 4]).max())
            golden.add(name, box_error, BOX_TOLERANCE_PX, f"{how}, largest difference of a box in pixels")
            golden.add(name, score_error, SCORE_TOLERANCE, f"{how}, largest difference of a score")


def _salt_of_track(variant: str, frames: list[NDArray[np.uint8]], box_xywh: Array, expected: Array) -> str:
    """The weights of the file, told by its first tracked frame."""
    for salt in SALTS:
        found = _track(_tracker(variant, salt, fast=False), variant, frames[:2], box_xywh)
        if np.abs(found[1] - expected[1]).max() <= BOX_TOLERANCE_PX:
            return salt
    return SALTS[0]


def _tracker(variant: str, salt: str, fast: bool) -> SiamRPNTracker:
    tracker = _trackers("pysot" if variant == "pysot" else "mmtracking", salt, fast)
    tracker.parameters = PARAMETERS[variant]
    return tracker


@functools.lru_cache(maxsize=4)
def _trackers(flavour: str, salt: str, fast: bool) -> SiamRPNTracker:
    """Parameters aside, which `init` takes over."""
    return SiamRPNTracker(formula_siamrpn(flavour, salt), fast=fast)


def _track(tracker: SiamRPNTracker, variant: str, frames: list[NDArray[np.uint8]], box_xywh: Array) -> Array:
    """Rows of box and score as the reference wrote them: corners, or left, top, width, height."""
    tracker.init(frames[0], box_xywh)
    assert tracker.state is not None
    first = cxcywh_to_xywh(tracker.state.box_cxcywh)
    if variant == "pysot":
        first[:2] += 0.5  # its test tool names the first box by the centres of its border pixels
    rows = [[*first, -1.0]]
    for frame in frames[1:]:
        result = tracker.step(frame)
        rows.append([*result.box_xywh, result.score])
    found = np.array(rows)
    if variant != "pysot":
        found[:, :4] = xywh_to_xyxy(found[:, :4])
    return found
