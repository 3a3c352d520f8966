"""MobileNetV2: what of it learns, and which statistics it keeps."""

import pytest
import torch
from torch import nn

from dmtrack.models.backbones.mobilenet_v2 import MobileNetV2


def what_changes(backbone: MobileNetV2) -> tuple[set[int], set[int]]:
    """Blocks whose weights learn, and blocks whose batch norms change, in one pass of training."""
    before = {name: value.clone() for name, value in backbone.named_buffers()}
    maps = backbone.train()(torch.rand(2, 3, 64, 64))
    sum(one.square().mean() for one in maps).backward()
    learning = {name for name, one in backbone.named_parameters() if one.grad is not None}
    moved = {name for name, value in backbone.named_buffers() if not torch.equal(value, before[name])}
    return tuple({int(name.split(".")[1]) for name in names} for names in (learning, moved))


@pytest.mark.parametrize(
    ("arguments", "learning", "moved"),
    [
        ({}, range(18), ()),
        ({"frozen_blocks": 6}, range(7, 18), ()),
        ({"frozen_norms": False}, range(18), range(18)),
        ({"frozen_blocks": 6, "frozen_norms": False}, range(7, 18), range(7, 18)),
    ],
)
def test_frozen_blocks_and_norms_stay_as_they_are(arguments, learning, moved) -> None:
    torch.manual_seed(0)
    assert what_changes(MobileNetV2(**arguments)) == (set(learning), set(moved))


def test_a_frozen_trunk_learns_nothing_and_is_wholly_in_its_file() -> None:
    backbone = MobileNetV2(frozen_blocks=17, frozen_norms=False).train()
    assert not any(parameter.requires_grad for parameter in backbone.parameters())
    assert not any(part.training for part in backbone.modules() if isinstance(part, nn.BatchNorm2d))
    assert {name.split(".")[0] for name in backbone.state_dict()} == {"features"}
    assert [(one.shape[1], 64 // one.shape[2]) for one in backbone(torch.rand(1, 3, 64, 64))] == [
        *((24, 4), (32, 8), (96, 16), (320, 32))
    ]
