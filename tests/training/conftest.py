"""The toy model and dataset, and a config that trains them in seconds."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).resolve().parent
sys.path.append(str(FOLDER))

import toy_training  # noqa: E402, F401

TOY_CONFIG = """
model = dict(type='ToyModel', seconds_per_batch=0.0)
data = dict(
    train=dict(type='ToyPairs'),
    recipe=None,
    stages=[
        dict(until=0.5, samples_per_gpu=2, image_size_wh=(16, 16)),
        dict(until=1.0, samples_per_gpu=3, image_size_wh=(24, 16)),
    ],
    workers_per_gpu=0)
optimizer = dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=1e-4, bias_lr_mult=2., bias_decay_mult=0.)
optimizer_config = dict(grad_clip=dict(max_norm=35, norm_type=2), accumulate=2)
lr_config = dict(policy='step', warmup='linear', warmup_iters=5, warmup_ratio=0.1, step=[2])
total_iterations = 30
total_epochs = 3
ema = dict(decay=0.99)
seed = 3
checkpoint_config = dict(interval_iterations=10)
log_config = dict(interval=7, tensorboard=False)
"""


@pytest.fixture
def toy_config(tmp_path: Path) -> Path:
    path = tmp_path / "toy.py"
    path.write_text(TOY_CONFIG)
    return path


@pytest.fixture
def leave_torch_as_it_was():
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    yield
    torch.use_deterministic_algorithms(before[0], warn_only=before[1])
