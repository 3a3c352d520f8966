from __future__ import annotations

import pytest
import torch
from torch import nn

from dmtrack.errors import ConfigError, WeightsError
from dmtrack.models.base import TrainableModel
from dmtrack.training.run import load_initial_weights
from dmtrack.weights import save_weights


class Wrapper(TrainableModel):
    def __init__(self) -> None:
        super().__init__()
        self.detector = nn.Linear(3, 2)
        self.embedding = nn.Linear(2, 2)


def test_a_part_of_the_model_starts_from_the_weights_of_that_part_alone(tmp_path):
    stored, model = nn.Linear(3, 2), Wrapper()
    path = tmp_path / "detector.safetensors"
    save_weights(path, stored)
    fresh = model.embedding.weight.clone()
    load_initial_weights(model, {"load_from": str(path), "load_from_into": "detector"})
    assert torch.equal(model.detector.weight, stored.weight) and torch.equal(model.embedding.weight, fresh)
    with pytest.raises(ConfigError, match="no part 'detektor'; did you mean 'detector'"):
        load_initial_weights(model, {"load_from": str(path), "load_from_into": "detektor"})
    with pytest.raises(WeightsError, match="does not fit Wrapper"):
        load_initial_weights(model, {"load_from": str(path)})
