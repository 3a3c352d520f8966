"""Checkpoints of MMTracking's SiamRPN++ (`{meta, state_dict}` by mmcv); our names are theirs."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from torch import Tensor

from dmtrack.errors import WeightsError
from dmtrack.weights.importers.siamese_origin import check_flavour_of

DEFAULT_CONFIG = "siamrpn/siamese_rpn_r50_20e_lasot"


def import_state_dict(state_dict: Mapping[str, Tensor], expected: Collection[str]) -> dict[str, Tensor]:
    """The state dict as it is.

    Args:
        state_dict: of the file, without `module.`.
        expected: names that the model has.

    Raises:
        WeightsError: the file is PySOT's, or the config is of its flavour.
    """
    if any(name.startswith("rpn_head.") for name in state_dict):
        raise WeightsError(
            "--from mmtracking: the checkpoint holds rpn_head.*, which PySOT writes; import it with --from pysot"
        )
    check_flavour_of(expected, "mmtracking")
    return dict(state_dict)
