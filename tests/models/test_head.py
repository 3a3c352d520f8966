import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dmtrack.models.global_search.head import (
    KernelController,
    padded_convolution_mean,
)


@settings(max_examples=25)
@given(st.integers(0, 3), st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**16))
def test_closed_form_equals_the_padded_convolution(targets, height, width, seed):
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(targets, 5, height, width, generator=generator)
    weight, bias = torch.randn(7, 5, 1, 1, generator=generator), torch.randn(7, generator=generator)
    expected = padded_convolution_mean(inputs, weight, bias, as_published=True)
    torch.testing.assert_close(padded_convolution_mean(inputs, weight, bias), expected, atol=1e-5, rtol=1e-5)


def test_kernels_of_a_level_depend_on_its_own_template():
    torch.manual_seed(0)
    controller = KernelController(channels=4, mid_channels=2)
    templates = [torch.randn(3, 4, 7, 7) for _ in range(2)]
    levels = controller(templates)
    assert levels[0].cls1.shape == (3, 4, 4)
    assert levels[0].reg2.shape == (3, 2, 2)
    alone = controller([templates[1][2:]])[0]
    torch.testing.assert_close(levels[1].reg1[2:], alone.reg1)
    torch.testing.assert_close(levels[1].cls2[2:], alone.cls2)
