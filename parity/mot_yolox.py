"""`yolox_*.npz`: what the network says, the boxes that are left of it, and the losses."""

from __future__ import annotations

import re

import numpy as np
import torch
from torchvision.ops import box_convert

from dmtrack.errors import DataError
from dmtrack.models.yolox.encoding import YOLOXEncoder, YOLOXPreprocessing
from dmtrack.models.yolox.head import select_boxes
from dmtrack.models.yolox.losses import detection_losses
from parity.detections import BOX_TOLERANCE, MATCHED, MATCHED_SCORES, SCORE_TOLERANCE, match_detections
from parity.golden import GoldenFile, to_numpy
from parity.mot_formulas import YOLOX_MODELS, formula_image, formula_yolox

OUTPUT_TOLERANCE = 1e-4
"""Relative to the magnitude of a box in pixels, at least 1."""

LOSS_TOLERANCE = 1e-5


def check_yolox(golden: GoldenFile) -> None:
    """Decoded outputs, boxes after non-maximum suppression, losses with and without L1."""
    match = re.match(r"yolox_([a-z]+)_s\d+", golden.name)
    if match is None or match[1] not in YOLOX_MODELS:
        raise DataError(f"{golden.name}: expected yolox_NETWORK_sSEED.npz with a network of {', '.join(YOLOX_MODELS)}")
    seed, height, width = (int(value) for value in golden.given("meta"))
    model = formula_yolox(match[1], seed, float(golden.given("gain"))).double()
    with torch.inference_mode():
        said = model.predict(
            YOLOXEncoder(YOLOXPreprocessing()).image_tensor(formula_image(height, width, seed))[None].double()
        )
    scores = torch.cat([said.objectness[..., None], said.classes], dim=2).sigmoid()
    scale = golden.given("out").clip(min=1)
    golden.relative(
        "out", torch.cat([box_convert(said.boxes_xyxy(), "xyxy", "cxcywh"), scores], dim=2), OUTPUT_TOLERANCE, scale
    )
    least_score, most_overlap = golden.given("post_conf_nms").tolist()
    (found,) = select_boxes(said, least_score, most_overlap)
    # Scores of neighbours differ by less than single precision, so the order of rows may be another.
    expected = golden.given("post").astype(np.float64)
    wanted = np.concatenate([expected[:, :4], expected[:, 4:5] * expected[:, 5:6]], axis=1)
    rows = torch.cat([found.boxes_xyxy, (found.objectness * found.class_scores)[:, None]], dim=1)
    boxes, products = match_detections(to_numpy(rows), to_numpy(found.classes), wanted, expected[:, 6])
    golden.add("post", boxes, BOX_TOLERANCE, MATCHED)
    golden.add("post", products, SCORE_TOLERANCE, MATCHED_SCORES)

    labels = torch.from_numpy(golden.given("loss_labels"))
    image_index, row = (labels[..., 3:5] > 0).all(dim=2).nonzero(as_tuple=True)
    own = labels[image_index, row]
    boxes_xyxy = box_convert(own[:, 1:5], "cxcywh", "xyxy")
    for case, with_l1 in (("loss_l10", False), ("loss_l11", True)):
        truth = (boxes_xyxy, image_index, own[:, 0].long(), (width, height))
        losses, count = detection_losses(said, *truth, with_l1)
        named = {"iou": "loss_iou", "conf": "loss_objectness", "cls": "loss_class", "l1": "loss_l1"}
        for published, name in named.items():
            golden.relative(f"{case}_{published}_loss", losses.get(name, torch.zeros(())), LOSS_TOLERANCE)
        golden.relative(f"{case}_total_loss", torch.stack(list(losses.values())).sum(), LOSS_TOLERANCE)
        golden.exact(f"{case}_num_fg", count / max(len(own), 1))
