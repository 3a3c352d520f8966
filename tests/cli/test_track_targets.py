"""Several targets in one run, and timelines of what was decided."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from dmtrack.cli import track as track_command
from dmtrack.errors import BoxError, DMTrackError, EvaluationError
from dmtrack.media.drawing import TARGETS_RGB
from dmtrack.media.images import write_image
from dmtrack.media.video import open_frames

SUPPORT = Path(__file__).parents[1] / "support"
sys.path.append(str(SUPPORT))

PLUGIN = """
from colour_search import ColourSearch
from dmtrack.tracking import GlobalSearchTracker, Tracker, TrackResult
from dmtrack.tracking.reid import ReIDTracker

def square():
    return GlobalSearchTracker(ColourSearch(), name="square", presence_threshold=0.5)

def associated():
    return ReIDTracker(ColourSearch(), name="associated", association={"jump_cost": 3.0})

class Single(Tracker):
    def __init__(self):
        super().__init__("single")
    def init(self, image, box):
        self.box = box
    def step(self, image):
        return TrackResult(self.box, 0.5, True)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """16 frames of a red and a green square; the red one jumps in frame 10."""
    for frame in range(16):
        image = np.full((96, 128, 3), 90, np.uint8)
        x = 8 + 2 * frame if frame < 10 else 20
        y = 8 if frame < 10 else 72
        image[y : y + 16, x : x + 16] = (220, 30, 30)
        image[40:56, 100 - 2 * frame : 116 - 2 * frame] = (30, 200, 60)
        write_image(tmp_path / "frames" / f"{frame:02d}.png", image)
    (tmp_path / "own_trackers.py").write_text(PLUGIN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "own_trackers", raising=False)
    return tmp_path


def run(*arguments: Any) -> None:
    app = typer.Typer()
    app.command("track")(track_command.track)
    app(["frames", *map(str, arguments), "--output", "out"], standalone_mode=False)


RED, GREEN = ("--box", "8,8,16,16"), ("--box", "100,40,16,16")


@pytest.mark.parametrize("tracker", ["square", "associated"])
def test_each_target_has_its_rows_and_its_colour(folder: Path, tracker: str) -> None:
    run(*RED, *GREEN, "--tracker", f"own_trackers:{tracker}")
    with open(folder / "out" / "boxes.csv", newline="") as opened:
        found = list(csv.DictReader(opened))
    assert [(row["frame"], row["target"]) for row in found[:4]] == [("0", "1"), ("0", "2"), ("1", "1"), ("1", "2")]
    assert [float(row["x"]) for row in found if row["target"] == "2"][:8] == pytest.approx(
        [100 - 2 * frame for frame in range(8)], abs=1.5
    )
    document = json.loads((folder / "out" / "boxes.json").read_text())
    assert document["columns"][:3] == ["frame", "target", "x"] and document["boxes"][1][:3] == [0, 2, 100.0]
    assert document["first_boxes_xywh"] == [[8, 8, 16, 16], [100, 40, 16, 16]] and document["frames"] == 16
    assert len(document["frames_present"]) == 2
    frames = list(open_frames(folder / "out" / "annotated.mp4"))
    assert len(frames) == 16
    for colour, (x, y) in zip(TARGETS_RGB, [(8, 16), (100, 48)], strict=False):
        edge = frames[0][y - 3 : y + 3, x - 3 : x + 4].reshape(-1, 3).astype(int)
        assert np.abs(edge - colour).sum(axis=1).min() < 150


def test_a_timeline_says_what_changed(folder: Path) -> None:
    run(*RED, "--tracker", "own_trackers:associated", "--timeline", "--no-video")
    document = json.loads((folder / "out" / "boxes.json").read_text())
    assert {event["frame"] for event in document["events"]} >= {10} or document["events"] == []
    assert (folder / "out" / "timeline.png").exists()
    page = (folder / "out" / "timeline.html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg") == 2 * len(document["events"])
    assert "frames" in page and "What changed" in page


def test_timelines_of_several_targets_are_numbered(folder: Path) -> None:
    run(*RED, *GREEN, "--tracker", "own_trackers:associated", "--timeline", "--no-video")
    assert sorted(path.name for path in (folder / "out").glob("timeline*")) == [
        "timeline-1.html", "timeline-1.png", "timeline-2.html", "timeline-2.png",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            (*RED, *GREEN, *RED, "--tracker", "own_trackers:square"),
            BoxError,
            "targets 1 and 3 have the same box 8,8,16,16",
        ),
        ((*RED, *GREEN, "--tracker", "own_trackers:Single"), DMTrackError, "single follows one target at a time"),
        ((*RED, "--timeline", "--tracker", "own_trackers:square"), EvaluationError, "square takes the best candidate"),
        ((*RED, "--timeline", "--tracker", "own_trackers:Single"), EvaluationError, "no timeline"),
        ((*RED, "--select"), BoxError, "not both"),
    ],
)
def test_bad_input_is_one_sentence(folder: Path, arguments: tuple[str, ...], error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        run(*arguments)
    assert not (folder / "out" / "boxes.csv").exists()
