"""What `train_cfg` and `test_cfg` of a DMTrack-GS config may hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from dmtrack.errors import ConfigError
from dmtrack.registry import did_you_mean

NORM_MODES = ("live", "frozen", "synchronised")


@dataclass(frozen=True)
class TrainSettings:
    """`train_cfg`.

    Attributes:
        norm: what batch norm does in training: `live` statistics of the batch at hand (as published, with one pair per
            GPU), `frozen` running statistics, or statistics `synchronised` over all GPUs.
        regress_ranges: per level the (lowest, highest) largest distance to a box side that it is responsible for.
        center_sampling_radius: positives lie within this many strides of the box centre.
        focal_alpha: weight of positives in the class loss.
        focal_gamma: exponent that lowers the weight of easy locations.
    """

    norm: str = "live"
    regress_ranges: tuple[tuple[float, float], ...] = ((-1, 64), (64, 128), (128, 1e8))
    center_sampling_radius: float = 1.5
    focal_alpha: float = 0.25
    focal_gamma: float = 2.0

    def __post_init__(self) -> None:
        if self.norm not in NORM_MODES:
            raise ConfigError(f"train_cfg.norm={self.norm!r}: expected one of {', '.join(NORM_MODES)}")


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


Settings = TypeVar("Settings", TrainSettings, TestSettings)


def read_settings(kind: type[Settings], values: Mapping[str, Any] | Settings | None, key: str) -> Settings:
    """Settings from the mapping that a config holds under `key`.

    Raises:
        ConfigError: an unknown entry; names the nearest one.
    """
    if isinstance(values, kind):
        return values
    known = {field.name for field in dataclasses.fields(kind)}
    for name in values or {}:
        if name not in known:
            raise ConfigError(f"model.{key}.{name} is not known{did_you_mean(name, known)}")
    return kind(**(values or {}))
