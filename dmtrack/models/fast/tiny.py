"""The small model's head for inference."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dmtrack.models.fast.candidates import FastCandidateHead
from dmtrack.models.fast.convolution import PreparedConv, conv1x1, dynamic_conv
from dmtrack.models.fast.preparing import prepare_layers
from dmtrack.models.global_search.candidate_head import CandidateHead
from dmtrack.models.global_search.tiny import DMTrackGSTiny
from dmtrack.models.global_search.tiny_head import TinyHead, TinyOutputs, TinyTemplates

FULL_PRECISION = ("bbox_head.class_output", "bbox_head.box_output", "bbox_head.generator")
"""The last layers, whose outputs are pixels, and what generates kernels from the template."""

WINOGRAD_CHANNELS = 64
"""Maps are so small that even few channels pay."""


class FastTinyHead(nn.Module):
    """A prepared `TinyHead` that applies gate, generated kernels and their fusion as one 1x1 convolution.

    All three are linear and nothing stands between them, so their product is one matrix per target.

    Args:
        head: prepared, with a folded batch norm.
        fuse: its fusion, ReLU included.
    """

    def __init__(self, head: TinyHead, fuse: PreparedConv) -> None:
        super().__init__()
        self.head, self.fuse = head, fuse
        self.roi_size, self.stride = head.roi_size, head.stride

    def encode(self, roi_features: Tensor, sizes_wh: Tensor) -> TinyTemplates:
        """As `TinyHead.encode`."""
        return self.head.encode(roi_features, sizes_wh)

    def forward(self, features: Tensor, templates: TinyTemplates, image_index: Tensor) -> TinyOutputs:
        """As `TinyHead.forward`."""
        channels, kernels = self.head.channels, self.head.kernel_count
        weight = self.fuse.weight.flatten(1)
        gated, generated, compared = weight.float().split([channels, kernels, weight.shape[1] - channels - kernels], 1)
        own = gated * templates.gate.float()[:, None] + generated @ templates.kernels.float()
        fused = dynamic_conv(features, own.to(features.dtype), image_index)
        if self.head.parts is None or templates.parts is None:
            assert self.fuse.bias is not None
            return self.head.predict(F.relu_(fused + self.fuse.bias[:, None, None]))
        correlations = self.head.parts(features, templates.parts, image_index).to(features.dtype)
        correlations = correlations.clone(memory_format=torch.channels_last)
        compared = compared.to(features.dtype)[..., None, None]
        return self.head.predict(F.relu_(conv1x1(correlations, compared, self.fuse.bias).add_(fused)))


def prepare_tiny(model: DMTrackGSTiny, precision: str = "fp32") -> DMTrackGSTiny:
    """An inference copy of the small model."""
    prepared = prepare_layers(model, precision, FULL_PRECISION, winograd_channels=WINOGRAD_CHANNELS)
    head = prepared.bbox_head
    fuse = head.fuse[0]
    if type(head) is TinyHead and isinstance(fuse, PreparedConv) and fuse.relu and fuse.bias is not None:
        prepared.bbox_head = FastTinyHead(head, fuse)  # type: ignore[assignment]
    if type(prepared.candidate_head) is CandidateHead:
        prepared.candidate_head = FastCandidateHead(prepared.candidate_head)
    return prepared
