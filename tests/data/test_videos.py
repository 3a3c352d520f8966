"""Videos with all their objects, their one-target views, and clips drawn from them."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from dmtrack.data.batches import ClipEncoder
from dmtrack.data.preprocessing import Preprocessing
from dmtrack.data.samples import Clip, Sample
from dmtrack.data.sampling import SequencePairs, VideoClips
from dmtrack.data.sequences import Annotation, Sequence, Video
from dmtrack.data.sources import Coco, ImageNetVID, MOTChallenge, YouTubeBB
from dmtrack.data.transforms import BoundBoxes, LimitInstances, RandomCrop, RandomExpand, RandomFlip, Rescale
from dmtrack.errors import ConfigError, DataError


def write_frame(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((60, 80, 3), value, np.uint8))


@pytest.fixture
def vid(tmp_path):
    """An ImageNet VID of one video with three objects and one with a single object."""
    objects = {
        "pack/a": [
            {0: (10, 20, 50, 40), 1: (0, 0, 19, 19)},
            {0: (12, 20, 52, 40), 7: (30, 5, 60, 25)},
            {1: (1, 1, 21, 21)},
        ],
        "pack/b": [{5: (3, 4, 30, 40)}, {5: (4, 4, 31, 40)}],
    }
    for video, frames in objects.items():
        for number, boxes in enumerate(frames):
            text = "".join(
                f"<object><trackid>{track}</trackid><bndbox><xmax>{x2}</xmax><xmin>{x1}</xmin><ymax>{y2}</ymax>"
                f"<ymin>{y1}</ymin></bndbox></object>"
                for track, (x1, y1, x2, y2) in boxes.items()
            )
            path = tmp_path / "Annotations/VID/train" / video / f"{number:06d}.xml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"<annotation><size><width>80</width><height>60</height></size>{text}</annotation>")
            write_frame(tmp_path / "Data/VID/train" / video / f"{number:06d}.JPEG", 100 + 20 * number)
    return tmp_path


def test_a_video_of_imagenet_has_all_its_objects(vid):
    source = ImageNetVID(vid)
    assert len(source.videos) == 2 and len(source) == 4
    video = source.videos[0]
    assert (video.name, len(video), video.size_wh()) == ("pack/a", 3, (80, 60))
    assert list(video.tracks) == [0, 1, 7]
    assert [track.present.tolist() for track in video.tracks.values()] == [
        [True, True, False],
        [True, False, True],
        [False, True, False],
    ]
    np.testing.assert_array_equal(video.tracks[7].boxes_xywh[1], [30, 5, 30, 20])
    assert np.isnan(video.tracks[7].boxes_xywh[[0, 2]]).all()
    assert abs(int(video.read_frame(1)[5, 5, 0]) - 120) < 4
    with pytest.raises(KeyError):
        video.tracks[3]
    # A sequence of the source is the view of one of them.
    for name in source.names[:3]:
        view, sequence = video.sequence(int(name.rsplit("/")[-1])), source[name]
        assert (sequence.name, sequence.video_name, sequence.track_id) == (name, "pack/a", view.track_id)
        np.testing.assert_array_equal(sequence.boxes_xywh, view.boxes_xywh)
        assert sequence.read_frame == view.read_frame and len(view.video.tracks) == 1


def test_a_video_of_youtube_has_the_frames_of_all_its_objects(tmp_path):
    rows = [
        "v,2000,3,cat,0,present,0.25,0.5,0.5,1.0",
        "v,1000,3,cat,0,present,0.125,0.5,0.5,1.0",
        "v,3000,7,dog,1,present,0,1,0,1",
        "v,1000,7,dog,1,present,0,0.5,0,0.5",
    ]
    (tmp_path / "yt_bb_detection_train.csv").write_text("\n".join(rows) + "\n")
    for number, name in enumerate(("3/v_1000_3_0", "3/v_2000_3_0", "7/v_1000_7_1", "7/v_3000_7_1")):
        write_frame(tmp_path / f"yt_bb_detection_train/{name}.jpg", 50 * number)
    source = YouTubeBB(tmp_path)
    (video,) = [source.videos[index] for index in range(len(source.videos))]
    assert list(video.tracks) == ["3_0", "7_1"] and len(video) == 3
    assert video.tracks["7_1"].present.tolist() == [True, False, True]
    np.testing.assert_array_equal(video.tracks["3_0"].boxes_xywh[1], [20, 30, 20, 30])
    assert [round(int(video.read_frame(index).mean()) / 50) for index in range(3)] == [0, 1, 3]
    # The sequence has the object's own files, in which it is always there.
    dog = source["v_7_1"]
    assert len(dog) == 2 and dog.present.all() and [round(frame.mean() / 50) for frame in dog.frames()] == [2, 3]


def test_an_image_of_coco_is_a_video_of_one_frame(tmp_path):
    write_frame(tmp_path / "images/7.jpg", 60)
    objects = [{"image_id": 1, "bbox": [1, 2, 30, 20], "iscrowd": crowd, "category_id": 3} for crowd in (0, 1, 0)]
    content = {
        "images": [{"id": 1, "file_name": "7.jpg", "width": 80, "height": 60}],
        "annotations": objects,
        "categories": [{"id": 3, "name": "cat"}],
    }
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    (video,) = list(Coco(tmp_path, annotations=tmp_path / "boxes.json", images=tmp_path / "images").videos)
    assert len(video) == 1 and video.name == "images/7" and list(video.tracks) == [0, 2]
    assert video.tracks[2].category == "cat" and video.sequence(2).annotation.category == "cat"


def test_motchallenge(shared_folder, tmp_path):
    source = MOTChallenge(shared_folder / "data/mot/MOT17-04-FRCNN-mini")
    video = source.videos[0]
    assert len(video) == 8 and video.frame_size_wh == (1920, 1080) and len(video.tracks) == len(source) == 42
    track = video.tracks[1]
    assert track.category == "pedestrian" and track.present.all()
    np.testing.assert_array_equal(track.boxes_xywh[0], [1362, 568, 103, 241])
    assert track.visibility[0] == pytest.approx(0.86014)
    assert video.read_frame(7).shape == (1080, 1920, 3)
    everything = MOTChallenge(shared_folder / "data/mot/MOT17-04-FRCNN-mini", all_classes=True)
    assert len(everything) == 42 + 57
    with pytest.raises(DataError, match=r"no gt/gt\.txt .* expected <root>"):
        MOTChallenge(tmp_path)


def test_pairs_of_all_objects_and_of_one(vid):
    node = {"type": "ImageNetVID", "root": str(vid)}
    several, single = SequencePairs(node, all_objects=True), SequencePairs(node)
    assert several.identity_count == single.identity_count == 4 and (len(several), len(single)) == (2, 4)
    clip = several.sample(np.random.default_rng(0))
    assert clip.query.identities.tolist() in ([0], [1], [3])


def test_clips_have_every_object_of_every_frame(vid):
    sampler = VideoClips({"type": "ImageNetVID", "root": str(vid)}, frames=3)
    assert sampler.identity_count == 4 and len(sampler) == 2
    clips = [sampler.sample(np.random.default_rng([0, index])) for index in range(20)]
    assert {tuple(tuple(sample.identities.tolist()) for sample in clip.samples) for clip in clips} == {
        ((0, 1), (0, 2), (1,)),
        ((3,), (3,), (3,)),
    }
    clip = next(clip for clip in clips if len(clip.query.boxes_xyxy) == 2)
    np.testing.assert_array_equal(clip.samples[1].boxes_xyxy, [[12, 20, 52, 40], [30, 5, 60, 25]])
    batch = ClipEncoder(Preprocessing()).collate(clips[:4])
    assert len(batch.frames) == 3 and batch.frames[1].images.shape == (4, 3, 64, 96)
    assert all(len(frame.boxes_xyxy) == len(frame.clip_index) == len(frame.identities) for frame in batch.frames)
    (kind,) = {track.category for video in sampler.videos for track in video.tracks.values()}
    for names, drawn in ((("other", kind), {1}), (("other",), set())):
        named = VideoClips({"type": "ImageNetVID", "root": str(vid)}, frames=1, classes=names)
        queries = [named.sample(np.random.default_rng([0, index])).query for index in range(9)]
        assert {*np.concatenate([query.classes for query in queries]).tolist()} == drawn
        assert all(len(query.identities) == len(query.classes) for query in queries)
    with pytest.raises(ConfigError, match="expected 1 or more"):
        VideoClips([], frames=0)
    with pytest.raises(DataError, match="no videos"):
        VideoClips([])


def test_augmentation_moves_masks_with_their_boxes_and_drops_each_frames_own_instances():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (60, 80, 3)).astype(np.uint8)
    boxes = np.array([[10.0, 10, 40, 30], [50, 20, 70, 50]])
    masks = np.zeros((2, 60, 80), dtype=bool)
    masks[0, 10:30, 10:40] = masks[1, 20:50, 50:70] = True
    sample = Sample(image, boxes, np.array([4, 5]), masks)
    start = Clip((sample, sample.select([1]), sample), aligned=False)
    counts = set()
    for _ in range(40):
        clip = start
        for step in (RandomFlip(), RandomExpand((1, 2)), RandomCrop(), Rescale((160, 120), None), BoundBoxes(2.0)):
            clip = step(clip, rng)
        counts.add(tuple(len(one.boxes_xyxy) for one in clip.samples))
        for one in clip.samples:
            assert one.masks.shape[1:] == one.image.shape[:2] and len(one.masks) == len(one.identities)
            for (x1, y1, x2, y2), mask in zip(one.boxes_xyxy, one.masks, strict=True):
                rows, columns = np.nonzero(mask)
                found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
                np.testing.assert_allclose(found, [x1, y1, x2, y2], atol=2.5)
    assert len(counts) > 1 and all(count[1] == 1 for count in counts)
    assert [len(one.boxes_xyxy) for one in LimitInstances(1)(start, rng).samples] == [1, 1, 1]
    batch = ClipEncoder(Preprocessing()).collate([start, start])
    assert batch.frames[0].masks.shape == (4, 64, 96) and batch.to("cpu").frames[0].masks[2, 12, 20]


def test_parts_of_a_sequence_keep_what_is_said_of_each_frame():
    boxes = np.arange(24.0).reshape(6, 4)
    said = Annotation(
        boxes + 1, index_base=1, annotated_frames=np.arange(6) % 2 == 0, frame_tags={"dark": boxes[:, 0] > 9}
    )
    whole = Sequence("s", boxes, np.ones(6, bool), lambda index: np.full((2, 2, 3), index, np.uint8), annotation=said)
    part, thinned = whole.take(slice(2, 5)), whole.take(slice(None, None, 2)).take(np.array([2, 0]))
    assert [frame[0, 0, 0] for frame in part.frames()] == [2, 3, 4] and part.annotated.tolist() == [True, False, True]
    assert [frame[0, 0, 0] for frame in thinned.frames()] == [4, 0] and thinned.annotated.all()
    np.testing.assert_array_equal(thinned.annotated_boxes_xywh, boxes[[4, 0]] + 1)
    assert part.annotation.frame_tags["dark"].tolist() == [False, True, True] and part.annotation.index_base == 1
    assert isinstance(whole.video, Video) and whole.video.tracks[0].boxes_xywh is boxes
