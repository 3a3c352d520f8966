import torch

from dmtrack.config import build
from dmtrack.registry import BACKBONES


def test_it_gives_one_map_at_stride_4_that_sees_all_levels() -> None:
    torch.manual_seed(0)
    backbone = build({"type": "ResidualPyramid", "widths": (8, 8, 8, 8, 8), "channels": 12}, BACKBONES).eval()
    images = torch.rand(1, 3, 64, 96, requires_grad=True)
    whole = backbone(images)
    assert whole.shape == (1, backbone.out_channels, 64 // backbone.stride, 96 // backbone.stride)
    whole[0, :, 8, 12].sum().backward()
    assert (images.grad.abs().sum(dim=(0, 1)) > 0).float().mean() > 0.9  # the coarsest level looks at nearly all of it
