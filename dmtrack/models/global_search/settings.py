"""What the plain dicts in a DMTrack-GS config may hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from dmtrack.errors import ConfigError
from dmtrack.registry import did_you_mean

BATCH_NORM_MODES = ("live", "frozen", "sync")


@dataclass(frozen=True)
class TrainSettings:
    """`train_cfg`.

    Attributes:
        batch_norm: `live` statistics of the images at hand (as published, with one pair per GPU), `frozen` running
            statistics, or `sync`: live statistics over the images of all GPUs.
        regress_ranges: per level the (lowest, highest) largest distance to a box side that it is responsible for.
        center_sampling_radius: positives lie within this many strides of the box centre.
        focal_alpha: weight of positives in the class loss.
        focal_gamma: exponent that lowers the weight of easy locations.
    """

    batch_norm: str = "live"
    regress_ranges: tuple[tuple[float, float], ...] = ((-1, 64), (64, 128), (128, 1e8))
    center_sampling_radius: float = 1.5
    focal_alpha: float = 0.25
    focal_gamma: float = 2.0

    def __post_init__(self) -> None:
        if self.batch_norm not in BATCH_NORM_MODES:
            expected = ", ".join(map(repr, BATCH_NORM_MODES))
            raise ConfigError(f"model.train_cfg.batch_norm is {self.batch_norm!r}: expected one of {expected}")


@dataclass(frozen=True)
class TestSettings:
    """`test_cfg`.

    Attributes:
        nms_pre: locations kept per level before suppression.
        score_thr: class probabilities up to this are dropped, before centerness enters the score.
        nms_iou: of two boxes of a class that overlap more than this the weaker is dropped.
        max_per_img: boxes kept over both classes together.
    """

    nms_pre: int = 1000
    score_thr: float = 0.0
    nms_iou: float = 0.5
    max_per_img: int = 100


@dataclass(frozen=True)
class TemplateParts:
    """`template_parts`.

    Attributes:
        grid: the template is cut into grid x grid cells.
        channels: size of the vectors that are compared.
    """

    grid: int = 3
    channels: int = 64


Settings = TypeVar("Settings")


def read_settings(kind: type[Settings], values: Mapping[str, Any] | Settings | None, key: str) -> Settings:
    """The settings that a config holds under `key` of its model.

    Args:
        kind: a dataclass.
        values: its fields, an instance, or None for the defaults.
        key: the name in the config, for errors.

    Raises:
        ConfigError: an unknown entry; names the nearest one.
    """
    if isinstance(values, kind):
        return values
    entries: dict[str, Any] = dict(values or {})  # type: ignore[arg-type]
    known = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for name in entries:
        if name not in known:
            raise ConfigError(f"model.{key}.{name} is not known{did_you_mean(name, known)}")
    return kind(**entries)
