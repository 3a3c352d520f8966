"""A replay against the live tracker, to the last bit, with embeddings."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dmtrack.association.policies.best_candidate import BestCandidatePolicy
from dmtrack.data.synthetic.sequences import SyntheticSequences
from dmtrack.errors import EvaluationError
from dmtrack.running.detection_cache import DetectionCache
from dmtrack.running.replay import replay_sequence
from dmtrack.tracking.reid import ReIDTracker

sys.path.append(str(Path(__file__).parents[1] / "support"))
from small_reid import small_reid

SETTINGS: dict[str, Any] = {"association": {"min_score": 0.0, "jump_cost": 3.0}, "presence_threshold": 0.01}


@pytest.mark.parametrize("kind", ["roi", "location"])
def test_boxes_scores_presence_and_decisions_are_those_of_the_live_run(tmp_path: Path, kind: str) -> None:
    sequence = SyntheticSequences(1, 25, seed=11, size_wh=(160, 96), distractors=2)[0]
    tracker = ReIDTracker(small_reid(kind), **SETTINGS)
    tracker.init(sequence.read_frame(0), sequence.boxes_xywh[0])
    live = [tracker.step(sequence.read_frame(frame)) for frame in range(1, 25)]
    decisions = tracker.decisions
    cache = DetectionCache(tmp_path / "set", {"k": 100, "config_hash": "x", "weights_sha256": None}, {"name": "set"})
    cache.start({})
    assert cache.detect_and_store(ReIDTracker(small_reid(kind), **SETTINGS), sequence, lambda: None) is None
    stored = cache.open(sequence)
    assert stored.header["channels"] == 8 and stored.counts.max() > 3
    policy = ReIDTracker.policy(SETTINGS)
    again = replay_sequence(sequence, stored, stored.template_embedding, policy, timeline=True)
    np.testing.assert_array_equal(again.boxes_xywh[1:], [result.box_xywh for result in live])
    np.testing.assert_array_equal(again.scores[1:], [result.score for result in live])
    assert again.present[1:].tolist() == [result.present for result in live]
    assert len(np.unique(again.boxes_xywh, axis=0)) > 10
    assert again.timeline is not None and decisions[0].tracklets is not None
    np.testing.assert_array_equal(again.timeline.margins[-1], decisions[0].margin)
    assert again.timeline is not None and len(again.timeline) == 25
    np.testing.assert_array_equal(again.timeline.boxes_xywh[1:], again.boxes_xywh[1:])


def test_a_timeline_needs_decisions() -> None:
    sequence = SyntheticSequences(1, 3, seed=11, size_wh=(160, 96))[0]
    with pytest.raises(EvaluationError, match="keeps no tracklets"):
        replay_sequence(sequence, [], np.zeros(0, np.float16), BestCandidatePolicy(), timeline=True)
