from __future__ import annotations

import numpy as np
import pytest

from dmtrack.association.detections import Decision, Detections
from dmtrack.association.policies.distractor_aware import DistractorAware, DistractorAwarePolicy
from dmtrack.config import parse_section
from dmtrack.errors import ConfigError

SIZE = 20.0


def box(x: float, y: float = 50.0) -> list[float]:
    return [x, y, SIZE, SIZE]


def seen(*things: tuple[float, float], embeddings: np.ndarray | None = None) -> Detections:
    """Things at (x, score), best first."""
    order = sorted(range(len(things)), key=lambda i: -things[i][1])
    rows = None if embeddings is None else embeddings[order]
    return Detections.from_xywh(
        np.array([box(things[i][0]) for i in order]).reshape(-1, 4),
        np.array([things[i][1] for i in order]),
        embeddings=rows,
    )


def follow(first: Detections, *frames: Detections, x: float = 0.0, **settings: object) -> list[Decision]:
    policy = DistractorAwarePolicy(DistractorAware(**settings))  # type: ignore[arg-type]
    policy.start(box(x), None, first)
    return [policy.step(frame) for frame in frames]


def test_a_look_alike_with_better_scores_for_some_frames_is_not_followed() -> None:
    frames = [seen((float(i), 0.6), (100.0 - i, 0.9 if 5 <= i < 12 else 0.3)) for i in range(1, 25)]
    decisions = follow(seen((0.0, 0.9), (100.0, 0.3)), *frames)
    assert [round(float(one.box_xywh[0])) for one in decisions] == list(range(1, 25))
    assert not any(one.events for one in decisions)


def test_what_is_wrong_for_good_is_left() -> None:
    # From frame 5 on what moves on from the target's place is something else, as its score says ever after.
    frames = [seen((float(i), 0.9 if i < 5 else 0.02), (100.0 - i, 0.2 if i < 5 else 0.97)) for i in range(1, 40)]
    decisions = follow(seen((0.0, 0.9), (100.0, 0.2)), *frames)
    assert decisions[3].box_xywh[0] == 4
    assert decisions[-1].box_xywh[0] == pytest.approx(61)
    changes = [event for one in decisions for event in one.events]
    assert len(changes) == 1
    assert "more likely the target" in changes[0]


def test_a_target_out_of_sight_is_absent_and_found_again_anywhere() -> None:
    away = [seen((200.0, 0.3))] * 15
    back = [seen((120.0 + i, 0.9), (200.0, 0.3)) for i in range(10)]
    decisions = follow(seen((0.0, 0.9), (200.0, 0.3)), *away, *back)
    assert not any(one.present for one in decisions[:15])
    assert decisions[-1].present
    assert decisions[-1].box_xywh[0] == pytest.approx(129)
    assert any("out of sight for" in event for one in decisions for event in one.events)


def test_twins_are_told_apart_by_motion_and_doubted_when_they_jump() -> None:
    frames = [seen((float(i), 0.9), (60.0 - i, 0.9)) for i in range(1, 15)]
    decisions = follow(seen((0.0, 0.9), (60.0, 0.9)), *frames)
    assert [float(one.box_xywh[0]) for one in decisions] == pytest.approx(list(range(1, 15)))
    # Another scene with two equals: nothing says which of them it is.
    jumped = follow(seen((0.0, 0.9)), *[seen((300.0, 0.9), (400.0, 0.9))] * 20)
    assert max(one.score for one in jumped) < 0.6


def test_appearance_tells_apart_what_moves_alike() -> None:
    looks = np.array([[1.0, 0], [0, 1]])
    policy = DistractorAwarePolicy(DistractorAware(appearance_weight=20.0))
    policy.start(box(0), looks[0], seen((0.0, 0.9), (30.0, 0.9), embeddings=looks))
    # Within one frame the two change places.
    decision = policy.step(seen((30.0, 0.9), (0.0, 0.9), embeddings=looks))
    assert decision.box_xywh[0] == 30


def test_a_calibrated_score_weighs_the_look_and_moves_no_box() -> None:
    same, turned = (np.array([[1.0, 0.0]]), np.array([[0.8, 0.6]]))
    frames = [seen((0, 0.2), embeddings=same), seen((1, 0.2), embeddings=turned)]
    plain, calibrated = [], []
    for decisions, presence in ((plain, None), (calibrated, (0.5, 6.0, -1.0, -2.0, -2.0))):
        policy = DistractorAwarePolicy(DistractorAware(presence=presence))
        policy.start(box(0), same[0], seen((0, 0.9), embeddings=same))
        decisions.extend(policy.step(frame) for frame in frames)
    for one, other in zip(plain, calibrated, strict=True):
        np.testing.assert_array_equal(one.box_xywh, other.box_xywh)
    nats = [0.5 * np.log(0.2 / 0.8) + 5.0 * cosine - 2.0 * 0.5 - 2.0 for cosine in (1.0, 0.8)]
    np.testing.assert_allclose([one.score for one in calibrated], 1 / (1 + np.exp(-np.array(nats))), rtol=1e-3)
    # A thing known from the first frame is not the target; a look nearer to its look scores lower.
    known = DistractorAwarePolicy(DistractorAware(presence=(0.5, 6.0, -1.0, -2.0, -2.0)))
    both = np.concatenate([same, turned])
    known.start(box(0), same[0], seen((0, 0.9), (60, 0.9), embeddings=both))
    decision = known.step(seen((0, 0.2), embeddings=same))
    assert decision.score == pytest.approx(1 / (1 + np.exp(-(0.5 * np.log(0.25) + 5.0 - 2.0 * 0.8 - 2.0))), rel=0.02)
    without = [seen((0, 0.2)), seen((1, 0.2))]
    for one, other in zip(
        follow(seen((0, 0.9)), *without), follow(seen((0, 0.9)), *without, presence=(9.0, 9, 9, 9, 9)), strict=True
    ):
        assert one.score == other.score


def test_a_score_is_compared_with_what_the_target_usually_scores() -> None:
    same, turned = np.array([[1.0, 0.0]]), np.array([[0.6, 0.8]])

    def last_score(before: list[Detections]) -> float:
        policy = DistractorAwarePolicy(DistractorAware(presence=(0.0, 0.0, 0.0, 0.0, 0.0, 1.0)))
        policy.start(box(0), same[0], seen((0, 0.9), embeddings=same))
        return [policy.step(frame).score for frame in [*before, seen((0, 0.5), embeddings=same)]][-1]

    usual = np.log(0.9 / 0.1) - (np.log(0.9 / 0.1) - 1.0) * 0.9**10
    assert last_score([]) == pytest.approx(1 / (1 + np.exp(1.0)), rel=1e-3)
    assert last_score([seen((0, 0.9), embeddings=same)] * 10) == pytest.approx(1 / (1 + np.exp(usual)), rel=1e-3)
    # Frames in which it is not surely the target teach nothing of its scores.
    assert last_score([seen((0, 0.9), embeddings=turned)] * 10) == pytest.approx(last_score([]), rel=1e-3)


def test_frames_without_anything_and_with_hundreds_of_things() -> None:
    rng = np.random.default_rng(0)
    crowd = Detections.from_xywh(
        np.column_stack([rng.uniform(0, 5000, (300, 2)), np.full((300, 2), SIZE)]),
        np.sort(rng.uniform(0.05, 0.4, 300))[::-1],
    )
    policy = DistractorAwarePolicy(DistractorAware(max_tracklets=16))
    policy.start(box(0), None, crowd)
    for frame in range(30):
        decision = policy.step(seen() if frame % 3 == 0 else crowd)
        assert decision.tracklets is not None
        assert np.isfinite(decision.box_xywh).all()
        assert 0.0 <= decision.score <= 1.0
        assert len(policy._tracklets) <= 16
        assert 0 in policy._tracklets.ids or decision.target_id in policy._tracklets.ids


def test_the_same_candidates_give_the_same_answers() -> None:
    rng = np.random.default_rng(1)
    frames = [
        Detections.from_xywh(
            rng.uniform(10, 200, (6, 4)), np.sort(rng.uniform(0, 1, 6))[::-1], embeddings=rng.normal(size=(6, 8))
        )
        for _ in range(50)
    ]
    runs = []
    for _ in range(2):
        policy = DistractorAwarePolicy()
        policy.start(box(0), rng.normal(size=8) * 0 + 1 / np.sqrt(8), frames[0])
        runs.append(np.array([policy.step(frame).box_xywh for frame in frames[1:]]))
    np.testing.assert_array_equal(*runs)


def test_settings_out_of_range_or_unknown_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"association\.min_score is 2: expected a number from 0 to 1"):
        DistractorAware(min_score=2)
    with pytest.raises(ConfigError, match=r"unknown key 'association.jump_costs' of .*; did you mean 'jump_cost'"):
        parse_section({"jump_costs": 3}, DistractorAware, "association", source="")
