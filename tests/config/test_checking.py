from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypedDict

import pytest

from dmtrack.config import (
    Injected,
    Positive,
    Share,
    Within,
    as_config,
    available_configs,
    build,
    check_fields,
    load_config,
    parse_config,
    parse_section,
)
from dmtrack.config.building import convert
from dmtrack.config.top_level import Data, GradClip, Optimizer, OptimizerConfig, Stage
from dmtrack.errors import ConfigError
from dmtrack.registry import MODELS, NECKS, Registry

if TYPE_CHECKING:
    from fractions import Fraction


class Engine:
    def __init__(self, power: float) -> None:
        self.power = power


@dataclasses.dataclass(frozen=True)
class Size:
    wh: tuple[int, int]
    unit: Literal["px", "%"] = "px"


class Extras(TypedDict, total=False):
    colour: str


class Wheel:
    def __init__(self, radius: float, spokes: int | None = None) -> None:
        self.radius = radius


class Car:
    def __init__(
        self,
        engine: Engine,
        wheels: list[dict[str, Any]],
        widths: tuple[int, ...] = (1,),
        size: Size | None = None,
        extras: Extras | None = None,
        mode: Literal["fast", "slow"] = "fast",
        backbone: Mapping[str, Any] | Engine | None = None,
        flag: bool = False,
        scale: float | None = 1.0,
        ranges: Sequence[tuple[float, float]] = (),
        on_stop: Callable[[], None] | None = None,
        later: Fraction | None = None,
        seed: Injected[int] = 0,
    ) -> None:
        self.arguments = {key: value for key, value in locals().items() if key != "self"}


class Anything:
    def __init__(self, **settings: Any) -> None:
        self.settings = settings


@pytest.fixture(autouse=True)
def classes(monkeypatch):
    for entry in (Car, Wheel, Anything):
        monkeypatch.setitem(MODELS._entries, entry.__name__, entry)
    monkeypatch.setitem(NECKS._entries, "Engine", Engine)


CAR = "model = dict(\n    type='Car',\n    wheels=[dict(type='Wheel', radius=1)],\n    {})\n"


def load(tmp_path, line, *overrides):
    path = tmp_path / "car.py"
    path.write_text(CAR.format(line))
    return load_config(path, overrides)


@pytest.mark.parametrize(
    "line",
    [
        "widths=[1, 2]",
        "size=dict(wh=(3, 4))",
        "size=dict(wh=[3, 4], unit='%')",
        "extras=dict(colour='red')",
        "mode='slow'",
        "engine=dict(type='Engine', power=3)",
        "backbone=dict(type='Engine', power=3)",
        "flag=True",
        "scale=2",
        "scale=None",
        "ranges=((-1, 64), (64, 1e8))",
    ],
)
def test_what_the_signature_admits_passes(tmp_path, line):
    load(tmp_path, line)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("wdths=(1,)", "car.py:4: unknown key 'model.wdths' of Car; did you mean 'widths'?"),
        ("widths=(1, 2.5)", "car.py:4: 'model.widths.1' must be int, got 2.5 (float)"),
        ("widths=3", "'model.widths' must be a list of int, got 3 (int)"),
        ("widths=(True,)", "'model.widths.0' must be int, got True (bool)"),
        ("size=dict(wh=(1,))", "'model.size.wh' must be (int, int), got (1,) (tuple)"),
        ("size=dict(unit='px')", "'model.size.wh' is missing: Size needs (int, int) there"),
        ("size=dict(wh=(1, 2), unit='cm')", "'model.size.unit' must be 'px' or '%', got 'cm' (str)"),
        ("size=dict(wh=(1, 2), unti='px')", "unknown key 'model.size.unti' of Size; did you mean 'unit'?"),
        ("extras=dict(color='red')", "unknown key 'model.extras.color' of Extras; did you mean 'colour'?"),
        ("extras=3", "'model.extras' must be a dict with the keys of Extras or None, got 3 (int)"),
        ("mode='fsat'", "'model.mode' must be 'fast' or 'slow', got 'fsat' (str)"),
        ("engine=3", "'model.engine' must be dict(type=...), got 3 (int)"),
        ("engine=dict(power=3)", "'model.engine' must be dict(type=...), the key 'type' is missing"),
        ("engine=dict(type='Engine')", "car.py:4: 'model.engine.power' is missing: Engine needs float there"),
        ("backbone=dict(type='Engin', power=1)", "unknown backbone 'Engin' at 'model.backbone.type'"),
        ("flag=1", "'model.flag' must be bool, got 1 (int)"),
        ("scale='1'", "'model.scale' must be float or None, got '1' (str)"),
        ("ranges=((1, 2, 3),)", "'model.ranges.0' must be (float, float), got (1, 2, 3) (tuple)"),
        (")\nmodle = dict(a=1", "car.py:5: unknown key 'modle' of a config; did you mean 'model'?"),
        (")\nprecision = dict(a=1", "'precision' must be 'auto' or 'fp32' or 'bf16' or 'fp16', got {'a': 1} (dict)"),
        (")\noptimizer = dict(type='SDG', lr=.1", "'optimizer.type' must be 'SGD' or 'Adam' or 'AdamW', got 'SDG'"),
        (")\noptimizer = dict(type='SGD'", "'optimizer.lr' is missing: Optimizer needs float there"),
        (")\ndata = dict(stages=[dict(until=.5, until_=1)]", "unknown key 'data.stages.0.until_' of Stage"),
        (")\noptimizer = dict(type='SGD', lr=0.0", "car.py:5: optimizer.lr is 0.0: expected a number above 0"),
        (")\noptimizer_config = dict(\n  accumulate=0", "car.py:6: optimizer_config.accumulate is 0: expected a whole"),
        (")\nlog_config = dict(interval=0", "car.py:5: log_config.interval is 0: expected a whole number above 0"),
        (")\nevaluation = dict(interval=-1", "car.py:5: evaluation.interval is -1: expected a whole number above 0"),
        (
            ")\ndata = dict(\n workers_per_gpu=-1",
            "car.py:6: data.workers_per_gpu is -1: expected a whole number from 0 up",
        ),
        (")\ndata = dict(stages=[dict(until=.5)]", "car.py:5: data.stages: the last stage ends at 0.5 of the run"),
        (
            ")\ndata = dict(stages=[\n dict(until=.6),\n dict(until=.4)]",
            "car.py:7: data.stages.1.until is 0.4: expect",
        ),
        (")\ndata = dict(stages=[dict(samples_per_gpu=0)]", "car.py:5: data.stages.0.samples_per_gpu is 0: expected a"),
    ],
)
def test_what_it_does_not_admit_names_file_line_key_and_the_nearest(tmp_path, line, message):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, line)
    assert message in str(caught.value)
    assert str(tmp_path / "car.py") in str(caught.value)


def test_overrides_are_checked_and_named(tmp_path):
    with pytest.raises(ConfigError, match=r"^--set model.flagg=True: unknown key 'model.flagg' of Car; did you mean"):
        load(tmp_path, "flag=True", "model.flagg=True")
    with pytest.raises(ConfigError, match=r"^--set model.wheels.0.radius=big: 'model.wheels.0.radius' must be float"):
        load(tmp_path, "flag=True", "model.wheels.0.radius=big")
    with pytest.raises(ConfigError, match=r"^--set total_iterations=0: total_iterations is 0: expected a whole number"):
        load(tmp_path, "flag=True", "total_iterations=0")
    with pytest.raises(ConfigError, match=r"^--set seeed=2: unknown key 'seeed' of a config; did you mean 'seed'"):
        load(tmp_path, "flag=True", "seeed=2")


def test_keys_inherited_from_another_type_say_how_to_drop_them(tmp_path):
    (tmp_path / "base.py").write_text("model = dict(type='Wheel', radius=1, spokes=3)\n")
    (tmp_path / "child.py").write_text("_base_ = 'base.py'\nmodel = dict(type='Engine', power=1)\n")
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "child.py")
    assert "base.py:1: unknown key 'model.radius' of Engine" in str(caught.value)
    assert "add _delete_=True where" in str(caught.value)
    assert "child.py:2 sets the type" in str(caught.value)


def test_a_wrong_key_beside_an_inherited_type_is_no_inherited_key(tmp_path):
    (tmp_path / "base.py").write_text("model = dict(type='Wheel', radius=1, spokes=3)\n")
    (tmp_path / "child.py").write_text("_base_ = 'base.py'\nmodel = dict(radios=1)\n")
    with pytest.raises(ConfigError, match=r"child.py:2: unknown key 'model.radios' of Wheel; did you mean 'radius'\?$"):
        load_config(tmp_path / "child.py")


def test_a_class_with_open_keywords_takes_all_but_checks_what_it_knows():
    parse_config({"model": {"type": "Anything", "x": {"type": "Wheel", "radius": 1}}})
    with pytest.raises(ConfigError, match=r"'model.x.radius' must be float"):
        parse_config(
            {"model": {"type": "Anything", "x": [{"y": 1}, {"type": "Wheel", "radius": "1"}]}}
            | {"model": {"type": "Anything", "x": {"type": "Wheel", "radius": "1"}}}
        )
    with pytest.raises(ConfigError, match=r"^mine: unknown key 'model.x.1.r' of Wheel"):
        parse_config({"model": {"type": "Anything", "x": [1, {"type": "Wheel", "radius": 1, "r": 2}]}}, source="mine")


def test_as_config_overrides_and_checks_values_at_hand():
    values = {"model": {"type": "Wheel", "radius": 1}}
    assert as_config(values, ["model.spokes=4"])["model"]["spokes"] == 4
    assert values == {"model": {"type": "Wheel", "radius": 1}}
    with pytest.raises(ConfigError, match=r"^w.safetensors: 'model' is missing"):
        as_config({}, source="w.safetensors")


def test_a_parsed_config_has_dataclasses_for_sections_and_defaults_for_what_is_absent():
    parsed = parse_config(
        {
            "model": {"type": "Wheel", "radius": 1},
            "optimizer": {"type": "AdamW", "lr": 1, "betas": [0.8, 0.9]},
            "optimizer_config": {"grad_clip": {"max_norm": 35}},
            "data": {"stages": [{"until": 0.5, "image_size_wh": [64, 32]}, {"until": 1}]},
        }
    )
    assert parsed.optimizer == Optimizer("AdamW", 1, betas=(0.8, 0.9))
    assert parsed.optimizer_config == OptimizerConfig(GradClip(35))
    assert parsed.data == Data(stages=(Stage(0.5, image_size_wh=(64, 32)), Stage()))
    assert parsed.model == {"type": "Wheel", "radius": 1}
    assert (parsed.lr_config, parsed.seed, parsed.precision) == (None, 1, "fp32")


def test_of_several_kinds_of_tuples_the_one_is_meant_whose_items_fit():
    pair = tuple[int, int]
    assert convert([[1, 2], [3, 4]], pair | tuple[pair, ...] | None) == ((1, 2), (3, 4))
    assert convert([1, 2], pair | tuple[pair, ...] | None) == (1, 2)
    assert convert([[1, 2]], pair | tuple[pair, ...] | None) == ((1, 2),)


def test_build_converts_and_injects():
    node = {
        "type": "Car",
        "wheels": [{"type": "Wheel", "radius": 1}],
        "widths": [1, 2],
        "size": {"wh": [3, 4]},
        "ranges": [[1, 2]],
        "engine": {"type": "Engine", "power": 7},
        "backbone": {"type": "Engine", "power": 1},
    }
    car = build(node, MODELS, seed=5, flag=True)
    assert car.arguments["widths"] == (1, 2)
    assert car.arguments["size"] == Size((3, 4))
    assert car.arguments["ranges"] == [(1, 2)]
    assert car.arguments["engine"].power == 7
    assert car.arguments["backbone"] == {"type": "Engine", "power": 1}
    assert (car.arguments["seed"], car.arguments["flag"]) == (5, True)
    assert node["widths"] == [1, 2]
    engine = Engine(1)
    assert build({"type": "Car", "wheels": []}, MODELS, engine=engine).arguments["engine"] is engine


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"type": "Cra"}, "unknown model 'Cra'"),
        ({"wheels": []}, "a model must be given as dict(type=..., ...)"),
        ({"type": "Car", "wheels": []}, "model Car: 'engine' is missing"),
        ({"type": "Wheel"}, "model Wheel: 'radius' is missing: Wheel needs float there"),
        (
            {"type": "Wheel", "radius": 1, "spoke": 1},
            "model Wheel: unknown key 'spoke' of Wheel; did you mean 'spokes'?",
        ),
    ],
)
def test_build_refuses(node, message):
    with pytest.raises(ConfigError) as caught:
        build(node, MODELS)
    assert message in str(caught.value)


@dataclasses.dataclass(frozen=True)
class Tyre:
    width: Positive = 0.2
    worn: Share | None = None
    bolts: Annotated[int, Within(3, 8)] = 4
    range_: tuple[Share, Share] = (0.0, 1.0)
    sides: tuple[float, float] | tuple[float, float, Path] | None = None
    maker: Path | None = None
    kind: Literal["summer", "winter"] = "summer"
    import_: bool = False

    def __post_init__(self) -> None:
        check_fields(self, "tyre")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"width": 0}, "tyre.width is 0: expected a number above 0"),
        ({"width": float("nan")}, "tyre.width is nan: expected a number above 0"),
        ({"worn": 1.5}, "tyre.worn is 1.5: expected a number from 0 to 1"),
        ({"bolts": 2}, "tyre.bolts is 2: expected a whole number from 3 to 8"),
        ({"bolts": 4.0}, "'tyre.bolts' must be int, got 4.0 (float)"),
        ({"range": [0.5, 2]}, "tyre.range.1 is 2: expected a number from 0 to 1"),
        ({"sides": [1]}, "'tyre.sides' must be (float, float) or (float, float, Path) or None, got [1] (list)"),
        ({"kind": "wintr"}, "'tyre.kind' must be 'summer' or 'winter', got 'wintr' (str); did you mean 'winter'?"),
        ({"widht": 1}, "unknown key 'tyre.widht' of Tyre; did you mean 'width'?"),
        ({"import_": True}, "unknown key 'tyre.import_' of Tyre; did you mean 'import'?"),
    ],
)
def test_ranges_and_choices_stand_in_the_annotations_of_a_section(values, message):
    with pytest.raises(ConfigError) as caught:
        parse_section(values, Tyre, "tyre", source="here")
    assert str(caught.value) == f"here: {message}"


def test_a_section_is_made_of_checked_values():
    found = parse_section({"range": [0, 0.5], "maker": "~/a", "worn": None, "import": True}, Tyre, "tyre")
    assert found == Tyre(range_=(0, 0.5), maker=Path("~/a").expanduser(), import_=True)
    assert parse_section({"sides": [1, 2, "a"]}, Tyre, "tyre").sides == (1, 2, Path("a"))
    with pytest.raises(ConfigError, match=r"^tyre\.bolts is 9: expected a whole number from 3 to 8$"):
        Tyre(bolts=9)


def test_functions_can_be_registered():
    registry = Registry("shape")

    @registry.register
    def square(side: float) -> float:
        return side**2

    assert build({"type": "square", "side": 3}, registry) == 9


@pytest.mark.parametrize("name", sorted(available_configs()))
def test_every_shipped_config_is_right(name):
    load_config(name)


@pytest.mark.parametrize("key", ["type", "ema.type", "checkpoint_config.type"])
def test_a_type_where_a_section_has_none_is_an_unknown_key(key):
    with pytest.raises(ConfigError, match=f"unknown key '{key}'"):
        load_config("dmtrackGS_tiny", [f"{key}=x"])
