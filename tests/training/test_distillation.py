"""Distillation: what the loss compares, what a teacher sees, and that nothing of it stays in what was trained."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from torch import nn

from dmtrack.config import build, load_config, parse_config
from dmtrack.config.top_level import Distillation
from dmtrack.data.batches import Batch
from dmtrack.errors import ConfigError, TrainingError, WeightsError
from dmtrack.registry import MODELS
from dmtrack.training.distillation import DistilledModel, Teacher, TimmTeacher, distillation_loss
from dmtrack.training.optimizers import build_optimizer
from dmtrack.training.run import train_from_config
from dmtrack.training.settings import read_settings
from dmtrack.weights import read_weights, save_weights

sys.path.append(str(Path(__file__).parents[1] / "support"))
from small_fairmot import SMALL, PaintedScenes, small_config

pytestmark = pytest.mark.usefixtures("leave_torch_as_it_was")


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """Config and weights of another FairMOT."""
    folder = tmp_path_factory.mktemp("teacher")
    torch.manual_seed(5)
    model = {**SMALL, "head_channels": 8, "train_cfg": {}}
    (folder / "teacher.py").write_text(f"model = {model!r}\n")
    save_weights(folder / "teacher.safetensors", build(model, MODELS))
    return {
        "type": "ConfigTeacher",
        "config": str(folder / "teacher.py"),
        "weights": str(folder / "teacher.safetensors"),
        "layer": "backbone.5",
    }


def test_the_loss_is_what_a_hand_computes():
    own, theirs = torch.zeros(2, 1, 2, 4), torch.zeros(2, 2, 1, 2)
    own[0, 0] = torch.tensor([[1.0, 1, 3, 3], [1, 1, 3, 3]])  # left half 1, right half 3
    own[1] = 2.0
    theirs[0], theirs[1] = torch.tensor([[[2.0, 6]], [[0, 0]]]), torch.tensor([[[0.0, 0]], [[5, 5]]])
    adapter = nn.Conv2d(1, 2, 1, bias=False)
    with torch.no_grad():
        adapter.weight.copy_(torch.tensor([2.0, 0.0]).view(2, 1, 1, 1))  # doubled in the first channel alone
    mse = distillation_loss(own, theirs, adapter, Distillation({}, loss="mse"))
    # The first image agrees; in the second four numbers are 4, 4, 0, 0 against 0, 0, 5, 5.
    assert float(mse.detach()) == pytest.approx((16 * 2 + 25 * 2) / 8)
    assert float(distillation_loss(own, theirs, adapter, Distillation({})).detach()) == pytest.approx(0.5)
    back = nn.Conv2d(2, 1, 1, bias=False)
    with torch.no_grad():
        back.weight.copy_(torch.tensor([0.5, 0.4]).view(1, 2, 1, 1))
    to_student = Distillation({}, loss="mse", adapt_to="student")
    # Enlarged from 2 to 4 columns, the first image becomes 1, 1.5, 2.5, 3; the second is 2 as it should be.
    assert float(distillation_loss(own, theirs, back, to_student).detach()) == pytest.approx((0 + 0.25 + 0.25 + 0) / 8)


class Mirror(Teacher):
    """Gives its own input back, and keeps it."""

    def see(self, images):
        self.seen = images
        return images


def painted(model, images=2):
    """A batch of scenes."""
    encoder, rng = model.clip_encoder(), np.random.default_rng(1)
    return encoder.collate([encoder.encode(PaintedScenes().sample(rng), rng) for _ in range(images)])


def test_a_teacher_sees_the_same_images_in_its_own_normalisation(monkeypatch):
    mirror = Mirror(nn.Identity(), (100.0, 50.0, 0.0), (10.0, 20.0, 30.0), "")
    monkeypatch.setattr("dmtrack.training.distillation.build", lambda *given: mirror)
    model = DistilledModel(build(SMALL, MODELS), Distillation({}, alpha=0.25))
    batch = painted(model.trained)
    losses = model.losses(batch)
    bytes_rgb = batch.frames[0].images * 255
    assert mirror.seen.shape == (2, 3, 64, 128)
    for channel, (mean, std) in enumerate(((100, 10), (50, 20), (0, 30))):
        assert torch.allclose(mirror.seen[:, channel], (bytes_rgb[:, channel] - mean) / std, atol=1e-4)
    plain = model.trained.losses(batch)
    assert (plain["loss_size"] * 0.75).item() == pytest.approx(losses["loss_size"].item(), rel=1e-4)
    assert set(losses) == {*plain, "loss_distillation"}


SEEN = {
    "type": "DMTrackGSTiny",
    "backbone": {"type": "ResidualTrunk", "widths": (8, 16, 16, 16, 16), "blocks": (1, 1, 1, 1)},
    "neck": {"type": "SingleMapFusion", "in_channels": (16, 16, 16, 16), "out_channels": 16},
    "bbox_head": {"type": "TinyHead", "channels": 16, "kernels": 4, "hidden": 16},
    "scale": (128, 96),
}


def test_a_global_search_learns_from_template_and_search_images(tmp_path, monkeypatch):
    torch.manual_seed(3)
    teacher = build(SEEN, MODELS)
    (tmp_path / "teacher.py").write_text(f"model = {SEEN!r}\n")
    save_weights(tmp_path / "teacher.safetensors", teacher)
    node = {"type": "ConfigTeacher", "config": str(tmp_path / "teacher.py"), "layer": "backbone.stages.1"}
    node["weights"] = str(tmp_path / "teacher.safetensors")
    settings = Distillation(node, alpha=0.5, layer="backbone.stages.2", loss="mse")
    model = DistilledModel(build(SEEN, MODELS), settings)
    seen, see = [], model.teacher.see
    model.teacher.see = lambda images: seen.append(images) or see(images)
    images = torch.randn(2, 2, 3, 96, 128)
    boxes, sizes = torch.tensor([[10.0, 10, 50, 40], [60, 20, 100, 80]]), torch.tensor([[96, 128]] * 2)
    losses = model.losses(Batch.pair(*images, boxes, boxes + 3, torch.tensor([0, 1]), sizes, sizes))
    assert torch.allclose(seen[0], images.flatten(0, 1), atol=1e-5)
    with torch.no_grad():
        theirs = teacher.eval().backbone(seen[0])[1]
        own = model.beside(model.trained.backbone(seen[0])[2])
    expected = distillation_loss(own, theirs, nn.Identity(), Distillation({}, loss="mse"))
    assert losses["loss_distillation"].item() == pytest.approx(0.5 * expected.item(), rel=0.02)
    with pytest.raises(ConfigError, match=r"gives a tuple, not one map; name a part of it that does, such as 'backb"):
        DistilledModel(build(SEEN, MODELS), Distillation(node))


def test_tiny_learns_from_the_trunk_of_small(tmp_path):
    small = build(load_config("dmtrackGS_small")["model"], MODELS)
    save_weights(tmp_path / "small.safetensors", small)
    config = load_config("dmtrackGS_tiny_distilled", [f"distillation.teacher.weights={tmp_path}/small.safetensors"])
    settings = parse_config(config).distillation
    assert settings is not None
    model = DistilledModel(build(config["model"], MODELS), settings)
    assert model.teacher.maps(torch.zeros(1, 3, 64, 96)).shape == (1, 96, 4, 6)
    assert (model.beside.in_channels, model.beside.out_channels) == (128, 96)


def trained(folder, iterations=2, resume=None, **sections):
    """The outcome of a small run, its final weights, and its last log record."""
    config = small_config(iterations, checkpoint_config={"interval_iterations": 1, "max_keep": 9}, **sections)
    outcome = train_from_config(config, folder, resume=resume)
    records = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return read_weights(outcome.weights), records[-1]


def same(first, second):
    """Whether two weights files have the same names and bits."""
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_without_weight_the_run_is_the_undistilled_one_and_leaves_nothing_of_itself(tmp_path, teacher):
    before = read_weights(teacher["weights"])
    plain, _ = trained(tmp_path / "plain", ema={"decay": 0.9})
    idle, _ = trained(tmp_path / "idle", ema={"decay": 0.9}, distillation={"teacher": teacher, "alpha": 0.0})
    taught, record = trained(tmp_path / "taught", ema={"decay": 0.9}, distillation={"teacher": teacher, "alpha": 0.5})
    assert same(plain.state_dict, idle.state_dict)
    assert plain.state_dict.keys() == taught.state_dict.keys()
    assert not same(plain.state_dict, taught.state_dict)
    assert 0 < record["loss_distillation"] < 1
    assert read_weights(teacher["weights"]).sha256 == before.sha256
    published = read_weights(tmp_path / "taught" / "checkpoints" / "iteration_00000002.pth")
    assert same(published.state_dict, taught.state_dict)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_resumed_run_is_the_uninterrupted_one(tmp_path, teacher, precision):
    settings = {
        "precision": precision,
        "distillation": {"teacher": teacher, "loss": "mse", "adapter": "deep", "adapt_to": "student"},
    }
    whole, record = trained(tmp_path / "whole", **settings)
    (tmp_path / "part" / "checkpoints").mkdir(parents=True)
    shutil.copy(tmp_path / "whole" / "checkpoints" / "iteration_00000001.pth", tmp_path / "part" / "checkpoints")
    resumed, again = trained(tmp_path / "part", resume="auto", **settings)
    assert same(whole.state_dict, resumed.state_dict)
    assert again["loss_distillation"] == record["loss_distillation"] > 0
    checkpoint = str(tmp_path / "whole" / "checkpoints" / "iteration_00000001.pth")
    with pytest.raises(TrainingError, match="another model than the config"):
        trained(tmp_path / "other", resume=checkpoint)


def test_only_student_and_adapter_learn(teacher):
    model = DistilledModel(build(SMALL, MODELS), Distillation(teacher))
    settings = read_settings(small_config(optimizer={"type": "SGD", "lr": 1.0, "backbone_lr_mult": 0.1})).optimizer
    groups = build_optimizer(model, settings, 1.0).param_groups
    learning = {id(parameter): group["lr"] for group in groups for parameter in group["params"]}
    assert learning == {
        id(parameter): 0.1 if name.startswith("trained.backbone.") else 1.0
        for name, parameter in model.named_parameters()
    }
    assert len(learning) == len(list(model.trained.parameters())) + 2
    model.train()
    losses = model.losses(painted(model.trained))
    torch.stack(list(losses.values())).sum().backward()
    frozen = model.teacher.network
    assert not frozen.training
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in frozen.parameters())
    assert model.beside.weight.grad.abs().sum() > 0


def test_a_transformer_of_timm_teaches_at_any_size_with_its_own_weights(tmp_path):
    torch.manual_seed(0)
    network = timm.create_model("test_vit", num_classes=10)
    file = tmp_path / "vit.safetensors"
    save_weights(file, network)
    taught = TimmTeacher("test_vit", str(file))
    images = 255 * torch.rand(2, 3, 70, 131)
    maps = taught.maps(images)
    assert maps.shape == (2, 64, 4, 8)  # patches of 16 pixels, of which 64x128 pixels are whole
    mean, std = (torch.tensor(network.pretrained_cfg[name]).view(3, 1, 1) * 255 for name in ("mean", "std"))
    small = nn.functional.interpolate((images - mean) / std, (64, 128), mode="bilinear")
    network.eval().set_input_size(img_size=(64, 128))
    with torch.no_grad():
        expected = network.forward_features(small)[:, 1:].reshape(2, 4, 8, 64).permute(0, 3, 1, 2)
    assert torch.allclose(maps, expected, atol=1e-5)
    before = taught.network.pos_embed.clone()
    taught.maps(images[:, :, :40])
    assert torch.equal(taught.maps(images), maps)
    assert torch.equal(taught.network.pos_embed, before)
    first = TimmTeacher("test_resnet", None, stage=1)
    assert first.maps(images).shape[2:] == (16, 32)
    assert "random weights" in first.note


def test_what_cannot_teach_says_why(tmp_path, teacher, monkeypatch):
    other = tmp_path / "other.safetensors"
    save_weights(other, timm.create_model("test_resnet"))
    student = build(SMALL, MODELS)
    for node, error, message in (
        (
            {"type": "TimmTeacher", "network": "test_vit", "weights": "none.pth"},
            WeightsError,
            "none.pth does not",
        ),
        ({"type": "TimmTeacher", "network": "test_vit", "weights": str(other)}, WeightsError, "does not fit"),
        ({"type": "TimmTeacher", "network": "test_vot", "weights": None}, ConfigError, "did you mean 'test_vit'"),
        ({"type": "TimmTeacher", "network": "test_vit", "weights": None, "stage": 6}, ConfigError, "maps of 6 stages"),
        ({"type": "TimmTeacher", "network": "test_vit"}, ConfigError, "'weights' is missing"),
        ({**teacher, "layer": "backbone.50"}, ConfigError, r"did you mean 'backbone\.[05]'"),
        ({**teacher, "layer": "hm"}, ConfigError, "'hm' of FairMOT is no part of its backbone"),
        ({**teacher, "weights": str(other)}, WeightsError, "does not fit FairMOT"),
    ):
        with pytest.raises(error, match=message):
            DistilledModel(student, Distillation(node))
    with pytest.raises(ConfigError, match=r"distillation.alpha is 1.5: expected a number from 0 to 1"):
        read_settings(small_config(distillation={"teacher": teacher, "alpha": 1.5}))
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ConfigError, match=r"TimmTeacher needs timm.*pip install"):
        TimmTeacher("test_vit", None)


def test_the_student_of_crowd_tiny_has_a_teacher_that_ships() -> None:
    config = load_config("distill_crowd_tiny")
    student = build(config["model"], MODELS)
    settings = parse_config(config).distillation
    assert settings is not None
    model = DistilledModel(student, settings)
    assert "crowd_tiny" in model.teacher.note
    assert model.teacher.maps(torch.zeros(1, 3, 64, 96)).shape == (1, 48, 16, 24)
    assert sum(parameter.numel() for parameter in student.parameters()) < 130_000
