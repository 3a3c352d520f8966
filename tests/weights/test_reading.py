from __future__ import annotations

import argparse
import json
import os
import pickle
import zipfile

import numpy as np
import pytest
import safetensors.torch
import torch

from dmtrack.errors import OutputError, WeightsError
from dmtrack.weights import find_weights, read_weights, save_weights

STATE = {
    "conv.weight": torch.arange(24.0).reshape(2, 3, 2, 2),
    "conv.bias": torch.tensor([0.1, -1e-7]),
    "bn.num_batches_tracked": torch.tensor(7),
}


def same(first, second):
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name


def test_what_is_saved_is_read_back_with_its_metadata(tmp_path):
    path = tmp_path / "a.safetensors"
    metadata = {"name": "tiny", "config": {"model": {"type": "X"}}, "metrics": {"success": 0.5}}
    save_weights(path, STATE, metadata, dataset="synthetic")
    read = read_weights(path)
    same(read.state_dict, STATE)
    assert read.metadata == {**metadata, "dataset": "synthetic", "format": "dmtrack-weights-1"}
    assert len(read.sha256) == 64
    assert read.parameter_count == 27
    with safetensors.safe_open(path, "pt") as opened:
        assert list(opened.metadata()) == ["dmtrack"]
        assert json.loads(opened.metadata()["dmtrack"])["name"] == "tiny"


def test_half_keeps_vectors_and_counters(tmp_path):
    save_weights(tmp_path / "a.safetensors", STATE, {}, half=True)
    read = read_weights(tmp_path / "a.safetensors").state_dict
    assert read["conv.weight"].dtype == torch.float16
    assert torch.equal(read["conv.bias"], STATE["conv.bias"])
    assert read["bn.num_batches_tracked"] == 7
    with pytest.raises(WeightsError, match=r"'conv.weight' holds values that fp16 cannot"):
        save_weights(tmp_path / "b.safetensors", {"conv.weight": torch.full((1, 1), 1e6)}, {}, half=True)
    assert not (tmp_path / "b.safetensors").exists()


def test_shared_and_strided_tensors_can_be_saved(tmp_path):
    tensor = torch.arange(6.0).reshape(2, 3)
    save_weights(tmp_path / "a.safetensors", {"a": tensor, "b": tensor, "c": tensor.t()}, {})
    assert torch.equal(read_weights(tmp_path / "a.safetensors").state_dict["c"], tensor.t())


def test_metadata_must_be_known_and_plain(tmp_path):
    with pytest.raises(WeightsError, match="no entry 'nmae'"):
        save_weights(tmp_path / "a.safetensors", STATE, {"nmae": 1})
    with pytest.raises(WeightsError, match="plain values"):
        save_weights(tmp_path / "a.safetensors", STATE, {"training": object()})
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        save_weights(tmp_path / "file" / "a.safetensors", STATE, {})


@pytest.mark.parametrize(
    "content",
    [
        STATE,
        {"module." + name: tensor for name, tensor in STATE.items()},
        {"model": STATE},
        {"meta": {"epoch": 48, "time": "now"}, "state_dict": STATE, "optimizer": {"state": {0: {"step": 1}}}},
        {"state_dict": {"module." + name: tensor for name, tensor in STATE.items()}, "meta": {"lr": np.float64(0.1)}},
        {"state_dict": STATE, "args": argparse.Namespace(lr=0.1), "history": np.arange(3)},
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_foreign_containers(tmp_path, content, zipped):
    path = tmp_path / "a.pth"
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    read = read_weights(path)
    same(read.state_dict, STATE)
    assert read.metadata == {}


def test_numpy_1_names_are_understood(tmp_path):
    path = tmp_path / "a.pth"
    torch.save({"state_dict": STATE, "meta": np.float64(0.1)}, path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes().replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    same(read_weights(path).state_dict, STATE)


def test_of_a_training_checkpoint_the_average_is_taken(tmp_path):
    ema = {name: tensor + 1 for name, tensor in STATE.items()}
    content = {
        "model": STATE,
        "ema": ema,
        "config": {"model": {"type": "X"}},
        "progress": {"iteration": 5, "best": {"success": 0.7}},
        "metadata": {"torch": "2"},
    }
    torch.save(content, tmp_path / "a.pth")
    read = read_weights(tmp_path / "a.pth")
    same(read.state_dict, ema)
    assert read.metadata["config"] == {"model": {"type": "X"}}
    assert read.metadata["training"] == {"torch": "2", "averaged": True, "iterations": 5}
    torch.save({**content, "ema": None}, tmp_path / "a.pth")
    same(read_weights(tmp_path / "a.pth").state_dict, STATE)


class Malicious:
    def __reduce__(self):
        return os.system, ("touch executed",)


@pytest.mark.parametrize("writer", ["zip", "legacy", "pickle"])
@pytest.mark.parametrize("inside", [lambda bad: bad, lambda bad: {"state_dict": STATE, "meta": bad}])
def test_a_pickle_with_a_foreign_class_is_refused_and_not_executed(tmp_path, monkeypatch, writer, inside):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "evil.pth"
    if writer == "pickle":
        path.write_bytes(pickle.dumps(inside(Malicious()) if inside(1) == 1 else {"meta": Malicious()}, protocol=2))
    else:
        torch.save(inside(Malicious()), path, _use_new_zipfile_serialization=writer == "zip")
    with pytest.raises(WeightsError) as caught:
        read_weights(path)
    assert "evil.pth is a pickle that asks for posix.system" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "executed").exists()


class ModelOfMine(torch.nn.Linear):
    pass


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_a_plain_pickle_is_refused_and_not_executed(tmp_path, monkeypatch, protocol):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"state_dict": Malicious()}, protocol))
    with pytest.raises(WeightsError, match=r"a.pkl is a p.*nothing of it was executed"):
        read_weights(tmp_path / "a.pkl")
    assert not (tmp_path / "executed").exists()


def test_a_pickled_model_names_its_class(tmp_path):
    torch.save(ModelOfMine(1, 1), tmp_path / "a.pt")
    with pytest.raises(
        WeightsError, match=r"a pickle that asks for [\w.]*test_reading.ModelOfMine, which is no weights"
    ):
        read_weights(tmp_path / "a.pt")


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.98])
@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_truncated_files(tmp_path, kind, keep):
    path = tmp_path / "a.weights"
    big = {"w": torch.randn(100, 100)}
    if kind == "safetensors":
        save_weights(path, big, {})
    else:
        torch.save(big, path, _use_new_zipfile_serialization=kind == "zip")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(WeightsError) as caught:
        read_weights(path)
    assert str(path) in str(caught.value) and "truncated" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html>", "is a web page, not a weights file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
        (b"just some text", "is no weights file"),
        (os.urandom(5000), "is no weights file"),
        (b"PK\x03\x04 but no zip", "truncated or damaged"),
        ((20).to_bytes(8, "little") + b"{not json at all....", "truncated or damaged"),
        (pickle.dumps({"a": 1}, 2), "a.pth"),
    ],
)
def test_what_is_no_checkpoint(tmp_path, content, message):
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(WeightsError) as caught:
        read_weights(tmp_path / "a.pth")
    assert message in str(caught.value)


def test_a_package_is_to_be_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "a-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("a/weights.pt", b"...")
    with pytest.raises(WeightsError, match=r"whl is a package that may hold weights; unpack it"):
        read_weights(tmp_path / "a-1.0-py3-none-any.whl")


def test_checkpoints_without_parameters(tmp_path):
    for content, message in [
        ({"epoch": 1, "loss": 0.5}, "holds no parameters by name; found the keys 'epoch', 'loss'"),
        ([1, 2], "holds a list, not parameters by name"),
        ({}, "found the keys of an empty dict"),
    ]:
        torch.save(content, tmp_path / "a.pth")
        with pytest.raises(WeightsError, match=message):
            read_weights(tmp_path / "a.pth")
    safetensors.torch.save_file({}, tmp_path / "b.safetensors")
    with pytest.raises(WeightsError, match="no parameters at all"):
        read_weights(tmp_path / "b.safetensors")
    safetensors.torch.save_file(STATE, tmp_path / "b.safetensors", {"dmtrack": '{"format": "dmtrack-weights-9"}'})
    with pytest.raises(WeightsError, match="update dmtrack"):
        read_weights(tmp_path / "b.safetensors")


def test_finding(tmp_path, monkeypatch):
    monkeypatch.setattr("dmtrack.config.choices.ASSETS", tmp_path)
    save_weights(tmp_path / "small.safetensors", STATE, {})
    assert find_weights("small") == tmp_path / "small.safetensors"
    assert find_weights(tmp_path / "small.safetensors") == tmp_path / "small.safetensors"
    for name, message in {
        "smal": "did you mean 'small'?",
        "no/such.pth": "weights file no/such.pth does not exist",
        str(tmp_path): "is a folder",
    }.items():
        with pytest.raises(WeightsError) as caught:
            find_weights(name)
        assert message in str(caught.value)
    with pytest.raises(WeightsError, match="does not exist"):
        read_weights(tmp_path / "none.pth")
