"""`dmtrack eval`: the list of protocols, and the page that explains one result."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from dmtrack.cli.main import app, run
from dmtrack.evaluation.protocols import PROTOCOLS, Protocol, protocols_of
from dmtrack.evaluation.results import ResultStore, SequenceResult
from dmtrack.pages.explain import ranges


def command(*arguments):
    return CliRunner().invoke(app, ["eval", *arguments])


def test_protocols_are_a_table_of_a_line_each_and_the_rules_of_one():
    result = command("protocols")
    assert result.exit_code == 0, result.exception
    lines = result.output.splitlines()
    first = [line.split()[0] for line in lines]
    assert set(protocols_of(Protocol)) <= set(first) and len(lines) < 40
    for name in PROTOCOLS:
        assert name in first or re.sub(r"\d{4}", "", name) in [re.sub(r"\d{4}", "", each) for each in first]
    one = command("protocols", "trackingnet-official").output
    assert "IoU >= t" in one and "to whole pixels" in one and "lasot" not in one


def test_a_misspelt_protocol_is_named(capsys):
    assert run(lambda: app(["eval", "protocols", "lasot-oficial"], standalone_mode=False)) == 2
    assert "unknown protocol 'lasot-oficial'" in capsys.readouterr().err


def test_frames_are_shown_as_ranges_from_one():
    assert ranges(np.array([0, 1, 2, 5, 8, 9])) == "1-3, 6, 9-10"
    assert ranges(np.array([0, 2, 4, 6]), most=2) == "1, 3 and 2 more ranges"


@pytest.fixture
def world(tmp_path, monkeypatch):
    pytest.importorskip("dmtrack.data.benchmarks")
    monkeypatch.chdir(tmp_path)
    boxes = np.array([[10.0, 10, 20, 20]] * 5)
    folder = tmp_path / "videos" / "cat"
    folder.mkdir(parents=True)
    lines = [",".join(map(str, box)) for box in boxes]
    lines[2] = "nan,nan,nan,nan"
    (folder / "groundtruth.txt").write_text("\n".join(lines) + "\n")
    for index in range(5):
        Image.new("RGB", (64, 48)).save(folder / f"{index + 1:08d}.jpg")
    boxes[3] = np.nan
    ResultStore(tmp_path / "mine").write("cat", SequenceResult(boxes))
    return tmp_path


def test_a_result_is_explained_without_its_images(world):
    for image in (world / "videos" / "cat").glob("*.jpg"):
        image.write_bytes(b"no image")
    arguments = ("explain", "--sequence", "cat", "--data", "videos", "--results", "mine", "--json", "page.json")
    result = command(*arguments, "--protocol", "lasot-official", "--protocol", "dmtrack-visible")
    assert result.exit_code == 0, (result.output, result.exception)
    assert "cat · 5 frames · mine" in result.output
    assert "3 (1 frame): target flagged absent" in result.output
    assert "absent frames, frame 3: counted, a miss everywhere" in result.output
    page = json.loads((world / "page.json").read_text())
    assert page["protocols"]["lasot-official"]["frames"]["replaced"] == 1
    assert page["protocols"]["dmtrack-visible"]["scores"]["precision"] == pytest.approx(2 / 3)
    assert [step["rule"] for step in page["steps"]["dmtrack-visible"]][:2] == ["first frame", "absent frames"]


def test_a_result_that_stops_early_is_explained_by_a_rule(world, capsys):
    path = world / "mine" / "cat" / "cat_001.txt"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:3]))
    arguments = ("explain", "--sequence", "cat", "--data", "videos", "--results", "mine")
    assert run(lambda: app(["eval", *arguments], standalone_mode=False)) == 2
    assert "--align cat=RULE" in capsys.readouterr().err
    assert "cat · 3 frames" in command(*arguments, "--align", "common-prefix").output


def test_all_protocols_without_a_choice(world):
    result = command("explain", "--sequence", "cat", "--data", "videos", "--results", "mine")
    assert result.exit_code == 0 and all(name in result.output for name in protocols_of(Protocol))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"--sequence": "cta"}, "no sequence 'cta'; did you mean 'cat'"),
        ({"--protocol": "lasot"}, "unknown protocol 'lasot'"),
        ({"--data": "nowhere"}, "nowhere"),
        ({"--results": "nowhere"}, "nowhere"),
    ],
)
def test_wrong_choices_are_one_sentence(world, capsys, changed, message):
    options = {"--sequence": "cat", "--data": "videos", "--results": "mine", **changed}
    arguments = [word for option in options.items() for word in option]
    assert run(lambda: app(["eval", "explain", *arguments], standalone_mode=False)) == 2
    assert message in capsys.readouterr().err
