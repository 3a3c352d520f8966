"""The config section `data`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dmtrack.config.value_checks import ConfigValueError, check_whole


@dataclass(frozen=True)
class Stage:
    """`data.stages[i]`: a part of the run with its own batch and image size.

    Attributes:
        until: share of the run, in (0, 1], at which the stage ends; the last stage ends at 1.
        samples_per_gpu: pairs per process and iteration, at least 1.
        image_size_wh: (width, height) that samplers which render their images are asked for; None leaves it to them.
    """

    until: float = 1.0
    samples_per_gpu: int = 1
    image_size_wh: tuple[int, int] | None = None


@dataclass(frozen=True)
class Recipe:
    """`data.recipe` with settings of its own; `dmtrack/data/recipes.py` says what they do.

    Attributes:
        type: which recipe.
        scale: (long side, short side) that images must fit in.
        short_side_range: the short side is drawn from this range for every image.
        gray: share of pairs in shades of gray.
        blur: share of search images that are blurred.
        max_instances: per pair.
    """

    type: Literal["fixed", "reference"]
    scale: tuple[int, int] = (900, 608)
    short_side_range: tuple[int, int] | None = (256, 608)
    gray: float = 0.0
    blur: float = 0.0
    max_instances: int = 8


@dataclass(frozen=True)
class Data:
    """`data`: what to train and validate on.

    Attributes:
        train: the sampler of training pairs.
        val: one dataset of sequences to track in validation, or several.
        recipe: the augmentation: a name, a `Recipe`, a list of transforms, or None where the sampler renders final
            images.
        stages: the parts of the run; None is one stage of one pair per process.
        workers_per_gpu: processes that prepare batches; 0 prepares them in the training process.
    """

    train: dict[str, Any] | None = None
    val: dict[str, Any] | list[dict[str, Any]] | None = None
    recipe: Literal["fixed", "reference"] | Recipe | list[Any] | None = None
    stages: tuple[Stage, ...] | None = None
    workers_per_gpu: int = 0

    def __post_init__(self) -> None:
        check_whole("data.workers_per_gpu", self.workers_per_gpu, least=0)
        if self.stages is not None:
            _check_stages(self.stages)


def _check_stages(stages: Sequence[Stage]) -> None:
    previous = 0.0
    for number, stage in enumerate(stages):
        where = f"data.stages.{number}"
        if not previous < stage.until <= 1.0:
            raise ConfigValueError(
                f"{where}.until is {stage.until}: expected a share of the run above {previous:g} and at most 1",
                f"{where}.until",
            )
        check_whole(f"{where}.samples_per_gpu", stage.samples_per_gpu)
        if stage.image_size_wh is not None and min(stage.image_size_wh) < 1:
            raise ConfigValueError(
                f"{where}.image_size_wh is {stage.image_size_wh!r}: both sides must be above 0",
                f"{where}.image_size_wh",
            )
        previous = stage.until
    if previous != 1.0:
        raise ConfigValueError(
            f"data.stages: the last stage ends at {previous:g} of the run; set its `until` to 1.0", "data.stages"
        )
