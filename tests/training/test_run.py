from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

from dmtrack.config import available_configs, build, load_config
from dmtrack.config.choices import shipped_weights
from dmtrack.errors import ConfigError, DataError, OutputError, TrainingError, WeightsError
from dmtrack.models.base import TrainableModel
from dmtrack.registry import MODELS
from dmtrack.tracking import device
from dmtrack.training.devices import Devices
from dmtrack.training.resume import KEYS, checkpoint_files
from dmtrack.training.run import load_initial_weights, train_from_config
from dmtrack.weights import save_weights

pytestmark = pytest.mark.usefixtures("leave_torch_as_it_was")
ONE_PROCESS = Devices(cpus=1)


def records(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_run_learns_and_leaves_everything_behind(toy_config: Path, tmp_path: Path) -> None:
    figures = iter([0.5, float("nan"), 0.75, 0.25])
    validated = []

    def make_validate(config):
        def validate(model: nn.Module) -> dict[str, float]:
            assert not model.training
            torch.rand(7)  # what validation draws must not matter
            validated.append(model)
            return {"success": next(figures), "precision": 0.1}

        return validate

    config = load_config(toy_config, ["evaluation={interval_iterations: 8}", "log_config.tensorboard=true"])
    outcome = train_from_config(config, tmp_path / "run", ONE_PROCESS, make_validate=make_validate)
    assert outcome.finished and outcome.iteration == 30
    assert sorted(path.name for path in outcome.folder.iterdir()) == [
        "best.safetensors", "checkpoints", "config.py", "final.safetensors", "log.jsonl", "speed.jsonl", "tensorboard"
    ]  # fmt: skip
    training = [record for record in records(outcome.folder) if "loss" in record]
    assert [record["iteration"] for record in training] == [7, 14, 21, 28, 30]
    assert [record["epoch"] for record in training] == [1, 2, 3, 3, 3]
    assert training[-1]["loss"] < 0.5 * training[0]["loss"]
    assert training[-1]["lr"] == pytest.approx(0.001)
    checks = [record for record in records(outcome.folder) if "validation" in record]
    assert [(record["iteration"], record["best"]) for record in checks] == [
        (8, True),
        (16, False),
        (24, True),
        (30, False),
    ]
    assert load_config(outcome.folder / "config.py") == config

    state = torch.load(checkpoint_files(outcome.folder / "checkpoints")[-1], weights_only=True)
    assert set(KEYS) <= set(state)
    final = load_file(outcome.folder / "final.safetensors")
    assert all(torch.equal(final[name], state["ema"][name]) for name in final)
    assert not torch.equal(state["model"]["head.weight"], state["ema"]["head.weight"])
    # Nothing depends on it, so nothing has touched it, weight decay included.
    assert torch.equal(state["model"]["unused.weight"], state["ema"]["unused.weight"])
    with safe_open(outcome.folder / "best.safetensors", "pt") as opened:
        metadata = json.loads(opened.metadata()["dmtrack"])
    assert metadata["metrics"]["success"] == 0.75 and metadata["training"]["iterations"] == 24

    # Neither validation nor logs change what is learned.
    quiet = train_from_config(load_config(toy_config), tmp_path / "quiet", ONE_PROCESS)
    others = load_file(quiet.folder / "final.safetensors")
    assert all(torch.equal(final[name], others[name]) for name in final)
    with pytest.raises(TrainingError, match="already holds a run"):
        train_from_config(load_config(toy_config), quiet.folder, ONE_PROCESS)


def test_accumulated_batches_are_one_larger_batch(toy_config: Path, tmp_path: Path) -> None:
    def weights(name: str, *overrides: str) -> dict[str, torch.Tensor]:
        common = ["ema=null", "total_iterations=1", "lr_config.warmup=null", "model.noisy=false"]
        outcome = train_from_config(load_config(toy_config, [*common, *overrides]), tmp_path / name, ONE_PROCESS)
        return load_file(outcome.folder / "final.safetensors")

    stage = "data.stages=[{until: 1.0, samples_per_gpu: %d}]"
    small = weights("small", stage % 2, "optimizer_config.accumulate=3")
    large = weights("large", stage % 6, "optimizer_config.accumulate=1")
    assert torch.allclose(small["head.weight"], large["head.weight"], atol=1e-7)
    assert not torch.equal(small["head.weight"], weights("other", stage % 2)["head.weight"])


def test_bf16_and_channels_last_train(toy_config: Path, tmp_path: Path) -> None:
    config = load_config(toy_config, ["precision=bf16", "channels_last=true"])
    outcome = train_from_config(config, tmp_path / "run", ONE_PROCESS)
    losses = [record["loss"] for record in records(outcome.folder)]
    assert losses[-1] < 0.5 * losses[0]
    state = torch.load(checkpoint_files(outcome.folder / "checkpoints")[-1], weights_only=True)
    assert state["model"]["head.weight"].dtype == torch.float32
    reference = train_from_config(load_config(toy_config), tmp_path / "fp32", ONE_PROCESS)
    assert losses[0] != records(reference.folder)[0]["loss"]


def test_auto_precision_is_chosen_by_the_processor_and_kept_by_resume(
    toy_config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = load_config(toy_config, ["precision=auto", "checkpoint_config.interval_iterations=1"])
    for fast, chosen in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr(device, "has_fast_bf16", lambda fast=fast: fast)
        outcome = train_from_config(config, tmp_path / chosen, ONE_PROCESS)
        state = torch.load(checkpoint_files(outcome.folder / "checkpoints")[-1], weights_only=True)
        assert state["metadata"]["precision"] == chosen
        assert f"{chosen} (auto), lr" in capsys.readouterr().err
    # The run in bf16 on a machine without: no silent change, not even from a path, which allows changes.
    last = str(checkpoint_files(tmp_path / "bf16/checkpoints")[-1])
    for resume in ("auto", last):
        with pytest.raises(TrainingError, match=r"trained in bf16, .* would go on in fp32; use --precision bf16, or"):
            train_from_config(config, tmp_path / "bf16", ONE_PROCESS, resume=resume)
    typed = load_config(toy_config, ["precision=fp32"])
    assert train_from_config(typed, tmp_path / "bf16", ONE_PROCESS, resume=last).finished
    forced = load_config(toy_config, ["precision=bf16", "checkpoint_config.interval_iterations=1"])
    assert train_from_config(forced, tmp_path / "bf16", ONE_PROCESS, resume="auto").finished


def test_a_loss_that_is_not_finite_names_the_pairs_and_keeps_the_checkpoint(toy_config: Path, tmp_path: Path) -> None:
    # Of the pairs 0, 1, 2... of this seed, number 7 is the first to be poisoned.
    overrides = ["data.train.poison_above=0.95", "checkpoint_config.interval_iterations=1"]
    with pytest.raises(TrainingError, match=r"not finite in iteration 2 .*with the pairs 4, 5, 6, 7;"):
        train_from_config(load_config(toy_config, overrides), tmp_path / "run", ONE_PROCESS)
    last = checkpoint_files(tmp_path / "run/checkpoints")[-1]
    assert last.name == "iteration_00000001.pth"
    state = torch.load(last, weights_only=True)["model"]
    assert all(torch.isfinite(tensor).all() for tensor in state.values())


def test_devices_that_are_not_there(toy_config: Path, tmp_path: Path) -> None:
    present = torch.cuda.device_count()
    with pytest.raises(TrainingError, match=f"99 GPUs were asked for, but this machine has {present}"):
        train_from_config(load_config(toy_config), tmp_path / "run", Devices(gpus=99))
    with pytest.raises(ConfigError, match="'fp16' needs a GPU"):
        train_from_config(load_config(toy_config, ["precision=fp16"]), tmp_path / "run", ONE_PROCESS)


def test_a_start_that_failed_does_not_stand_in_the_way_of_the_next(toy_config: Path, tmp_path: Path) -> None:
    def no_validation_data(_):
        raise DataError("no folder nowhere")

    config = load_config(toy_config, ["total_iterations=1"])
    with pytest.raises(DataError):
        train_from_config(config, tmp_path / "run", ONE_PROCESS, make_validate=no_validation_data)
    assert train_from_config(config, tmp_path / "run", ONE_PROCESS).finished


def test_a_folder_that_cannot_be_written(toy_config: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="file"):
        train_from_config(load_config(toy_config), tmp_path / "file" / "run", ONE_PROCESS)


class DetectorInside(TrainableModel):
    def __init__(self) -> None:
        super().__init__()
        self.detector = nn.Linear(3, 2)
        self.embedding = nn.Linear(2, 2)


def test_a_part_of_the_model_starts_from_the_weights_of_that_part_alone(tmp_path: Path):
    stored, model = nn.Linear(3, 2), DetectorInside()
    path = tmp_path / "detector.safetensors"
    save_weights(path, stored)
    fresh = model.embedding.weight.clone()
    load_initial_weights(model, {"load_from": str(path), "load_from_into": "detector"})
    assert torch.equal(model.detector.weight, stored.weight) and torch.equal(model.embedding.weight, fresh)
    with pytest.raises(ConfigError, match="no part 'detektor'; did you mean 'detector'"):
        load_initial_weights(model, {"load_from": str(path), "load_from_into": "detektor"})
    with pytest.raises(WeightsError, match="does not fit DetectorInside"):
        load_initial_weights(model, {"load_from": str(path)})


def test_every_config_can_start_from_the_shipped_weights_that_it_names() -> None:
    configs = {name: load_config(name) for name in available_configs()}
    starting = {name for name, config in configs.items() if config.get("load_from") in shipped_weights()}
    assert starting > {"dmtrackGS_small", "dmtrackGS_tiny_clips", "dmtrackReID_small", "dmtrackReID_tiny"}
    for name in starting:
        load_initial_weights(build(configs[name]["model"], MODELS), configs[name])


def test_a_frozen_trunk_that_has_learnt_nothing_is_warned_of(tmp_path: Path) -> None:
    node = load_config("dmtrackGS_small", ["model.backbone.frozen_blocks=6"])["model"]
    model = build(node, MODELS)
    (warning,) = load_initial_weights(model, {})
    assert "random weights, but 54 of its 153 parameters are frozen and 51 of its 51 batch norms keep" in warning
    path = tmp_path / "whole.safetensors"
    save_weights(path, model)
    assert load_initial_weights(model, {"load_from": str(path)}) == []
    assert load_initial_weights(model, {"load_from": str(path), "load_from_except": ["backbone"]}) == [warning]
    node["backbone"] |= {"frozen_blocks": 0, "frozen_norms": False}
    assert load_initial_weights(build(node, MODELS), {}) == []
    trunk = tmp_path / "trunk.safetensors"
    save_weights(trunk, model.backbone)
    node["backbone"] = {"type": "MobileNetV2", "frozen_blocks": 17, "pretrained": str(trunk)}
    fresh = build(node, MODELS)
    assert load_initial_weights(fresh, {}) == []
    assert torch.equal(fresh.backbone.features[0][0].weight, model.backbone.features[0][0].weight)
