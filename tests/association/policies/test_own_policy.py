"""A policy is one file: what a registered class of somebody's own gets without another edit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from dmtrack.association.detections import Detections, Tracks
from dmtrack.association.policy import Affine, MultiObjectAssociation, MultiObjectPolicy
from dmtrack.config import Share, parse_config
from dmtrack.data.sequences import Sequence
from dmtrack.errors import ConfigError
from dmtrack.pages.timeline.page import write_timeline
from dmtrack.registry import ASSOCIATIONS
from dmtrack.running.replay import replay_sequence
from dmtrack.search.space import Range, Space
from dmtrack.search.tracks import Origin, ReplayedDetections
from dmtrack.tracking import MultiObjectTracker, ReIDTracker


@dataclass(frozen=True)
class LeftToRight(MultiObjectAssociation):
    """Numbers boxes from the left.

    Attributes:
        floor: boxes of lower scores are dropped.
    """

    floor: Share = 0.5
    search_space: ClassVar[dict[str, str]] = {"floor": "0.1,0.9"}

    def multi_object_policy(self) -> MultiObjectPolicy:
        return FromTheLeft(self)


class FromTheLeft:
    def __init__(self, settings: LeftToRight) -> None:
        self._settings = settings

    def reset(self) -> None:
        pass

    def step(self, found: Detections, camera_motion: Affine | None = None) -> Tracks:
        found = found.select(found.scores >= self._settings.floor)
        found = found.select(np.argsort(found.boxes_xyxy[:, 0]))
        return Tracks(found.boxes_xyxy, found.scores, ids=np.arange(len(found)))


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    ASSOCIATIONS.register(LeftToRight)
    yield
    del ASSOCIATIONS._entries["LeftToRight"]


SECTION = {"type": "ReIDTracker", "policy": {"type": "LeftToRight", "floor": 0.2}}
BOXES = np.array([[10.0, 10, 20, 20], [60, 10, 20, 20]])


def frames(count: int) -> list[Detections]:
    return [Detections.from_xywh(BOXES + np.array([frame, 0, 0, 0]), np.array([0.9, 0.4])) for frame in range(count)]


def test_it_is_checked_replayed_searched_and_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown key 'tracker.policy.flor' of LeftToRight; did you mean 'floor'"):
        parse_config({"tracker": {"type": "ReIDTracker", "policy": {"type": "LeftToRight", "flor": 0.2}}})
    truth = BOXES[1] + np.arange(5)[:, None] * [1, 0, 0, 0]
    sequence = Sequence("right", truth, np.ones(5, bool), lambda index: np.zeros((60, 100, 3), np.uint8), (100, 60))
    policy = ReIDTracker.policy(SECTION)
    replayed = replay_sequence(sequence, frames(5), np.zeros(0, np.float16), policy, timeline=True)
    np.testing.assert_allclose(replayed.boxes_xywh, truth)
    assert replayed.timeline is not None and replayed.timeline.target_ids.tolist() == [1] * 5
    page = write_timeline(replayed.timeline, tmp_path)[1].read_text()
    assert "The clearance says" in page and '"unit":"1 - IoU"' in page.replace('": ', '":')
    origin = Origin("own", ReIDTracker, dict(SECTION), {"model": {}}, "", None, "")
    assert origin.way == "replay" and origin.default_space() == Space((Range("policy.floor", 0.1, 0.9),))
    assert origin.current(Space((Range("policy.floor", 0.1, 0.9),))) == {"policy.floor": 0.2}

    class Stored(list[Detections]):
        template_embedding = np.zeros(0, np.float16)

    store = type("Store", (), {"open": lambda self, sequence: Stored(frames(5))})()
    trials = ReplayedDetections(ReIDTracker, SECTION, store)
    np.testing.assert_allclose(trials.track(sequence, {"policy.floor": 0.3}).boxes_xywh, truth)
    # Above its score the right one is not looked at, and the last box stays.
    np.testing.assert_allclose(trials.track(sequence, {"policy.floor": 0.8}).boxes_xywh[-1], truth[0])


def test_it_follows_everything() -> None:
    tracker = MultiObjectTracker(LeftToRight(floor=0.1))
    assert [tracker.step(frame).ids.tolist() for frame in frames(2)] == [[0, 1], [0, 1]]
