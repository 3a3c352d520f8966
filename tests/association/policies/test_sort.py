"""SORT against the published tracker on generated streams, and driven from the detections of a real sequence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dmtrack.association import area_filter
from dmtrack.association.detections import Detections
from dmtrack.association.policies import BestCandidate, Sort
from dmtrack.association.policies.sort import SortPolicy
from dmtrack.boxes import pairwise_iou_xyxy, xywh_to_xyxy, xyxy_to_xywh
from dmtrack.config import parse_config
from dmtrack.errors import ConfigError, DMTrackError
from dmtrack.evaluation.readers.mot import read_mot_detections
from dmtrack.tracking.multi_object import MultiObjectTracker
from dmtrack.tracking.reid import ReIDTracker


@pytest.mark.parametrize(("name", "max_age"), [("sort", 1), ("sort_a30", 30)])
@pytest.mark.parametrize("stream", ["assoc_s0.npz", "assoc_s1.npz", "assoc_s2.npz"])
def test_identities_order_and_boxes_are_those_of_the_published_tracker(
    shared_folder: Path, stream: str, name: str, max_age: int
) -> None:
    with np.load(shared_folder / "golden" / "mot" / "dev" / stream) as arrays:
        golden = dict(arrays)
    tracker = MultiObjectTracker(Sort(max_age=max_age))
    for frame, (first, end) in enumerate(zip(golden["det_off"], golden["det_off"][1:], strict=False)):
        rows = golden["det"][first:end]
        rows = rows[rows[:, 4] > 0.4]
        tracks = tracker.step(Detections(rows[:, :4], rows[:, 4]))
        expected = golden[name][slice(*golden[f"{name}_off"][frame : frame + 2])]
        assert tracks.ids.tolist() == expected[:, 0].astype(int).tolist()
        np.testing.assert_allclose(tracks.boxes_xyxy, expected[:, 1:], atol=1e-3)


@pytest.mark.parametrize("file", ["core_s10.npz", "core_s11.npz"])
def test_filter(shared_folder: Path, file: str) -> None:
    with np.load(shared_folder / "golden" / "mot" / "dev" / file) as arrays:
        golden = dict(arrays)
    measured = area_filter.xywh_to_uvsr(xyxy_to_xywh(np.stack([golden["sortkf_box0"], *golden["sortkf_boxes"]])))
    states = area_filter.start(measured[:1])
    for step in range(6):
        states = area_filter.predict(states)
        np.testing.assert_allclose(states.means[0], golden["sortkf_x"][2 * step], rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(states.covariances[0], golden["sortkf_P"][2 * step], rtol=1e-6, atol=1e-6)
        if step != 3:
            states = area_filter.update(states, measured[step + 1 : step + 2])
        np.testing.assert_allclose(states.means[0], golden["sortkf_x"][2 * step + 1], rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(states.covariances[0], golden["sortkf_P"][2 * step + 1], rtol=1e-6, atol=1e-6)


def test_a_real_sequence_from_its_det_txt(shared_folder: Path) -> None:
    folder = shared_folder / "data" / "mot" / "MOT17-04-FRCNN-mini"
    tracker = MultiObjectTracker(Sort())
    truth = np.loadtxt(folder / "gt" / "gt.txt", delimiter=",")
    truth = truth[(truth[:, 6] == 1) & (truth[:, 7] == 1)]
    seen: dict[int, set[int]] = {}
    frames = read_mot_detections(folder / "det" / "det.txt", frames=8)
    assert sum(map(len, frames)) == 205 and len(frames) == 8
    for number, found in enumerate(frames, start=1):
        tracks = tracker.step(found)
        rows = truth[truth[:, 0] == number]
        overlap = pairwise_iou_xyxy(tracks.boxes_xyxy, xywh_to_xyxy(rows[:, 2:6] - [1, 1, 0, 0]))
        assert len(tracks) <= len(found)
        for identity, row in zip(tracks.ids.tolist(), overlap, strict=True):
            if row.max() >= 0.5:
                seen.setdefault(identity, set()).add(int(rows[row.argmax(), 1]))
    # At least 20 people are followed, and hardly a track changes from one to another.
    assert len(seen) >= 20
    assert sum(len(people) > 1 for people in seen.values()) <= 1


def walk(frame: int, hidden: bool = False) -> Detections:
    boxes = [] if hidden else [[100.0 + 2 * frame, 100, 30, 60]]
    boxes.append([300.0, 100, 30, 60])
    scores = [0.9, 0.8][-len(boxes) :]
    return Detections.from_xywh(np.array(boxes), np.array(scores), classes=np.array([1, 2][-len(boxes) :]))


def test_tracks_are_told_once_they_were_seen_often_enough_and_forgotten() -> None:
    policy = SortPolicy(Sort(max_age=2))
    for frame in range(5):
        tracks = policy.step(walk(frame))
        assert sorted(tracks.ids.tolist()) == [1, 2]
        assert tracks.classes is not None and dict(zip(tracks.ids, tracks.classes, strict=True)) == {1: 1, 2: 2}
    assert [policy.step(walk(frame, hidden=True)).ids.tolist() for frame in (5, 6)] == [[2], [2]]
    # Within max_age it is the same track, which has to earn its place again.
    assert [sorted(policy.step(walk(frame)).ids.tolist()) for frame in (7, 8, 9)] == [[2], [2], [1, 2]]
    for frame in (10, 11, 12):
        policy.step(walk(frame, hidden=True))
    assert sorted(policy.step(walk(13)).ids.tolist()) == [2] and policy.tracks.means.shape == (2, 7)
    assert policy.step(Detections.nothing()).ids.tolist() == []
    policy.reset()
    assert sorted(policy.step(walk(0)).ids.tolist()) == [1, 2]


def test_it_follows_one_target_as_well() -> None:
    section = {
        "type": "ReIDTracker",
        "policy": {"type": "Sort", "min_hits": 0, "max_age": 2},
        "presence_threshold": 0.5,
    }
    policy = ReIDTracker.policy(section)
    assert policy.timeline_view is not None and policy.timeline_view.margin == "clearance"
    policy.start(np.array([100.0, 100, 30, 60]), None, walk(0))
    for frame in range(1, 6):
        decision = policy.step(walk(frame))
        assert decision.present and decision.score == 0.9 and decision.target_id == 1 and decision.margin == 1.0
        assert decision.box_xywh[0] == pytest.approx(100 + 2 * frame, abs=2)
        assert decision.tracklets is not None and sorted(decision.tracklets.ids.tolist()) == [1, 2]
    gone = policy.step(walk(6, hidden=True))
    assert not gone.present and gone.score == 0.0 and gone.margin == np.inf
    for frame in (7, 8, 9):
        policy.step(walk(frame, hidden=True))
    back = policy.step(walk(9))
    assert back.present and back.events == ("changed: track 1 is out of sight, 3 lies on its last box",)


def test_what_is_wrong_with_its_settings_is_one_sentence() -> None:
    for policy, message in (
        ({"type": "Sort", "max_ages": 3}, r"unknown key 'tracker.policy.max_ages' of Sort; did you mean 'max_age'"),
        ({"type": "Sord"}, "unknown association policy 'Sord' at 'tracker.policy.type'; did you mean 'Sort'"),
        ({"type": "Sort", "iou_threshold": 2}, "tracker.policy.iou_threshold is 2: expected a number from 0 to 1"),
    ):
        with pytest.raises(ConfigError, match=message):
            parse_config({"tracker": {"type": "ReIDTracker", "policy": policy}})
    with pytest.raises(ConfigError, match=r"policy\.iou_threshold is 2"):
        Sort(iou_threshold=2)
    with pytest.raises(ConfigError, match="exclude each other"):
        ReIDTracker.policy({"association": {"reach": 1.0}, "policy": {"type": "Sort"}})
    with pytest.raises(ConfigError, match="BestCandidate follows a target whose first box is given"):
        MultiObjectTracker(BestCandidate())
    with pytest.raises(DMTrackError, match="camera_motion follows the images"):
        MultiObjectTracker(Sort(), camera_motion=True)
