"""What a change touches: a backbone is one file and one config, for training, tracking and the fast path alike."""

import importlib
import sys

import numpy as np
import pytest
import torch
from torch import nn

from dmtrack.config import build, load_config
from dmtrack.data.batches import Batch
from dmtrack.models.fast.convolution import PreparedConv
from dmtrack.models.fast.dmtrack_gs import FastDMTrackGS
from dmtrack.registry import BACKBONES, MODELS
from dmtrack.tracking.global_search import GlobalSearchTracker

FILE = '''
from torch import nn

from dmtrack.registry import BACKBONES


def stage(inputs, outputs, stride):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


@BACKBONES.register
class ThreeMaps(nn.Module):
    """Maps at strides 8, 16 and 32."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.stem = nn.Sequential(stage(3, width, 4), stage(width, width, 2))
        self.stages = nn.ModuleList([stage(width, width, 2), stage(width, width, 2)])

    def forward(self, images):
        maps = [self.stem(images)]
        for one in self.stages:
            maps.append(one(maps[-1]))
        return tuple(maps)
'''
CONFIG = """
_base_ = "dmtrackGS_dla34_fpn.py"
model = dict(
    backbone=dict(_delete_=True, type="ThreeMaps", width=12),
    neck=dict(in_channels=[12, 12, 12], out_channels=16),
    template=dict(channels=16),
    controller=dict(channels=16, mid_channels=8),
    bbox_head=dict(in_channels=16, feat_channels=16, stacked_convs=1, mid_channels=8),
    preprocessing=dict(scale=(128, 96)),
    train_cfg=dict(batch_norm="live"),
)
"""


@pytest.fixture
def config(tmp_path, monkeypatch, request):
    (tmp_path / "three_maps_backbone.py").write_text(FILE)
    base = request.config.rootpath / "configs/dmtrackGS_dla34_fpn.py"
    (tmp_path / "mine.py").write_text(CONFIG.replace("dmtrackGS_dla34_fpn.py", str(base)))
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.import_module("three_maps_backbone")  # what --import does
    yield load_config(tmp_path / "mine.py")
    del sys.modules["three_maps_backbone"]
    BACKBONES._entries.pop("ThreeMaps")


def test_one_file_and_one_config_train_and_track(config):
    torch.manual_seed(0)
    model = build(config["model"], MODELS)
    boxes = torch.tensor([[20.0, 20, 70, 60], [30, 10, 60, 50]])
    sizes = torch.tensor([[96, 128]] * 2)
    batch = Batch.pair(
        query_images=torch.randn(2, 3, 96, 128),
        search_images=torch.randn(2, 3, 96, 128),
        query_boxes_xyxy=boxes,
        search_boxes_xyxy=boxes + 4,
        pair_index=torch.tensor([0, 1]),
        query_sizes_hw=sizes,
        search_sizes_hw=sizes,
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    before = model.backbone.stem[0][0].weight.detach().clone()
    loss = sum(model.train()(batch).values())
    loss.backward()
    optimizer.step()
    assert torch.isfinite(loss) and not torch.equal(model.backbone.stem[0][0].weight, before)

    frame = np.random.default_rng(0).integers(0, 255, (96, 128, 3), dtype=np.uint8)
    found = []
    for fast in (True, False):
        tracker = GlobalSearchTracker(model, fast=fast)
        tracker.init(frame, (20, 20, 50, 40))
        found.append(tracker.step(frame))
        if fast:
            assert isinstance(tracker.model, FastDMTrackGS)
            backbone = tracker.model.backbone
            assert sum(isinstance(layer, PreparedConv) for layer in backbone.modules()) == 4
            assert not any(isinstance(layer, nn.BatchNorm2d | nn.ReLU) for layer in backbone.modules())
    np.testing.assert_allclose(found[0].box_xywh, found[1].box_xywh, atol=1e-2)
    assert found[0].score == pytest.approx(found[1].score, abs=1e-4)
