from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmtrack.association.border_correction import CorrectedBorders, border_shares
from dmtrack.association.detections import Detections
from dmtrack.association.policies.best_candidate import BestCandidatePolicy
from dmtrack.boxes import paired_iou_xyxy, xywh_to_xyxy
from dmtrack.errors import ConfigError
from dmtrack.tracking.loading import assemble_tracker


def found(*boxes_xywh: tuple[float, float, float, float]) -> Detections:
    return Detections.from_xywh(np.array(boxes_xywh, np.float64).reshape(-1, 4), np.linspace(0.9, 0.1, len(boxes_xywh)))


def test_borders_move_to_where_they_were_drawn() -> None:
    candidates = found((0, 0, 30, 30), (100, 100, 40, 100))
    shares = border_shares(candidates.boxes_xywh, np.array([96.0, 100.0, 48.0, 80.0]))
    np.testing.assert_allclose(shares, [-0.1, 0.0, 0.1, -0.2])


@pytest.mark.parametrize("candidates", [Detections.nothing(), found((0, 0, 30, 30), (120, 100, 40, 40))])
def test_without_the_target_among_the_candidates_nothing_moves(candidates: Detections) -> None:
    assert not border_shares(candidates.boxes_xywh, np.array([100.0, 100.0, 40.0, 40.0])).any()


@given(
    st.tuples(*[st.floats(5, 200)] * 2),
    st.tuples(*[st.floats(-0.12, 0.12)] * 4),
    st.floats(0.5, 3),
)
def test_what_grows_keeps_the_shares(size_wh: tuple[float, float], moved: tuple[float, ...], times: float) -> None:
    own = np.array([50.0, 60.0, *size_wh])
    drawn_xyxy = xywh_to_xyxy(own) + np.array(moved) * np.tile(size_wh, 2)
    drawn = np.concatenate([drawn_xyxy[:2], drawn_xyxy[2:] - drawn_xyxy[:2]])
    policy = CorrectedBorders(BestCandidatePolicy(), 1.0)
    np.testing.assert_array_equal(policy.start(drawn, None, found(tuple(own))).box_xywh, drawn)
    later = policy.step(found(tuple(own * times)))
    np.testing.assert_allclose(later.box_xywh, drawn * times, atol=1e-3)
    assert later.score == pytest.approx(0.9)


def growing(frames: int = 12) -> tuple[list[np.ndarray], np.ndarray]:
    """A figure of four colours that comes nearer before a soft ground, and its boxes xywh."""
    rng = np.random.default_rng(5)
    ground = cv2.resize(rng.uniform(70, 160, (5, 8, 3)), (640, 360), interpolation=cv2.INTER_CUBIC)
    colours = np.array([[[220, 40, 40], [40, 40, 220]], [[240, 220, 40], [20, 120, 60]]], np.float64)
    images, boxes_xywh = [], []
    for index in range(frames):
        side, left, top = 50 + 4 * index, 80 + 12 * index, 100 + 5 * index
        image = ground.copy()
        image[top : top + side, left : left + side] = cv2.resize(colours, (side, side), interpolation=cv2.INTER_NEAREST)
        images.append(image.astype(np.uint8))
        boxes_xywh.append((left, top, side, side))
    return images, np.array(boxes_xywh, np.float64)


@pytest.mark.parametrize("config", ["dmtrackGS_tiny", "dmtrackReID_tiny"])
def test_a_box_that_was_drawn_loosely_stays_loose_and_replays_alike(config: str) -> None:
    images, tight_xywh = growing()
    loose_xywh = np.concatenate([tight_xywh[:, :2] - 0.15 * tight_xywh[:, 2:], 1.3 * tight_xywh[:, 2:]], axis=1)
    overlaps, answers = {}, {}
    for corrected in (0.0, 1.0):
        tracker = assemble_tracker(config, overrides=[f"tracker.correct_borders={corrected}"]).tracker
        answers[corrected], _ = tracker.track(images, loose_xywh[0])
        overlaps[corrected] = paired_iou_xyxy(xywh_to_xyxy(answers[corrected]), xywh_to_xyxy(loose_xywh))[1:].mean()
    assert overlaps[1.0] > overlaps[0.0] + 0.02
    assert overlaps[1.0] > 0.85

    assembled = assemble_tracker(config)
    detector, settings = assembled.tracker, {**assembled.config["tracker"], "correct_borders": 1.0}
    detector.init(images[0], loose_xywh[0])
    policy = type(detector).policy(settings)
    policy.start(loose_xywh[0], detector.template_embeddings()[0], detector.detect_targets(images[0], first=True)[0])
    replayed = [policy.step(detector.detect_targets(image)[0]).box_xywh for image in images[1:]]
    np.testing.assert_array_equal(replayed, answers[1.0][1:])


def test_half_the_way() -> None:
    policy = CorrectedBorders(BestCandidatePolicy(), 0.5)
    policy.start(np.array([96.0, 100.0, 48.0, 80.0]), None, found((100, 100, 40, 100)))
    later = policy.step(found((200, 100, 80, 100)))
    np.testing.assert_allclose(later.box_xywh, [196, 100, 88, 90])


def test_a_share_out_of_range_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"correct_borders is 1\.5: expected a number"):
        assemble_tracker("dmtrackGS_tiny", overrides=["tracker.correct_borders=1.5"])
