"""SiamRPN++: published names and shapes, the parts that decide parity, and refusals."""

import json

import numpy as np
import pytest
import torch
from torch import nn

import dmtrack.tracking.siamrpn  # registers what the configs name
from dmtrack.config import load_config
from dmtrack.errors import ConfigError, WeightsError
from dmtrack.models.fast.inference_copy import inference_copy
from dmtrack.models.fast.winograd import DilatedWinograd
from dmtrack.models.siamrpn import SiamesePreprocessing, SiamRPN
from dmtrack.models.siamrpn.layers import depthwise_correlation
from dmtrack.weights.importers.siamrpn import our_name
from dmtrack.weights.importing import shapes_of_model

CONFIGS = dmtrack.tracking.siamrpn.__file__.rsplit("/dmtrack/", 1)[0] + "/configs/siamrpn"
PYSOT = {
    "r50_l234_dwxcorr": "params_siamrpn_pysot.json",
    "r50_l234_dwxcorr_otb": "params_other/params_pysot_siamrpn_r50_l234_dwxcorr_otb.json",
    "r50_l234_dwxcorr_lt": "params_other/params_pysot_siamrpn_r50_l234_dwxcorr_lt.json",
    "alex_dwxcorr": "params_other/params_pysot_siamrpn_alex_dwxcorr.json",
    "mobilev2_l234_dwxcorr": "params_other/params_pysot_siamrpn_mobilev2_l234_dwxcorr.json",
}


def small(flavour="mmtracking", backbone=None, **head):
    """An AlexNet of a sixteenth of the width: the same code in milliseconds."""
    torch.manual_seed(0)
    model = SiamRPN(
        backbone=backbone or {"type": "SiameseAlexNet", "width_mult": 0.0625},
        head={"type": "SiamRPNHead", "in_channels": [16], "weighted": False, **head},
        flavour=flavour,
        center_size=None,
        preprocessing=SiamesePreprocessing(search_size=287, base_size=0),
    )
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return model.eval()


def shapes(config):
    return {name: list(tensor.shape) for name, tensor in shapes_of_model(config["model"]).state_dict().items()}


@pytest.mark.parametrize("variant", PYSOT)
def test_pysot_files_fit_through_the_key_map(variant, shared_folder):
    rows = json.loads((shared_folder / "golden/siamrpn" / PYSOT[variant]).read_text())
    assert shapes(load_config(f"{CONFIGS}/siamrpn_{variant}.py")) == {our_name(name): shape for name, shape, _ in rows}


def test_mmtracking_files_fit_as_they_are(shared_folder):
    rows = json.loads((shared_folder / "golden/siamrpn/params_siamrpn_mmtrack.json").read_text())
    found = shapes(load_config(f"{CONFIGS}/siamese_rpn_r50_20e_lasot.py"))
    assert list(found.items()) == [(name, shape) for name, shape, _ in rows]


@pytest.mark.parametrize(
    ("backbone", "sizes"),
    [
        ({"type": "SiameseResNet50"}, {127: 15, 255: 31}),
        ({"type": "SiameseMobileNetV2", "width_mult": 0.25}, {127: 15, 255: 31}),
        ({"type": "SiameseAlexNet", "width_mult": 0.1}, {127: 6, 287: 26}),
    ],
)
def test_map_sizes_are_the_published_ones(backbone, sizes):
    from dmtrack.config import build
    from dmtrack.registry import BACKBONES

    with torch.device("meta"):
        network = build(backbone, BACKBONES)
        for pixels, cells in sizes.items():
            maps = network(torch.empty(1, 3, pixels, pixels))
            assert [tuple(level.shape[2:]) for level in maps] == [(cells, cells)] * len(maps)
            assert tuple(level.shape[1] for level in maps) == network.out_channels


def test_correlation_is_per_channel_and_per_pair():
    search, kernel = torch.randn(2, 3, 6, 7), torch.randn(2, 3, 2, 3)
    found = depthwise_correlation(search, kernel)
    assert found.shape == (2, 3, 5, 5)
    expected = (search[1, 2, 3:5, 1:4] * kernel[1, 2]).sum()
    torch.testing.assert_close(found[1, 2, 3, 1], expected)


@pytest.mark.parametrize("flavour", ["pysot", "mmtracking"])
def test_score_sizes_follow_the_images(flavour):
    assert SiamesePreprocessing(flavour).score_size() == 25
    assert SiamesePreprocessing(flavour).score_size(831) == 97
    assert SiamesePreprocessing(flavour, search_size=287, base_size=0).score_size() == 21


@torch.inference_mode()
def test_the_fast_copy_computes_the_same():
    model = small()
    exemplar, search = torch.rand(1, 3, 127, 127) * 255, torch.rand(1, 3, 287, 287) * 255
    expected = model.search(model.encode_template(exemplar), search)
    fast, needs_autocast = inference_copy(model)
    found = fast.search(fast.encode_template(exemplar), search)
    assert not needs_autocast
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == theirs.shape
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("dilation", "padding"), [(1, 1), (1, 0), (2, 2), (4, 4), (2, 0)])
@torch.inference_mode()
def test_dilated_winograd_is_the_convolution(dilation, padding):
    torch.manual_seed(0)
    direct = nn.Conv2d(16, 24, 3, padding=padding, dilation=dilation)
    assert DilatedWinograd.suits(direct, 16)
    for size in ((31, 31), (17, 22)):
        inputs = torch.randn(2, 16, *size)
        found = DilatedWinograd(direct, "relu")(inputs)
        torch.testing.assert_close(found, direct(inputs).relu(), atol=5e-5, rtol=0)


def test_parts_that_do_not_go_together_are_one_sentence():
    with pytest.raises(ConfigError, match="flavour' must be 'pysot' or 'mmtracking', got 'pysto'"):
        small("pysto")
    with pytest.raises(ConfigError, match=r"model.head.in_channels is \(32,\), but SiameseAlexNet gives \(16,\)"):
        small(in_channels=[32])
    with pytest.raises(ConfigError, match="ratios and scales make 5 anchors per cell"):
        small(anchors=3)
    with pytest.raises(ConfigError, match="weighted=True needs several levels"):
        small(weighted=True)
    with pytest.raises(ConfigError, match="ascending numbers from 1 to 4"):
        small(backbone={"type": "SiameseResNet50", "out_stages": [4, 3]})


def test_weights_of_other_conventions_are_refused():
    model = small("mmtracking")
    model.check_metadata({"normalisation": json.loads(json.dumps(vars(model.preprocessing)))}, "mine.safetensors")
    model.check_metadata({}, "unknown.safetensors")
    with pytest.raises(WeightsError, match=r"pysot.safetensors was made for flavour='pysot', but the config has"):
        model.check_metadata({"normalisation": vars(small("pysot").preprocessing)}, "pysot.safetensors")


def test_anchors_of_the_flavours_differ_in_the_tall_ones():
    from dmtrack.models.siamrpn.decoding import anchor_sizes_wh

    pysot, mmtracking = (anchor_sizes_wh(SiamesePreprocessing(name)) for name in ("pysot", "mmtracking"))
    np.testing.assert_array_equal(pysot[:3], mmtracking[:3])
    np.testing.assert_array_equal(pysot[3:], [[40, 80], [32, 96]])
    np.testing.assert_array_equal(mmtracking[3:], [[40, 88], [32, 104]])
