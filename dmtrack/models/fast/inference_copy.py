"""Which inference copy belongs to which model, and the replay of such a copy as a CUDA graph."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from dmtrack.models.fast.dmtrack_gs import FastDMTrackGS
from dmtrack.models.fast.reid import FastDMTrackReID
from dmtrack.models.fast.rewriting import fold_batch_norms, prepare_layers
from dmtrack.models.fast.siamrpn import FastSiamRPN
from dmtrack.models.fast.tiny import fast_tiny
from dmtrack.models.fast.yolo import fast_yolox
from dmtrack.models.global_search.base import GlobalSearchModel
from dmtrack.models.global_search.dmtrack_gs import DMTrackGS
from dmtrack.models.global_search.tiny import DMTrackGSTiny
from dmtrack.models.reid.dmtrack_reid import DMTrackReID
from dmtrack.models.siamrpn.siamrpn import SiamRPN
from dmtrack.models.yolox.yolox import YOLOX

FAST_MODELS: dict[type[nn.Module], Callable[[Any, str], nn.Module]] = {
    DMTrackGS: FastDMTrackGS,
    DMTrackGSTiny: fast_tiny,
    SiamRPN: FastSiamRPN,
    YOLOX: fast_yolox,
}
"""(model, precision) -> its inference copy, for models whose heads have one of their own."""

WARM_UP_RUNS = 3
"""Before a recording, so that libraries have chosen their algorithms and allocated their workspaces."""


class InferenceCopy(NamedTuple):
    """A model for tracking alone.

    Attributes:
        model: computes what the original does, faster; shares no weights with it.
        needs_autocast: whether it leaves the choice of number formats to `torch.autocast`.
    """

    model: Any
    needs_autocast: bool


def inference_copy(model: nn.Module, precision: str = "fp32", device: torch.device | None = None) -> InferenceCopy:
    """The fastest copy of a model that gives its results.

    Models of this package get weights in the asked number format. Other models keep their code and get the fast layers
    of `rewriting` in fp32; in other formats, folded batch norms alone.

    Args:
        model: stays as it is, where it is, in the mode it is in; later changes of its weights do not reach the copy.
        precision: 'fp32', 'bf16' or 'fp16'.
        device: where the copy computes; by default where the model lies.
    """
    lies_on = next((tensor.device for tensor in model.parameters()), torch.device("cpu"))
    device = lies_on if device is None else device
    if device != lies_on:
        model = copy.deepcopy(model).to(device)
    if type(model) is DMTrackReID:
        detector, needs_autocast = inference_copy(model.detector, precision, device)
        return InferenceCopy(FastDMTrackReID(model, detector, precision), needs_autocast)
    # CPUs compute few operations in fp16; autocast knows which.
    if type(model) in FAST_MODELS and not (precision == "fp16" and device.type == "cpu"):
        return InferenceCopy(FAST_MODELS[type(model)](model, precision), False)
    if precision == "fp32":
        return InferenceCopy(prepare_layers(model), False)
    return InferenceCopy(fold_batch_norms(model).requires_grad_(False), True)


class GraphedSearch:
    """`extract` and `search` of a model for fixed templates and one size of image, on a GPU.

    Args:
        model: in evaluation mode, on a GPU.
        templates: of `encode_templates`.
        image_index: (targets,) int64.
        images: (images, 3, H, W) of the size to record for; the values do not matter.

    Attributes:
        shape: of the images that it was recorded for.
    """

    def __init__(self, model: GlobalSearchModel, templates: Any, image_index: Tensor, images: Tensor) -> None:
        self._images, self.shape = images.clone(memory_format=torch.preserve_format), images.shape
        # Recording wants a stream of its own, and nothing pending on the others.
        stream = torch.cuda.Stream(device=images.device)
        stream.wait_stream(torch.cuda.current_stream(images.device))
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP_RUNS):
                model.search(model.extract(self._images), templates, image_index)
        torch.cuda.current_stream(images.device).wait_stream(stream)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._outputs = model.search(model.extract(self._images), templates, image_index)

    def __call__(self, images: Tensor) -> Any:
        """Outputs of `search`; the next call overwrites them."""
        self._images.copy_(images, non_blocking=True)
        self._graph.replay()
        return self._outputs
