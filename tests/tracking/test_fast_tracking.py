import copy
import pickle

import numpy as np
import pytest
import torch

from dmtrack.config import build, load_config
from dmtrack.data.preprocessing import Preprocessing, prepare_image, prepare_image_on
from dmtrack.errors import ConfigError
from dmtrack.models.fast.convolution import MAX_LAYOUTS, PreparedConv
from dmtrack.registry import MODELS
from dmtrack.tracking import GlobalSearchTracker
from parity.formulas import make_image, paste_texture


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return build(load_config("dmtrackGS_tiny", check=False)["model"], MODELS)


def frames():
    images = []
    for index in range(3):
        image = make_image(index, 180, 320)
        paste_texture(image, 5, 100 + 8 * index, 60, 60, 50)
        images.append(image)
    return images


def test_the_fast_tracker_gives_the_boxes_of_the_model_itself(model):
    images, box = frames(), (100, 60, 60, 50)
    fast, plain = GlobalSearchTracker(model), GlobalSearchTracker(model, fast=False)
    assert fast.model is not model and plain.model is model
    found, _ = fast.track(images, box)
    expected, _ = plain.track(images, box)
    np.testing.assert_allclose(found, expected, atol=1e-2)
    half, _ = GlobalSearchTracker(model, precision="bf16").track(images, box)
    assert half.shape == expected.shape and np.isfinite(half).all()


def test_a_fast_tracker_leaves_a_model_in_training_alone(model):
    model.train()
    GlobalSearchTracker(model)
    assert model.training
    GlobalSearchTracker(model, fast=False)
    assert not model.training


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_fast_tracker_can_be_copied_and_pickled_while_it_tracks(model, precision):
    images = frames()
    tracker = GlobalSearchTracker(model, precision=precision)
    tracker.init(images[0], (100, 60, 60, 50))
    expected = tracker.update(images[1])
    for other in (copy.deepcopy(tracker), pickle.loads(pickle.dumps(tracker))):
        np.testing.assert_array_equal(other.update(images[1]), expected)


def test_frames_of_many_sizes_do_not_fill_the_memory(model):
    tracker = GlobalSearchTracker(model, precision="bf16")
    tracker.init(frames()[0], (100, 60, 60, 50))
    for width in range(200, 680, 32):
        tracker.update(make_image(0, 180, width))
    layers = [layer for layer in tracker.model.modules() if isinstance(layer, PreparedConv)]
    assert layers and all(len(layer._layouts) <= MAX_LAYOUTS for layer in layers)


def test_graphs_need_a_gpu(model):
    with pytest.raises(ConfigError, match="cuda_graph=True needs a GPU"):
        GlobalSearchTracker(model, device="cpu", cuda_graph=True)


@pytest.mark.parametrize("size_hw", [(720, 1280), (333, 517), (60, 90), (416, 736)])
def test_preparing_on_a_device_differs_from_opencv_by_one_level_at_most(size_hw):
    image = np.random.default_rng(0).integers(0, 256, (*size_hw, 3), dtype=np.uint8)
    expected, found = prepare_image(image, Preprocessing()), prepare_image_on(image, Preprocessing(), "cpu")
    assert (found.size_hw, found.scale_factor) == (expected.size_hw, expected.scale_factor)
    one_level = 1.001 / min(Preprocessing().std_rgb)
    torch.testing.assert_close(found.tensor, expected.tensor, atol=one_level, rtol=0)
