"""The tracking loop of SiamRPN++ on a small network, and on raw outputs made up for the purpose."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from dmtrack.config import build, load_config
from dmtrack.errors import BoxError, ConfigError, DMTrackError, WeightsError
from dmtrack.models.siamrpn import Outputs, SiamesePreprocessing
from dmtrack.models.siamrpn.decoding import SearchParameters
from dmtrack.registry import MODELS, TRACKERS
from dmtrack.tracking.loading import assemble_tracker
from dmtrack.tracking.siamrpn import LongTerm, SiamRPNTracker, TargetState
from dmtrack.weights import save_weights
from dmtrack.weights.importers import importer
from dmtrack.weights.importing import import_weights

CONFIGS = Path(__file__).parents[2] / "configs" / "siamrpn"
SMALL = {
    "type": "SiamRPN",
    "backbone": {"type": "SiameseAlexNet", "width_mult": 0.0625},
    "head": {"type": "SiamRPNHead", "in_channels": [16], "weighted": False},
    "center_size": None,
    "preprocessing": {"search_size": 287, "base_size": 0},
}


def small(flavour="mmtracking"):
    torch.manual_seed(0)
    model = build({**SMALL, "flavour": flavour}, MODELS).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_var.fill_(100.0)
    return model


def frames(count=4, size_hw=(120, 160)):
    rng = np.random.default_rng(1)
    return [rng.integers(0, 256, (*size_hw, 3)).astype(np.uint8) for _ in range(count)]


def outputs(score, cells, deltas=(0.5, 0.0, 0.0, 0.0)):
    """The square anchor in the middle has the score."""
    cls, reg = torch.zeros(1, 10, cells, cells), torch.zeros(1, 20, cells, cells)
    cls[0, :5] = 20.0
    middle = cells // 2
    cls[0, 2, middle, middle] = 0.0
    cls[0, 7, middle, middle] = float(np.log(score / (1 - score)))
    for kind, value in enumerate(deltas):
        reg[0, 5 * kind + 2, middle, middle] = value
    return Outputs(cls, reg)


@pytest.mark.parametrize("flavour", ["pysot", "mmtracking"])
def test_fast_and_plain_track_alike(flavour):
    model = small(flavour)
    trackers = [SiamRPNTracker(model, fast=fast) for fast in (True, False)]
    boxes = [tracker.track(frames(), (40, 30, 30, 24))[0] for tracker in trackers]
    np.testing.assert_allclose(boxes[0], boxes[1], atol=1e-3)
    assert np.isfinite(boxes[0]).all()


def test_the_target_moves_with_the_anchor():
    state = TargetState(np.array([100.0, 60, 32, 32]), SearchParameters(), SiamesePreprocessing())
    result = state.advance(outputs(0.9, 25), (320, 240))
    assert result.score == pytest.approx(0.9, abs=1e-6)
    assert result.present
    assert result.box_xywh[0] + result.box_xywh[2] / 2 == pytest.approx(100 + 32 / (127 / 64))
    assert state.search_size == 255


def test_long_term_loses_searches_and_finds():
    state = TargetState(np.array([100.0, 60, 32, 32]), SearchParameters(), SiamesePreprocessing("pysot"), LongTerm())
    steps = [(0.9, 255, False), (0.5, 831, True), (0.9, 831, True), (0.5, 831, True), (0.999, 255, False)]
    for score, next_size, lost in steps:
        before = state.box_cxcywh.copy()
        result = state.advance(outputs(score, state.preprocessing.score_size(state.search_size)), (320, 240))
        assert (state.lost, state.search_size, result.present) == (lost, next_size, not lost)
        assert np.array_equal(before, state.box_cxcywh) == (score < 0.85)
    assert state.search_side > 64


def test_a_long_term_state_stays_unclipped_but_its_box_does_not():
    state = TargetState(np.array([310.0, 60, 32, 32]), SearchParameters(), SiamesePreprocessing("pysot"), LongTerm())
    result = state.advance(outputs(0.99, 25, (1.0, 0.0, 0.0, 0.0)), (320, 240))
    assert state.box_cxcywh[0] > 320
    assert result.box_xywh[0] + result.box_xywh[2] / 2 == pytest.approx(320)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_outputs_that_are_no_numbers_leave_the_box(value):
    state = TargetState(np.array([100.0, 60, 32, 32]), SearchParameters(), SiamesePreprocessing())
    broken = Outputs(torch.full((1, 10, 25, 25), value), torch.full((1, 20, 25, 25), value))
    result = state.advance(broken, (320, 240))
    assert result.score == 0
    np.testing.assert_allclose(result.box_xywh, [84, 44, 32, 32])


@pytest.mark.parametrize("flavour", ["pysot", "mmtracking"])
@pytest.mark.parametrize(
    "box",
    [
        (70, 50, 1, 1),
        (-500, -400, 2000, 1500),
        (-1e7, -1e7, 3e7, 3e7),
        (159.5, 119.5, 0.2, 0.2),
        (0, 60, 160, 1),
    ],
)
def test_odd_boxes_are_tracked_within_the_frame(flavour, box):
    tracker = SiamRPNTracker(small(flavour))
    tracker.init(frames(1)[0], box)
    for frame in frames(3):
        x, y, width, height = tracker.update(frame)
        assert 0 <= x + width / 2 <= 160 and 0 <= y + height / 2 <= 120
        assert 10 <= width <= 160 and 10 <= height <= 120


def test_frames_may_change_their_size():
    tracker = SiamRPNTracker(small())
    tracker.init(frames(1)[0], (100, 60, 40, 40))
    smaller = frames(1, (50, 60))[0]
    x, y, width, height = tracker.update(smaller)
    assert x + width / 2 <= 60 and y + height / 2 <= 50
    assert width <= 60 and height <= 50
    assert np.isfinite(tracker.update(frames(1, (400, 500))[0])).all()


def test_a_polygon_is_a_first_box():
    corners = [70, 40, 100, 40, 100, 80, 70, 80]
    for flavour, size in (("mmtracking", [30, 40]), ("pysot", [31, 41])):
        tracker = SiamRPNTracker(small(flavour))
        tracker.init(frames(1)[0], corners)
        np.testing.assert_allclose(tracker.state.box_cxcywh, [85, 60, *size])
    with pytest.raises(BoxError, match="its four corners must be finite and span an area"):
        tracker.init(frames(1)[0], [5, 5, 5, 5, 5, 5, 5, 5])
    with pytest.raises(BoxError, match="outside the first frame"):
        tracker.init(frames(1)[0], np.array(corners) + 1000)


def test_what_cannot_be_tracked_is_one_sentence():
    tracker = SiamRPNTracker(small())
    with pytest.raises(DMTrackError, match="has no target yet"):
        tracker.step(frames(1)[0])
    with pytest.raises(BoxError, match="outside the first frame"):
        tracker.init(frames(1)[0], (500, 500, 10, 10))
    with pytest.raises(ConfigError, match="lost_search_size is 100: expected at least the usual search size, 287"):
        SiamRPNTracker(small(), long_term=LongTerm(lost_search_size=100))
    with pytest.raises(ConfigError, match=r"confidence_low 0\.9 and confidence_high 0.8"):
        LongTerm(0.9, 0.8)
    with pytest.raises(ConfigError, match="tracks with a SiamRPN model, not with Identity"):
        SiamRPNTracker(nn.Identity())


@pytest.mark.parametrize("config", sorted(CONFIGS.glob("*.py")), ids=lambda path: path.stem)
def test_every_config_describes_a_tracker(config):
    node = load_config(str(config))
    tracker = build({**node["tracker"], "fast": False}, TRACKERS, model=small(node["model"]["flavour"]))
    assert (tracker.long_term is not None) == config.stem.endswith("_lt")
    assert tracker.parameters.penalty_k == node["tracker"]["penalty_k"]


def write_config(path, flavour="pysot"):
    text = f"model = {dict(SMALL, flavour=flavour)!r}\ntracker = dict(type='SiamRPNTracker', penalty_k=0.1)\n"
    path.write_text(text)
    return path


def pysot_names(state_dict):
    """The way back from our names of a model of one level."""
    from dmtrack.weights.importers.siamrpn import _BRANCH_NAMES, _LAYER_NAMES

    renamed = {}
    for name, tensor in state_dict.items():
        for branch, ours in _BRANCH_NAMES.items():
            for (layer, number), rest in _LAYER_NAMES.items():
                start = f"head.{ours}.0.{rest}."
                if name.startswith(start):
                    name = f"rpn_head.{branch}.{layer}.{number}.{name.removeprefix(start)}"
        renamed[f"module.{name}"] = tensor
    return renamed


def test_a_pysot_checkpoint_is_imported_and_tracked(tmp_path):
    config = write_config(tmp_path / "mine.py")
    torch.save({"epoch": 3, "state_dict": pysot_names(small("pysot").state_dict())}, tmp_path / "model.pth")
    written = import_weights(tmp_path / "model.pth", "pysot", config)
    loaded = assemble_tracker(written)
    assert loaded.tracker.preprocessing.flavour == "pysot"
    assert loaded.tracker.parameters.penalty_k == 0.1
    expected = SiamRPNTracker(small("pysot"), penalty_k=0.1).track(frames(), (40, 30, 30, 24))[0]
    np.testing.assert_allclose(loaded.tracker.track(frames(), (40, 30, 30, 24))[0], expected, atol=1e-4)

    from dmtrack.weights import read_weights

    normalisation = read_weights(written).metadata["normalisation"]
    assert normalisation["flavour"] == "pysot"
    assert normalisation["search_size"] == 287


def test_the_other_flavour_is_refused(tmp_path):
    model = small()
    torch.save({"state_dict": pysot_names(model.state_dict())}, tmp_path / "pysot.pth")
    torch.save({"meta": {}, "state_dict": model.state_dict()}, tmp_path / "mm.pth")
    of_pysot, of_mm = write_config(tmp_path / "a.py", "pysot"), write_config(tmp_path / "b.py", "mmtracking")
    with pytest.raises(WeightsError, match="which PySOT writes; import it with --from pysot"):
        import_weights(tmp_path / "pysot.pth", "mmtracking", of_mm)
    with pytest.raises(WeightsError, match=r"holds no rpn_head.*use --from mmtracking"):
        import_weights(tmp_path / "mm.pth", "pysot", of_pysot)
    with pytest.raises(WeightsError, match="made for flavour='pysot', but the config has flavour='mmtracking'"):
        import_weights(tmp_path / "pysot.pth", "pysot", of_mm)
    with pytest.raises(WeightsError, match="made for flavour='mmtracking', but the config has flavour='pysot'"):
        import_weights(tmp_path / "mm.pth", "mmtracking", of_pysot)
    with pytest.raises(WeightsError, match=r"pysot\.pth does not fit SiamRPN"):
        assemble_tracker(of_pysot, tmp_path / "pysot.pth")


def test_another_backbone_is_refused(tmp_path):
    torch.save({"state_dict": small().state_dict()}, tmp_path / "alex.pth")
    with pytest.raises(WeightsError, match=r"alex.pth does not fit SiamRPN: .* give the config that belongs"):
        import_weights(tmp_path / "alex.pth", "mmtracking")
    assert not (tmp_path / "alex.safetensors").exists()
    save_weights(tmp_path / "own.safetensors", small(), config={"model": SMALL})
    with pytest.raises(WeightsError, match=r"it was made for SiamRPN with SiameseAlexNet; give the config"):
        assemble_tracker("siamese_rpn_r50_20e_lasot", tmp_path / "own.safetensors")


def test_own_weights_carry_their_conventions(tmp_path):
    config = {"model": dict(SMALL, flavour="pysot"), "tracker": {"type": "SiamRPNTracker", "lr": 0.2}}
    save_weights(tmp_path / "mine.safetensors", small("pysot"), config=config)
    tracker = assemble_tracker(tmp_path / "mine.safetensors").tracker
    assert (tracker.preprocessing.flavour, tracker.parameters.lr) == ("pysot", 0.2)
    with pytest.raises(WeightsError, match="was made for flavour='pysot', but the config has"):
        assemble_tracker(write_config(tmp_path / "other.py", "mmtracking"), tmp_path / "mine.safetensors")


def test_default_configs_are_found():
    for origin in ("pysot", "mmtracking"):
        assert Path(importer(origin)[1]).is_file()
