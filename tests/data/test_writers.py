from __future__ import annotations

import json

import numpy as np
import pytest

from dmtrack.data.sequences import Sequence
from dmtrack.data.sources import OTB, UAV123, VOT, Coco, GOT10k, LaSOT, SequenceFolder, TrackingNet
from dmtrack.data.writers import WRITERS
from dmtrack.errors import OutputError

READERS = {
    "folder": lambda root: SequenceFolder(root),
    "got10k": lambda root: GOT10k(root, "val"),
    "lasot": lambda root: LaSOT(root, "test"),
    "trackingnet": lambda root: TrackingNet(root, "train"),
    "otb": lambda root: OTB(root),
    "uav123": lambda root: UAV123(root),
    "vot": lambda root: VOT(root),
}
# Whole pixels, and a width that is the difference of two rounded corners.
TOLERANCE = {"lasot": 0.5, "otb": 0.5, "vot": 1.01e-4}


@pytest.mark.parametrize("layout", READERS)
def test_reader_gives_back_what_the_writer_wrote(layout, tmp_path, sequence_maker):
    written = [sequence_maker("dog-3", 11, seed=1, absent=(2, 3)), sequence_maker("cat-1", 4, seed=2)]
    assert WRITERS[layout](iter(written), tmp_path, quality=100) == ["dog-3", "cat-1"]
    source = READERS[layout](tmp_path)
    assert sorted(source.names) == ["cat-1", "dog-3"]
    for before in written:
        after = source[before.name]
        np.testing.assert_array_equal(after.present, before.present)
        np.testing.assert_allclose(after.boxes_xywh, before.boxes_xywh, atol=TOLERANCE.get(layout, 5.1e-5))
        assert np.isnan(after.boxes_xywh[~before.present]).all()
        assert after.frame_size_wh == (64, 48)
        assert [path.name for path in tmp_path.rglob(".*")] == []
        for index in (0, 1, len(before) - 1):
            error = after.read_frame(index).astype(int) - before.read_frame(index)
            assert np.abs(error).mean() < 12, "frames in the wrong order, or colours swapped"
            shuffled = after.read_frame(index).astype(int) - before.read_frame((index + 2) % len(before))
            assert np.abs(error).mean() <= np.abs(shuffled).mean()


@pytest.mark.parametrize(
    ("layout", "files"),
    [
        (
            "got10k",
            [
                "val/list.txt",
                "val/a-1/00000001.jpg",
                "val/a-1/absence.label",
                "val/a-1/cover.label",
                "val/a-1/cut_by_image.label",
                "val/a-1/groundtruth.txt",
                "val/a-1/meta_info.ini",
            ],
        ),
        (
            "lasot",
            [
                "testing_set.txt",
                "a/a-1/img/00000001.jpg",
                "a/a-1/groundtruth.txt",
                "a/a-1/full_occlusion.txt",
                "a/a-1/out_of_view.txt",
                "a/a-1/nlp.txt",
            ],
        ),
        ("trackingnet", ["TRAIN_0/anno/a-1.txt", "TRAIN_0/frames/a-1/0.jpg"]),
        ("otb", ["a-1/img/0001.jpg", "a-1/groundtruth_rect.txt"]),
        ("uav123", ["anno/UAV123/a-1.txt", "data_seq/UAV123/a-1/000001.jpg"]),
        ("vot", ["list.txt", "a-1/color/00000001.jpg", "a-1/groundtruth.txt", "a-1/occlusion.tag"]),
        ("coco", ["annotations/instances_train2017.json", "train2017/000000000001.jpg"]),
    ],
)
def test_layouts_are_the_official_ones(layout, files, tmp_path, sequence_maker):
    WRITERS[layout]([sequence_maker("a-1", 1)], tmp_path)
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert set(files) <= found


def test_coordinates_count_from_one_where_the_benchmark_does(tmp_path, sequence_maker):
    sequence = sequence_maker("a-1", 1)
    sequence = Sequence("a-1", np.array([[0.0, 3.0, 20.0, 10.0]]), sequence.present, sequence.read_frame, (64, 48))
    for layout in ("lasot", "otb", "uav123", "got10k"):
        WRITERS[layout]([sequence], tmp_path / layout)
    assert (tmp_path / "lasot/a/a-1/groundtruth.txt").read_text() == "1,4,20,10\n"
    assert (tmp_path / "otb/a-1/groundtruth_rect.txt").read_text() == "1,4,20,10\n"
    assert (tmp_path / "uav123/anno/UAV123/a-1.txt").read_text() == "1.0000,4.0000,20.0000,10.0000\n"
    assert (tmp_path / "got10k/val/a-1/groundtruth.txt").read_text() == "0.0000,3.0000,20.0000,10.0000\n"


def test_coco_round_trip(tmp_path, sequence_maker):
    sequence = sequence_maker("zebra", 4, absent=(1,))
    WRITERS["coco"]([sequence], tmp_path, stride=1)
    source = Coco(tmp_path)
    assert [len(record.boxes_xywh) for record in source] == [1, 0, 1, 1]
    np.testing.assert_allclose(source[3].boxes_xywh[0], sequence.boxes_xywh[3], atol=1e-4)
    assert source[0].labels == ("zebra",) and source[0].size_wh == (64, 48)
    assert source[2].read().shape == (48, 64, 3)


def test_writing_again_adds_sequences_and_replaces_those_of_the_same_name(tmp_path, sequence_maker):
    WRITERS["got10k"]([sequence_maker("a", 3), sequence_maker("b", 3)], tmp_path)
    WRITERS["got10k"]([sequence_maker("b", 2), sequence_maker("c", 3)], tmp_path)
    source = GOT10k(tmp_path, "val")
    assert [(sequence.name, len(sequence)) for sequence in source] == [("a", 3), ("b", 2), ("c", 3)]


def test_an_interrupted_sequence_leaves_nothing(tmp_path, sequence_maker):
    whole = sequence_maker("b", 3)

    def broken(index: int) -> np.ndarray:
        if index == 2:
            raise KeyboardInterrupt
        return whole.read_frame(index)

    with pytest.raises(KeyboardInterrupt):
        WRITERS["folder"]([Sequence("b", whole.boxes_xywh, whole.present, broken)], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_is_no_folder_is_one_sentence(tmp_path, sequence_maker):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="choose another output folder"):
        WRITERS["folder"]([sequence_maker("b", 2)], tmp_path / "file")


def test_hidden_ground_truth_of_trackingnet_test(tmp_path, sequence_maker):
    WRITERS["trackingnet"]([sequence_maker("a", 4)], tmp_path, split="TEST")
    sequence = TrackingNet(tmp_path, "test")[0]
    assert len(sequence) == 4 and sequence.annotation.first_box_only
    assert sequence.present.tolist() == [True, False, False, False]


def test_vot_polygons_become_upright_boxes(tmp_path, sequence_maker):
    WRITERS["vot"]([sequence_maker("a", 1)], tmp_path)
    (tmp_path / "a/groundtruth.txt").write_text("5,1,9,4,6,8,2,3\n")
    np.testing.assert_array_equal(VOT(tmp_path)[0].boxes_xywh, [[2, 1, 7, 7]])
    assert json.dumps(VOT(tmp_path)[0].annotation.polygons.tolist()) == "[[5.0, 1.0, 9.0, 4.0, 6.0, 8.0, 2.0, 3.0]]"
