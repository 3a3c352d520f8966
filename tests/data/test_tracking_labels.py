"""Data sets of many objects as trackers train on them."""

import json

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from dmtrack.cli.data import CONVERTED
from dmtrack.cli.main import app
from dmtrack.data.labelled_sets import LABELLED_SETS
from dmtrack.data.sources import CocoVID, JDELabels, MOTLabels
from dmtrack.data.writers.tracking_labels import part_of
from dmtrack.errors import ConfigError, DataError
from dmtrack.media.images import write_image
from parity.golden import GoldenFile
from parity.mot_labels import check_labels


def sequence(root, name, rows, frames=5, size_wh=(200, 100)):
    for frame in range(1, frames + 1):
        write_image(root / name / "img1" / f"{frame:06d}.jpg", np.zeros((size_wh[1], size_wh[0], 3), np.uint8))
    (root / name / "gt").mkdir()
    (root / name / "gt" / "gt.txt").write_text("\n".join(",".join(map(str, row)) for row in rows))
    (root / name / "seqinfo.ini").write_text(
        f"[Sequence]\nname={name}\nimDir=img1\nseqLength={frames}\nimWidth={size_wh[0]}\nimHeight={size_wh[1]}\n"
    )


@pytest.fixture
def mot17(tmp_path, monkeypatch):
    """Two videos, of which one also stands there for another detector; tracks are not in order."""
    monkeypatch.chdir(tmp_path)
    rows = [(f, track, 10 * track, 20, 20, 40, 1, 1, 1) for f in range(1, 6) for track in (7, 3)]
    rows += [(1, 9, 50, 20, 20, 40, 0, 1, 1), (1, 12, 60, 20, 20, 40, 1, 8, 1)]  # not counted; a distractor
    sequence(tmp_path / "train", "MOT17-02-SDP", rows)
    sequence(tmp_path / "train", "MOT17-02-DPM", rows)
    sequence(tmp_path / "train", "MOT17-04-SDP", [(2, 1, -10, 20, 40, 100, 1, 1, 0.5)])
    return tmp_path


def run(*arguments):
    result = CliRunner().invoke(app, ["data", "convert", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, (SystemExit, typer.Exit)):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_labels_of_fairmot_are_read_back_with_their_identities(mot17):
    printed = run("mot17", "train", "out")
    assert "10 images with 3 identities" in printed
    source = JDELabels(mot17 / "out" / "mot17.json")
    assert len(source) == 10
    first = source[0]
    assert sorted(first.identities.tolist()) == [1, 2]
    assert np.allclose(sorted(first.boxes_xywh.tolist()), [[30, 20, 20, 40], [70, 20, 20, 40]], atol=1e-3)
    assert source[6].identities.tolist() == [3]
    assert np.allclose(source[6].boxes_xywh, [[-10, 20, 40, 100]], atol=1e-3)  # what leaves the image stays whole
    assert first.read().shape == (100, 200, 3)
    lines = (mot17 / "out/mot17/labels_with_ids/MOT17-02-SDP/000001.txt").read_text().splitlines()
    assert lines == ["0 1 0.200000 0.400000 0.100000 0.400000", "0 2 0.400000 0.400000 0.100000 0.400000"]
    run("mot17", "train", "out")  # again: labels are replaced, not appended to
    assert len((mot17 / "out/mot17/labels_with_ids/MOT17-02-SDP/000001.txt").read_text().splitlines()) == 2


def test_halves_of_every_video(mot17):
    videos = list(MOTLabels("train"))
    assert [len(part_of(video, "train").images) for video in videos] == [2, 2]  # FairMOT: the middle validates
    assert [len(part_of(video, "val").images) for video in videos] == [3, 3]
    run("mot17", "train", "out", "--half", "val", "--to", "cocovid")
    content = json.loads(
        (mot17 / "out" / "mot17_val_half_cocovid.json").read_text()
    )  # ByteTrack, MMTracking: it trains
    assert [image["file_name"] for image in content["images"][:1]] == ["MOT17-02-SDP/img1/000004.jpg"]
    assert [image["prev_image_id"] for image in content["images"]] == [-1, 1, -1, 3]
    assert [image["frame_id"] for image in content["images"]] == [0, 1, 0, 1]
    assert [image["mot_frame_id"] for image in content["images"]] == [4, 5, 4, 5]
    assert {one["track_id"] for one in content["annotations"]} == {1, 2}
    assert content["annotations"][0]["bbox"] == [30, 20, 20, 40]
    run("mot17", "train", "out", "--half", "train", "--every", "2")
    names = (mot17 / "out/mot17_train_half.txt").read_text().split()
    assert [name.rpartition("/")[2] for name in names] == ["000001.jpg", "000001.jpg"]


def test_cocovid_is_read_back_as_videos(mot17):
    printed = run("mot17", "train", "out", "--to", "cocovid")
    assert "10 images with 3 identities" in printed
    source = CocoVID(mot17 / "out" / "mot17_cocovid.json")
    assert [video.name for video in source.videos] == ["MOT17-02-SDP", "MOT17-04-SDP"]
    for video, given in zip(source.videos, MOTLabels("train").videos, strict=True):
        assert (len(video), video.size_wh()) == (5, (200, 100))
        assert [one.present.tolist() for one in video.tracks.values()] == [
            one.present.tolist() for one in given.tracks.values()
        ]
        # Boxes stand in the file as MOTChallenge counts them, as in all published files.
        shift = [1, 1, 0, 0]
        for one, other in zip(video.tracks.values(), given.tracks.values(), strict=True):
            assert np.array_equal(one.boxes_xywh - shift, other.boxes_xywh, equal_nan=True)
            assert (one.category, one.visibility.tolist()) == ("pedestrian", other.visibility.tolist())
        assert video.read_frame(4).shape == (100, 200, 3)
    assert [video.ignored.sum() for video in source] == [2, 0]  # the one that does not count, and the distractor
    run("cocovid", "out/mot17_cocovid.json", "again")
    assert sorted(JDELabels("again/cocovid.json")[0].identities.tolist()) == [1, 2]


def test_the_command_names_every_set():
    assert CONVERTED.split(", ") == list(LABELLED_SETS)


def test_own_videos_keep_their_classes(mot17):
    rows = [(1, 1, 5, 5, 20, 20, 1, 2, 1), (1, 2, 50, 5, 20, 20, 1, 1, 1), (2, 1, 5, 5, 20, 20, 0, 2, 1)]
    sequence(mot17 / "own", "a", rows, frames=2)
    (mot17 / "own/a/gt/labels.txt").write_text("dog\ncat\n")  # as CVAT exports it
    run("mot", "own", "out")
    source = JDELabels("out/mot.json")
    assert [record.classes.tolist() for record in source] == [[1, 0], []]
    run("mot", "own", "out", "--to", "cocovid")
    tracks = CocoVID("out/mot_cocovid.json").videos[0].tracks
    assert [track.category for track in tracks.values()] == ["cat", "dog"]


def test_every_person_of_crowdhuman_is_an_identity(tmp_path):
    write_image(tmp_path / "ch" / "Images" / "a.jpg", np.zeros((50, 80, 3), np.uint8))
    people = [
        {"tag": "person", "fbox": [1, 2, 10, 20], "extra": {"ignore": 0}},
        {"tag": "person", "fbox": [30, 2, 10, 20], "extra": {"ignore": 1}},
        {"tag": "mask", "fbox": [0, 0, 5, 5]},
        {"tag": "person", "fbox": [60, 2, 10, 20]},
    ]
    (tmp_path / "ch" / "annotation_train.odgt").write_text(json.dumps({"ID": "a", "gtboxes": people}))
    run("crowdhuman", tmp_path / "ch", tmp_path / "out")
    source = JDELabels(tmp_path / "out" / "crowdhuman.json")
    assert source[0].identities.tolist() == [1, 2]
    (tmp_path / "ch" / "annotation_train.odgt").write_text('{"ID": "a"}')
    with pytest.raises(DataError, match=r"annotation_train.odgt:1: .*gtboxes"):
        run("crowdhuman", tmp_path / "ch", tmp_path / "out")


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        (("mot18", "train", "out"), ConfigError, "unknown data set 'mot18'"),
        (("mot17", "train", "out", "--to", "yolo"), ConfigError, "fairmot, cocovid"),
        (("mot17", "train", "out", "--half", "third"), ConfigError, "train, val"),
        (("mot17", "out2", "out"), DataError, "gt/gt.txt"),
    ],
)
def test_what_is_unknown_is_named(mot17, arguments, error, says):
    (mot17 / "out2").mkdir()
    with pytest.raises(error, match=says):
        run(*arguments)


def test_a_truth_beyond_the_video_is_named(mot17):
    with (mot17 / "train/MOT17-04-SDP/gt/gt.txt").open("a") as file:
        file.write("\n9,1,1,1,5,5,1,1,1")
    with pytest.raises(DataError, match=r"gt.txt:2: 1 of 2 rows are in frames outside of the video of 5, .*frame 9"):
        run("mot17", "train", "out")


@pytest.mark.parametrize("seed", [20, 21])
def test_labels_are_the_reference(seed, shared_folder):
    golden = GoldenFile(shared_folder / "golden" / "mot" / "dev" / f"pipe_s{seed}.npz")
    check_labels(golden)
    compared = {check.quantity: check.passed for check in golden.finish() if check.quantity.startswith("lab")}
    assert {name for name, passed in compared.items() if passed} >= {"lab15_out", "lab16_out"}
    assert all(compared.values())
