from __future__ import annotations

import pytest
import torch
from torch import nn

from dmtrack.errors import WeightsError
from dmtrack.models.backbones.dla_seg import DLASeg
from dmtrack.weights import average_state_dicts, load_into, load_weights, save_weights
from dmtrack.weights.loading import load_backbone


def small(channels=4):
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, channels, 3), nn.BatchNorm2d(channels), nn.Linear(channels, 2))


def test_a_fitting_file_fills_the_model_in_its_own_precision(tmp_path):
    source, target = small(), small()
    nn.init.zeros_(target[0].weight)
    save_weights(tmp_path / "a.safetensors", source, {}, half=True)
    weights = load_weights(target, tmp_path / "a.safetensors")
    assert target[0].weight.dtype == torch.float32
    assert torch.equal(target[0].weight, source[0].weight.half().float())
    assert weights.metadata["format"] == "dmtrack-weights-1"


def test_another_architecture_is_refused_in_one_sentence_and_leaves_the_model_alone():
    model = small()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    other = small(channels=8).state_dict()
    other["extra.weight"] = torch.zeros(1)
    del other["2.bias"]
    with pytest.raises(WeightsError) as caught:
        load_into(model, other, "w.pth", metadata={"name": "big", "config": {"model": {"type": "DMTrackGS"}}})
    assert str(caught.value) == (
        "w.pth does not fit Sequential: 1 of 9 parameters match, it lacks 1 (2.bias); it has unknown 1 (extra.weight); "
        "it has another shape for 7 (0.weight [8, 3, 3, 3] instead of [4, 3, 3, 3], 0.bias [8] instead of [4], ...); "
        "it was made for big (DMTrackGS); give the config that belongs to these weights"
    )
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_partial_loads_are_asked_for_and_reported():
    model = small()
    state = small().state_dict()
    del state["2.bias"]
    state["extra"] = torch.zeros(1)
    with pytest.raises(WeightsError, match="lacks 1"):
        load_into(model, state, "w.pth")
    report = load_into(model, state, "w.pth", strict=False)
    assert (report.missing, report.unexpected, report.mismatched) == (("2.bias",), ("extra",), ())
    assert len(report.matched) == 8
    assert not report.complete
    with pytest.raises(WeightsError, match="0 of 9 parameters match"):
        load_into(model, {"x": torch.zeros(1)}, "w.pth", strict=False)


def test_old_files_may_lack_batch_counters_and_nothing_else():
    state = small().state_dict()
    del state["1.num_batches_tracked"]
    report = load_into(small(), state, "w.pth")
    assert report.complete
    assert report.missing == ("1.num_batches_tracked",)


def test_nan_is_refused():
    state = small().state_dict()
    state["1.running_var"][0] = float("nan")
    with pytest.raises(WeightsError, match=r"w.pth: parameter '1.running_var' holds NaN"):
        load_into(small(), state, "w.pth")


def test_the_average_is_the_mean():
    first, second = small().state_dict(), small().state_dict()
    second = {name: tensor + 2 for name, tensor in second.items()}
    mean = average_state_dicts([first, second], ["a", "b"])
    assert torch.allclose(mean["0.weight"], first["0.weight"] + 1)
    assert mean["1.num_batches_tracked"] == 2
    soup = average_state_dicts([first, second], ["a", "b"], [0.6, 0.4])
    assert torch.allclose(soup["0.weight"], first["0.weight"] + 0.8)
    assert soup["1.num_batches_tracked"].dtype == torch.int64
    with pytest.raises(WeightsError, match=r"shares 0.6, 0.6 of 2 files.*sum 1"):
        average_state_dicts([first, second], ["a", "b"], [0.6, 0.6])
    with pytest.raises(WeightsError, match="b is of another architecture than a"):
        average_state_dicts([first, small(8).state_dict()], ["a", "b"])
    with pytest.raises(WeightsError, match="at least two"):
        average_state_dicts([first], ["a"])


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.base = small()
        self.dla_up = nn.Linear(1, 1)


def test_imagenet_weights_come_from_the_path_or_torchs_cache(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    backbone = Backbone()
    with pytest.raises(WeightsError) as caught:
        load_backbone(backbone)
    assert "http://dl.yf.io/dla/models/imagenet/dla34-ba72cf86.pth" in str(caught.value)
    assert str(tmp_path / "hub" / "checkpoints" / "dla34-ba72cf86.pth") in str(caught.value)

    state = {name: tensor + 1 for name, tensor in small().state_dict().items()}
    cached = tmp_path / "hub" / "checkpoints" / "dla34-ba72cf86.pth"
    cached.parent.mkdir(parents=True)
    torch.save(state, cached)
    assert load_backbone(backbone).complete
    assert torch.equal(backbone.base[0].weight, state["0.weight"])
    torch.save({"fc.weight": torch.zeros(2)}, tmp_path / "mine.pth")
    with pytest.raises(WeightsError, match=r"mine.pth does not fit Sequential: 0 of 9"):
        load_backbone(backbone, tmp_path / "mine.pth")


def test_a_centernet_starts_all_of_fairmots_backbone(tmp_path):
    torch.manual_seed(0)
    backbone = DLASeg()
    names = {name: name.replace(".conv_offset.", ".conv_offset_mask.") for name in backbone.state_dict()}
    assert sum(".conv_offset_mask." in name for name in names.values()) == 32
    centernet = {names[name]: value + 1 for name, value in backbone.state_dict().items()}
    heads = {"hm.0.weight": torch.zeros(1), "wh.2.bias": torch.zeros(2), "reg.0.bias": torch.zeros(1)}
    saved = {f"module.{name}": value for name, value in {**centernet, **heads}.items()}
    torch.save({"epoch": 230, "state_dict": saved}, tmp_path / "ctdet_coco_dla_2x.pth")
    assert load_backbone(backbone, tmp_path / "ctdet_coco_dla_2x.pth").complete
    assert all(torch.equal(value, centernet[names[name]]) for name, value in backbone.state_dict().items())
