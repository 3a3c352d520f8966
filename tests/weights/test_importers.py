from __future__ import annotations

import json

import pytest
import torch

from dmtrack.errors import WeightsError
from dmtrack.weights.importers import from_dmtrack, importer

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
