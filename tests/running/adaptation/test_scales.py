"""A detector that looks at several sizes finds every object once."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dmtrack.association.detections import Detections
from dmtrack.config import build
from dmtrack.errors import ConfigError
from dmtrack.registry import MODELS
from dmtrack.running.adaptation.scales import detector_at, merged
from dmtrack.weights.saving import save_weights

SMALL = {
    "type": "YOLOX",
    "depth": 0.33,
    "width": 0.125,
    "test_cfg": {"least_score": 0.1},
    "preprocessing": {"size_wh": (128, 64)},
}


def test_what_two_sizes_find_is_merged_within_classes_only():
    first = Detections(np.array([[0, 0, 10, 20], [50, 0, 60, 20.0]]), np.array([0.6, 0.3]), np.array([0, 1]))
    second = Detections(np.array([[1, 0, 11, 20], [50, 0, 60, 20.0]]), np.array([0.7, 0.5]), np.array([0, 0]))
    found = merged([first, second])
    assert found.boxes_xyxy.tolist() == [[1, 0, 11, 20], [50, 0, 60, 20], [50, 0, 60, 20]]
    assert (found.scores.tolist(), found.classes.tolist()) == ([0.7, 0.5, 0.3], [0, 0, 1])
    alone = merged([Detections(one.boxes_xyxy, one.scores) for one in (first, second)])
    assert alone.classes is None and alone.scores.tolist() == [0.7, 0.5]


def test_the_network_input_is_enlarged_in_steps_of_32_pixels(tmp_path):
    torch.manual_seed(0)
    model = build(SMALL, MODELS)
    config = {"model": SMALL, "tracker": {"type": "TrackByDetection", "policy": {"type": "ByteTrack"}}}
    weights = tmp_path / "weights.safetensors"
    save_weights(weights, model, {"config": config})
    image = np.random.default_rng(0).integers(0, 255, (64, 128, 3), dtype=np.uint8)
    once = detector_at(weights, (1.0,), 0.0, "cpu")(image)
    larger = detector_at(weights, (1.5,), 0.0, "cpu")(image)  # 192x96
    both = detector_at(weights, (1.0, 1.5), 0.0, "cpu")(image)
    assert max(len(once), len(larger)) < len(both) <= len(once) + len(larger)
    assert both.scores[0] == pytest.approx(max(once.scores[0], larger.scores[0]))
    bare = {key: value for key, value in SMALL.items() if key != "preprocessing"}
    save_weights(weights, model, {"config": {**config, "model": bare}})
    with pytest.raises(ConfigError, match=r"label_scales: the model of .* has no preprocessing.size_wh to enlarge"):
        detector_at(weights, (1.0, 1.5), 0.0, "cpu")
