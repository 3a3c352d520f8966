"""Every layout is written whole, checked, damaged, and checked again."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dmtrack.data.benchmarks import open_benchmark
from dmtrack.data.doctor import Examination, Options, examine
from dmtrack.data.sequences import Sequence
from dmtrack.data.sources.coco import Coco
from dmtrack.data.writers import WRITERS
from dmtrack.errors import DataError, DMTrackError

WRITTEN = {
    "folder": "folder",
    "got10k": "got10k",
    "lasot": "lasot",
    "trackingnet": "trackingnet",
    "otb": "otb100",
    "uav123": "uav123",
    "vot": "vot2018",
    "vot-lt": "vot2018-lt",
    "oxuva": "oxuva",
    "tlp": "tlp",
    "coco": "coco",
}
PARTIAL = Options(partial=True)
FULL = Options(partial=True, full=True)


@pytest.fixture()
def write(tmp_path: Path, sequence_maker: Callable[..., Sequence]) -> Callable[[str], Path]:
    def write_layout(layout: str) -> Path:
        sequences = [sequence_maker("one-1", frames=12, seed=1), sequence_maker("two-2", frames=9, seed=2, absent=(4,))]
        WRITERS[layout](sequences, tmp_path / layout)
        return tmp_path / layout

    return write_layout


def lines(found: Examination) -> str:
    return "\n".join(finding.line() for finding in found.problems)


@pytest.mark.parametrize("layout", WRITTEN)
def test_what_is_whole_has_no_problem(layout, write):
    root = write(layout)
    found = examine(WRITTEN[layout], root, FULL)
    assert found.problems == []
    assert found.frames == found.decoded == 21
    assert found.sequences == (0 if layout == "coco" else 2)
    # OxUvA annotates one frame per second; TLP repeats the last box where the target is lost.
    assert found.boxes == {"oxuva": 2, "tlp": 21}.get(layout, 20)
    assert "nothing wrong" in found.summary()


def images_of(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.suffix in (".jpg", ".jpeg"))


@pytest.mark.parametrize("layout", WRITTEN)
def test_a_missing_frame_is_found(layout, write):
    root = write(layout)
    gone = images_of(root)[5]
    gone.unlink()
    found = examine(WRITTEN[layout], root, PARTIAL)
    printed = lines(found)
    assert len(found.problems) >= 1 and str(gone.parent) in printed
    if layout == "coco":
        assert f"1 of 21 images are missing: {gone.name}" in printed
    elif layout == "folder":
        assert "has 12 boxes but" in printed and "has 11 frames" in printed
    else:
        assert f"1 frames are missing, numbers {int(gone.stem)}" in printed


@pytest.mark.parametrize("layout", WRITTEN)
def test_a_frame_that_cannot_be_decoded_is_found_by_the_full_check(layout, write):
    root = write(layout)
    broken = images_of(root)[3]
    content = bytearray(broken.read_bytes())
    content[20:24] = b"\xff\xff\xff\xff"
    broken.write_bytes(content[: len(content) // 2])
    found = examine(WRITTEN[layout], root, FULL)
    assert [finding.path for finding in found.problems] == [broken]
    assert "download it again" in found.problems[0].fix


def test_the_quick_check_finds_an_empty_file_and_a_half_copied_one(write):
    root = write("lasot")
    frames = sorted((root / "one" / "one-1" / "img").iterdir())
    frames[4].write_bytes(b"")
    frames[8].write_bytes(frames[8].read_bytes()[:200])
    found = examine("lasot", root)
    assert [finding.path.name for finding in found.problems] == [frames[4].name, frames[8].name]
    assert "is empty (0 bytes)" in lines(found)
    assert found.decoded < found.frames


def edit(path: Path, number: int, line: str | None) -> None:
    """Replaces a line, or removes it."""
    rows = path.read_text().splitlines()
    rows[number - 1 : number] = [] if line is None else [line]
    path.write_text("\n".join(rows) + "\n")


DAMAGES: list[tuple[str, Callable[[Path], object], str, str]] = [
    (
        "lasot",
        lambda root: edit(root / "one/one-1/groundtruth.txt", 3, "1,2,three,4"),
        "one-1/groundtruth.txt:3",
        "expected 4 numbers separated by commas, got '1,2,three,4'",
    ),
    (
        "lasot",
        lambda root: edit(root / "one/one-1/groundtruth.txt", 12, None),
        "one-1/groundtruth.txt",
        "has 11 boxes but",
    ),
    (
        "lasot",
        lambda root: (root / "two/two-2/out_of_view.txt").write_text("0,0,1\n"),
        "two-2/out_of_view.txt",
        "has 3 entries but the sequence has 9 annotated frames",
    ),
    ("lasot", lambda root: (root / "two/two-2/full_occlusion.txt").unlink(), "full_occlusion.txt", "is missing"),
    (
        "lasot",
        lambda root: (root / "one/one-1/groundtruth.txt").unlink(),
        "one/one-1",
        "holds 12 frames but no annotation",
    ),
    (
        "lasot",
        lambda root: (root / "testing_set.txt").write_text("one-1\ntwo-2\nthree-3\none-1\n"),
        "testing_set.txt",
        "names 1 of 4 sequences that are not there, first three-3",
    ),
    (
        "lasot",
        lambda root: shutil.rmtree(root / "one/one-1/img"),
        "one-1/img",
        "is missing: expected the frames of one",
    ),
    (
        "got10k",
        lambda root: (root / "val/one-1/cover.label").write_text("9\n" * 12),
        "one-1/cover.label",
        "has the value 9: expected the visible share in eighths, from 0 to 8",
    ),
    (
        "got10k",
        lambda root: (root / "val/list.txt").write_text(""),
        "val/list.txt",
        "is empty: expected one sequence name per line",
    ),
    (
        "got10k",
        lambda root: edit(root / "val/two-2/groundtruth.txt", 1, "nan,nan,nan,nan"),
        "two-2/groundtruth.txt",
        "the first box is absent or has no area",
    ),
    (
        "trackingnet",
        lambda root: (root / "TRAIN_0/anno/one-1.txt").unlink(),
        "frames/one-1",
        "holds 12 frames but no annotation",
    ),
    (
        "uav123",
        lambda root: edit(root / "anno/UAV123/one-1.txt", 2, "nan,2,3,4"),
        "one-1.txt:2",
        "1 boxes mix numbers with NaN or infinity",
    ),
    (
        "vot",
        lambda root: edit(root / "one-1/groundtruth.txt", 7, "1,2,3,4,5,6"),
        "one-1/groundtruth.txt:7",
        "expected 4 or 8 numbers",
    ),
    ("vot", lambda root: shutil.rmtree(root / "two-2"), "list.txt", "names 1 of 2 sequences that are not there"),
    (
        "otb",
        lambda root: [path.unlink() for path in (root / "one-1/img").iterdir()],
        "one-1/img",
        "holds no frames: expected the frames of one-1",
    ),
    (
        "oxuva",
        lambda root: edit(root / "annotations/dev.csv", 1, "one-1,obj0000,0,object,false,unknown,0,seen,0,1,0,1"),
        "annotations/dev.csv:1",
        "expected video,object,class",
    ),
    (
        "tlp",
        lambda root: edit(root / "one-1/groundtruth_rect.txt", 4, "4,1,2,3"),
        "groundtruth_rect.txt:4",
        "expected 6",
    ),
    (
        "folder",
        lambda root: (root / "one-1/absence.label").write_text("0\n" * 11 + "2\n"),
        "absence.label",
        "has the value 2",
    ),
]


@pytest.mark.parametrize(("layout", "damage", "path", "problem"), DAMAGES)
def test_damage_is_found_with_its_file_and_a_fix(layout, damage, path, problem, write):
    root = write(layout)
    damage(root)
    found = examine(WRITTEN[layout], root, PARTIAL)
    hits = [finding for finding in found.problems if str(finding.path).endswith(path) and problem in finding.problem]
    assert hits and hits[0].fix, lines(found)
    assert "\n" not in hits[0].line()


@pytest.mark.parametrize(("layout", "damage", "path", "problem"), DAMAGES)
def test_what_a_reader_refuses_the_doctor_reports(layout, damage, path, problem, write):
    root = write(layout)
    damage(root)
    split = {"trackingnet": "TRAIN_0"}.get(layout)
    try:
        for sequence in open_benchmark(WRITTEN[layout], root, split):
            sequence.read_frame(0)
    except DMTrackError:
        assert examine(WRITTEN[layout], root, PARTIAL).problems


def test_missing_sequences_of_the_published_list_are_counted(tmp_path, sequence_maker):
    WRITERS["otb"]([sequence_maker("Basketball", frames=3), sequence_maker("Deer", frames=3)], tmp_path)
    found = examine("otb2013", tmp_path)
    assert "has 2 of 51 official sequences, first missing Bolt" in lines(found)
    assert examine("otb2013", tmp_path, PARTIAL).problems == []
    # Two sequences of other names are somebody's own.
    WRITERS["otb"]([sequence_maker("Mine", frames=3)], tmp_path / "own")
    assert examine("otb2013", tmp_path / "own").problems == []


def test_unexpected_folders_are_noted(write):
    root = write("lasot")
    (root / "leftover" / "more").mkdir(parents=True)
    found = examine("lasot", root, PARTIAL)
    assert found.problems == []
    assert [finding.path for finding in found.notes if "is no sequence" in finding.problem] == [root / "leftover"]


def test_parts_of_a_video_and_the_frames_that_otb_leaves_out_are_no_mistakes(tmp_path, sequence_maker):
    WRITERS["otb"]([sequence_maker("Football1", frames=80)], tmp_path / "otb")
    annotation = tmp_path / "otb" / "Football1" / "groundtruth_rect.txt"
    annotation.write_text("\n".join(annotation.read_text().splitlines()[:74]) + "\n")
    assert examine("otb100", tmp_path / "otb", PARTIAL).problems == []

    WRITERS["uav123"]([sequence_maker("video", frames=10)], tmp_path / "uav")
    whole = tmp_path / "uav" / "anno" / "UAV123" / "video.txt"
    rows = whole.read_text().splitlines(keepends=True)
    whole.unlink()
    (whole.parent / "part_2.txt").write_text("".join(rows[4:]))
    (tmp_path / "uav" / "configSeqs.m").write_text(
        r"struct('name','part_2','path','D:\UAV123\video\','startFrame',5,'endFrame',10,'nz',6)"
    )
    found = examine("uav123", tmp_path / "uav", PARTIAL)
    assert found.problems == [] and found.frames == 6


def test_boxes_outside_the_frame_and_frames_of_other_sizes_are_noted(write, sequence_maker, tmp_path):
    root = write("folder")
    edit(root / "one-1" / "groundtruth.txt", 2, "500,10,20,20")
    other = sequence_maker("other", frames=1, size_wh=(80, 60))
    WRITERS["folder"]([other], tmp_path / "other")
    shutil.copy(tmp_path / "other" / "other" / "00000001.jpg", root / "one-1" / "00000012.jpg")
    notes = "\n".join(finding.line() for finding in examine("folder", root, FULL).notes)
    assert "groundtruth.txt:2: 1 boxes lie wholly outside the frame" in notes
    assert "00000012.jpg: has 80x60 pixels but 00000001.jpg has 64x48" in notes


def test_coco_json_is_checked_entry_by_entry(write):
    root = write("coco")
    path = root / "annotations" / "instances_train2017.json"
    content = json.loads(path.read_text())
    content["images"][0]["width"] = 99
    content["images"][1]["id"] = 1
    content["annotations"][3]["bbox"] = [1, 2, 3]
    content["annotations"][4]["image_id"] = 777
    content["annotations"][5]["bbox"] = [500, 0, 4, 4]
    path.write_text(json.dumps(content))
    (root / "train2017" / "extra.jpg").write_bytes(images_of(root)[0].read_bytes())
    found = examine("coco", root)
    printed = lines(found)
    assert '1 annotations have no "bbox" of four numbers, first annotations[3]' in printed
    assert "belong to no image of the file" in printed
    assert '"images" has 1 ids twice, first 1' in printed
    assert "has 64x48 pixels but the annotations say 99x48" in printed
    notes = "\n".join(finding.line() for finding in found.notes)
    assert "have a box that lies wholly outside the image" in notes
    assert "1 images are not named by instances_train2017.json, first extra.jpg" in notes
    path.write_text(path.read_text()[:100])
    assert "no valid JSON" in lines(examine("coco", root))


def test_image_folders_are_checked(write, tmp_path):
    images = write("coco") / "train2017"
    (images / "annotations.csv").write_text("000000000001.jpg,1,2,10,12\n000000000002.jpg,1,2,0,12\n")
    found = examine("image-folder", images)
    assert "the image 000000000002.jpg has the box 1,2,0,12 without area" in lines(found)
    (images / "annotations.csv").write_text("000000000001.jpg,1,2,10,12\ngone.jpg,1,2,3\n")
    assert "annotations.csv:2: expected file,x,y,w,h[,label]" in lines(examine("image-folder", images))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("lsot", Options(), "did you mean 'lasot'"),
        ("lasot", Options(split="val"), "unknown split 'val'; known: train, test"),
        ("otb100", Options(), "no sequences there; expected <root>/<sequence>"),
        ("coco", Options(), "no annotations/instances_*.json"),
    ],
)
def test_what_cannot_be_checked_is_one_sentence(name, options, message, tmp_path):
    with pytest.raises(DataError, match=r"^[^\n]+$") as caught:
        examine(name, tmp_path, options)
    assert message in str(caught.value)


def test_the_numbering_of_own_frames_is_looked_at_whatever_they_are_called(write):
    root = write("folder")
    frames = sorted((root / "one-1").glob("*.jpg"))
    for number, path in enumerate(frames, start=1):  # a gap of two after the fifth frame
        path.rename(path.with_name(f"frame{number + 2 * (number > 5)}.jpg"))
    found = examine("folder", root)
    assert found.problems == []
    (note,) = found.notes
    assert "one-1: 2 frames are missing, numbers 6-7; frames beside a gap count as neighbours" in note.line()


def test_cases_of_unpadded_numbers_and_turned_frames(shared_folder):
    for case, name in (("unpadded_frame_numbers", "data"), ("exif_turned_frames", ".")):
        found = examine("folder", shared_folder / "cases" / case / name, Options(full=True))
        assert found.problems == [] and found.notes == [], case


def test_real_sequences_are_whole(shared_folder):
    found = examine("folder", shared_folder / "data" / "sot")
    assert found.problems == [] and found.sequences == 11 and found.frames == 2542
    coco = shared_folder / "data" / "detection" / "coco_sample"
    assert examine("coco", coco, Options(annotations=coco / "annotations.json")).problems == []


@pytest.mark.parametrize(
    "content",
    [
        '{"images": [{"id": [], "file_name": "a"}], "annotations": [{"id": {}, "image_id": [1], "bbox": [1, 2, 3]}]}',
        '{"images": [], "annotations": [], "categories": 3}',
        '{"images": [{"id": 1, "file_name": "a"}], "annotations": [], "categories": [{"name": "cat"}, [], null]}',
        '{"images": null, "annotations": []}',
        "[]",
    ],
)
def test_damaged_coco_files_are_findings(content, tmp_path):
    (tmp_path / "a.json").write_text(content)
    assert isinstance(examine("coco", tmp_path, Options(annotations=tmp_path / "a.json")).problems, list)
    with pytest.raises(DMTrackError):
        Coco(tmp_path, annotations=tmp_path / "a.json", images=tmp_path / "none")
    with contextlib.suppress(DMTrackError):
        Coco(tmp_path, annotations=tmp_path / "a.json", images=tmp_path)
