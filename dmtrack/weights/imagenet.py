"""First weights of a backbone: the ImageNet file of its authors, from disk; nothing is downloaded."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from dmtrack.errors import WeightsError
from dmtrack.weights.loading import KeyReport, load_into
from dmtrack.weights.reading import read_weights

DLA34_FILE = "dla34-ba72cf86.pth"
CLASSIFIERS = ("fc.", "classifier.", "head.", "mask_token", "incre_modules.", "downsamp_modules.", "final_layer.")
"""What ImageNet files hold beyond a backbone, under the names of most of them."""
DLA34_URL = f"http://dl.yf.io/dla/models/imagenet/{DLA34_FILE}"


def load_backbone(module: nn.Module, file: str | Path = DLA34_FILE) -> KeyReport:
    """Fills the trunk of a backbone (its `base`, or the module itself where it has none) from an ImageNet file.

    Args:
        module: the backbone.
        file: a path, or a bare file name that is looked up in the current folder and in torch's cache.

    Raises:
        WeightsError: the file is not there (the message says where to get it and where to put it), damaged, or of
            another architecture.
    """
    weights = read_weights(find_imagenet_file(file))
    trunk = getattr(module, "base", module)
    rename = getattr(trunk, "name_of_pretrained", str)
    own = trunk.state_dict()
    state_dict = {
        rename(name): value
        for name, value in weights.state_dict.items()
        if name in own or not name.startswith(CLASSIFIERS)
    }
    return load_into(trunk, state_dict, weights.path)


def find_imagenet_file(file: str | Path) -> Path:
    """The file itself, or that of the same name in torch's cache.

    Raises:
        WeightsError: it is in neither place.
    """
    path = Path(file)
    if path.is_file():
        return path
    cached = Path(torch.hub.get_dir()) / "checkpoints" / path.name
    if cached.is_file():
        return cached
    known = path.name == DLA34_FILE
    raise WeightsError(
        f"ImageNet weights {path} are not there: "
        + (f"download {DLA34_URL} and put it at {cached}" if known else f"put the file there or at {cached}")
        + ", set model.backbone.pretrained to its path, or start from scratch with --set model.backbone.pretrained=None"
    )
