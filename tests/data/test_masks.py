import json

import numpy as np
import pytest
from PIL import Image

from dmtrack.data.sampling import ImagePairs
from dmtrack.data.sources import Coco, Davis
from dmtrack.data.sources.coco_masks import read_mask
from dmtrack.errors import DataError

DISK = np.hypot(*np.mgrid[-20:20, -30:30]) < 15


def test_run_lengths_and_their_string_are_what_pycocotools_reads():
    pycocotools = pytest.importorskip("pycocotools.mask")
    for mask in (DISK, np.zeros((5, 7), bool), np.ones((5, 7), bool), np.random.default_rng(0).random((40, 60)) > 0.5):
        packed = pycocotools.encode(np.asfortranarray(mask.astype(np.uint8)))
        text = {"size": list(mask.shape), "counts": packed["counts"].decode()}
        np.testing.assert_array_equal(read_mask(text, mask.shape[::-1], "here"), mask)
        flat = mask.T.ravel()
        runs = np.diff([0, *(np.flatnonzero(np.diff(flat)) + 1), flat.size]).tolist()
        numbers = {"size": list(mask.shape), "counts": [0, *runs] if flat[0] else runs}
        np.testing.assert_array_equal(read_mask(numbers, mask.shape[::-1], "here"), mask)


def test_polygons_fill_what_they_surround():
    mask = read_mask([[10, 5, 30, 5, 30, 25, 10, 25], [40, 0, 44, 0, 44, 4, 40, 4]], (60, 40), "here")
    expected = np.zeros((40, 60), bool)
    expected[5:25, 10:30] = expected[0:4, 40:44] = True
    np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ({"size": [9, 9], "counts": [81]}, "of 9x9 pixels, and the image has 60x40"),
        ({"size": [40, 60], "counts": [7]}, "cover 7 of 2400 pixels"),
        ([[0, 0, 300, 0, 300, 20]], "corners beyond its image of 60x40"),
        ([[1, 2, 3]], "expected polygons"),
        ({"size": [40, 60]}, "KeyError"),
    ],
)
def test_masks_that_do_not_fit_are_refused(segmentation, message):
    with pytest.raises(DataError, match=message):
        read_mask(segmentation, (60, 40), "here")


def test_pairs_of_images_have_the_masks_of_their_objects(tmp_path):
    (tmp_path / "images").mkdir()
    Image.new("RGB", (60, 40)).save(tmp_path / "images" / "a.png")
    polygon = [[10, 5, 50, 5, 50, 35, 10, 35]]
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": 60, "height": 40}],
        "annotations": [{"image_id": 1, "bbox": [10, 5, 40, 30], "segmentation": polygon, "iscrowd": 0}],
    }
    (tmp_path / "a.json").write_text(json.dumps(content))
    source = Coco(annotations=tmp_path / "a.json")
    clip = ImagePairs(source, masks=True).sample(np.random.default_rng(0))
    assert clip.query.masks.shape == (1, 40, 60) and clip.search.masks.sum() == 40 * 30
    assert ImagePairs(source).sample(np.random.default_rng(0)).query.masks is None


def write_clip(frames, masks, count=3, size_wh=(60, 40)):
    frames.mkdir(parents=True)
    masks.mkdir(parents=True)
    for number in range(count):
        Image.new("RGB", (60, 40)).save(frames / f"{number:05d}.jpg")
        labels = np.zeros(size_wh[::-1], np.uint8)
        labels[5:15, 10 + number : 20 + number] = 1
        labels[20:30, 40:50] = 2
        image = Image.fromarray(labels)
        image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
        image.save(masks / f"{number:05d}.png")


def test_both_layouts_of_clips_give_boxes_around_the_masks(tmp_path):
    write_clip(tmp_path / "official/JPEGImages/480p/cat", tmp_path / "official/Annotations/480p/cat")
    write_clip(tmp_path / "beside/cat", tmp_path / "beside/cat/masks")
    for root in ("official", "beside"):
        source = Davis(tmp_path / root)
        assert source.names == ["cat/1", "cat/2"]
        video = source.read_video(0)
        np.testing.assert_array_equal(video.tracks[1].boxes_xywh, [[10, 5, 10, 10], [11, 5, 10, 10], [12, 5, 10, 10]])
        assert video.tracks[2].read_mask(1).sum() == 100
        np.testing.assert_array_equal(source["cat/2"].boxes_xywh[2], [40, 20, 10, 10])


def test_clips_that_are_none_are_refused(tmp_path):
    write_clip(tmp_path / "one/cat", tmp_path / "one/cat/masks", count=1)
    with pytest.raises(DataError, match="holds a single frame, which is no clip"):
        Davis(tmp_path / "one")
    write_clip(tmp_path / "other/cat", tmp_path / "other/cat/masks", size_wh=(30, 40))
    with pytest.raises(DataError, match="has 30x40 pixels, its frame has 60x40"):
        Davis(tmp_path / "other")
    write_clip(tmp_path / "less/cat", tmp_path / "less/cat/masks")
    (tmp_path / "less/cat/masks/00002.png").unlink()
    with pytest.raises(DataError, match="3 frames and 2 masks"):
        Davis(tmp_path / "less")
    with pytest.raises(DataError, match="has no clip 'dog'"):
        Davis(tmp_path / "less", names=("dog",))
