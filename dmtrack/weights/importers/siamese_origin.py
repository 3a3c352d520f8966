"""What both origins of SiamRPN++ checkpoints have in common: weights of one flavour track badly in the other."""

from __future__ import annotations

from collections.abc import Collection

from dmtrack.errors import WeightsError
from dmtrack.models.siamrpn.siamrpn import flavour_of_state_dict


def check_flavour_of(expected: Collection[str], origin: str) -> None:
    """An error unless the model that is to receive the weights has the conventions of their origin.

    Args:
        expected: state dict of the model.
        origin: 'pysot' or 'mmtracking'.

    Raises:
        WeightsError: the model is of the other flavour.
    """
    flavour = flavour_of_state_dict(expected)
    if flavour is not None and flavour != origin:
        raise WeightsError(
            f"--from {origin}: the config has model.flavour={flavour!r}, whose anchors and crops are not those of the "
            f"checkpoint; give a config with model.flavour={origin!r}"
        )
