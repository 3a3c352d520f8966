"""Clips of several frames with identities train through the loop that pairs train through."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import nn

from dmtrack.data.preprocessing import Preprocessing
from dmtrack.data.samples import Clip, Sample
from dmtrack.models.base import TrainableModel
from dmtrack.registry import DATASETS, MODELS
from dmtrack.training.devices import Devices
from dmtrack.training.run import train_from_config

pytestmark = pytest.mark.usefixtures("leave_torch_as_it_was")


@MODELS.register
class ToyClipModel(TrainableModel):
    """Tells the objects of a clip apart by the colour in the middle of their boxes."""

    preprocessing = Preprocessing(divisor=8)

    def __init__(self, objects: int = 4) -> None:
        super().__init__()
        self.classifier = nn.Linear(3, objects)
        self.epochs: list[int] = []

    def start_epoch(self, epoch: int) -> None:
        self.epochs.append(epoch)

    def losses(self, batch):
        losses = []
        for frame in batch.frames:
            x, y = ((frame.boxes_xyxy[:, :2] + frame.boxes_xyxy[:, 2:]) / 2).long().unbind(dim=1)
            colours = frame.images[frame.clip_index, :, y, x]
            losses.append(nn.functional.cross_entropy(self.classifier(colours), frame.identities))
        return {"loss_identity": torch.stack(losses).mean()}


@DATASETS.register
class ToyClips:
    """Three frames in which squares of four colours come and go."""

    colours = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0))

    def sample(self, rng: np.random.Generator, image_size_wh: tuple[int, int] | None = None) -> Clip:
        return Clip(tuple(self.frame(rng) for _ in range(3)), aligned=False)

    def frame(self, rng: np.random.Generator) -> Sample:
        shown = np.flatnonzero(rng.random(4) < 0.7)
        shown = shown if len(shown) else np.array([0])
        image = np.zeros((16, 40, 3), np.uint8)
        boxes = np.stack([[10.0 * one, 2, 10.0 * one + 8, 12] for one in shown])
        for one, (x1, y1, x2, y2) in zip(shown, boxes.astype(int), strict=True):
            image[y1:y2, x1:x2] = self.colours[one]
        return Sample(image, boxes, shown)


def test_clips_of_three_frames_train_and_resume(tmp_path):
    config = {
        "model": {"type": "ToyClipModel"},
        "data": {
            "train": {"type": "ToyClips"},
            "recipe": [{"type": "RandomFlip"}, {"type": "RandomExpand", "ratio": (1.0, 1.5)}, {"type": "BoundBoxes"}],
            "stages": [{"until": 1.0, "samples_per_gpu": 3}],
        },
        "optimizer": {"type": "AdamW", "lr": 0.05},
        "total_iterations": 40,
        "total_epochs": 4,
        "channels_last": True,
        "checkpoint_config": {"interval_iterations": 20},
        "log_config": {"interval": 10, "tensorboard": False},
    }
    outcome = train_from_config(config, tmp_path / "run", Devices(cpus=1))
    losses = [json.loads(line)["loss_identity"] for line in (outcome.folder / "log.jsonl").read_text().splitlines()]
    assert outcome.finished and losses[-1] < 0.3 * losses[0]

    middle = outcome.folder / "checkpoints/iteration_00000020.pth"
    again = train_from_config(config, tmp_path / "again", Devices(cpus=1), resume=str(middle))
    resumed = [json.loads(line)["loss_identity"] for line in (again.folder / "log.jsonl").read_text().splitlines()]
    assert resumed == losses[2:]
