"""Which check belongs to which reference file of SiamRPN++."""

from __future__ import annotations

from collections.abc import Callable

from parity.golden import GoldenFile
from parity.siamrpn_crops import check_crops
from parity.siamrpn_network import check_decoding, check_network, check_tracks
from parity.siamrpn_training import check_training


def _of_other_methods(golden: GoldenFile) -> None:
    golden.informative(golden.names(""), "belongs to other methods or to the evaluators")


CHECKS: dict[str, Callable[[GoldenFile], None]] = {
    "crops": check_crops,
    "net": check_network,
    "decode": check_decoding,
    "track": check_tracks,
    "train": check_training,
    "modules": _of_other_methods,
    "metrics_inputs": _of_other_methods,
}
"""Beginning of a file's name to its check."""
