from __future__ import annotations

import json
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmtrack.data.sources import OTB, UAV123, VOT, Coco, GOT10k, ImageFolder, LaSOT, SequenceFolder, TrackingNet
from dmtrack.data.sources.annotations import read_rows
from dmtrack.data.sources.published_lists import published_lasot_test_names
from dmtrack.data.writers import WRITERS
from dmtrack.errors import DataError


@pytest.mark.parametrize(
    ("source", "layout"),
    [
        (GOT10k, "list.txt"),
        (LaSOT, "full_occlusion.txt"),
        (TrackingNet, "frames/<sequence>/0.jpg"),
        (SequenceFolder, "groundtruth.txt"),
        (OTB, "groundtruth_rect.txt"),
        (UAV123, "anno/UAV123"),
        (VOT, "color"),
        (Coco, "instances_<split>.json"),
        (ImageFolder, "file,x,y,w,h"),
    ],
)
def test_a_missing_or_empty_folder_says_which_layout_was_expected(source, layout, tmp_path):
    for root in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(DataError) as caught:
            source(root)
        assert layout in str(caught.value) and str(root) in str(caught.value)


def test_annotation_and_frame_counts_that_differ_give_both_numbers(tmp_path, sequence_maker):
    WRITERS["folder"]([sequence_maker("a", 5)], tmp_path)
    (tmp_path / "a/00000005.jpg").unlink()
    with pytest.raises(DataError, match=r"5 boxes but .* has 4 frames; expected one line per frame"):
        SequenceFolder(tmp_path)[0]


def test_absence_flags_of_another_length_give_both_numbers(tmp_path, sequence_maker):
    WRITERS["got10k"]([sequence_maker("a", 5)], tmp_path)
    (tmp_path / "val/a/absence.label").write_text("0\n0\n")
    with pytest.raises(DataError, match=r"absence.label has 2 entries but the sequence has 5"):
        GOT10k(tmp_path, "val")[0]


@pytest.mark.parametrize("line", ["1,2,3", "1,2,3,4,5", "1,2,x,4", ""])
def test_a_bad_line_is_named(line, tmp_path):
    path = tmp_path / "groundtruth.txt"
    path.write_text(f"1,2,3,4\n{line}\n1,2,3,4\n")
    with pytest.raises(DataError, match=f"groundtruth.txt:2: expected 4 numbers separated by commas, got '{line}'"):
        read_rows(path, "boxes")


def test_a_bad_line_does_not_hide_behind_another_one(tmp_path):
    path = tmp_path / "groundtruth.txt"
    path.write_text("1,2,3,4\n1,2,3\n1,2,3,4,5\n")
    with pytest.raises(DataError, match=":2:"):
        read_rows(path, "boxes")


@given(
    rows=st.lists(st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), min_size=4, max_size=4), min_size=1),
    separator=st.sampled_from([",", "\t", " ", ", "]),
    ending=st.sampled_from(["", "\n", "\r\n", "\n\n"]),
)
def test_rows_survive_any_separator(rows, separator, ending, tmp_path_factory):
    path = tmp_path_factory.mktemp("rows") / "boxes.txt"
    path.write_bytes(("\n".join(separator.join(map(repr, row)) for row in rows) + ending).encode())
    np.testing.assert_array_equal(read_rows(path, "boxes"), np.array(rows))


def test_lasot_lists_and_flat_folders(tmp_path, sequence_maker):
    WRITERS["lasot"]([sequence_maker("cat-1", 2), sequence_maker("cat-7", 2)], tmp_path, split="train")
    WRITERS["lasot"]([sequence_maker("dog-9", 2)], tmp_path, split="test")
    assert LaSOT(tmp_path, "train").names == ["cat-1", "cat-7"]
    assert LaSOT(tmp_path, "test").names == ["dog-9"]
    assert LaSOT(tmp_path, "all").names == ["cat-1", "cat-7", "dog-9"]
    (tmp_path / "training_set.txt").unlink()
    (tmp_path / "testing_set.txt").unlink()
    # cat-1 is one of the published test sequences.
    assert LaSOT(tmp_path, "train").names == ["cat-7", "dog-9"]
    with pytest.raises(DataError, match="279 of 280 sequences of the published test list are missing"):
        LaSOT(tmp_path, "test")
    flat = tmp_path / "flat"
    flat.mkdir()
    (tmp_path / "cat/cat-7").rename(flat / "cat-7")
    assert LaSOT(flat, "train")[0].name == "cat-7"


def test_lasot_flags_win_over_boxes(tmp_path, sequence_maker):
    WRITERS["lasot"]([sequence_maker("cat-7", 4)], tmp_path)
    (tmp_path / "cat/cat-7/full_occlusion.txt").write_text("0,1,0,0\n")
    (tmp_path / "cat/cat-7/out_of_view.txt").write_text("0,0,0,1\n")
    sequence = LaSOT(tmp_path, "test")[0]
    assert sequence.present.tolist() == [True, False, True, False]
    assert np.isnan(sequence.boxes_xywh[[1, 3]]).all()


def test_trackingnet_frames_are_ordered_by_number_and_chunks_can_be_chosen(tmp_path, sequence_maker):
    for chunk in ("TRAIN_0", "TRAIN_2", "TRAIN_10"):
        WRITERS["trackingnet"]([sequence_maker(f"v{chunk}", 12)], tmp_path, split=chunk)
    assert TrackingNet(tmp_path).names == ["vTRAIN_0", "vTRAIN_2", "vTRAIN_10"]
    assert TrackingNet(tmp_path, chunks=(2,)).names == TrackingNet(tmp_path, "TRAIN_2").names == ["vTRAIN_2"]
    names = TrackingNet(tmp_path)[0].read_frame.names
    assert names == tuple(f"{number}.jpg" for number in range(12))


def test_index_base_of_a_sequence(tmp_path, sequence_maker):
    WRITERS["folder"]([sequence_maker("a", 2)], tmp_path)
    zero_based = SequenceFolder(tmp_path)[0].boxes_xywh
    (tmp_path / "a/meta.json").write_text('{"index_base": 1}')
    np.testing.assert_allclose(SequenceFolder(tmp_path)[0].boxes_xywh - zero_based, [[-1, -1, 0, 0]] * 2)
    (tmp_path / "a/meta.json").unlink()
    np.testing.assert_allclose(SequenceFolder(tmp_path, index_base=1)[0].boxes_xywh - zero_based, [[-1, -1, 0, 0]] * 2)
    (tmp_path / "a/meta.json").write_text("{")
    with pytest.raises(DataError, match=r"meta.json:1: no valid JSON"):
        SequenceFolder(tmp_path)[0]


def test_got10k_cover_and_resolution(tmp_path, sequence_maker):
    WRITERS["got10k"]([sequence_maker("a", 3, absent=(1,))], tmp_path)
    sequence = GOT10k(tmp_path, "val")[0]
    assert sequence.cover.tolist() == [8, 0, 8] and sequence.frame_size_wh == (64, 48)
    with pytest.raises(DataError, match="unknown split 'dev'"):
        GOT10k(tmp_path, "dev")


def test_otb_with_two_targets_and_uav_parts_of_one_video(tmp_path, sequence_maker):
    WRITERS["otb"]([sequence_maker("Jogging", 3)], tmp_path / "otb")
    rect = tmp_path / "otb/Jogging/groundtruth_rect.txt"
    for target in "12":
        (rect.parent / f"groundtruth_rect.{target}.txt").write_text(rect.read_text())
    rect.unlink()
    assert OTB(tmp_path / "otb").names == ["Jogging-1", "Jogging-2"]
    assert len(OTB(tmp_path / "otb")["Jogging-2"]) == 3

    WRITERS["otb"]([sequence_maker("Football1", 76)], tmp_path / "otb")
    rect = tmp_path / "otb/Football1/groundtruth_rect.txt"
    rect.write_text("".join(rect.read_text().splitlines(keepends=True)[:74]))
    assert len(OTB(tmp_path / "otb")["Football1"]) == 74  # the benchmark's table: the folder holds more frames

    WRITERS["uav123"]([sequence_maker("group1", 6)], tmp_path / "uav")
    anno = tmp_path / "uav/anno/UAV123/group1.txt"
    (anno.parent / "group1_2.txt").write_text("".join(anno.read_text().splitlines(keepends=True)[2:5]))
    (tmp_path / "uav/configSeqs.m").write_text(
        "struct('name','group1_2','path','..\\data_seq\\UAV123\\group1\\','startFrame',3,'endFrame',5,'nz',6),...\n"
    )
    assert UAV123(tmp_path / "uav")["group1_2"].read_frame.names == ("000003.jpg", "000004.jpg", "000005.jpg")


def _write_image(path: Path) -> None:
    cv2.imwrite(str(path), np.zeros((40, 50, 3), np.uint8))


def test_image_folder_csv_and_json(tmp_path):
    _write_image(tmp_path / "a.jpg")
    _write_image(tmp_path / "b.jpg")
    (tmp_path / "annotations.csv").write_text("file,x,y,w,h,label\na.jpg,1,2,3,4,cat\na.jpg,5,6,7,8,dog\nb.jpg\n")
    source = ImageFolder(tmp_path)
    np.testing.assert_array_equal(source[0].boxes_xywh, [[1, 2, 3, 4], [5, 6, 7, 8]])
    assert source[0].labels == ("cat", "dog") and len(source[1].boxes_xywh) == 0
    (tmp_path / "boxes.json").write_text(json.dumps({"a.jpg": [[1, 2, 3, 4]], "b.jpg": []}))
    assert [len(record.boxes_xywh) for record in ImageFolder(tmp_path, tmp_path / "boxes.json")] == [1, 0]
    (tmp_path / "bad.csv").write_text("a.jpg,1,2,3,4\na.jpg,1,two,3,4\n")
    with pytest.raises(DataError, match=r"bad.csv:2: expected file,x,y,w,h"):
        ImageFolder(tmp_path, tmp_path / "bad.csv")
    (tmp_path / "gone.csv").write_text("c.jpg,1,2,3,4\n")
    with pytest.raises(DataError, match=r"1 of 1 images .* first 'c.jpg'"):
        ImageFolder(tmp_path, tmp_path / "gone.csv")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "no valid JSON"),
        ("[]", "holds no JSON object"),
        ('{"images": []}', '"images" and "annotations"'),
        ('{"images": [{"id": 1}], "annotations": []}', "lacks 'file_name'"),
        (
            '{"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [{"image_id": 1, "bbox": [1, 2]}]}',
            "annotations",
        ),
        (
            '{"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [{"image_id": 1, "bbox": [1, 2, 3, "x"]}]}',
            "bbox",
        ),
    ],
)
def test_bad_coco_files(content, message, tmp_path):
    (tmp_path / "bad.json").write_text(content)
    with pytest.raises(DataError, match=message):
        Coco(annotations=tmp_path / "bad.json", images=tmp_path)


def test_real_sequences(shared_folder):
    source = SequenceFolder(shared_folder / "data/sot")
    assert len(source) == 11 and sum(len(sequence) for sequence in source) == 2542
    crossing = source["otb_crossing"]
    np.testing.assert_array_equal(crossing.boxes_xywh[0], [204, 150, 17, 50])  # 205,151 in the 1-based file
    assert crossing.read_frame(0).shape == (240, 360, 3)
    assert not source["tld_pedestrian2"].present.all()


def test_280_annotation_files_are_parsed_fast(shared_folder):
    paths = sorted((shared_folder / "data/annotations/lasot_test").glob("*/groundtruth.txt"))
    start = time.process_time()
    assert sum(len(read_rows(path, "boxes")) for path in paths) == 685360
    assert time.process_time() - start < 10.0  # about 0.8 s on a quiet core; np.loadtxt takes longer than this allows
    assert sorted(published_lasot_test_names()) == [path.parent.name for path in paths]
