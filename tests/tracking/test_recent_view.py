from __future__ import annotations

import cv2
import numpy as np
import pytest

from dmtrack.association.detections import Detections
from dmtrack.boxes import paired_iou_xyxy, xywh_to_xyxy
from dmtrack.config import parse_section
from dmtrack.errors import ConfigError
from dmtrack.tracking.global_search import GlobalSearchTracker
from dmtrack.tracking.loading import assemble_tracker
from dmtrack.tracking.recent_view import RecentView


def found(*boxes_and_scores: tuple[float, float]) -> Detections:
    """Boxes of 20x20 pixels by their left borders, with scores."""
    boxes = np.array([[left, 0.0, left + 20, 20] for left, _ in boxes_and_scores], np.float32).reshape(-1, 4)
    return Detections(boxes, np.array([score for _, score in boxes_and_scores], np.float32))


@pytest.mark.parametrize(
    ("candidates", "taken"),
    [
        ([(0, 0.8), (4, 0.6), (100, 0.2)], True),  # the second one is the same thing
        ([(0, 0.8), (100, 0.4)], False),  # a rival
        ([(0, 0.6)], False),  # not sure enough
        ([], False),
    ],
)
def test_only_what_is_beyond_doubt_becomes_a_view(candidates: list[tuple[float, float]], taken: bool) -> None:
    assert RecentView(score=0.7, others=0.3).takes(found(*candidates)) is taken


def test_the_first_view_has_its_way_where_both_find_the_same() -> None:
    joined = RecentView(trust=0.9).join(found((0, 0.8), (50, 0.1)), found((2, 0.85), (50.5, 0.5), (100, 0.4)), 8)
    np.testing.assert_allclose(joined.boxes_xyxy[:, 0], [0, 50.5, 100])
    np.testing.assert_allclose(joined.scores, [0.8, 0.45, 0.36])
    assert len(RecentView().join(found((0, 0.8), (50, 0.1)), found((100, 0.4)), 2)) == 2
    assert len(RecentView().join(Detections.nothing(), Detections.nothing(), 8)) == 0


def test_a_number_out_of_range_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"recent_view\.interval"):
        parse_section({"interval": 0}, RecentView, "recent_view", source="")


def turning(frames: int = 40) -> tuple[list[np.ndarray], np.ndarray]:
    """A disc with four quarters before a soft ground; its second side comes to light while the first one goes."""
    rng = np.random.default_rng(3)
    ground = cv2.resize(rng.uniform(70, 160, (5, 8, 3)), (640, 360), interpolation=cv2.INTER_CUBIC)
    rows, columns = np.mgrid[:60, :60] - 29.5
    disc = rows**2 + columns**2 < 29**2
    sides = []
    for colours in (((220, 40, 40), (40, 40, 220)), ((240, 220, 40), (20, 120, 60))):
        quarters = (rows > 0) ^ (columns > 0)
        sides.append(np.where(quarters[..., None], colours[0], colours[1]).astype(np.float64))
    images, boxes = [], []
    for index in range(frames):
        left, top = 60 + 9 * index, 150 + round(60 * np.sin(index / 6))
        seen = np.where(columns[..., None] / 30 < 2 * index / (frames - 1) - 1, sides[1], sides[0])
        image = ground.copy()
        image[top : top + 60, left : left + 60][disc] = seen[disc]
        images.append(image.astype(np.uint8))
        boxes.append((left, top, 60, 60))
    return images, np.array(boxes, np.float64)


def tracker_with(recent_view: str) -> GlobalSearchTracker:
    tracker = assemble_tracker(
        "dmtrackReID_tiny", overrides=[f"tracker.recent_view={recent_view}", "tracker.correct_borders=0"]
    ).tracker
    assert isinstance(tracker, GlobalSearchTracker)
    return tracker


def test_what_turns_is_followed_better_and_a_run_goes_on_from_its_state_and_replays_alike() -> None:
    images, boxes_xywh = turning()
    overlaps = {}
    for recent_view in ("None", "dict(score=0.6)"):
        found, _ = tracker_with(recent_view).track(images, boxes_xywh[0])
        overlaps[recent_view] = paired_iou_xyxy(xywh_to_xyxy(found), xywh_to_xyxy(boxes_xywh))[28:].mean()
    assert overlaps["dict(score=0.6)"] > overlaps["None"] + 0.05

    again = tracker_with("dict(score=0.6)")
    again.init(images[0], boxes_xywh[0])
    for image in images[1:30]:
        again.step(image)
    state = again.snapshot()
    later = tracker_with("dict(score=0.6)")
    later.init(images[0], boxes_xywh[0])
    later.restore(state)
    np.testing.assert_array_equal([later.step(image).box_xywh for image in images[30:]], found[30:])

    # Which views are taken depends on the frames alone: a policy that decides on what was detected decides the same.
    detector = tracker_with("dict(score=0.6)")
    detector.init(images[0], boxes_xywh[0])
    policy = detector.association.target_policy(detector.presence_threshold)
    policy.start(boxes_xywh[0], detector.template_embeddings()[0], detector.detect_targets(images[0], first=True)[0])
    replayed = [policy.step(detector.detect_targets(image)[0]).box_xywh for image in images[1:]]
    np.testing.assert_array_equal(replayed, found[1:])
