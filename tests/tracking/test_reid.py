from __future__ import annotations

import numpy as np
import pytest
import torch

from dmtrack.data.synthetic.sequences import SyntheticSequences
from dmtrack.data.types import Sequence
from dmtrack.errors import ConfigError
from dmtrack.models.backbones.residual_trunk import ResidualTrunk
from dmtrack.models.global_search.tiny import DMTrackGSTiny
from dmtrack.models.global_search.tiny_head import TinyHead
from dmtrack.models.necks.single_map import SingleMapFusion
from dmtrack.tracking.reid import ReIDTracker


def untrained_model() -> DMTrackGSTiny:
    torch.manual_seed(0)
    return DMTrackGSTiny(
        ResidualTrunk((8, 16, 16, 16, 16), (1, 1, 1, 1)),
        SingleMapFusion((16, 16, 16, 16), 16),
        TinyHead(16, 4, 16, template_parts={"grid": 3, "channels": 8}),
        scale=(128, 96),
    )


@pytest.fixture(scope="module")
def sequence() -> Sequence:
    return SyntheticSequences(1, 12, seed=3, size_wh=(160, 96), distractors=2)[0]


def test_deciding_again_from_what_was_detected_gives_the_very_same_answers(sequence: Sequence) -> None:
    settings = {"association": {"min_score": 0.0, "jump_cost": 5.0}, "presence_threshold": 0.01}
    tracker = ReIDTracker(untrained_model(), **settings)
    tracker.init(sequence.read_frame(0), sequence.boxes_xywh[0])
    live = [tracker.step(sequence.read_frame(frame)) for frame in range(1, 12)]
    again = ReIDTracker.policy(settings)
    again.start(
        sequence.boxes_xywh[0], tracker.template_embeddings()[0], tracker.detect_targets(sequence.read_frame(0))[0]
    )
    for frame, result in enumerate(live, start=1):
        replayed = again.step(tracker.detect_targets(sequence.read_frame(frame))[0])
        np.testing.assert_array_equal(replayed.box_xywh, result.box_xywh)
        assert (replayed.score, replayed.present) == (result.score, result.present)


def test_several_targets_are_distractors_of_each_other(sequence: Sequence) -> None:
    tracker = ReIDTracker(untrained_model(), association={"min_score": 0.0})
    boxes = [[10.0, 10, 30, 30], [60.0, 40, 30, 30], [110.0, 20, 30, 30]]
    tracker.init_targets(sequence.read_frame(0), np.array(boxes))
    for frame in range(1, 4):
        assert len(tracker.step_targets(sequence.read_frame(frame))) == 3
    for row, decision in enumerate(tracker.decisions):
        assert decision.tracklets is not None
        # the first tracklets are the target and the two other targets
        assert {0, 1, 2} <= set(decision.tracklets.ids.tolist()), row
    again = ReIDTracker(untrained_model(), association={"min_score": 0.0})
    again.init(sequence.read_frame(0), boxes[0])
    assert len(again.decisions) == 1


def test_an_unknown_setting_is_one_sentence() -> None:
    with pytest.raises(ConfigError, match=r"association\.reech is no setting; did you mean 'reach'"):
        ReIDTracker(untrained_model(), association={"reech": 1})
