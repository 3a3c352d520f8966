"""ImageNet VID and DET, YouTube-BB and finished crops, on files written here."""

import json

import cv2
import numpy as np
import pytest

from dmtrack.data.samples import Clip
from dmtrack.data.siamese import CropAround
from dmtrack.data.siamese.crop_folder import cropped_source, write_crops
from dmtrack.data.siamese.cropping import crop_around
from dmtrack.data.siamese.targets import targets_of
from dmtrack.data.sources import Coco, Crop511, ImageNetDET, ImageNetVID, YouTubeBB
from dmtrack.errors import ConfigError, DataError

SIZE_WH = (80, 60)


def write_frame(path, level):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.full((SIZE_WH[1], SIZE_WH[0], 3), level, dtype=np.uint8)
    image[20:40, 10:50] = (0, 0, 255)
    cv2.imwrite(str(path), image)


def write_xml(path, objects, size_wh=SIZE_WH):
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = [f"<annotation><size><width>{size_wh[0]}</width><height>{size_wh[1]}</height></size>"]
    for track, (x1, y1, x2, y2) in objects:
        number = "" if track is None else f"<trackid>{track}</trackid>"
        parts.append(
            f"<object>{number}<name>n1</name><bndbox><xmax>{x2}</xmax><xmin>{x1}</xmin><ymax>{y2}</ymax>"
            f"<ymin>{y1}</ymin></bndbox></object>"
        )
    path.write_text("".join([*parts, "</annotation>"]))


@pytest.fixture
def vid(tmp_path):
    """Two videos: one with two objects, of which one is away in the middle frame; one with a single object."""
    objects = {
        "pack/a": [[(0, (10, 20, 50, 40)), (1, (0, 0, 9, 9))], [(0, (12, 20, 52, 40))], [(1, (1, 1, 11, 11))]],
        "pack/b": [[(5, (3, 4, 30, 40))], [(5, (4, 4, 31, 40))]],
    }
    for video, frames in objects.items():
        for number, boxes in enumerate(frames):
            write_xml(tmp_path / "Annotations/VID/train" / video / f"{number:06d}.xml", boxes)
            write_frame(tmp_path / "Data/VID/train" / video / f"{number:06d}.JPEG", 100 + 20 * number)
    return tmp_path


def test_every_object_of_a_video_is_a_sequence(vid):
    source = ImageNetVID(vid)
    assert source.names == ["pack/a/0", "pack/a/1", "pack/b/5"]
    assert source.video_starts.tolist() == [0, 2, 3]
    second = source["pack/a/1"]
    assert second.present.tolist() == [True, False, True]
    np.testing.assert_array_equal(second.boxes_xywh[[0, 2]], [[0, 0, 9, 9], [1, 1, 10, 10]])
    assert second.frame_size_wh == SIZE_WH and abs(int(second.read_frame(2)[55, 70, 0]) - 140) < 4
    # The second time the boxes come from one file; the xml files are not opened.
    for path in (vid / "Annotations/VID/train").rglob("*.xml"):
        path.write_text("no xml")
    np.testing.assert_array_equal(ImageNetVID(vid)[1].boxes_xywh, second.boxes_xywh)


def test_a_damaged_xml_file_and_a_missing_folder_are_named(vid):
    path = vid / "Annotations/VID/train/pack/b/000001.xml"
    path.write_text("<annotation><size><width>3</width></size></annotation>")
    with pytest.raises(DataError, match=r"pack/b/000001\.xml: no size/height"):
        ImageNetVID(vid)
    with pytest.raises(DataError, match=r"no folder .*VID/val; expected"):
        ImageNetVID(vid, "val")


def test_still_images_of_imagenet(tmp_path):
    for name, boxes in {
        "pack/n01/n01_1": [(1, 2, 21, 32), (5, 5, 9, 9)],
        "pack/n01/n01_2": [],
        "x": [(0, 0, 4, 8)],
    }.items():
        write_xml(tmp_path / f"Annotations/DET/train/{name}.xml", [(None, box) for box in boxes])
        write_frame(tmp_path / f"Data/DET/train/{name}.JPEG", 90)
    source = ImageNetDET(tmp_path)
    found = {record.path.stem: record.boxes_xywh.tolist() for record in source}
    assert found == {"n01_1": [[1, 2, 20, 30], [5, 5, 4, 4]], "x": [[0, 0, 4, 8]]}
    assert source[0].read().shape == (60, 80, 3)


def test_youtube_boxes_are_shares_of_frames_that_are_there(tmp_path):
    rows = [
        "vid1,2000,3,cat,0,present,0.25,0.5,0.5,1.0",
        "vid1,1000,3,cat,0,present,0.125,0.5,0.5,1.0",
        "vid1,3000,3,cat,0,absent,-1,-1,-1,-1",
        "vid1,4000,3,cat,0,present,0.1,0.2,0.3,0.4",  # its frame could not be downloaded
        "vid1,1000,3,cat,1,present,0,1,0,1",
        "vid0,1000,7,dog,0,present,0,0.5,0,0.5",
    ]
    (tmp_path / "yt_bb_detection_train.csv").write_text("\n".join(rows) + "\n")
    for name in ("3/vid1_2000_3_0", "3/vid1_1000_3_0", "3/vid1_3000_3_0", "3/vid1_1000_3_1", "7/vid0_1000_7_0"):
        write_frame(tmp_path / f"yt_bb_detection_train/{name}.jpg", 50)
    source = YouTubeBB(tmp_path)
    assert source.names == ["vid0_7_0", "vid1_3_0", "vid1_3_1"] and source.video_starts.tolist() == [0, 1, 3]
    np.testing.assert_allclose(source["vid1_3_0"].boxes_xywh, [[10, 30, 30, 30], [20, 30, 20, 30]])
    (tmp_path / "yt_bb_detection_train.csv").write_text("vid1,1000,3\n")
    with pytest.raises(DataError, match=r"train\.csv:1: expected 10 values, got 3"):
        YouTubeBB(tmp_path)


def test_crops_are_made_once_and_read_like_the_frames(vid, tmp_path):
    node = {"type": "ImageNetVID", "root": str(vid)}
    tracks = targets_of(ImageNetVID(vid))
    with pytest.raises(DataError, match="go on with `dmtrack crops`"):
        cropped_source(tmp_path / "crops", 0, node)
    folder = tmp_path / "crops/0_ImageNetVID"
    assert write_crops(tracks, folder, node, quality=100) == 6
    made = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.jpg"))
    assert made[:2] == ["crop511/pack/a/000000.00.x.jpg", "crop511/pack/a/000000.01.x.jpg"] and len(made) == 6
    assert json.loads((folder / "train.json").read_text())["pack/a"]["01"]["000002"] == [1, 1, 11, 11]

    # A second call keeps what a first one finished, and makes the rest.
    (folder / "crop511/pack/a/000000.00.x.jpg").write_bytes(b"kept")
    (folder / "crop511/pack/b/.done").unlink()
    (folder / "crop511/pack/b/000000.00.x.jpg").unlink()
    before = (folder / "train.json").read_bytes()
    write_crops(tracks, folder, node, quality=100, workers=2)
    assert (folder / "crop511/pack/a/000000.00.x.jpg").read_bytes() == b"kept"
    assert (folder / "train.json").read_bytes() == before

    assert cropped_source(tmp_path / "crops", 0, node) == {"type": "Crop511", "root": str(folder)}
    source = Crop511(folder)
    assert source.names == ["pack/a/00", "pack/a/01", "pack/b/00"] and source.video_starts.tolist() == [0, 2, 3]
    assert source[1].present.tolist() == [True, False, True]
    square, box = crop_around(tracks[2].read_frame(0), tracks[2].boxes_xyxy[0])
    sequence = source["pack/b/00"]
    x, y, width, height = sequence.boxes_xywh[0]
    np.testing.assert_allclose([x, y, x + width, y + height], box, atol=1e-3)
    found = sequence.read_frame(0)
    assert np.abs(found.astype(int) - square).mean() < 2
    pair = Clip.pair(found, found, box[None], box[None])
    assert CropAround()(pair, np.random.default_rng(0)).query.image is found

    with pytest.raises(ConfigError, match="holds crops made with source="):
        cropped_source(tmp_path / "crops", 0, {**node, "split": "val"})


def test_foreign_crop_annotations_that_are_damaged_are_named(tmp_path):
    (tmp_path / "crop511").mkdir()
    (tmp_path / "train.json").write_text('{"v": {"00": {"000001": [3, 3, 3, 9]}}}')
    with pytest.raises(DataError, match=r"train\.json: video 'v' .* has no area"):
        Crop511(tmp_path)


def test_still_images_are_videos_of_one_frame(tmp_path):
    write_frame(tmp_path / "images/7.jpg", 60)
    objects = [
        {"image_id": 1, "bbox": [1, 2, 30, 20], "iscrowd": 0},
        {"image_id": 1, "bbox": [0, 0, 80, 60], "iscrowd": 1},
        {"image_id": 1, "bbox": [5, 5, 0, 9], "iscrowd": 0},
        {"image_id": 1, "bbox": [10, 20, 40, 20], "iscrowd": 0},
    ]
    content = {"images": [{"id": 1, "file_name": "7.jpg", "width": 80, "height": 60}], "annotations": objects}
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    tracks = targets_of(Coco(tmp_path, annotations=tmp_path / "boxes.json", images=tmp_path / "images"))
    assert [track.boxes_xyxy.tolist() for track in (tracks[0], tracks[1])] == [[[1, 2, 31, 22]], [[10, 20, 50, 40]]]
    assert tracks.video_starts.tolist() == [0, 2] and tracks[0].read_frame == tracks[1].read_frame
