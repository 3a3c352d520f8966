"""A detector that looks at every frame at several sizes: small figures are found where the frame is larger.

What one size misses another one finds, so that a network teaches itself (Radosavovic et al., Data Distillation, 2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torchvision.ops import batched_nms

from dmtrack.association.detections import Detections
from dmtrack.errors import ConfigError
from dmtrack.tracking.loading import assemble_detector
from dmtrack.tracking.multi_object import Detector
from dmtrack.weights import read_weights

MOST_OVERLAP = 0.55
"""IoU with a better box of the same class above which a box of another size is the same object."""

_UNIT = 32


def detector_at(weights: Path, scales: Sequence[float], least_score: float, device: str | None) -> Detector:
    """The detector of some weights at factors of the size of its network input.

    Args:
        weights: with their config.
        scales: the factors; the size is rounded to multiples of 32 pixels.
        least_score: of what it finds.
        device: None is a GPU if there is one.

    Raises:
        ConfigError: the model says no `preprocessing.size_wh`, and a factor is not 1.
    """
    finders = []
    for scale in scales:
        overrides = [f"model.test_cfg.least_score={least_score}"]
        if scale != 1.0:
            width, height = _size_wh(weights)
            size_wh = [max(round(side * scale / _UNIT), 1) * _UNIT for side in (width, height)]
            overrides.append(f"model.preprocessing.size_wh={size_wh}")
        finders.append(assemble_detector(weights, device=device, overrides=overrides)[0])
    return finders[0] if len(finders) == 1 else lambda image: merged([find(image) for find in finders])


def merged(found: Sequence[Detections]) -> Detections:
    """What was found in one frame several times, best first, every object once.

    Args:
        found: at least one.
    """
    boxes_xyxy = np.concatenate([one.boxes_xyxy for one in found])
    scores = np.concatenate([one.scores for one in found])
    classes = [one.classes for one in found if one.classes is not None]
    kinds = np.concatenate(classes) if len(classes) == len(found) else None
    groups = np.zeros(len(scores), np.int64) if kinds is None else kinds
    kept = batched_nms(*map(torch.as_tensor, (boxes_xyxy, scores, groups)), MOST_OVERLAP).numpy()
    return Detections(boxes_xyxy[kept], scores[kept], None if kinds is None else kinds[kept])


def _size_wh(weights: Path) -> tuple[int, int]:
    config: Any = read_weights(weights).metadata.get("config") or {}
    size_wh = (config.get("model", {}).get("preprocessing") or {}).get("size_wh")
    if size_wh is None:
        raise ConfigError(
            f"tracking.label_scales: the model of {weights} has no preprocessing.size_wh to enlarge; leave them at 1"
        )
    return int(size_wh[0]), int(size_wh[1])
