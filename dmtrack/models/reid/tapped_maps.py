"""Reads along what parts of a detector return while it computes, so that nothing has to be computed twice.

An embedding wants the backbone's own maps, a detector returns those of its neck. Naming the part and the level in the
config works for every detector, in training and in its inference copy alike, and changes none of them.
"""

from __future__ import annotations

from collections import abc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from dmtrack.errors import ConfigError
from dmtrack.models.global_search.base import Features


class TappedMaps:
    """Maps that parts of a model return.

    Args:
        model: whose parts are meant.
        names: `"backbone.0"` is the first map that `model.backbone` returns, `"neck.-1"` the last one of `model.neck`.

    Raises:
        ConfigError: a name without a level, or of a part that the model does not have.
    """

    def __init__(self, model: nn.Module, names: abc.Sequence[str]) -> None:
        self._parts: dict[str, nn.Module] = {}
        self._levels: list[tuple[str, int]] = []
        for name in names:
            path, _, level = name.rpartition(".")
            part = dict(model.named_modules()).get(path) if path else None
            if part is None or not level.removeprefix("-").isdigit():
                children = ", ".join(f"{child}.0" for child, _ in model.named_children())
                raise ConfigError(
                    f"model.maps: {name!r} names no map of {type(model).__name__}; expected a part and the number of "
                    f"one of its maps, e.g. {children}"
                )
            self._parts[path] = part
            self._levels.append((path, int(level)))

    @contextmanager
    def recording(self) -> Iterator[list[Features]]:
        """Inside the block, every call of the parts is recorded.

        Yields:
            A list that has, after the block, the named maps of every call in the order of their names.

        Raises:
            ConfigError: a part returns fewer maps.
        """
        returned: dict[str, list[Any]] = {path: [] for path in self._parts}
        calls: list[Features] = []
        hooks = [
            part.register_forward_hook(lambda part, inputs, output, to=returned[path]: to.append(output))
            for path, part in self._parts.items()
        ]
        try:
            yield calls
        finally:
            for hook in hooks:
                hook.remove()
        columns = [[_level(output, level) for output in returned[path]] for path, level in self._levels]
        calls += zip(*columns, strict=True)


def _level(output: Any, level: int) -> Tensor:
    maps = (output,) if isinstance(output, Tensor) else output
    if not -len(maps) <= level < len(maps):
        raise ConfigError(f"model.maps asks for map {level} of a part that returns {len(maps)}; count from 0")
    chosen: Tensor = maps[level]
    return chosen
