"""The small model's head for inference."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dmtrack.models.fast.convolution import PreparedConv, conv1x1, dynamic_conv
from dmtrack.models.fast.rewriting import Rewriting, fast_layer, prepare_layers
from dmtrack.models.global_search.tiny_head import TinyHead, TinyOutputs, TinyTemplates

FULL_PRECISION = ("bbox_head.class_output", "bbox_head.box_output", "bbox_head.generator")
"""The last layers, whose outputs are pixels, and what generates kernels from the template."""

WINOGRAD_CHANNELS = 64
"""Maps are so small that even few channels pay."""


@dataclass
class FastTinyTemplates(TinyTemplates):
    """With the one matrix per target that gate, generated kernels and their fusion amount to.

    Attributes:
        fused: (targets, channels, channels).
    """

    fused: Tensor


class FastTinyHead(nn.Module):
    """A prepared `TinyHead` that applies gate, generated kernels and their fusion as one 1x1 convolution.

    All three are linear and nothing stands between them, so their product is one matrix per target.

    Args:
        head: prepared, with a folded batch norm.
        fuse: its fusion, ReLU included.
    """

    def __init__(self, head: TinyHead, fuse: PreparedConv) -> None:
        super().__init__()
        self.head, self.bias = head, fuse.bias
        self.roi_size, self.stride = head.roi_size, head.stride
        weight = fuse.weight.detach().flatten(1)
        channels, kernels = head.channels, head.kernel_count
        gated, generated, compared = weight.split([channels, kernels, weight.shape[1] - channels - kernels], 1)
        self.gated, self.generated = nn.Buffer(gated.float()), nn.Buffer(generated.float())
        self.compared = nn.Buffer(compared[..., None, None].contiguous())

    def encode(self, roi_features: Tensor, sizes_wh: Tensor) -> FastTinyTemplates:
        """As `TinyHead.encode`."""
        templates = self.head.encode(roi_features, sizes_wh)
        fused = self.gated * templates.gate.float()[:, None] + self.generated @ templates.kernels.float()
        return FastTinyTemplates(**vars(templates), fused=fused.to(self.compared.dtype))

    def forward(self, features: Tensor, templates: FastTinyTemplates, image_index: Tensor) -> TinyOutputs:
        """As `TinyHead.forward`."""
        assert self.bias is not None
        fused = dynamic_conv(features, templates.fused.to(features.dtype), image_index)
        if self.head.parts is None or templates.parts is None:
            return self.head.predict(F.relu_(fused + self.bias[:, None, None]))
        correlations = self.head.parts(features, templates.parts, image_index).to(features.dtype)
        correlations = correlations.clone(memory_format=torch.channels_last)
        compared = self.compared.to(features.dtype)
        return self.head.predict(F.relu_(conv1x1(correlations, compared, self.bias).add_(fused)))


@fast_layer(TinyHead)
def _tiny_head(layer: TinyHead, rewriting: Rewriting, path: str) -> nn.Module:
    head = rewriting.inside(layer, path)
    fuse = head.fuse[0]
    if isinstance(fuse, PreparedConv) and fuse.activation == "relu" and fuse.bias is not None:
        return FastTinyHead(head, fuse)
    return head


fast_tiny = partial(prepare_layers, full_precision=FULL_PRECISION, winograd_channels=WINOGRAD_CHANNELS)
"""(a `DMTrackGSTiny`, precision) -> its inference copy."""
