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
        (["--cpus", "0"], "above 0"),
        (["--set", "seed"], "expected key.path=value"),
        (["--set", "data.train=dict(type='CocoPairs', root='nowhere')"], "COCO: no folder nowhere"),
        (["--set", "data.train=dict(type='CocoPairs', root='nowhere')"], "expected <root>/annotations/instances_"),
        (
            ["--set", "data.train.real_images=[dict(annotations='no.json', images='no')]"],
            "no folder no with the images",
        ),
        (["--set", "load_from=none.pth"], "none.pth does not exist"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    config = tmp_path / "config.py"
    config.write_text(CONFIG)
    with pytest.raises(SystemExit) as exit_:
        main(["train", "--config", str(config), "--work-dir", str(tmp_path / "run"), *options])
    error = capsys.readouterr().err.removeprefix("loading PyTorch ...\n")
    assert exit_.value.code == 2
    assert said in error and error.startswith("error: ") and error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_an_output_that_cannot_be_written_stops_before_the_first_iteration(tmp_path, capsys):
    (tmp_path / "config.py").write_text(CONFIG)
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit) as exit_:
        main(["train", "--config", str(tmp_path / "config.py"), "--work-dir", str(tmp_path / "file" / "run")])
    error = capsys.readouterr().err
    assert exit_.value.code == 2 and error.count("\n") == 1
    assert "file/run: a file stands where a folder is needed" in error
