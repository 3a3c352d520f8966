import pytest
import torch
from torchvision.ops import deform_conv2d

from dmtrack.models.backbones.deformable import ModulatedDeformableConv, modulated_deform_conv
from dmtrack.models.backbones.dla34 import DeformableBlock
from dmtrack.models.fast.dla import PreparedDeformableConv
from dmtrack.models.fast.rewriting import Rewriting, prepare_layers


def arguments(images=2, channels=16, outputs=12, height=9, width=13, reach=4.0):
    torch.manual_seed(0)
    return (
        torch.randn(images, channels, height, width),
        torch.randn(images, 18, height, width) * reach,
        torch.rand(images, 9, height, width),
        torch.randn(outputs, channels, 3, 3) / 12,
        torch.randn(outputs),
    )


@pytest.mark.parametrize("reach", [0.0, 1.0, 8.0, 100.0])
def test_sampling_equals_the_operator_inside_on_and_far_outside_the_map(reach):
    inputs, offset, mask, weight, bias = arguments(reach=reach)
    offset[:, :, 0] = offset[:, :, 0].round()  # points exactly on cells and on the border
    expected = deform_conv2d(inputs, offset, weight, bias, padding=1, mask=mask)
    torch.testing.assert_close(modulated_deform_conv(inputs, offset, mask, weight, bias), expected, atol=1e-5, rtol=0)


def test_offsets_that_are_no_numbers_sample_nothing():
    inputs, offset, mask, weight, bias = arguments()
    offset[0, :, 2, 3] = torch.nan
    offset[0, :, 4, 4] = torch.inf
    outputs = modulated_deform_conv(inputs, offset, mask, weight, bias)
    torch.testing.assert_close(outputs[0, :, 2, 3], bias)
    torch.testing.assert_close(outputs[0, :, 4, 4], bias)


def test_training_keeps_the_gradients_of_the_operator():
    tensors = [tensor.requires_grad_() for tensor in arguments()]
    modulated_deform_conv(*tensors).square().sum().backward()
    gradients = [tensor.grad.clone() for tensor in tensors]
    for tensor in tensors:
        tensor.grad = None
    inputs, offset, mask, weight, bias = tensors
    deform_conv2d(inputs, offset, weight, bias, padding=1, mask=mask).square().sum().backward()
    for tensor, gradient in zip(tensors, gradients, strict=True):
        torch.testing.assert_close(gradient, tensor.grad)


@torch.no_grad()
def test_double_precision_stays_double():
    tensors = [tensor.double() for tensor in arguments()]
    assert modulated_deform_conv(*tensors).dtype == torch.float64


def layer(channels=16, outputs=12):
    torch.manual_seed(1)
    made = ModulatedDeformableConv(channels, outputs).eval()
    torch.nn.init.normal_(made.conv_offset.weight, std=0.1)
    return made


@torch.no_grad()
def test_a_region_equals_the_cut_of_the_whole():
    made, inputs = layer(), torch.randn(2, 16, 11, 14)
    prepared = PreparedDeformableConv(made, Rewriting(torch.float32), "")
    whole = made(inputs)
    torch.testing.assert_close(prepared(inputs), whole, atol=1e-5, rtol=0)
    for rows, columns in ((range(0, 5), range(9, 14)), (range(4, 8), range(2, 3)), (range(11), range(14))):
        part = prepared.region(inputs, rows, columns)
        torch.testing.assert_close(
            part, whole[:, :, rows.start : rows.stop, columns.start : columns.stop], atol=1e-5, rtol=0
        )


@torch.no_grad()
def test_bf16_keeps_the_sampling_points():
    made, inputs = layer(), torch.randn(1, 16, 40, 60)
    found = PreparedDeformableConv(made, Rewriting(torch.bfloat16), "")(inputs)
    assert found.dtype == torch.bfloat16
    assert (found.float() - made(inputs)).abs().mean() < 0.01 * made(inputs).abs().mean() + 0.005


@torch.no_grad()
def test_the_batch_norm_of_a_deformable_block_is_folded():
    torch.manual_seed(0)
    block = DeformableBlock(8, 6)
    norm = block.actf[0]
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 2)
    norm.weight.normal_()
    norm.bias.normal_()
    inputs = torch.randn(1, 8, 7, 9)
    folded = prepare_layers(block)
    assert isinstance(folded.actf[0], torch.nn.Identity)
    torch.testing.assert_close(folded(inputs), block.eval()(inputs), atol=1e-5, rtol=0)
