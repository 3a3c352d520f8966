from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import nn

from dmtrack.config import build, load_config
from dmtrack.config.top_level import Ema, Optimizer
from dmtrack.registry import MODELS
from dmtrack.training.optimizers import (
    ExponentialMovingAverage,
    build_optimizer,
    parameter_groups,
    parameter_multipliers,
    set_learning_rate,
)

REPOSITORY = Path(__file__).resolve().parents[2]


def small_model() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.GroupNorm(2, 4), nn.Linear(4, 2))


def test_parameter_groups_of_the_published_training(shared_folder: Path) -> None:
    published = json.loads((shared_folder / "golden/dmtrack/optim_groups.json").read_text())
    config = load_config(REPOSITORY / "configs/dmtrackGS_dla34_fpn.py", check=False)
    with torch.device("meta"):
        model = build(config["model"], MODELS)
    settings = Optimizer("SGD", 0.001, bias_lr_mult=2.0, bias_decay_mult=0.0)
    assert parameter_multipliers(model, settings) == {name: (lr, decay) for name, lr, decay in published}


def test_adamw_decays_matrices_only() -> None:
    groups = parameter_groups(small_model(), Optimizer("AdamW", 0.1, weight_decay=0.02), 0.1)
    decays = {parameter.ndim: group["weight_decay"] for group in groups for parameter in group["params"]}
    assert decays == {4: 0.02, 2: 0.02, 1: 0.0}


def test_frozen_parameters_are_in_no_group_and_factors_reach_every_group() -> None:
    model = small_model()
    model[0].requires_grad_(False)
    optimizer = build_optimizer(model, Optimizer("SGD", 0.5, momentum=0.9, bias_lr_mult=2.0), base_lr=0.5)
    set_learning_rate(optimizer, 0.1)
    rates = {id(parameter): group["lr"] for group in optimizer.param_groups for parameter in group["params"]}
    assert len(rates) == 6
    assert rates[id(model[3].weight)] == 0.05
    assert rates[id(model[3].bias)] == 0.1


def test_moving_average_follows_weights_and_statistics() -> None:
    model = small_model()
    average = ExponentialMovingAverage(model, Ema(0.9))
    before = average.model[3].weight.clone()
    with torch.no_grad():
        model[3].weight += 1
        model[1].running_mean += 1
        model[1].num_batches_tracked += 7
    average.update(model, iteration=1_000)
    assert torch.allclose(average.model[3].weight, before + 0.1)
    assert torch.allclose(average.model[1].running_mean, torch.full((4,), 0.1))
    assert average.model[1].num_batches_tracked == 7
    # The first steps forget the initial weights sooner: decay (1 + 0) / (10 + 0).
    average.update(model, iteration=0)
    assert torch.allclose(average.model[3].weight, before + 0.1 + 0.9 * 0.9)


def test_the_average_of_yolox_takes_a_horizon_to_become_slow() -> None:
    model = small_model()
    average = ExponentialMovingAverage(model, Ema(0.9998, horizon=2000.0))
    before = average.model[3].weight.clone()
    with torch.no_grad():
        model[3].weight += 1
    average.update(model, iteration=1999)
    # Ge et al.'s decay after 2000 updates: 0.9998 * (1 - 1 / e) = 0.63199.
    assert torch.allclose(average.model[3].weight, before + (1 - 0.631994), atol=1e-5)
