from __future__ import annotations

import json
import pickle
import resource
from pathlib import Path

import pytest
import torch

from dmtrack.errors import OutputError, TrainingError
from dmtrack.training.logs import truncate_log
from dmtrack.training.resume import (
    KEYS,
    check_same_run,
    checkpoint_files,
    different_keys,
    find_checkpoint,
    load_checkpoint,
    save_checkpoint,
)

CONTENT = {key: {} for key in KEYS}


def test_only_the_last_checkpoints_are_kept_and_torch_reads_them_safely(tmp_path: Path) -> None:
    for iteration in (5, 10, 100_000_000):
        save_checkpoint(tmp_path, iteration, {**CONTENT, "model": {"weight": torch.full((2,), float(iteration))}}, 2)
    names = [path.name for path in checkpoint_files(tmp_path)]
    assert names == ["iteration_00000010.pth", "iteration_100000000.pth"]
    assert torch.load(tmp_path / names[0], weights_only=True)["model"]["weight"].tolist() == [10.0, 10.0]


def test_a_full_disk_leaves_the_checkpoints_before(tmp_path: Path) -> None:
    kept = save_checkpoint(tmp_path, 1, CONTENT, 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OutputError, match=r"iteration_00000002\.pth: File too large; free some space"):
            save_checkpoint(tmp_path, 2, {**CONTENT, "model": {"weight": torch.zeros(1_000_000)}}, 1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == [kept]
    assert load_checkpoint(kept) == CONTENT


class Foreign:
    """What a checkpoint must not hold."""


@pytest.mark.parametrize("damage", ["missing", "empty", "truncated", "text", "foreign class", "bare state dict"])
def test_files_that_are_no_checkpoint_are_refused_in_a_sentence(tmp_path: Path, damage: str) -> None:
    path = save_checkpoint(tmp_path, 1, {**CONTENT, "model": {"weight": torch.zeros(1000)}}, 1)
    if damage == "missing":
        path.unlink()
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:-1500])
    elif damage == "text":
        path.write_text("weights")
    elif damage == "foreign class":
        path.write_bytes(pickle.dumps(Foreign()))
    else:
        torch.save({"weight": torch.zeros(1)}, path)
    with pytest.raises(TrainingError, match="iteration_00000001"):
        load_checkpoint(path)


def test_records_after_the_checkpoint_and_half_a_line_are_dropped(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    lines = [json.dumps({"iteration": iteration}) + "\n" for iteration in (10, 20, 20, 30)]
    log.write_text("".join(lines) + '{"iteration": 4')
    truncate_log(log, 30)
    assert log.read_text() == "".join(lines)
    truncate_log(log, 25)
    assert log.read_text() == "".join(lines[:3])
    truncate_log(log, 0)
    assert log.read_text() == ""


def test_which_checkpoint_a_run_goes_on_from(tmp_path: Path) -> None:
    assert find_checkpoint(tmp_path, None) is None
    assert find_checkpoint(tmp_path, "auto") is None
    saved = save_checkpoint(tmp_path / "checkpoints", 7, CONTENT, 2)
    assert find_checkpoint(tmp_path, "auto") == saved
    assert find_checkpoint(tmp_path, "elsewhere.pth") == Path("elsewhere.pth")
    with pytest.raises(TrainingError, match="--resume auto"):
        find_checkpoint(tmp_path, None)


def test_a_checkpoint_of_another_run_is_refused() -> None:
    config = {"optimizer": {"lr": 0.1}, "data": {"workers_per_gpu": 1, "stages": [{"until": 1.0}]}, "work_dir": "a"}
    content = {"config": config, "metadata": {"world_size": 1}}
    same = {"optimizer": {"lr": 0.1}, "data": {"workers_per_gpu": 4, "stages": ({"until": 1.0},)}, "work_dir": "b"}
    other = {**same, "optimizer": {"lr": 0.2}}
    check_same_run(Path("x.pth"), content, same, 1, "fp32", exact=True)
    check_same_run(Path("x.pth"), content, other, 1, "fp32", exact=False)
    with pytest.raises(TrainingError, match=r"optimizer\.lr"):
        check_same_run(Path("x.pth"), content, other, 1, "fp32", exact=True)
    # Checkpoints of earlier versions say what they were trained in by their config alone.
    with pytest.raises(TrainingError, match="trained in fp32, and this run would go on in bf16"):
        check_same_run(Path("x.pth"), content, same, 1, "bf16", exact=True)
    with pytest.raises(TrainingError, match="1 processes, this run has 2"):
        check_same_run(Path("x.pth"), content, same, 2, "fp32", exact=False)


def test_different_keys_are_named_by_their_path() -> None:
    assert different_keys({"a": {"b": [1, {"c": 2}]}}, {"a": {"b": (1, {"c": 3})}, "d": 1}) == ["a.b.1.c", "d"]
