from __future__ import annotations

import json

import pytest

from dmtrack.cli import config as config_command
from dmtrack.cli.main import run
from dmtrack.config import dump_config, load_config, read_config


def call(*arguments):
    with pytest.raises(SystemExit) as caught:
        raise SystemExit(run(lambda: config_command.group(args=list(arguments), standalone_mode=True)))
    return caught.value.code


@pytest.fixture
def ok(tmp_path):
    """A right config without datasets."""
    config = load_config("dmtrackGS_tiny", check=False)
    path = tmp_path / "ok.py"
    path.write_text(dump_config({"model": config["model"], "seed": 1}))
    return path


def test_show_prints_a_config_that_reads_back(capsys, tmp_path, ok):
    assert call("show", str(ok), "--set", "seed=7") == 0
    (tmp_path / "shown.py").write_text(capsys.readouterr().out)
    assert read_config(tmp_path / "shown.py") == load_config(ok, ["seed=7"])


def test_show_as_json(capsys, ok):
    assert call("show", str(ok), "--json") == 0
    assert json.loads(capsys.readouterr().out)["model"]["type"] == "DMTrackGSTiny"


def test_check_says_that_all_is_well(capsys, ok):
    assert call("check", str(ok)) == 0
    assert "every key is known" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import os\n", ":1: an import is not allowed in a config"),
        ("_base_ = 'none.py'\n", "base 'none.py' does not exist"),
        ("model = dict(type='DMTrackGTiny')\n", "unknown model 'DMTrackGTiny' at 'model.type'; did you mean"),
        ("_base_ = 'ok.py'\nsedd = 1\n", ":2: unknown key 'sedd' of a config; did you mean 'seed'?"),
        (
            "_base_ = 'ok.py'\ntracker = dict(\n    type='ReIDTracker',\n    association=dict(reech=1))\n",
            ":4: unknown key 'tracker.association.reech' of DistractorAware; did you mean 'reach'?",
        ),
        (
            "_base_ = 'ok.py'\ntracker = dict(\n    type='SiamRPNTracker',\n    lr=1.5)\n",
            ":4: tracker.lr is 1.5: expected a number from 0 to 1",
        ),
        ("_base_ = 'ok.py'\nseed = 'one'\n", ":2: 'seed' must be int, got 'one' (str)"),
    ],
)
def test_bad_configs_end_with_one_sentence_and_code_2(capsys, tmp_path, ok, text, message):
    (tmp_path / "bad.py").write_text(text)
    assert call("check", str(tmp_path / "bad.py")) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"error: {tmp_path / 'bad.py'}")
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""
