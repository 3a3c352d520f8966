import torch

from dmtrack.models.backbones.deformable import ModulatedDeformableConv
from dmtrack.models.backbones.dla34 import DLA34, bilinear_upsampling
from dmtrack.models.necks import FPN


def test_strides_and_channels():
    backbone = DLA34().eval()
    with torch.no_grad():
        maps = backbone(torch.randn(2, 3, 64, 96))
    assert [tuple(level.shape) for level in maps] == [(2, 128, 8, 12), (2, 256, 4, 6), (2, 512, 2, 3)]
    assert all(torch.isfinite(level).all() for level in maps)


def test_zero_offsets_are_an_ordinary_convolution_with_half_the_mask():
    torch.manual_seed(0)
    layer = ModulatedDeformableConv(3, 5)
    inputs = torch.randn(1, 3, 6, 7)
    expected = torch.nn.functional.conv2d(inputs, layer.weight / 2, layer.bias, padding=1)
    torch.testing.assert_close(layer(inputs), expected, atol=1e-5, rtol=1e-5)


def test_an_offset_of_one_cell_reads_the_neighbour():
    layer = ModulatedDeformableConv(2, 2)
    torch.nn.init.zeros_(layer.weight)
    with torch.no_grad():
        layer.weight[:, :, 1, 1] = torch.eye(2)
        # Tap 4 is the centre: channel 8 is its dy, 9 its dx.
        layer.conv_offset.bias[9] = 1.0
        layer.conv_offset.bias[18:] = 50.0
    inputs = torch.randn(1, 2, 4, 5)
    outputs = layer(inputs)
    torch.testing.assert_close(outputs[..., :-1], inputs[..., 1:], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(outputs[..., -1], torch.zeros(1, 2, 4), atol=1e-5, rtol=0)


def test_upsampling_starts_as_interpolation():
    layer = bilinear_upsampling(1, 2)
    enlarged = layer(torch.ones(1, 1, 5, 5))
    torch.testing.assert_close(enlarged[..., 2:-2, 2:-2], torch.ones(1, 1, 6, 6))


def test_fpn_adds_coarse_levels_to_fine_ones():
    torch.manual_seed(0)
    neck = FPN(in_channels=(4, 6), out_channels=3)
    fine, coarse = torch.randn(1, 4, 5, 7), torch.randn(1, 6, 3, 4)
    outputs = neck((fine, coarse))
    assert [tuple(level.shape) for level in outputs] == [(1, 3, 5, 7), (1, 3, 3, 4)]
    changed = neck((fine, coarse + 1))
    assert not torch.allclose(outputs[0], changed[0])
    torch.testing.assert_close(neck((fine + 1, coarse))[1], outputs[1])
