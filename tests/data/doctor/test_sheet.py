from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmtrack.cli.main import main
from dmtrack.data.doctor.sheet import Tile, contact_sheet
from dmtrack.data.sources.frames import spaced
from dmtrack.data.writers import WRITERS
from dmtrack.media.drawing import GROUND_TRUTH_RGB
from dmtrack.media.images import read_image


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["data", *map(str, arguments)])
    return int(caught.value.code or 0)


@given(st.integers(0, 500), st.integers(1, 20))
@settings(max_examples=50)
def test_spaced_places_are_distinct_and_reach_both_ends(total, count):
    places = spaced(total, count)
    assert len(places) == min(total, count) and len(set(places)) == len(places)
    if total:
        assert places[0] == 0 and (count == 1 or places[-1] == total - 1)


def test_a_tile_has_its_box_where_the_target_is():
    image = np.zeros((100, 200, 3), np.uint8)
    drawn = Tile(image, [[40, 20, 120, 60]]).render(400)
    assert drawn.shape == (200, 400, 3)
    colour = np.array(GROUND_TRUTH_RGB)
    rows, columns = np.nonzero((drawn == colour).all(axis=2))
    assert abs(columns.min() - 80) <= 2 and abs(columns.max() - 319) <= 2
    assert abs(rows.min() - 40) <= 2 and abs(rows.max() - 159) <= 2


def test_a_small_box_is_shown_close_up_in_the_corner_far_from_it():
    image = np.full((120, 240, 3), 50, np.uint8)
    image[20:26, 10:16] = (255, 0, 0)
    drawn = Tile(image, [[10, 20, 6, 6]]).render(240)
    red = (drawn[..., 0] > 200) & (drawn[..., 1] < 60)
    assert red[:60, 180:].sum() > 200  # larger than in the frame itself


def test_rows_of_different_lengths_and_heights_fit():
    tiles = [Tile(np.zeros((h, 64, 3), np.uint8), np.zeros((0, 4)), "x") for h in (32, 48, 200)]
    sheet = contact_sheet([("first", tiles), ("", tiles[:1])], 64)
    assert sheet.shape == ((24 + 64 + 6) + (32 + 6), 3 * 70 + 6, 3)


def test_show_writes_a_sheet_of_a_benchmark_and_leaves_out_what_cannot_be_read(tmp_path, sequence_maker, capsys):
    WRITERS["tlp"]([sequence_maker(name, frames=5, absent=(2,)) for name in ("one", "two")], tmp_path / "data")
    assert run("show", "tlp", tmp_path / "data", "-o", tmp_path / "sheet.png", "--frames", 3, "--width", 64) == 0
    assert read_image(tmp_path / "sheet.png").shape == (2 * (24 + 48 + 6), 3 * 70 + 6, 3)
    (tmp_path / "data" / "one" / "groundtruth_rect.txt").write_text("nonsense\n")
    assert run("show", "tlp", tmp_path / "data", "-o", tmp_path / "sheet.png") == 0
    assert "left out: " in capsys.readouterr().out
    assert run("show", "tlp", tmp_path / "data", "-o", tmp_path / "sheet.png", "--sequence", "one") == 2
    assert "groundtruth_rect.txt:1: expected 6 numbers" in capsys.readouterr().err


def test_show_writes_the_training_pairs_of_a_config(tmp_path, capsys):
    options = ["--set", "data.train.real_share=0", "--set", "data.train.real_images=None", "--count", 3]
    assert run("show", "--config", "dmtrackGS_tiny", "-o", tmp_path / "pairs.png", *options, "--width", 80) == 0
    printed = capsys.readouterr().out
    assert "6 frames" in printed
    first = (tmp_path / "pairs.png").read_bytes()
    assert run("show", "--config", "dmtrackGS_tiny", "-o", tmp_path / "again.png", *options, "--width", 80) == 0
    assert (tmp_path / "again.png").read_bytes() == first


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "-o", "x.png"), "either NAME PATH of a data set, or --config FILE"),
        (("show", "lasot", "-o", "x.png"), "either NAME PATH"),
        (("show", "lasoo", ".", "-o", "x.png"), "did you mean 'lasot'"),
        (("check", "lasoo", "."), "did you mean 'lasot'"),
        (("check", "tlp", "nowhere"), "tlp: no folder nowhere"),
    ],
)
def test_bad_arguments_are_one_sentence(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 2
    printed = capsys.readouterr().err
    assert message in printed and printed.strip().count("\n") == 0


def test_check_exits_with_2_where_something_is_wrong_and_writes_json(tmp_path, sequence_maker, capsys):
    import json

    WRITERS["folder"]([sequence_maker("one", frames=5), sequence_maker("two", frames=5)], tmp_path / "data")
    assert run("check", "folder", tmp_path / "data") == 0
    assert "folder: 2 sequences, 10 images, 10 boxes, 10 images opened: nothing wrong" in capsys.readouterr().out
    for name in ("one", "two"):
        (tmp_path / "data" / name / "00000003.jpg").write_bytes(b"")
    assert run("check", "folder", tmp_path / "data", "--limit", 1, "--json", tmp_path / "found.json") == 2
    printed = capsys.readouterr().out
    assert f"problem: {tmp_path}/data/one/00000003.jpg: is empty (0 bytes); copy or download it again\n" in printed
    assert "... and 1 more" in printed and "2 problems" in printed
    stored = json.loads((tmp_path / "found.json").read_text())
    assert [finding["severity"] for finding in stored["findings"]] == ["problem", "problem"]
