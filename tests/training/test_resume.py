"""Resuming is exact: real processes, really killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from dmtrack.training.resume import checkpoint_files, load_checkpoint

TOOL = Path(__file__).resolve().parents[2] / "tools" / "train_dmtrack.py"
LIMIT_SECONDS = 180
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kills process groups and reads /proc")


def start(config: Path, folder: Path, processes: int, *options: str) -> subprocess.Popen:
    settings = ["--set", "data.workers_per_gpu=1", "--set", "model.seconds_per_batch=0.01", "--import", "toy_training"]
    command = [sys.executable, str(TOOL), "--config", str(config), "--cpus", str(processes), "--work-dir", str(folder)]
    path = os.pathsep.join([str(TOOL.parents[1]), str(Path(__file__).parent)])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    for name in ("LOCAL_RANK", "MASTER_PORT", "WORLD_SIZE", "NODE_RANK"):
        environment.pop(name, None)
    return subprocess.Popen(
        [*command, *settings, *options],
        env=environment,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen) -> str:
    output = process.communicate(timeout=LIMIT_SECONDS)[0]
    assert process.returncode == 0, output
    return output


def members(session: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            # The fields after the command's closing parenthesis: state, parent, group, session.
            fields = (entry / "stat").read_text().rpartition(")")[2].split() if entry.name.isdigit() else []
        except OSError:
            continue
        if fields and fields[0] != "Z" and int(fields[3]) == session:
            found.append(int(entry.name))
    return found


def wait_for_records(process: subprocess.Popen, folder: Path, count: int) -> None:
    log = folder / "log.jsonl"
    end = time.monotonic() + LIMIT_SECONDS
    while not log.exists() or log.read_bytes().count(b"\n") < count:
        assert process.poll() is None and time.monotonic() < end, process.communicate()[0]
        time.sleep(0.005)


def tensors(value: object, where: str = "") -> dict[str, torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return {where: value}
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return {name: tensor for key, item in items for name, tensor in tensors(item, f"{where}.{key}").items()}


def assert_same_run(first: Path, second: Path) -> None:
    assert (first / "log.jsonl").read_bytes() == (second / "log.jsonl").read_bytes()
    weights, others = load_file(first / "final.safetensors"), load_file(second / "final.safetensors")
    assert weights.keys() == others.keys() and all(torch.equal(weights[name], others[name]) for name in weights)
    states = [load_checkpoint(checkpoint_files(folder / "checkpoints")[-1]) for folder in (first, second)]
    assert states[0]["progress"] == states[1]["progress"]
    found = [{key: tensors(state[key]) for key in ("model", "ema", "optimizer")} for state in states]
    for key in found[0]:
        assert found[0][key].keys() == found[1][key].keys() and len(found[0][key]) > 3
        assert all(torch.equal(found[0][key][name], found[1][key][name]) for name in found[0][key])


def test_a_killed_run_ends_like_one_that_was_not(toy_config: Path, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    finish(start(toy_config, whole, 1))

    process = start(toy_config, broken, 1, "--set", "checkpoint_config.interval_iterations=4")
    wait_for_records(process, broken, random.randint(1, 3))
    time.sleep(random.uniform(0, 0.1))
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()

    # Checkpoints by the clock fall on other iterations in every run.
    finish(start(toy_config, broken, 1, "--resume", "auto", "--set", "checkpoint_config.interval_seconds=0.1"))
    assert_same_run(whole, broken)


def test_two_processes_killed_then_stopped_end_like_a_run_that_was_not(toy_config: Path, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    finish(start(toy_config, whole, 2))

    # The launcher alone, without warning: its children must not live on.
    process = start(toy_config, broken, 2, "--set", "checkpoint_config.interval_iterations=4")
    wait_for_records(process, broken, 1)
    time.sleep(random.uniform(0, 0.1))
    assert len(members(process.pid)) == 4  # two trainers with one worker each
    process.kill()
    process.communicate()
    end = time.monotonic() + 10
    while members(process.pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert not members(process.pid)

    # Everybody, with the system's polite request: a checkpoint of that very iteration, and a code of its own.
    process = start(toy_config, broken, 2, "--resume", "auto", "--set", "checkpoint_config.interval_iterations=1000")
    wait_for_records(process, broken, 2)
    os.killpg(process.pid, signal.SIGTERM)
    output = process.communicate(timeout=LIMIT_SECONDS)[0]
    assert process.returncode == 143, output
    assert "go on with --resume auto" in output and not members(process.pid)

    finish(start(toy_config, broken, 2, "--resume", "auto"))
    assert_same_run(whole, broken)
