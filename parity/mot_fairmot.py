"""`fairmot_*.npz`, and of `core_*.npz` what belongs to FairMOT's network: maps, boxes, images, targets and losses."""

from __future__ import annotations

import re

import numpy as np
import torch

from dmtrack.data.letterbox import letterbox
from dmtrack.data.samples import Sample
from dmtrack.data.transforms.affine import RandomAffine
from dmtrack.errors import DataError
from dmtrack.models.fairmot.decode import Maps, Peaks, decode, to_image
from dmtrack.models.fairmot.losses import LOSS_NAMES, FairMOTLoss, FairMOTTraining
from dmtrack.models.fairmot.targets import MapTargets, encode_targets
from parity.golden import Array, GoldenFile
from parity.mot_formulas import FAIRMOT_MODELS, formula_fairmot, formula_image, parameter_value

MAP_TOLERANCE, BOX_TOLERANCE, SCORE_TOLERANCE = 1e-4, 1e-3, 1e-5
IMAGE_TOLERANCE = {"letterbox": 1.0, "affine": 2.0}
"""Grey levels: OpenCV's resizing differs between versions."""

SUBSAMPLED = {"hm": 4, "wh": 8, "reg": 8, "id": 16}
"""Of the maps of files of full size only every so-many-th cell is kept."""


def check_fairmot(golden: GoldenFile) -> None:
    """Raw maps, boxes and embeddings of a network."""
    match = re.match(r"fairmot_([a-z0-9]+)_(full_)?s\d+", golden.name)
    if match is None or match[1] not in FAIRMOT_MODELS:
        known = ", ".join(FAIRMOT_MODELS)
        raise DataError(f"{golden.name}: expected fairmot_NETWORK_sSEED.npz with a network of {known}")
    seed, height, width, images, id_stride, most = (int(value) for value in golden.given("meta"))
    full = match[2] is not None
    dtype = torch.float32 if full else torch.float64
    model = formula_fairmot(match[1], seed, float(golden.given("gain"))).to(dtype)
    frames = np.stack([formula_image(height, width, seed + 10 * number) for number in range(images)])
    with torch.inference_mode():
        maps = model.maps(torch.from_numpy(frames).permute(0, 3, 1, 2).to(dtype) / 255)
    named = {"hm": maps.heatmap_logits, "wh": maps.sizes, "reg": maps.offsets, "id": maps.embeddings}
    for name, values in named.items():
        step = SUBSAMPLED[name] if full else max(id_stride, 1) if name == "id" else 1
        golden.close(name, values[:, :, ::step, ::step], MAP_TOLERANCE)
    golden.relative("id_l2_full", torch.linalg.vector_norm(maps.embeddings, dim=1), MAP_TOLERANCE)
    _check_peaks(golden, decode(maps, most))


def _check_peaks(golden: GoldenFile, peaks: Peaks) -> None:
    """Peaks are compared cell by cell: scores of neighbours are so close that their order is chance."""
    cells = golden.given("inds").reshape(len(peaks.cells), -1)
    rows = []
    for own, wanted in zip(peaks.cells.tolist(), cells.tolist(), strict=True):
        places = {cell: row for row, cell in enumerate(own)}
        rows.append([places.get(cell, -1) for cell in wanted])
    found = torch.tensor(rows)
    golden.add("inds", float((found < 0).sum()), 0.0, "cells that are no peak here")
    images = torch.arange(len(found))[:, None]
    boxes, scores, classes = peaks.boxes_xyxy[images, found], peaks.scores[images, found], peaks.classes[images, found]
    expected = golden.given("dets").reshape(len(found), -1, 6)
    golden.add(
        "dets", float(np.abs(boxes.numpy() - expected[..., :4]).max()), BOX_TOLERANCE, "largest difference [cells]"
    )
    golden.add(
        "dets", float(np.abs(scores.numpy() - expected[..., 4]).max()), SCORE_TOLERANCE, "largest difference of scores"
    )
    golden.add("dets", float(np.abs(classes.numpy() - expected[..., 5]).max()), 0.0, "classes")
    if "feat" in golden:
        features = golden.given("feat")
        few = found[:, : features.shape[1]]
        golden.close("feat", peaks.embeddings[images, few], MAP_TOLERANCE)


def check_core(golden: GoldenFile) -> None:
    """Decoding, images, augmentation, targets and losses of a `core_*.npz`."""
    seed = int(golden.name.removesuffix(".npz").rpartition("s")[2])
    _check_decoding(golden)
    _check_images(golden, seed)
    _check_losses(golden, _check_targets(golden), seed)


def _check_decoding(golden: GoldenFile) -> None:
    heatmap, sizes, offsets = (torch.from_numpy(golden.given(f"dec_{name}")) for name in ("hm", "wh", "reg"))
    nothing = torch.zeros_like(heatmap)
    for name, own_sizes in (("dec_dets", sizes), ("dec_dets_wh2", sizes[:, :2])):
        peaks = decode(Maps(heatmap, own_sizes, offsets, nothing), golden.given(name).shape[1])
        rows = torch.cat([peaks.boxes_xyxy, peaks.scores[..., None], peaks.classes[..., None]], dim=2)
        golden.close(name, rows, BOX_TOLERANCE)
    golden.exact("dec_inds", peaks.cells)
    for name in golden.names("pp"):
        if name.endswith("_wh"):
            case = name.removesuffix("_wh")
            rows = torch.from_numpy(golden.given(f"{case}_in")[0])
            width, height = golden.given(name).tolist()
            boxes_xyxy = to_image(rows[:, :4], (272, 152), (width, height))
            golden.close(f"{case}_out", torch.cat([boxes_xyxy, rows[:, 4:5]], dim=1), BOX_TOLERANCE)


def _check_images(golden: GoldenFile, seed: int) -> None:
    rows = []
    for width, height in golden.given("letterbox")[:, :2].astype(int):
        laid = letterbox(np.zeros((height, width, 3), dtype=np.uint8), (1088, 608))
        # The picture is black; a canvas without border has its first pixel black as well.
        inside = laid.image[..., 0] != 128
        own_rows, own_columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        across, down = (1088 - round(width * laid.ratio)) / 2, (608 - round(height * laid.ratio)) / 2
        ends = (own_rows[0], own_rows[-1], own_columns[0], own_columns[-1])
        rows.append((width, height, laid.ratio, across, down, *ends, laid.image[0, 0, 0]))
    golden.close("letterbox", rows, 1e-6)
    canvas = letterbox(golden.given("lb_img"), (128, 64)).image
    golden.close("lb_out", canvas, IMAGE_TOLERANCE["letterbox"])
    before = golden.given("aff_in")
    sample = Sample(
        formula_image(608, 1088, seed), before[:, 2:].astype(np.float64), np.arange(len(before), dtype=np.int64)
    )
    draws = _GivenDraws(golden.given("aff_rand6").tolist())
    after = RandomAffine().change(sample, draws, 0)  # type: ignore[arg-type]
    assert after.identities is not None
    golden.close("aff_out", np.concatenate([before[after.identities, :2], after.boxes_xyxy], axis=1), BOX_TOLERANCE)
    golden.close("aff_img_s", after.image[::40, ::40], IMAGE_TOLERANCE["affine"])
    golden.informative(["aff_M"], "inside of the transform; image and boxes show it")


class _GivenDraws:
    """Gives the numbers that the reference drew."""

    def __init__(self, numbers: list[float]) -> None:
        self._numbers = iter(numbers)

    def uniform(self, low: float, high: float) -> float:
        return low + (high - low) * next(self._numbers)


def _check_targets(golden: GoldenFile) -> MapTargets:
    labels = golden.given("tgt_labels").astype(np.float64)
    height, width = golden.given("tgt_hm").shape[1:]
    centres, sizes = labels[:, 2:4] * (width, height), labels[:, 4:6] * (width, height)
    boxes_xyxy = np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=1)
    # The case stands in the second data set, behind one of seven identities.
    identities = np.where(labels[:, 1] >= 0, labels[:, 1] + 7, -1).astype(np.int64)
    targets = encode_targets(boxes_xyxy, identities, (height, width), most=len(golden.given("tgt_ind")))
    golden.close("tgt_hm", targets.heatmap, 1e-6)
    golden.close("tgt_wh", targets.sizes, MAP_TOLERANCE)
    golden.close("tgt_reg", targets.offsets, MAP_TOLERANCE)
    golden.exact("tgt_ind", targets.cells)
    golden.exact("tgt_ids", targets.identities)
    golden.exact("tgt_reg_mask", targets.valid)
    padded: Array = np.zeros_like(golden.given("tgt_bbox"), dtype=np.float64)
    # These boxes follow their centre where it is moved into the image; nothing is trained on them.
    inside = np.clip(centres, 0, (width - 1, height - 1))
    padded[: len(labels)] = np.concatenate([inside - sizes / 2, inside + sizes / 2], axis=1)
    golden.close("tgt_bbox", padded, MAP_TOLERANCE)
    return targets


def _check_losses(golden: GoldenFile, first: MapTargets, seed: int) -> None:
    """Two images with the same heatmap, of which the second has its objects one slot further."""
    stacked = {
        name: torch.from_numpy(np.stack([values, values if name == "heatmap" else np.roll(values, 1, axis=0)]))
        for name, values in vars(first).items()
    }
    stacked["heatmap"] = stacked["heatmap"].double()
    maps = Maps(*(torch.from_numpy(golden.given(f"loss_{name}")).double() for name in ("hm", "wh", "reg", "id")))
    for kind, short in (("cross_entropy", "ce"), ("focal", "focal")):
        for weighting, published in (("uncertainty", "uncertainty"), ("fixed", "fix")):
            settings = FairMOTTraining(identities=25, identity_loss=kind, weighting=weighting)  # type: ignore[arg-type]
            loss = FairMOTLoss(maps.embeddings.shape[1], settings).double()
            assert loss.classifier is not None
            with torch.no_grad():
                for name, parameter in loss.classifier.classify.named_parameters():
                    parameter.copy_(parameter_value(f"classifier.{name}", parameter.shape, seed))
            targets = dict(stacked)
            if kind == "focal":  # the reference fails with unknown identities, so the case has none
                targets["identities"] = targets["identities"].clamp(min=0)
            with torch.no_grad():
                parts, total = loss.parts(maps, targets), torch.stack(list(loss(maps, targets).values())).sum()
            golden.relative(
                f"loss_val_{short}_{published}", torch.stack([total, *(parts[name] for name in LOSS_NAMES)]), 1e-5
            )
            golden.close("loss_emb_scale", loss.classifier.scale, 1e-6)
