"""The plain mean of several weights of one architecture, which often tracks better than each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from dmtrack.errors import WeightsError
from dmtrack.weights.loading import check_finite, compare_keys


def average_state_dicts(state_dicts: Sequence[Mapping[str, Tensor]], sources: Sequence[str]) -> dict[str, Tensor]:
    """The mean of every floating-point tensor, summed in float64; of counters the last value.

    Args:
        state_dicts: of the same architecture.
        sources: what errors call them.

    Raises:
        WeightsError: fewer than two, different names or shapes, or NaN.
    """
    if len(state_dicts) < 2:
        raise WeightsError("averaging needs at least two weights files")
    for state_dict, source in zip(state_dicts, sources, strict=True):
        report = compare_keys(state_dicts[0], state_dict)
        if report.missing or report.unexpected or report.mismatched:
            raise WeightsError(
                f"{source} is of another architecture than {sources[0]} ({report.summary()}); "
                "only weights of one config can be averaged"
            )
        check_finite(state_dict, source)
    averaged = {}
    for name, first in state_dicts[0].items():
        if first.is_floating_point():
            total = torch.zeros(first.shape, dtype=torch.float64)
            for state_dict in state_dicts:
                total += state_dict[name]
            averaged[name] = (total / len(state_dicts)).to(torch.float32)
        else:
            averaged[name] = state_dicts[-1][name]
    return averaged
