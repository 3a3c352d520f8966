"""Which augmentation steps a run applies: what the published code did, or what its config meant."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dmtrack.config.top_level import Recipe
from dmtrack.data.preprocessing import Preprocessing
from dmtrack.data.samples import Clip
from dmtrack.data.transforms import (
    BoundBoxes,
    InclusiveBoxes,
    LimitInstances,
    PhotometricDistort,
    RandomBlur,
    RandomCrop,
    RandomExpand,
    RandomFlip,
    RandomGray,
    Rescale,
    ShrinkToFit,
)
from dmtrack.errors import ConfigError
from dmtrack.registry import TRANSFORMS, did_you_mean

Transform = Callable[[Clip, np.random.Generator], Clip]


DEFAULTS = Recipe(type="fixed")


def fixed(
    preprocessing: Preprocessing,
    scale: tuple[int, int] = DEFAULTS.scale,
    short_side_range: tuple[int, int] | None = DEFAULTS.short_side_range,
    gray: float = DEFAULTS.gray,
    blur: float = DEFAULTS.blur,
    max_instances: int = DEFAULTS.max_instances,
) -> list[Transform]:
    """What the published config meant: its scale and jitter, drawn for every image; pixel values stay in 0..255.

    Args:
        preprocessing: of the model; says which box convention it is trained with, and its mean colour.
        scale: (long side, short side) that images must fit in.
        short_side_range: the short side is drawn from this range for every image.
        gray: share of pairs in shades of gray.
        blur: share of search images that are blurred.
        max_instances: per pair.
    """
    # Flipping continuous boxes is exact, so it comes before the change to inclusive ones.
    steps: list[Transform] = [RandomFlip()]
    if preprocessing.inclusive_boxes:
        steps.append(InclusiveBoxes())
    steps += [ShrinkToFit(scale), PhotometricDistort(clip=True)]
    if gray > 0:
        steps.append(RandomGray(gray))
    steps += [RandomExpand(fill_rgb=preprocessing.mean_rgb), RandomCrop(), Rescale(scale, short_side_range)]
    if blur > 0:
        steps.append(RandomBlur(blur))
    return [*steps, BoundBoxes(min_size=4.0), LimitInstances(max_instances)]


def reference(preprocessing: Preprocessing, max_instances: int = DEFAULTS.max_instances) -> list[Transform]:
    """What the published code did: 1333x800 without jitter, inclusive boxes, unclipped values."""
    return [
        InclusiveBoxes(),
        PhotometricDistort(clip=False),
        RandomExpand(fill_rgb=preprocessing.mean_rgb),
        RandomCrop(),
        Rescale((1333, 800), short_side_range=None, exact_ratio=False),
        RandomFlip(inclusive=True),
        BoundBoxes(min_size=0.0, inclusive=True),
        LimitInstances(max_instances),
    ]


RECIPES: dict[str, Callable[..., list[Transform]]] = {"fixed": fixed, "reference": reference}


def build_recipe(
    recipe: str | Mapping[str, Any] | list[Any] | tuple[Any, ...] | None, preprocessing: Preprocessing
) -> list[Transform]:
    """The steps of `data.recipe` of a config.

    Args:
        recipe: a name of `RECIPES`; `dict(type='fixed', scale=(736, 512))` for other settings; a list of transforms
            (config dicts or built); None for samplers that render their final images.
        preprocessing: of the model.

    Raises:
        ConfigError: an unknown recipe, setting or transform.
    """
    if recipe is None:
        return [InclusiveBoxes()] if preprocessing.inclusive_boxes else []
    if isinstance(recipe, (str, Mapping)):
        options: dict[str, Any] = {"type": recipe} if isinstance(recipe, str) else dict(recipe)
        name = options.pop("type", None)
        if name not in RECIPES:
            raise ConfigError(f"data.recipe: unknown recipe {name!r}{did_you_mean(str(name), RECIPES)}")
        known = list(inspect.signature(RECIPES[name]).parameters)[1:]
        for key in options:
            if key not in known:
                raise ConfigError(f"data.recipe: {name} has no setting {key!r}{did_you_mean(key, known)}")
        return RECIPES[name](preprocessing, **options)
    from dmtrack.config import build

    return [build(step, TRANSFORMS) if isinstance(step, Mapping) else step for step in recipe]
