import json

import cv2
import numpy as np
import pytest

from dmtrack.data.synthetic.camera import Camera
from dmtrack.data.synthetic.compose import Placement
from dmtrack.data.synthetic.pairs import SyntheticPairs
from dmtrack.data.synthetic.patches import make_patch
from dmtrack.data.synthetic.scenes import Scene, Thing
from dmtrack.errors import ConfigError, DataError, MediaError

SIZE_WH = (320, 192)


def draw(sampler, *seed, size_wh=SIZE_WH):
    return sampler.sample(np.random.default_rng(list(seed)), size_wh)


def square(side):
    return make_patch(np.full((side, side, 3), 200, np.uint8), np.full((side, side), 255, np.uint8))


@pytest.fixture
def photo_folder(tmp_path):
    """Three photographs of noise with a bright annotated square each."""
    (tmp_path / "images").mkdir()
    images, annotations = [], []
    for number in range(3):
        rng = np.random.default_rng(number)
        photo = cv2.resize(rng.integers(0, 120, (30, 40, 3)).astype(np.uint8), (400, 300))
        photo[100:180, 150:250] = 255
        cv2.imwrite(str(tmp_path / "images" / f"{number}.png"), photo)
        images.append({"id": number, "file_name": f"{number}.png", "width": 400, "height": 300})
        annotations.append(
            {"id": number, "image_id": number, "category_id": 1, "bbox": [150, 100, 100, 80], "iscrowd": 0}
        )
    annotations.append({"id": 9, "image_id": 0, "category_id": 1, "bbox": [0, 0, 400, 300], "iscrowd": 1})
    content = {"images": images, "annotations": annotations, "categories": []}
    (tmp_path / "annotations.json").write_text(json.dumps(content))
    return tmp_path


def real_images(folder):
    return [{"annotations": str(folder / "annotations.json"), "images": str(folder / "images"), "weight": 2.0}]


def test_the_same_seed_gives_the_same_bytes_whatever_was_drawn_before(photo_folder):
    for arguments in ({}, {"real_images": real_images(photo_folder), "cache_megabytes": 0.1}):
        first, second = SyntheticPairs(**arguments), SyntheticPairs(**arguments)
        for index in (4, 1, 7):
            draw(second, 99, index)
        for index in range(3):
            one, other = draw(first, 5, index), draw(second, 5, index)
            assert one.query.image.tobytes() == other.query.image.tobytes()
            assert one.search.image.tobytes() == other.search.image.tobytes()
            np.testing.assert_array_equal(one.query.boxes_xyxy, other.query.boxes_xyxy)
            np.testing.assert_array_equal(one.search.boxes_xyxy, other.search.boxes_xyxy)


def test_pairs_of_different_indices_differ():
    sampler = SyntheticPairs()
    images = {draw(sampler, 5, index).search.image.tobytes() for index in range(6)}
    assert len(images) == 6


@pytest.mark.parametrize("size_wh", [(320, 192), (448, 256), (200, 300)])
def test_boxes_lie_in_the_image_and_are_large_enough(size_wh):
    sampler = SyntheticPairs(max_targets=3)
    for index in range(25):
        pair = draw(sampler, 1, index, size_wh=size_wh)
        assert 1 <= len(pair.query.boxes_xyxy) == len(pair.search.boxes_xyxy) <= 3
        for image, boxes in (
            (pair.query.image, pair.query.boxes_xyxy),
            (pair.search.image, pair.search.boxes_xyxy),
        ):
            assert image.shape == (size_wh[1], size_wh[0], 3) and image.dtype == np.uint8
            assert (boxes >= 0).all() and (boxes[:, 2:] <= size_wh).all()
            assert ((boxes[:, 2:] - boxes[:, :2]) >= 4).all()


def test_annotated_objects_of_photographs_are_found_where_the_view_shows_them(photo_folder):
    sampler = SyntheticPairs(real_images(photo_folder), 1.0, occluder_share=0.0, change_share=0.0, max_targets=50)
    white_inside = []
    for index in range(30):
        rng = np.random.default_rng([2, index])
        scene = sampler._scene(rng, SIZE_WH)
        scene.things = []
        views = (scene.draw(0, SIZE_WH), scene.draw(1, SIZE_WH))
        for target in sampler._targets(scene, views):
            for view, box in zip(views, target, strict=True):
                left, top, right, bottom = np.rint(box).astype(int)
                white = (view.image > 180).all(axis=2)
                white_inside.append((white[top:bottom, left:right].mean(), white.sum() / ((box[2:] - box[:2]).prod())))
    inside, ratio = np.array(white_inside).T
    assert len(inside) > 10
    assert np.median(inside) > 0.9 and np.median(np.abs(ratio - 1)) < 0.1


def scene_with(things, occluders=((), ())):
    background = np.zeros((192, 320, 3), np.uint8)
    camera = Camera((160.0, 96.0), 1.0)
    scene = Scene((background, background), (camera, camera), things=things)
    scene.occluders = (list(occluders[0]), list(occluders[1]))
    return scene


def targets_of(scene, **arguments):
    sampler = SyntheticPairs(**arguments)
    return sampler._targets(scene, (scene.draw(0, SIZE_WH), scene.draw(1, SIZE_WH)))


def test_a_thing_is_a_target_only_where_enough_of_it_shows_in_both_views():
    whole = Placement((160.0, 96.0))
    for left_edge, expected in ((-10, 1), (-20, 1), (-24, 0), (-40, 0)):  # of 40 pixels
        thing = Thing((square(40),) * 2, (whole, Placement((left_edge + 20.0, 96.0))))
        targets = targets_of(scene_with([thing]))
        assert len(targets) == expected, left_edge
        if targets:
            np.testing.assert_allclose(targets[0][0], [140, 76, 180, 116], atol=1)
            np.testing.assert_allclose(targets[0][1], [0, 76, left_edge + 40, 116], atol=1)


def test_what_something_else_covers_does_not_count_as_visible():
    whole = Placement((160.0, 96.0))
    thing = Thing((square(40),) * 2, (whole, whole))
    for covered, expected in ((10, 1), (30, 0)):
        cover = Thing((square(40),) * 2, (None, Placement((160.0 - 40 + covered, 96.0))))
        targets = targets_of(scene_with([thing], ((), [cover])))
        assert len(targets) == expected
        if targets:
            np.testing.assert_allclose(targets[0][1], [140 + covered, 76, 180, 116], atol=1)
        in_the_way = targets_of(scene_with([thing, cover]))
        assert len(in_the_way) == expected


def test_a_thing_of_one_view_only_is_no_target():
    assert targets_of(scene_with([Thing((square(40),) * 2, (None, Placement((160.0, 96.0))))])) == []


def test_small_targets_are_frequent():
    sampler = SyntheticPairs()
    boxes = np.concatenate([draw(sampler, 3, index).search.boxes_xyxy for index in range(60)])
    sizes = np.sqrt(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1))
    assert (sizes < 25).mean() > 0.2 and (sizes > 50).mean() > 0.1


def test_two_moments_of_a_clip_become_a_pair(tmp_path):
    (tmp_path / "red" / "masks").mkdir(parents=True)
    for number in range(4):
        frame, mask = np.full((120, 200, 3), 90, np.uint8), np.zeros((120, 200), np.uint8)
        window = np.s_[40:80, 60 + 15 * number : 100 + 15 * number]
        frame[window], mask[window] = (0, 0, 255), 255
        cv2.imwrite(str(tmp_path / "red" / f"{number}.png"), frame)
        cv2.imwrite(str(tmp_path / "red" / "masks" / f"{number}.png"), mask)
    sampler = SyntheticPairs(
        real_clips=[{"root": str(tmp_path)}], clip_share=1.0, occluder_share=0.0, change_share=0.0, gray_share=0.0
    )
    reddest = []
    for index in range(8):
        pair = draw(sampler, 4, index)
        for sample in pair.samples:
            left, top, right, bottom = sample.boxes_xyxy[0].astype(int)
            colours = sample.image[top:bottom, left:right].reshape(-1, 3).astype(float)
            reddest.append((colours[:, 0] - colours[:, 1:].mean(axis=1)).mean())
    # The clip's object and what is cut from it are red; only look-alikes are not.
    assert np.mean(np.array(reddest) > 40) > 0.6


def test_photographs_that_are_missing_are_done_without_only_where_the_config_says_so(tmp_path):
    folder = {"annotations": str(tmp_path / "none.json"), "images": str(tmp_path), "optional": True}
    with pytest.warns(UserWarning, match=r"none\.json is not there: going on without"):
        sampler = SyntheticPairs([folder], real_share=1.0)
    assert len(draw(sampler, 1).query.boxes_xyxy)


def test_bad_arguments_are_refused(photo_folder, tmp_path):
    with pytest.raises(ConfigError, match=r"real_share is 1\.5"):
        SyntheticPairs(real_share=1.5)
    with pytest.raises(ConfigError, match="max_targets is 0"):
        SyntheticPairs(max_targets=0)
    with pytest.raises(ConfigError, match="unknown key 'image'"):
        SyntheticPairs([{"annotations": "a", "image": "b"}])
    with pytest.raises(ConfigError, match="'images' is missing"):
        SyntheticPairs([{"annotations": "a"}])
    with pytest.raises(DataError, match=r"nothing\.json is missing: expected .*give `annotations`"):
        SyntheticPairs([{"annotations": str(tmp_path / "nothing.json"), "images": str(tmp_path)}])
    (tmp_path / "broken.json").write_text('{"images": []}')
    with pytest.raises(DataError, match=r"broken\.json: expected a JSON object"):
        SyntheticPairs([{"annotations": str(tmp_path / "broken.json"), "images": str(tmp_path)}])
    content = json.loads((photo_folder / "annotations.json").read_text())
    content["annotations"][0]["segmentation"] = {"size": [600, 800], "counts": [480000]}
    (photo_folder / "annotations.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"0\.png: .* a mask of 800x600 pixels, and the image has 400x300"):
        SyntheticPairs(real_images(photo_folder))
    for path in (photo_folder / "images").iterdir():
        path.unlink()
    with pytest.raises(MediaError, match="does not exist"):
        SyntheticPairs(real_images(photo_folder))


def test_real_photographs_of_the_developers(shared_folder):
    folder = shared_folder / "data" / "detection" / "coco_sample"
    if not folder.is_dir():
        pytest.skip("the sample photographs are not on this machine")
    sampler = SyntheticPairs(real_images(folder))
    for index in range(8):
        pair = draw(sampler, 0, index)
        assert len(pair.query.boxes_xyxy) >= 1


def test_relatives_are_different_objects_of_one_class_and_those_of_other_classes_stay_away(tmp_path):
    colours = {"red": (0, 0, 255), "blue": (255, 0, 0)}
    images, annotations = [], []
    for number, (name, shade) in enumerate((name, shade) for name in colours for shade in (160, 200, 240)):
        photo = np.zeros((120, 120, 3), np.uint8)
        photo[30:90, 30:90] = np.array(colours[name]) // 255 * shade
        cv2.imwrite(str(tmp_path / f"{number}.png"), photo)
        images.append({"id": number, "file_name": f"{number}.png", "width": 120, "height": 120})
        kind = 1 + list(colours).index(name)
        annotations.append({"id": number, "image_id": number, "category_id": kind, "bbox": [30, 30, 60, 60]})
    annotations.append({"id": 9, "image_id": 0, "category_id": 3, "bbox": [0, 0, 120, 120]})  # the only one of its kind
    categories = [{"id": number, "name": name} for number, name in enumerate([*colours, "all"], start=1)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (tmp_path / "annotations.json").write_text(json.dumps(content))
    sampler = SyntheticPairs(
        [{"annotations": tmp_path / "annotations.json", "images": tmp_path}], relatives_share=1.0, occluder_share=0.0
    )
    families, rng = [], np.random.default_rng(3)
    for _ in range(20):
        family = sampler._family(rng, np.eye(2, 3), SIZE_WH)
        families.append([thing.patches[0].rgb.reshape(-1, 3).max(axis=0) for thing in family])
    for family in families:
        assert 2 <= len(family) <= 3  # of three there are
        assert len({tuple(colour > 0) for colour in family}) == 1
        assert len({tuple(colour) for colour in family}) == len(family)
    assert {tuple(family[0] > 0) for family in families} == {(True, False, False), (False, False, True)}


def test_where_no_class_has_two_objects_there_are_no_relatives(photo_folder):
    sampler = SyntheticPairs(real_images(photo_folder), 1.0, relatives_share=1.0)  # objects without a class
    assert sampler._relatives(np.random.default_rng(0), 40.0) == []
    assert len(draw(sampler, 1).query.boxes_xyxy) >= 1
