from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from dmtrack.association.detections import Decision, Detections
from dmtrack.association.policy import Affine, TargetPolicy
from dmtrack.data.sequences import Sequence
from dmtrack.data.synthetic.sequences import SyntheticSequences
from dmtrack.errors import BoxError, ConfigError
from dmtrack.models.backbones.residual_trunk import ResidualTrunk
from dmtrack.models.global_search.parts import TemplateParts
from dmtrack.models.global_search.tiny import DMTrackGSTiny
from dmtrack.models.global_search.tiny_head import TinyHead
from dmtrack.models.necks import SingleMapFusion
from dmtrack.tracking.reid import ReIDTracker


def untrained_model() -> DMTrackGSTiny:
    torch.manual_seed(0)
    return DMTrackGSTiny(
        ResidualTrunk((8, 16, 16, 16, 16), (1, 1, 1, 1)),
        SingleMapFusion((16, 16, 16, 16), 16),
        TinyHead(16, 4, 16, template_parts=TemplateParts(3, 8)),
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
    with pytest.raises(BoxError, match="targets 1 and 3 have the same box 10,10,30,30; give every target a box of its"):
        tracker.init_targets(sequence.read_frame(0), [*boxes[:2], boxes[0]])
    again = ReIDTracker(untrained_model(), association={"min_score": 0.0})
    again.init(sequence.read_frame(0), boxes[0])
    assert len(again.decisions) == 1


def test_an_unknown_setting_is_one_sentence() -> None:
    with pytest.raises(ConfigError, match=r"unknown key 'association.reech' of .*; did you mean 'reach'"):
        ReIDTracker(untrained_model(), association={"reech": 1})


LOOKS = np.eye(8, dtype=np.float16)
TARGET, OTHER = (100.0, 100, 30, 30), (300.0, 100, 30, 30)
EMPTY: list[tuple[float, ...]] = []


def found(boxes_xywh: list[tuple[float, ...]], scores: list[float], looks: list[int]) -> Detections:
    """Detections, best first, whose embeddings are rows of `LOOKS`."""
    order = np.argsort(-np.array(scores), kind="stable")
    boxes = np.array(boxes_xywh, np.float32).reshape(-1, 4)[order]
    boxes[:, 2:] += boxes[:, :2]
    return Detections(boxes, np.array(scores, np.float32)[order], None, LOOKS[np.array(looks, int)[order]])


def followed(frames: int = 30) -> TargetPolicy:
    """A policy that has followed a target to the right beside a look-alike that stays."""
    policy = ReIDTracker.policy({})
    policy.start(np.array(TARGET), LOOKS[0], found([TARGET, OTHER], [0.95, 0.5], [0, 1]))
    for frame in range(frames):
        policy.step(found([(100.0 + frame, 100, 30, 30), OTHER], [0.95, 0.5], [0, 1]))
    return policy


def steps(policy: TargetPolicy, frames: list[Detections]) -> tuple[list[Decision], list[int]]:
    """Answers, and the tracklet that was the target in each frame."""
    results, targets = [], []
    for item in frames:
        results.append(policy.step(item))
        targets.append(results[-1].target_id)
    return results, targets


def switches(targets: list[int]) -> int:
    return sum(first != second for first, second in itertools.pairwise(targets))


def other_scene(frames: int, score: float) -> list[Detections]:
    """A scene in which the target moves elsewhere, between things that were never seen before."""
    return [
        found([(350.0 + frame / 2, 200, 40, 40), (200, 60, 30, 30), (60, 220, 30, 30)], [score, 0.3, 0.2], [0, 4, 5])
        for frame in range(frames)
    ]


def test_the_target_is_found_in_another_scene_at_once_if_a_frame_showed_that_it_was_gone() -> None:
    policy = followed()
    steps(policy, [found(EMPTY, [], [])] * 3)
    results, targets = steps(policy, other_scene(30, 0.9))
    assert [result.box_xywh[0] for result in results] == pytest.approx([350 + frame / 2 for frame in range(30)])
    assert all(result.present for result in results) and results[-1].score > 0.8 and switches(targets) == 0


@pytest.mark.parametrize(("score", "most_frames"), [(0.9, 120), (0.97, 70), (0.99, 15)])
def test_after_a_hard_cut_the_target_is_said_absent_until_the_scores_have_convinced(
    score: float, most_frames: int
) -> None:
    results, targets = steps(followed(), other_scene(200, score))
    present = np.array([result.present for result in results])
    first = int(present.argmax())
    assert present.any() and first <= most_frames
    assert present[first:].all() and switches(targets[first:]) == 0
    assert results[first].box_xywh[0] == pytest.approx(350 + first / 2)


@pytest.mark.parametrize("score", [0.15, 0.6])
def test_a_scene_without_the_target_is_no_target(score: float) -> None:
    scene = [found([(350.0, 200, 40, 40), (200, 60, 30, 30)], [score, score - 0.1], [5, 4])] * 300
    results, targets = steps(followed(), scene)
    assert not any(result.present for result in results)
    assert max(result.score for result in results) < 0.05 and switches(targets) == 0


def test_identical_look_alikes_apart_are_never_confused() -> None:
    noise = np.random.default_rng(1).normal(0.9, 0.1, (300, 2)).clip(0.01, 0.99)
    policy = ReIDTracker.policy({})
    both = [TARGET, (200.0, 100, 30, 30)]
    policy.start(np.array(TARGET), LOOKS[0], found(both, [0.9, 0.9], [0, 0]))
    results, targets = steps(policy, [found(both, scores.tolist(), [0, 0]) for scores in noise])
    assert switches(targets) == 0 and {result.box_xywh[0] for result in results} == {100.0}


def test_identical_look_alikes_that_met_leave_doubt_in_the_score_and_no_flipping() -> None:
    """They come to one place, are one candidate for ten frames, and go back: nobody can know which is which."""
    policy = ReIDTracker.policy({})
    places = [(100.0 + 2 * f, 200.0 - 2 * f) for f in range(24)] + [(148.0, 148.0)] * 10
    places += [(148.0 - 2 * min(f, 30), 148.0 + 2 * min(f, 30)) for f in range(1, 200)]
    frames = []
    for left, right in places:
        boxes = [(left, 100.0, 30, 30)] if left == right else [(left, 100.0, 30, 30), (right, 100.0, 30, 30)]
        frames.append(found(boxes, [0.9] * len(boxes), [0] * len(boxes)))
    policy.start(np.array([100.0, 100, 30, 30]), LOOKS[0], frames[0])
    results, targets = steps(policy, frames[1:])
    apart = next(at for at, (left, right) in enumerate(places[1:]) if at > 34 and right - left >= 12)
    assert min(result.score for result in results[apart - 4 : apart + 4]) < 0.65  # two answers are as good
    assert switches(targets) <= 2


def test_a_first_box_on_nothing_stays_absent_and_never_becomes_something_else() -> None:
    policy = ReIDTracker.policy({})
    things = found([(300.0, 100, 30, 30), (200, 100, 30, 30)], [0.5, 0.4], [1, 2])
    policy.start(np.array([10.0, 10, 30, 30]), LOOKS[0], things)
    results, targets = steps(policy, [things] * 100)
    assert not any(result.present for result in results) and max(result.score for result in results) < 0.01
    assert set(targets) == {0}


def test_frames_without_any_detection_are_bridged() -> None:
    policy = ReIDTracker.policy({})
    policy.start(np.array(TARGET), LOOKS[0], found([TARGET, OTHER], [0.95, 0.5], [0, 1]))
    frames = [
        found(EMPTY, [], []) if frame % 10 == 9 else found([(100.0 + frame, 100, 30, 30), OTHER], [0.95, 0.5], [0, 1])
        for frame in range(60)
    ]
    results, targets = steps(policy, frames)
    for frame, result in enumerate(results):
        assert result.present == (frame % 10 != 9), frame
        assert result.box_xywh[0] == pytest.approx(100 + frame - (frame % 10 == 9))
    assert results[9].score == 0.0 and set(targets) == {0}
    nothing, _ = steps(policy, [found(EMPTY, [], [])] * 300)
    np.testing.assert_allclose(nothing[-1].box_xywh, results[-2].box_xywh)
    assert not any(result.present for result in nothing)


def test_hundreds_of_candidates_are_bounded() -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 1, (600, 2)) * [1800, 1000]
    scores = np.sort(rng.uniform(0.05, 0.6, 600))[::-1]
    scores[0] = 0.95
    policy = ReIDTracker.policy({})
    looks = rng.integers(1, 8, 600)
    looks[0] = 0
    offsets: list[float] = []
    for frame in range(60):
        moved = corners + rng.normal(0, 1, corners.shape)
        moved[0] = corners[0] + [frame, 0]
        boxes = [(float(x), float(y), 30.0, 30.0) for x, y in moved]
        shown = found(boxes, (scores + rng.normal(0, 0.02, 600)).clip(0.01, 0.99).tolist(), looks.tolist())
        if frame == 0:
            policy.start(np.array(boxes[0]), LOOKS[0], shown)
            continue
        decision = policy.step(shown)
        offsets.append(float(decision.box_xywh[0] - boxes[0][0]))
        assert decision.tracklets is not None
        # those of the frame before, and at most as many new ones as are looked at
        assert len(decision.tracklets.ids) <= 32 + 32
    assert np.abs(offsets).max() < 1e-3


def test_the_camera_is_followed_on_images_and_not_in_stored_detections(sequence: Sequence) -> None:
    tracker = ReIDTracker(untrained_model(), association={"min_score": 0.0}, camera_motion=True)
    frame = sequence.read_frame(0)
    shifted = np.roll(frame, (2, 5), axis=(0, 1))
    tracker.init(frame, sequence.boxes_xywh[0])
    motions: list[np.ndarray | None] = []
    inner = tracker._policies[0]
    step = inner.step

    def spying(found: Detections, camera_motion: Affine | None = None) -> Decision:
        motions.append(camera_motion)
        return step(found, camera_motion)

    inner.step = spying  # type: ignore[method-assign]
    tracker.step(shifted)
    assert motions[0] is not None
    np.testing.assert_allclose(motions[0], [[1, 0, 5], [0, 1, 2]], atol=0.1)
    with pytest.raises(ConfigError, match=r"tracker\.camera_motion follows the images"):
        ReIDTracker.policy({"camera_motion": True})
