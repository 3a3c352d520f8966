"""`configs/dmtrackGS_dla34_fpn.py` describes the published model and its optimiser."""

import json
from pathlib import Path

import pytest

from dmtrack.config import build, load_config
from dmtrack.errors import ConfigError
from dmtrack.registry import MODELS
from dmtrack.training.optimizers import parameter_multipliers
from dmtrack.training.settings import read_settings

CONFIG = Path(__file__).parents[2] / "configs" / "dmtrackGS_dla34_fpn.py"


@pytest.fixture(scope="module")
def config():
    return load_config(str(CONFIG))


@pytest.fixture(scope="module")
def model(config):
    return build(config["model"], MODELS)


def test_parameters_and_optimiser_groups_are_the_published_ones(config, model, shared_folder):
    folder = shared_folder / "golden" / "dmtrack"
    names = [name for name, _, _ in json.loads((folder / "params_dmtrack_gs.json").read_text())]
    assert list(model.state_dict()) == names
    groups = {name: (lr, decay) for name, lr, decay in json.loads((folder / "optim_groups.json").read_text())}
    ours = parameter_multipliers(model, read_settings(config).optimizer)
    assert ours == groups
    dead = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    assert len(dead) == 34
    assert dead < set(groups)


def test_the_run_is_the_published_one(config):
    settings = read_settings(config)
    assert settings.iterations(world_size=2) == 720_000
    assert settings.learning_rate(world_size=2) == pytest.approx(0.00025)
    assert settings.lr_config.step == (44, 46)


def test_the_model_is_the_published_one(model):
    assert model.preprocessing.scale == (736, 512)
    assert model.preprocessing.inclusive_boxes
    assert model.train_cfg.batch_norm == "frozen"
    assert not model.train().backbone.base.base_layer[1].training
    assert model.test_cfg.nms_pre == 1000
    assert model.part_fusion is None
    assert sum(parameter.numel() for parameter in model.parameters()) == 61_413_840


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("train_cfg=dict(batchnorm='live')", "unknown key 'model.train_cfg.batchnorm'.*did you mean 'batch_norm'"),
        ("test_cfg=dict(nms_pre='many')", "'model.test_cfg.nms_pre'"),
        ("preprocessing=dict(scales=(736, 512))", "unknown key 'model.preprocessing.scales'.*did you mean 'scale'"),
    ],
)
def test_a_wrong_key_of_the_model_is_named_with_its_line(tmp_path, request, line, message):
    base = request.config.rootpath / "configs/dmtrackGS_dla34_fpn.py"
    (tmp_path / "mine.py").write_text(f'_base_ = "{base}"\nmodel = dict(\n    {line},\n)\n')
    with pytest.raises(ConfigError, match=f"mine.py:3: {message}"):
        load_config(tmp_path / "mine.py")
