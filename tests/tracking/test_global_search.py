import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as PILImage

from dmtrack.errors import BoxError, ConfigError, DMTrackError
from dmtrack.registry import TRACKERS
from dmtrack.tracking import GlobalSearchTracker

sys.path.append(str(Path(__file__).parents[1] / "support"))
from colour_search import ColourSearch, moving_square


def make(**options):
    model = ColourSearch(**{key: options.pop(key) for key in ("inclusive", "floor", "scale") if key in options})
    return GlobalSearchTracker(model, **options)


@pytest.mark.parametrize("inclusive", [False, True])
def test_finds_the_target_in_every_frame_in_both_box_conventions(inclusive):
    images, boxes = moving_square(12)
    found, seconds = make(inclusive=inclusive).track(images, boxes[0])
    np.testing.assert_allclose(found, boxes)
    assert seconds.shape == (12,)


def test_the_query_box_reaches_the_model_in_its_convention_and_scale():
    image = np.zeros((24, 32, 3), np.uint8)  # scale (64, 48) doubles it
    for inclusive, expected in ((False, [4, 6, 24, 36]), (True, [4, 6, 22, 34])):
        tracker = make(inclusive=inclusive)
        tracker.init(image, (2, 3, 10, 15))
        assert tracker.model.received_boxes_xyxy.tolist() == [expected]


def test_a_box_that_sticks_out_is_clipped_to_the_image():
    image = np.zeros((48, 64, 3), np.uint8)
    tracker = make()
    tracker.init(image, (-5, 40, 20, 30))
    assert tracker.model.received_boxes_xyxy.tolist() == [[0, 40, 15, 48]]
    tracker = make(inclusive=True)
    tracker.init(image, (60, 40, 20, 30))
    assert tracker.model.received_boxes_xyxy.tolist() == [[60, 40, 63, 47]]


def test_frames_of_different_sizes_are_searched_each_at_its_own_scale():
    images, boxes = moving_square(3)
    tracker = make()
    tracker.init(images[0], boxes[0])
    larger = images[2].repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_allclose(tracker.step(images[1]).box_xywh, boxes[1])
    np.testing.assert_allclose(tracker.step(larger).box_xywh, boxes[2] * 2, atol=1)


def test_videos_with_a_small_target_are_searched_at_a_larger_scale():
    images, boxes = moving_square(4)
    tracker = make()
    tracker.model.preprocessing = replace(tracker.model.preprocessing, small_target=30.0, small_scale=(128, 96))
    tracker.init(images[0], (0, 0, 40, 40))
    assert tracker.model.received_boxes_xyxy.tolist() == [[0, 0, 40, 40]]
    tracker.init_targets(images[0], [(0, 0, 40, 40), boxes[0]])
    np.testing.assert_allclose(tracker.model.received_boxes_xyxy[0], [0, 0, 80, 80])
    tracker.init(images[0], boxes[0])
    for image, box in zip(images[1:], boxes[1:], strict=True):
        np.testing.assert_allclose(tracker.step(image).box_xywh, box)


def test_an_absent_target_is_said_to_be_absent_and_found_again():
    images, boxes = moving_square(8, gone=range(3, 5))
    tracker = make(presence_threshold=0.9)
    tracker.init(images[0], boxes[0])
    results = [tracker.step(image) for image in images[1:]]
    assert [result.present for result in results] == [True, True, False, False, True, True, True]
    np.testing.assert_array_equal(results[3].box_xywh, results[3].candidates.boxes_xywh[0])  # still the best guess
    np.testing.assert_allclose(results[4].box_xywh, boxes[5])
    assert results[3].score < 0.9 < results[4].score
    assert len(results[3].candidates.scores) == 5  # what was seen stays visible in the result


def test_nothing_found_is_absent_with_score_zero_even_without_threshold():
    images, boxes = moving_square(2, gone=range(1, 2))
    tracker = make(floor=0.9)
    tracker.init(images[0], boxes[0])
    result = tracker.step(images[1])
    assert (result.present, result.score) == (False, 0.0)
    np.testing.assert_allclose(result.box_xywh, boxes[0])
    assert result.candidates.boxes_xywh.shape == (0, 4)


def test_several_targets_in_one_pass_equal_one_by_one():
    images, boxes = moving_square(4)
    for image in images:
        image[40:46, 50:56] = (30, 200, 60)
    both = np.stack([boxes[0], [50, 40, 6, 6]])
    tracker = make(max_candidates=3)
    tracker.init_targets(images[0], both)
    single = make(max_candidates=3)
    single.init(images[0], both[0])
    for index in range(1, 4):
        first, second = tracker.step_targets(images[index])
        np.testing.assert_array_equal(first.box_xywh, single.step(images[index]).box_xywh)
        np.testing.assert_allclose(second.box_xywh, both[1])
        assert len(first.candidates.scores) == 3


def test_pil_gray_and_16_bit_frames_are_taken():
    images, boxes = moving_square(2)
    gray = [image[..., 0] for image in images]
    deep = [image.astype(np.uint16) * 256 for image in gray]
    for pair in (gray, deep, [PILImage.fromarray(image) for image in images]):
        tracker = make()
        tracker.init(pair[0], boxes[0])
        np.testing.assert_allclose(tracker.update(pair[1]), boxes[1])


def test_boxes_that_are_no_numbers_are_no_candidates():
    images, boxes = moving_square(2)
    tracker = make()
    tracker.init(images[0], boxes[0])
    decode = tracker.model.decode

    def overflowing(*arguments):
        found = decode(*arguments)
        found[0].boxes_xyxy[0, 2] = torch.inf
        return found

    tracker.model.decode = overflowing
    assert np.isfinite(tracker.step(images[1]).box_xywh).all()


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_reduced_precision_and_channels_last_find_the_same_box(precision):
    images, boxes = moving_square(3)
    tracker = make(precision=precision, channels_last=True)
    found, _ = tracker.track(images, boxes[0])
    np.testing.assert_allclose(found, boxes, atol=1)


@pytest.mark.parametrize("box", [(0, 0, 0, 5), (5, 5, -3, 4), (100, 0, 5, 5), (np.nan, 0, 5, 5), (1, 2, 3)])
def test_a_first_box_that_is_none_is_one_clear_error(box):
    with pytest.raises(BoxError, match="box"):
        make().init(np.zeros((48, 64, 3), np.uint8), box)


def test_misuse_is_one_clear_error():
    with pytest.raises(DMTrackError, match="call init"):
        make().step(np.zeros((48, 64, 3), np.uint8))
    with pytest.raises(DMTrackError, match="at least one box"):
        make().init_targets(np.zeros((48, 64, 3), np.uint8), np.zeros((0, 4)))
    with pytest.raises(ConfigError, match="presence_threshold 3"):
        make(presence_threshold=3)
    with pytest.raises(ConfigError, match="fp32, bf16, fp16"):
        make(precision="int3")
    with pytest.raises(ConfigError, match="cuda:99"):
        make(device="cuda:99")
    with pytest.raises(ConfigError, match="unknown"):
        make(device="abacus")


def test_without_a_device_the_model_stays_where_it_is():
    assert GlobalSearchTracker(ColourSearch().to("meta")).device.type == "meta"


def test_it_is_registered():
    assert TRACKERS.get("GlobalSearchTracker") is GlobalSearchTracker
