from __future__ import annotations

import numpy as np
import pytest

from dmtrack.cli.main import main
from dmtrack.data.benchmarks import BENCHMARKS, open_benchmark
from dmtrack.data.sources import GOT10k, LaSOT
from dmtrack.data.writers import WRITERS

WRITTEN = [name for name, benchmark in BENCHMARKS.items() if benchmark.writer]


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["data", "synthesize", *arguments])
    return int(caught.value.code or 0)


def test_synthesize_writes_the_same_sequences_for_the_same_seed(tmp_path, capsys):
    for name in ("one", "two"):
        options = ("--count", "2", "--frames", "3", "--seed", "4", "--size", "128x96")
        assert run("--output", str(tmp_path / name), *options) == 0
    assert "wrote 2 sequences in the layout of got10k" in capsys.readouterr().out
    one, two = (GOT10k(tmp_path / name, "val") for name in ("one", "two"))
    assert len(one) == 2 and one.names == two.names
    for first, second in zip(one, two, strict=True):
        assert len(first) == 3 and first.frame_size_wh == (128, 96)
        np.testing.assert_array_equal(first.boxes_xywh, second.boxes_xywh)
        np.testing.assert_array_equal(first.read_frame(2), second.read_frame(2))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--layout", "got10"), "did you mean 'got10k'"),
        (("--size", "448"), "--size 448: expected <width>x<height>"),
        (("--size", "100000x100000"), "both from 32 to 8192"),
        (("--layout", "otb", "--split", "test"), "has no splits"),
        (("--layout", "oxuva", "--split", "dve"), "did you mean 'dev'"),
    ],
)
def test_bad_options_are_one_sentence(arguments, message, tmp_path, capsys):
    assert run("--output", str(tmp_path / "out"), *arguments) == 2
    printed = capsys.readouterr().err
    assert message in printed and len(printed.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("layout", ["folder", "coco"])
def test_an_output_that_cannot_be_written_is_one_sentence(layout, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert run("--output", str(tmp_path / "file" / "out"), "--layout", layout) == 2
    printed = capsys.readouterr().err
    assert "a file stands where a folder is needed" in printed and printed.count("\n") == 1


@pytest.mark.parametrize("layout", sorted(WRITERS))
def test_a_full_disk_is_one_sentence_and_leaves_no_half_sequence(layout, tmp_path, capsys):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # too little for a frame
    try:
        assert run("--output", str(tmp_path), "--layout", layout, "--count", "1", "--frames", "2") == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    printed = capsys.readouterr().err
    assert "cannot write" in printed and "free some space" in printed and printed.count("\n") == 1
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_layout_with_split(tmp_path):
    arguments = ("--layout", "lasot", "--split", "train", "--count", "1", "--frames", "2", "--size", "64x64")
    assert run("--output", str(tmp_path), *arguments) == 0
    assert len(LaSOT(tmp_path, "train")[0]) == 2


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_every_benchmark_can_be_written_by_its_own_name(name, tmp_path):
    arguments = ("--layout", name, "--count", "1", "--frames", "2", "--size", "64x64")
    assert run("--output", str(tmp_path), *arguments) == 0
    split = "TRAIN_0" if name == "trackingnet" else None
    assert [len(sequence) for sequence in open_benchmark(name, tmp_path, split)] == [2]


@pytest.mark.parametrize("layout", [*WRITTEN, "coco"])
def test_check_finds_nothing_wrong_with_what_synthesize_wrote(layout, tmp_path, capsys):
    root = str(tmp_path / "set")
    assert run("--output", root, "--layout", layout, "--count", "2", "--frames", "6", "--size", "96x64") == 0
    with pytest.raises(SystemExit) as caught:
        main(["data", "check", layout, root, "--full"])
    printed = capsys.readouterr().out
    assert not caught.value.code and "nothing wrong" in printed, printed


@pytest.mark.parametrize(("layout", "split"), [("got10k", "train"), ("got10k", "test"), ("lasot", "train")])
def test_check_agrees_with_every_split_that_synthesize_writes(layout, split, tmp_path, capsys):
    options = ("--count", "1", "--frames", "3", "--size", "96x64")
    assert run("--output", str(tmp_path / "set"), "--layout", layout, "--split", split, *options) == 0
    for chosen in ((), ("--split", split)):
        with pytest.raises(SystemExit) as caught:
            main(["data", "check", layout, str(tmp_path / "set"), *chosen])
        assert not caught.value.code, capsys.readouterr().out
