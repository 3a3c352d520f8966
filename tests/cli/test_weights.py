from __future__ import annotations

import json
import os

import pytest
import torch

from dmtrack.cli import weights as weights_command
from dmtrack.cli.main import run
from dmtrack.config import load_config
from dmtrack.registry import MODELS
from dmtrack.weights import read_weights, save_weights


def call(*arguments):
    with pytest.raises(SystemExit) as caught:
        raise SystemExit(run(lambda: weights_command.group(args=[str(one) for one in arguments], standalone_mode=True)))
    return caught.value.code


@pytest.fixture(scope="module")
def tiny():
    from dmtrack.config import build

    torch.manual_seed(0)
    config = load_config("dmtrackGS_tiny", check=False)
    return config, build(config["model"], MODELS).state_dict()


def checkpoint(config, state, shift=1.0):
    ema = {name: tensor + shift if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    return {
        "model": state,
        "ema": ema,
        "config": config,
        "progress": {"iteration": 10, "window": {}, "best": {"success": 0.5}},
        "metadata": {"command": "dmtrack train"},
    }


def test_import_writes_our_file_with_metadata(tmp_path, capsys, tiny):
    _, state = tiny
    foreign = tmp_path / "official.pth"
    torch.save({"meta": {}, "state_dict": {f"module.{name}": tensor for name, tensor in state.items()}}, foreign)
    assert call("import", "--from", "dmtrack", foreign, "--config", "dmtrackGS_tiny") == 0
    output = capsys.readouterr().out
    assert f"{len(state)} matched, 0 missing, 0 unexpected, 0 of another shape" in output
    weights = read_weights(tmp_path / "official.safetensors")
    assert all(torch.equal(weights.state_dict[name], tensor) for name, tensor in state.items())
    assert weights.metadata["name"] == "dmtrackGS_tiny"
    assert weights.metadata["config"]["model"]["type"] == "DMTrackGSTiny"
    assert weights.metadata["training"]["sha256"] == read_weights(foreign).sha256
    assert weights.metadata["normalisation"]["divisor"] == 32

    assert call("show", tmp_path / "official.safetensors", "--json", "--parameters") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["sha256"] == weights.sha256
    assert shown["parameters"] == weights.parameter_count
    assert len(shown["state_dict"]) == len(state)
    assert call("show", tmp_path / "official.safetensors") == 0
    assert weights.sha256 in capsys.readouterr().out


def test_import_of_another_architecture_reports_and_writes_nothing(tmp_path, capsys, tiny):
    torch.save({**tiny[1], "extra": torch.zeros(1)}, tmp_path / "a.pth")
    assert call("import", "--from", "dmtrack", tmp_path / "a.pth") == 2
    captured = capsys.readouterr()
    assert "matched" in captured.out and "unexpected: extra" not in captured.err
    assert captured.err.startswith(f"error: {tmp_path / 'a.pth'} does not fit DMTrackGS: 0 of 394 parameters match")
    assert captured.err.count("\n") == 1
    assert not (tmp_path / "a.safetensors").exists()


def test_an_output_that_cannot_be_written_is_one_sentence(tmp_path, capsys, tiny):
    torch.save(tiny[1], tmp_path / "a.pth")
    (tmp_path / "file").write_text("")
    common = ("import", "--from", "dmtrack", tmp_path / "a.pth", "--config", "dmtrackGS_tiny", "--output")
    assert call(*common, tmp_path / "file" / "a.safetensors") == 2
    assert "a file stands where a folder is needed" in capsys.readouterr().err
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        assert call(*common, tmp_path / "new.safetensors") == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    error = capsys.readouterr().err
    assert "new.safetensors: File too large; free some space" in error and error.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pth", "file"]


def test_publish_takes_the_average_in_fp16(tmp_path, capsys, tiny):
    config, state = tiny
    torch.save(checkpoint(config, state), tmp_path / "iteration_00000010.pth")
    assert call("publish", tmp_path / "iteration_00000010.pth", "--output", tmp_path / "mine.safetensors") == 0
    assert "mine.safetensors" in capsys.readouterr().out
    weights = read_weights(tmp_path / "mine.safetensors")
    name = next(name for name, tensor in state.items() if tensor.ndim == 4)
    assert weights.state_dict[name].dtype == torch.float16
    assert torch.equal(weights.state_dict[name], (state[name] + 1).half())
    assert weights.metadata["name"] == "mine"
    assert weights.metadata["training"] == {"command": "dmtrack train", "averaged": True, "iterations": 10}
    assert weights.metadata["metrics"] == {"success": 0.5}
    assert weights.metadata["dataset"]["type"] == "SyntheticPairs"
    full = tmp_path / "full.safetensors"
    assert call("publish", tmp_path / "iteration_00000010.pth", "--output", full, "--full") == 0
    assert read_weights(full).state_dict[name].dtype == torch.float32
    assert weights.path.stat().st_size < 0.55 * full.stat().st_size


def test_average(tmp_path, capsys, tiny):
    config, state = tiny
    for index, shift in enumerate((0.0, 1.0)):
        torch.save(checkpoint(config, state, shift), tmp_path / f"{index}.pth")
    target = tmp_path / "mean.safetensors"
    assert call("average", tmp_path / "0.pth", tmp_path / "1.pth", "--output", target) == 0
    weights = read_weights(target)
    name = next(name for name, tensor in state.items() if tensor.ndim == 4)
    assert torch.allclose(weights.state_dict[name], state[name] + 0.5)
    assert [one["file"] for one in weights.metadata["training"]["average_of"]] == ["0.pth", "1.pth"]
    assert "metrics" not in weights.metadata
    assert call("average", tmp_path / "0.pth", "--output", target) == 2


class Malicious:
    def __reduce__(self):
        return os.system, ("touch executed",)


def test_bad_files_end_with_one_sentence_and_code_2(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": Malicious()}, "evil.pth")
    torch.save({"w": torch.zeros(1000)}, "whole.pth")
    (tmp_path / "cut.pth").write_bytes((tmp_path / "whole.pth").read_bytes()[:2000])
    save_weights("ours.safetensors", {"w": torch.zeros(1)}, {})
    for arguments, message in [
        (["show", "evil.pth"], "asks for posix.system"),
        (["import", "--from", "dmtrack", "evil.pth"], "asks for posix.system"),
        (["import", "--from", "dmtrack", "cut.pth"], "truncated"),
        (["import", "--from", "dmtrak", "whole.pth"], "unknown origin"),
        (["import", "--from", "dmtrack", "none.pth"], "does not exist"),
        (["import", "--from", "dmtrack", "ours.safetensors"], "would replace ours.safetensors itself"),
        (["publish", "whole.pth"], "no training checkpoint of dmtrack"),
        (["show", "dmtrackGS_tinny"], "no weights called 'dmtrackGS_tinny'"),
    ]:
        assert call(*arguments) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ") and message in error
        assert error.count("\n") == 1
    assert not (tmp_path / "executed").exists()
