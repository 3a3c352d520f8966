"""Extraction and search recorded once as a CUDA graph and replayed for every frame: no launch costs per layer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from dmtrack.models.global_search.base import GlobalSearchModel

WARM_UP_RUNS = 3
"""Before the recording, so that libraries have chosen their algorithms and allocated their workspaces."""


class GraphedSearch:
    """`extract` and `search` of a model for fixed templates and one size of image, on a GPU.

    Args:
        model: in evaluation mode, on a GPU.
        templates: of `encode_templates`.
        image_index: (targets,) int64.
        images: (images, 3, H, W) of the size to record for; the values do not matter.
    """

    def __init__(self, model: GlobalSearchModel, templates: Any, image_index: Tensor, images: Tensor) -> None:
        self._images = images.clone(memory_format=torch.preserve_format)

        def run() -> Any:
            return model.search(model.extract(self._images), templates, image_index)

        # Recording wants a stream of its own, and nothing pending on the others.
        stream = torch.cuda.Stream(device=images.device)
        stream.wait_stream(torch.cuda.current_stream(images.device))
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP_RUNS):
                run()
        torch.cuda.current_stream(images.device).wait_stream(stream)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._outputs = run()

    @property
    def shape(self) -> torch.Size:
        """Of the images that it was recorded for."""
        return self._images.shape

    def __call__(self, images: Tensor) -> Any:
        """Outputs of `search`; the next call overwrites them."""
        self._images.copy_(images, non_blocking=True)
        self._graph.replay()
        return self._outputs
