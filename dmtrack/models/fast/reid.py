"""DMTrack-ReID for inference: the detector's inference copy, and an embedding that computes at candidates alone."""

from __future__ import annotations

from collections import abc

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dmtrack.models.fast.dmtrack_gs import FastDMTrackGS, InferenceOnly
from dmtrack.models.fast.rewriting import Rewriting, fast_layer, prepare_layers
from dmtrack.models.global_search.base import GlobalSearchModel
from dmtrack.models.reid.dmtrack_reid import DMTrackReID
from dmtrack.models.reid.embedding_head import LocationBody, neighbours

FULL_PRECISION = ("body.reduce",)
"""The last layer of an embedding head."""


class FastDMTrackReID(InferenceOnly, DMTrackReID):
    """A copy of a `DMTrackReID` that only tracks.

    Args:
        model: stays as it is; later changes of its weights do not reach the copy.
        detector: inference copy of its detector.
        precision: number format of the convolutions, 'fp32', 'bf16' or 'fp16'.
    """

    def __init__(self, model: DMTrackReID, detector: GlobalSearchModel, precision: str = "fp32") -> None:
        GlobalSearchModel.__init__(self)
        self.preprocessing, self.maps, self.train_mode = model.preprocessing, model.maps, model.train_mode
        self.detector = detector
        self.embedding = prepare_layers(model.embedding, precision, FULL_PRECISION)
        if isinstance(detector, FastDMTrackGS):
            # Its shortcut for templates leaves out most of the maps that embeddings are taken from.
            detector.trunk_first = False
        self.requires_grad_(False)
        self.eval()


@fast_layer(LocationBody)
class FastLocationBody(LocationBody):
    """A `LocationBody` that computes the few cells of its dense map that are read: four for every box.

    Always in fp32, because there is so little of it.
    """

    def __init__(self, body: LocationBody, rewriting: Rewriting, path: str) -> None:
        nn.Module.__init__(self)
        self.strides, self.stride = body.strides, body.stride
        # (hidden, 3, 3, in) as one matrix, for neighbourhoods that are read with channels innermost.
        weight = body.around.weight.detach().permute(0, 2, 3, 1).flatten(1).clone()
        self.around_weight = nn.Parameter(weight, requires_grad=False)
        assert body.around.bias is not None and body.reduce.bias is not None
        self.around_bias = nn.Parameter(body.around.bias.detach().clone(), requires_grad=False)
        self.reduce_weight = nn.Parameter(body.reduce.weight.detach().flatten(1).clone(), requires_grad=False)
        self.reduce_bias = nn.Parameter(body.reduce.bias.detach().clone(), requires_grad=False)

    def forward(self, maps: abc.Sequence[Tensor], boxes_xyxy: Tensor, image_index: Tensor) -> Tensor:
        """As `LocationBody.forward`."""
        joined = self.joined(maps)
        columns, rows, weights = neighbours(self.centres(boxes_xyxy), joined.shape[2:])
        height, width = joined.shape[2:]
        step = torch.arange(-1, 2, device=rows.device)
        # (n, 4 corners, 3 rows, 3 columns)
        near_rows = rows[:, :, None, None] + step[:, None]
        near_columns = columns[:, :, None, None] + step
        inside = (near_rows >= 0) & (near_rows < height) & (near_columns >= 0) & (near_columns < width)
        cells = joined.permute(0, 2, 3, 1)[
            image_index[:, None, None, None], near_rows.clamp(0, height - 1), near_columns.clamp(0, width - 1)
        ]
        around = (cells.float() * inside[..., None]).flatten(0, 1).flatten(1)
        hidden = F.relu(F.linear(around, self.around_weight, self.around_bias))
        corners = F.linear(hidden, self.reduce_weight, self.reduce_bias).unflatten(0, (-1, 4))
        return (corners * weights[..., None]).sum(1)
