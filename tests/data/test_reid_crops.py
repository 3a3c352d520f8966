"""Crops of people for the training of re-identification."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from dmtrack.cli.main import app
from dmtrack.data.writers import reid_crops
from dmtrack.media.images import read_image, write_image

FRAMES = 10


@pytest.fixture
def video(tmp_path, monkeypatch):
    """Two people of their own gray; the second is half hidden in odd frames, and leaves the image."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "set" / "a"
    rows = []
    for frame in range(1, FRAMES + 1):
        image = np.zeros((100, 200, 3), np.uint8)
        image[20:60, 10:30], image[20:60, 150:] = 100, 200
        write_image(folder / "img1" / f"{frame:06d}.png", image)
        rows += [f"{frame},7,11,21,20,40,1,1,1", f"{frame},9,151,21,90,40,1,1,{0.2 if frame % 2 else 0.8}"]
    (folder / "gt").mkdir()
    (folder / "gt/gt.txt").write_text("\n".join(rows))
    (folder / "seqinfo.ini").write_text("[Sequence]\nimDir=img1\nseqLength=10\nimWidth=200\nimHeight=100\n")
    return folder


def run(*more, output="out"):
    return CliRunner().invoke(app, ["data", "convert", "mot17", "set", output, "--to", "reid-crops", *more])


def test_one_folder_per_identity_and_lists(video):
    assert "15 crops of 2 identities" in run("--min-crops", "5", "--val-share", "0.5").output
    root = video.parents[1] / "out/mot17_reid"
    crops = {folder.name: sorted(path.name for path in folder.iterdir()) for folder in (root / "imgs").iterdir()}
    assert {name: len(own) for name, own in crops.items()} == {"a_000001": 10, "a_000002": 5}
    assert crops["a_000002"][0] == "0002_c1s1_000002_01.jpg"
    shapes = {read_image(root / "imgs" / name / own[0]).shape: name for name, own in crops.items()}
    assert shapes == {(40, 20, 3): "a_000001", (40, 50, 3): "a_000002"}  # cut at the border of the image
    assert abs(int(read_image(root / "imgs/a_000002" / crops["a_000002"][0]).mean()) - 200) <= 2
    lists = {path.name: path.read_text().splitlines() for path in (root / "meta").iterdir()}
    assert {name: len(own) for name, own in lists.items()} == {"train_50.txt": 10, "val_50.txt": 5, "train.txt": 15}
    assert lists["val_50.txt"][0] == "a_000002/0002_c1s1_000002_01.jpg 0"
    assert lists["train.txt"][-1].endswith(" 1")


def test_thresholds(video):
    assert "10 crops of 1 identities" in run().output  # 5 crops of the second are too few
    few = ("--half", "val", "--min-crops", "2", "--max-crops", "4")
    assert "7 crops of 2 identities" in run(*few).output  # four of five, and the three that show enough
    assert "3 crops of 1 identities" in run(*few, "--min-side", "30", output="other").output
    assert "no identity has 99 crops" in str(run("--min-crops", "99", output="third").exception)


def test_a_killed_job_goes_on(video, monkeypatch):
    (video.parent / "b").symlink_to(video)
    read, calls = reid_crops.read_image, []

    def dying(path):
        calls.append(path)
        if len(calls) == FRAMES + 3:
            raise KeyboardInterrupt
        return read(path)

    monkeypatch.setattr(reid_crops, "read_image", dying)
    assert run().exit_code != 0
    out = video.parents[1] / "out/mot17_reid"
    assert (out / ".done").read_text() == "1\n" and not (out / "meta").exists()
    assert "20 crops of 2 identities" in run().output
    assert len(calls) == FRAMES + 3 + FRAMES  # the first video was not read again
    assert json.loads((out / "source.json").read_text())["name"] == "mot17"
    assert "choose another folder" in str(run("--min-side", "4").exception)
