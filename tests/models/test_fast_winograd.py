import pytest
import torch
import torch.nn.functional as functional
from torch import nn

from dmtrack.models.fast import convolution
from dmtrack.models.fast.convolution import PreparedConv, convolve_region, has_frozen_convolutions
from dmtrack.models.fast.winograd import WinogradConv, transforms


@pytest.mark.parametrize("tile", [4, 6])
def test_the_transforms_compute_a_correlation_exactly(tile):
    inputs, kernels, outputs = transforms(tile)
    signal, kernel = torch.randn(tile + 2, dtype=torch.double), torch.randn(3, dtype=torch.double)
    expected = functional.conv1d(signal[None, None], kernel[None, None])[0, 0]
    torch.testing.assert_close(outputs @ ((kernels @ kernel) * (inputs @ signal)), expected)


@pytest.mark.parametrize(("tile", "tolerance"), [(4, 5e-5), (6, 2e-4)])
@pytest.mark.parametrize("bias", [True, False])
@torch.no_grad()
def test_maps_of_all_sizes_in_one_pass(tile, tolerance, bias):
    torch.manual_seed(0)
    direct = nn.Conv2d(64, 96, 3, padding=1, bias=bias)
    winograd = WinogradConv(direct, tile)
    maps = [torch.randn(2, 64, 13, 23), torch.randn(1, 64, 12, 6), torch.randn(3, 64, 1, 5)]
    for found, level in zip(winograd.levels(maps), maps, strict=True):
        torch.testing.assert_close(found, direct(level), atol=tolerance, rtol=0)
        assert found.is_contiguous(memory_format=torch.channels_last)
    clipped = WinogradConv(direct, tile, activation="relu")(maps[0])
    torch.testing.assert_close(clipped, direct(maps[0]).relu(), atol=tolerance, rtol=0)


def test_only_plain_3x3_convolutions_of_enough_channels_are_taken():
    assert WinogradConv.suits(nn.Conv2d(128, 256, 3, padding=1), 128)
    for other in (
        nn.Conv2d(128, 256, 3, padding=1, stride=2),
        nn.Conv2d(128, 256, 3, padding=2, dilation=2),
        nn.Conv2d(128, 256, 3),
        nn.Conv2d(128, 256, 3, padding=1, groups=2),
        nn.Conv2d(128, 256, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(128, 256, 1),
        nn.Conv2d(64, 256, 3, padding=1),
        nn.Conv2d(128, 1024, 3, padding=1),
        nn.Conv2d(128, 256, 3, padding=1).bfloat16(),
        nn.ConvTranspose2d(128, 256, 3, padding=1),
    ):
        assert not WinogradConv.suits(other, 128)


@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@torch.no_grad()
def test_prepared_convolutions_with_and_without_onednn(monkeypatch, frozen, dtype):
    if frozen and not has_frozen_convolutions(dtype):
        pytest.skip("this PyTorch or machine has no frozen convolutions")
    if not frozen:
        monkeypatch.setattr(convolution, "has_frozen_convolutions", lambda _: False)
    torch.manual_seed(0)
    for direct in (
        nn.Conv2d(8, 24, 3, 2, 1),
        nn.Conv2d(8, 6, 1, bias=False),
        nn.Conv2d(8, 16, 3, padding=2, dilation=2, groups=4),
        nn.Conv2d(8, 8, 3, padding="same"),
        nn.Conv2d(8, 8, 3, padding=1, padding_mode="replicate"),
    ):
        for activation, plain in (("relu", functional.relu), ("swish", functional.silu)):
            prepared = PreparedConv(direct, dtype, activation)
            for size in ((9, 14), (20, 7), (9, 14)):  # frames may change their size
                inputs = torch.randn(2, 8, *size)
                found = prepared(inputs)
                assert found.dtype == dtype
                tolerance = 1e-5 if dtype == torch.float32 else 0.03
                torch.testing.assert_close(found.float(), plain(direct(inputs)), atol=tolerance, rtol=tolerance)


@torch.no_grad()
def test_a_region_is_cut_out_of_the_whole_result():
    torch.manual_seed(0)
    layer, inputs = nn.Conv2d(4, 3, 3, padding=1), torch.randn(1, 4, 12, 15)
    whole = layer(inputs)
    for rows, columns in ((range(12), range(15)), (range(0, 4), range(10, 15)), (range(5, 7), range(3, 9))):
        part = convolve_region(layer, inputs, rows, columns)
        torch.testing.assert_close(part, whole[:, :, rows.start : rows.stop, columns.start : columns.stop])
