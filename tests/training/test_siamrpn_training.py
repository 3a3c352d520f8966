"""SiamRPN++ with the trainer that DMTrack has: unfreezing and schedule by epoch, exact resume, several processes."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from dmtrack.config import load_config
from dmtrack.errors import ConfigError
from dmtrack.training.devices import Devices
from dmtrack.training.resume import checkpoint_files
from dmtrack.training.run import train_from_config

pytestmark = pytest.mark.usefixtures("leave_torch_as_it_was")
REPOSITORY = Path(__file__).resolve().parents[2]
CONFIG = """
model = dict(
    type='SiamRPN', flavour='mmtracking',
    backbone=dict(type='SiameseAlexNet', width_mult=0.04),
    head=dict(type='SiamRPNHead', in_channels=[10], weighted=False),
    center_size=None,
    preprocessing=dict(search_size=159, base_size=0),
    train_cfg=dict(backbone_layers=['features.14', 'features.15'], backbone_from_epoch=2))
data = dict(
    train=dict(
        type='SiamesePairs',
        sources=[dict(type='SyntheticSequences', count=2, frames=4, size_wh=(96, 64), seed=4)],
        positive_probability=0.7),
    recipe=[
        dict(type='CropAround'),
        dict(type='ShiftScaleCrop', sizes=(127, 159), shifts=(4, 16)),
        dict(type='ShiftColour'),
        dict(type='BlurSearch'),
        dict(type='RandomGray', probability=0.2)],
    stages=[dict(until=1.0, samples_per_gpu=2)])
optimizer = dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=1e-4, backbone_lr_mult=0.1)
optimizer_config = dict(grad_clip=dict(max_norm=10))
lr_config = dict(policy='log', warmup_epochs=1, warmup_ratio=0.2, min_lr_ratio=0.1)
total_epochs = 4
total_iterations = 8
channels_last = True
checkpoint_config = dict(interval_iterations=1, max_keep=20)
log_config = dict(interval=1, tensorboard=False)
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "small.py"
    path.write_text(CONFIG)
    return path


def test_a_resumed_run_ends_like_one_that_was_not_interrupted(config: Path, tmp_path: Path) -> None:
    loaded = load_config(config)
    whole = train_from_config(loaded, tmp_path / "whole", Devices(cpus=1))
    records = [json.loads(line) for line in (whole.folder / "log.jsonl").read_text().splitlines()]
    factors = [record["lr"] / 0.01 for record in records]
    assert factors == pytest.approx([0.2, 0.2, 1, 1, 0.1**0.5, 0.1**0.5, 0.1, 0.1])

    files = checkpoint_files(whole.folder / "checkpoints")
    layer = "backbone.features.14.weight"
    weights = [torch.load(file, weights_only=True)["model"][layer] for file in files]
    changed = [bool((first != second).any()) for first, second in itertools.pairwise(weights)]
    assert changed == [False] * 3 + [True] * 4  # from the third epoch, iteration 5, on

    for done in (3, 6):  # before and after the backbone joined
        broken = tmp_path / f"from_{done}"
        (broken / "checkpoints").mkdir(parents=True)
        shutil.copy(files[done - 1], broken / "checkpoints")
        shutil.copy(whole.folder / "log.jsonl", broken)
        train_from_config(loaded, broken, Devices(cpus=1), resume="auto")
        assert (broken / "log.jsonl").read_bytes() == (whole.folder / "log.jsonl").read_bytes()
        first, second = load_file(whole.folder / "final.safetensors"), load_file(broken / "final.safetensors")
        assert all(torch.equal(first[name], second[name]) for name in first)


def test_bf16_and_a_recipe_of_the_other_model(config: Path, tmp_path: Path) -> None:
    outcome = train_from_config(
        load_config(config, ["precision=bf16", "total_iterations=4"]), tmp_path / "bf16", Devices(cpus=1)
    )
    assert outcome.finished
    with pytest.raises(ConfigError, match=r"data\.recipe is 'fixed': this model takes a list of steps"):
        train_from_config(load_config(config, ["data.recipe=fixed"]), tmp_path / "run", Devices(cpus=1))
    with pytest.raises(ConfigError, match=r"min_lr_ratio is 0\.0: expected a number above 0"):
        load_config(config, ["lr_config.min_lr_ratio=0.0"])


def test_two_processes_train_one_model(config: Path, tmp_path: Path) -> None:
    command = [sys.executable, "tools/train.py", "--config", str(config), "--cpus", "2", "--work-dir", str(tmp_path)]
    command += ["--set", "total_iterations=4"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for name in ("LOCAL_RANK", "MASTER_PORT", "WORLD_SIZE", "NODE_RANK"):
        environment.pop(name, None)
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 4
