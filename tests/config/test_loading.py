from __future__ import annotations

import copy
import pickle
import re
from collections import OrderedDict
from pathlib import Path

import pytest

import dmtrack.config
from dmtrack.config import available_configs, config_hash, dump_config, find_config, load_config, read_config, require
from dmtrack.errors import ConfigError


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", ".")
        path.write_text(text)
    return folder


def test_bases_merge_and_delete_drops(tmp_path):
    write(
        tmp_path,
        base__py="model = dict(type='A', neck=dict(type='N', a=1, b=2), head=dict(type='H', x=1))\nseed = 1\n",
        run__yaml="optimizer: {type: SGD, lr: 1e-3}\n",
        child__py="""
_base_ = ['base.py', 'run.yaml']
model = dict(neck=dict(b=_base_.model.neck.b * 10), head=dict(_delete_=True, type='G', y=[dict(_delete_=True, z=1)]))
optimizer = dict(lr=2 * _base_.optimizer['lr'])
""",
    )
    config = read_config(tmp_path / "child.py")
    assert config == {
        "model": {"type": "A", "neck": {"type": "N", "a": 1, "b": 20}, "head": {"type": "G", "y": [{"z": 1}]}},
        "seed": 1,
        "optimizer": {"type": "SGD", "lr": 0.002},
    }
    assert config.locations[("model", "neck", "a")].endswith("base.py:1")
    assert config.locations[("model", "neck", "b")].endswith("child.py:3")
    assert config.locations[("optimizer", "type")].endswith("run.yaml:1")


def test_yaml_reads_like_python(tmp_path):
    write(
        tmp_path,
        a__py="model = dict(type='A', lr=1e-4, wide=[1, 2], on=True, none=None, text='x')\n",
        b__yaml="_base_: a.py\nmodel:\n  lr: 1e-4\n  extra: &e {k: 1}\n  again:\n    <<: *e\n    k: 2\n",
    )
    config = read_config(tmp_path / "b.yaml")
    assert config["model"]["lr"] == 1e-4
    assert config["model"]["again"] == {"k": 2}
    assert config["model"]["wide"] == [1, 2]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.py", "_base_ = 'none.py'\n", "a.py:1: base 'none.py' does not exist; it is looked for at"),
        ("a.py", "x = 1\n_base_ = 3\n", "a.py:2: _base_ must be a file name or a list of file names, got 3"),
        ("a.py", "_base_ = 'a.py'\n", "its _base_ leads back to itself: a.py -> a.py"),
        ("a.py", "_base_ = ['b.py', 'b2.py']\n", "two bases set 'model'"),
        ("a.py", "_base_ = 'b.py'\nmodel = dict(n=dict(x=1))\n", "a.py:2: model.n is a dict here but 5 in the base"),
        ("a.py", "_base_ = 'b.py'\nx = _base_.modle\n", "there is no key 'modle'; did you mean 'model'?"),
        ("a.yaml", "a: [1\n", "a.yaml:2: not valid YAML"),
        ("a.yaml", "a: 1\na: 2\n", "a.yaml:2: key 'a' stands twice, first"),
        (
            "a.yaml",
            "a: !!python/object/apply:os.system ['touch pwned']\n",
            "a.yaml:1: the tag tag:yaml.org,2002:python/object",
        ),
        ("a.yaml", "a: !!python/name:os.system ''\n", "a.yaml:1: not valid YAML"),
        ("a.yaml", "- 1\n", "expected keys with values at the top of the file, got a list"),
        ("a.yaml", "a: 2001-01-01\n", "a.yaml:1: '2001-01-01' is read as a date; put it in quotes"),
        ("a.yaml", "1: 2\n", "keys must be strings, got 1"),
        ("a.yaml", "a: &a [*a]\n", "a.yaml"),
        ("a.toml", "a = 1\n", "a config ends in .py, .yaml, .yml"),
    ],
)
def test_files_that_cannot_be_merged_say_why(tmp_path, monkeypatch, name, text, message):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, b__py="model = dict(n=5)\n", b2__py="model = 1\n")
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_config(tmp_path / name)
    assert message in str(caught.value)
    assert not (tmp_path / "pwned").exists()


def test_aliases_cannot_explode(tmp_path):
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    (tmp_path / "a.yaml").write_text("\n".join(lines))
    with pytest.raises(ConfigError, match="more than 100000 values"):
        read_config(tmp_path / "a.yaml")


def test_not_a_text_file_and_missing_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.py").write_bytes(b"x = '\xff\xfe'")
    with pytest.raises(ConfigError, match="is no UTF-8 text"):
        read_config(tmp_path / "a.py")
    with pytest.raises(ConfigError, match="did you mean 'dmtrackGS_tiny'"):
        find_config("dmtrackGS_tinny")
    with pytest.raises(ConfigError, match=r"does not exist; did you mean .*dmtrackGS_tiny.py"):
        find_config("elsewhere/dmtrackGS_tiny.py")
    with pytest.raises(ConfigError, match="is a folder"):
        find_config(tmp_path)


def test_names_are_looked_up_beside_the_caller_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shipped = find_config("dmtrackGS_tiny")
    assert shipped.is_file()
    assert find_config("dmtrackGS_tiny.py") == shipped
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "dmtrackGS_tiny.yaml").write_text("seed: 2\n")
    assert load_config("dmtrackGS_tiny", check=False) == {"seed": 2}
    assert available_configs()["dmtrackGS_dla34_fpn"].suffix == ".py"


def test_overrides(tmp_path):
    write(
        tmp_path,
        a__py="model = dict(neck=dict(out_channels=64), stages=[dict(until=0.5), dict(until=1.0)], pair=(1, 2))\n",
    )

    def load(*overrides):
        return load_config(tmp_path / "a.py", overrides, check=False)["model"]

    assert load("model.neck.out_channels=128")["neck"] == {"out_channels": 128}
    assert load("model.stages.1.until=.9")["stages"] == [{"until": 0.5}, {"until": 0.9}]
    assert load("model.pair.0=None")["pair"] == (None, 2)
    new = load("model.a=true", "model.b=1e-3", "model.c=some text", "model.d=dict(type='X', y=[1, 2])", "model.e=a=b")
    assert (new["a"], new["b"], new["c"], new["d"]) == (True, 1e-3, "some text", {"type": "X", "y": [1, 2]})
    assert new["e"] == "a=b"
    for override, message in {
        "tracker.policy.max_age=9": "known: model; a new one is set as a whole, tracker=dict(...)",
        "model.nek.out_channels=1": "there is no key 'model.nek'; did you mean 'neck'?; a new one is set as a whole",
        "model.stages.2.until=1": "model.stages is a list of 2; expected an index below that, got '2'",
        "model.neck.out_channels.x=1": "model.neck.out_channels is 64, which has no key 'x'",
        "model": "expected key.path=value",
        "=3": "expected key.path=value",
        "model..neck=3": "expected key.path=value",
    }.items():
        with pytest.raises(ConfigError) as caught:
            load(override)
        assert message in str(caught.value)


def test_a_config_is_a_dict_that_survives_copies_and_pickles(tmp_path):
    write(tmp_path, a__py="model = dict(n=1)\n")
    config = read_config(tmp_path / "a.py")
    assert copy.deepcopy(config) == config
    assert copy.deepcopy(config).locations == config.locations
    loaded = pickle.loads(pickle.dumps(config))
    assert type(loaded) is OrderedDict
    assert loaded == config
    with pytest.raises(ConfigError, match=r"a.py: key 'data.train' is missing, which training needs"):
        require(config, "model", "data.train", purpose="training")


def test_the_hash_ignores_order_and_kind_of_list_but_no_value():
    first = config_hash({"a": 1, "b": {"c": (1, 2), "d": None}})
    assert first == config_hash({"b": {"d": None, "c": [1, 2]}, "a": 1})
    assert first != config_hash({"a": 1, "b": {"c": (1, 3), "d": None}})
    assert first == "".join(c for c in first if c in "0123456789abcdef") and len(first) == 12


@pytest.mark.parametrize("name", sorted(available_configs()))
def test_every_shipped_config_survives_dumping(name, tmp_path):
    config = load_config(name, check=False)
    path = tmp_path / "dumped.py"
    path.write_text(dump_config(config))
    assert read_config(path) == config


def test_one_module_reads_yaml():
    package = Path(dmtrack.config.__file__).parent.parent
    readers = [file.name for file in package.rglob("*.py") if re.search(r"yaml\.(\w*load|\w*Loader)", file.read_text())]
    assert readers == ["yaml_reader.py"]
