"""Puts weights into a model, all of them or none: a partial load is never silent.

A backbone may begin with the ImageNet file of its authors, from disk; nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dmtrack.config import find_weights
from dmtrack.errors import WeightsError
from dmtrack.models.base import TrainableModel
from dmtrack.weights.reading import WeightsFile, read_weights
from dmtrack.weights.saving import describe

_COUNTER = "num_batches_tracked"
"""Old files lack these counters, and nothing that dmtrack computes depends on them."""


@dataclass(frozen=True)
class KeyReport:
    """How the names and shapes of a file compare with a model's.

    Attributes:
        matched: names with the same shape in both.
        missing: names that only the model has.
        unexpected: names that only the file has.
        mismatched: names with different shapes: (name, shape in the file, shape in the model).
    """

    matched: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]

    @property
    def complete(self) -> bool:
        """Whether the file fills the model exactly (batch counters, which old files lack, aside)."""
        return not (self.needed or self.unexpected or self.mismatched)

    @property
    def needed(self) -> tuple[str, ...]:
        """`missing` without batch counters."""
        return tuple(name for name in self.missing if not name.endswith(_COUNTER))

    def summary(self) -> str:
        """`394 matched, 0 missing, 0 unexpected, 0 of another shape`."""
        return (
            f"{len(self.matched)} matched, {len(self.missing)} missing, {len(self.unexpected)} unexpected, "
            f"{len(self.mismatched)} of another shape"
        )


def compare_keys(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> KeyReport:
    """Compares names and shapes of a model's state dict (`expected`) and a file's (`found`)."""
    shared = [name for name in expected if name in found]
    return KeyReport(
        matched=tuple(name for name in shared if found[name].shape == expected[name].shape),
        missing=tuple(name for name in expected if name not in found),
        unexpected=tuple(name for name in found if name not in expected),
        mismatched=tuple(
            (name, tuple(found[name].shape), tuple(expected[name].shape))
            for name in shared
            if found[name].shape != expected[name].shape
        ),
    )


def expected_parameters(model: nn.Module, found: Collection[str] = ()) -> dict[str, Tensor]:
    """The state dict of a model without what only training needs, unless it is `found` in a file."""
    training_only = model.training_only if isinstance(model, TrainableModel) else ()
    own = model.state_dict()
    return {name: tensor for name, tensor in own.items() if name in found or not name.startswith(training_only)}


def load_into(
    model: nn.Module,
    state_dict: Mapping[str, Tensor],
    source: str | Path,
    strict: bool = True,
    metadata: Mapping[str, Any] | None = None,
) -> KeyReport:
    """Copies weights into a model, cast to its types; the model is untouched if they do not fit.

    Args:
        model: receives the weights.
        state_dict: of `read_weights`.
        source: what errors call it, in general the file.
        strict: whether every name must be in both. Without it the names that both have are loaded, and the caller must
            show the report; shapes must agree all the same.
        metadata: of `read_weights`; tells in errors what the weights were made for.

    Raises:
        WeightsError: the weights are of another architecture, hold NaN, or mean something else to this model.
    """
    expected = expected_parameters(model, state_dict)
    report = compare_keys(expected, state_dict)
    check_report(report, source, type(model).__name__, strict, metadata)
    check_finite({name: state_dict[name] for name in report.matched}, source)
    # Names and shapes can agree where the meaning does not: anchors, crops and normalisation are not in the tensors.
    if isinstance(model, TrainableModel):
        model.check_metadata(metadata or {}, source)
    with torch.no_grad():
        for name in report.matched:
            expected[name].copy_(state_dict[name])
    return report


def check_report(
    report: KeyReport,
    source: str | Path,
    model_name: str,
    strict: bool = True,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """An error unless the file fits the model.

    Raises:
        WeightsError: one sentence with counts, the first names, and what the weights were made for.
    """
    if not report.mismatched and (report.complete or (not strict and report.matched)):
        return
    total = len(report.matched) + len(report.missing) + len(report.mismatched)
    faults = [
        _fault("lacks", report.needed),
        _fault("has unknown", report.unexpected),
        _fault(
            "has another shape for",
            [f"{name} {list(found)} instead of {list(wanted)}" for name, found, wanted in report.mismatched],
        ),
    ]
    made_for = describe(metadata or {})
    raise WeightsError(
        f"{source} does not fit {model_name}: {len(report.matched)} of {total} parameters match, it "
        f"{'; it '.join(fault for fault in faults if fault)}"
        + (f"; it was made for {made_for}" if made_for else "")
        + "; give the config that belongs to these weights"
    )


def check_finite(state_dict: Mapping[str, Tensor], source: str | Path) -> None:
    """An error if any parameter is NaN or infinite.

    Raises:
        WeightsError: names the first one.
    """
    for name, tensor in state_dict.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise WeightsError(f"{source}: parameter {name!r} holds NaN or infinite values; use another weights file")


def load_weights(model: nn.Module, name_or_path: str | Path, strict: bool = True) -> WeightsFile:
    """Finds, reads and loads weights into a model, see `find_weights` and `load_into`.

    Raises:
        WeightsError: there is no such file, it cannot be used, or it does not fit.
    """
    weights = read_weights(find_weights(name_or_path))
    load_into(model, weights.state_dict, weights.path, strict, weights.metadata)
    return weights


def _fault(verb: str, names: Iterable[str]) -> str:
    names = list(names)
    shown = ", ".join(names[:2]) + (", ..." if len(names) > 2 else "")
    return f"{verb} {len(names)} ({shown})" if names else ""


DLA34_FILE = "dla34-ba72cf86.pth"
HEADS = (
    *("fc.", "classifier.", "head.", "mask_token", "incre_modules.", "downsamp_modules.", "final_layer."),
    *("hm.", "wh.", "reg."),
)
"""What files of ImageNet, DINOv2 and CenterNet hold beyond a backbone, under the names of most of them."""
DLA34_URL = f"http://dl.yf.io/dla/models/imagenet/{DLA34_FILE}"


def load_backbone(module: nn.Module, file: str | Path = DLA34_FILE) -> KeyReport:
    """Fills the trunk of a backbone (its `base`, or the module itself where it has none) from an ImageNet file.

    A file of CenterNet (`ctdet_coco_dla_2x.pth`), from which FairMOT starts, fills all of the backbone.

    Args:
        module: the backbone.
        file: a path, or a bare file name that is looked up in the current folder and in torch's cache.

    Raises:
        WeightsError: the file is not there (the message says where to get it and where to put it), damaged, or of
            another architecture.
    """
    weights = read_weights(find_imagenet_file(file))
    whole = any(name.startswith("base.") for name in weights.state_dict)
    return fill_trunk(module if whole else getattr(module, "base", module), weights)


def fill_trunk(trunk: nn.Module, weights: WeightsFile) -> KeyReport:
    """Fills a network without heads from a file that may have some.

    Raises:
        WeightsError: the file is of another architecture.
    """
    rename = getattr(trunk, "name_of_pretrained", str)
    own = trunk.state_dict()
    state_dict = {
        rename(name).replace(".conv_offset_mask.", ".conv_offset."): value
        for name, value in weights.state_dict.items()
        if name in own or not name.startswith(HEADS)
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
