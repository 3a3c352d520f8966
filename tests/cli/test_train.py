from __future__ import annotations

from pathlib import Path

import pytest

from dmtrack.cli.main import main

CONFIG = """
model = dict(type='DMTrackGSTiny', backbone=dict(type='ResidualTrunk'), neck=dict(type='SingleMapFusion',
    in_channels=(48, 80, 128, 160), out_channels=64), bbox_head=dict(type='TinyHead', channels=64))
data = dict(train=dict(type='SyntheticPairs'), stages=[dict(until=1.0)])
optimizer = dict(type='SGD', lr=0.01)
total_iterations = 4
"""


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--gpus", "99"], "99 GPUs were asked for"),
        (["--gpus", "1", "--cpus", "1"], "exclude each other"),
        (["--resume", "nowhere.pth"], "nowhere.pth"),
        (["--set", "optimizer.learning=3"], "optimizer.learning"),
        (["--import", "no_such_module"], "no_such_module"),
        (["--precision", "int4"], "precision"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    config = tmp_path / "config.py"
    config.write_text(CONFIG)
    with pytest.raises(SystemExit) as exit_:
        main(["train", "--config", str(config), "--work-dir", str(tmp_path / "run"), *options])
    error = capsys.readouterr().err
    assert exit_.value.code == 2
    assert said in error and error.startswith("error: ") and error.count("\n") == 1
    assert not (tmp_path / "run").exists()
