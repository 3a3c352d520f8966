"""What all policies of many objects promise, and where the published ones keep a quirk that is off by default."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dmtrack.association.detections import Detections
from dmtrack.association.policies import JDE, ByteTrack, DeepSORT, OCSort, Sort, Tracktor
from dmtrack.association.policy import MultiObjectAssociation
from dmtrack.errors import ConfigError, DMTrackError
from dmtrack.evaluation.readers.mot import read_mot_detections
from dmtrack.tracking import MultiObjectTracker

POLICIES: list[MultiObjectAssociation] = [
    Sort(max_age=30, min_hits=0),
    DeepSORT(min_hits=1),
    JDE(),
    ByteTrack(),
    OCSort(min_hits=0),
    Tracktor(),
]
STAGED: list[Any] = [JDE, ByteTrack]


def frame(*lefts: float, classes: list[int] | None = None, score: float = 0.9) -> Detections:
    boxes = np.array([[left, 100, 40, 80] for left in lefts], float).reshape(-1, 4)
    looks = np.stack([np.cos(boxes[:, 0] / 400), np.sin(boxes[:, 0] / 400)], axis=1)
    kinds = None if classes is None else np.array(classes)
    return Detections.from_xywh(boxes, np.full(len(boxes), score), classes=kinds, embeddings=looks)


@pytest.fixture(params=POLICIES, ids=lambda settings: type(settings).__name__)
def policy(request: pytest.FixtureRequest) -> Any:
    return request.param.multi_object_policy()


def test_identities_begin_again_with_every_run_and_last_through_empty_frames(policy: Any) -> None:
    for _ in range(2):
        assert sorted(policy.step(frame(100, 500)).ids.tolist()) in ([1, 2], [])
        for number in range(1, 6):
            tracks = policy.step(frame(100 + 2 * number, 500))
            assert sorted(tracks.ids.tolist()) == [1, 2] and tracks.classes is None
        assert len(policy.step(Detections.nothing())) == 0
        assert sorted(policy.step(frame(114, 500)).ids.tolist()) == [1, 2]
        # Time goes on: what is away for long enough is forgotten, and comes back as something new.
        for _ in range(40):
            policy.step(Detections.nothing())
        assert len(policy.tracks) == 0
        policy.step(frame(116))
        assert policy.step(frame(118)).ids.tolist() == [3]
        policy.reset()


def test_classes_are_kept_apart(policy: Any) -> None:
    for number in range(4):
        tracks = policy.step(frame(100 + number, 500, classes=[1, 2]))
    assert tracks.classes is not None and dict(zip(tracks.ids.tolist(), tracks.classes, strict=True)) == {1: 1, 2: 2}
    for _ in range(4):
        # The same places, the other way round: nothing goes on.
        tracks = policy.step(frame(104, 500, classes=[2, 1]))
    assert tracks.classes is not None
    now = dict(zip(tracks.ids.tolist(), tracks.classes.tolist(), strict=True))
    assert now == {3: 2, 4: 1}


def test_memory_does_not_grow_with_the_video(policy: Any) -> None:
    rng = np.random.default_rng(0)
    sizes = []
    for number in range(600):
        policy.step(frame(*rng.uniform(0, 4000, rng.integers(0, 6)), score=0.95))
        if number in (299, 599):
            sizes.append(len(policy.tracks))
    assert sizes[1] <= 2 * max(sizes[0], 40) and policy.tracks.ids.max() > 500


def gone_for(policy: Any, frames: int) -> int | None:
    """The identity with which a thing comes back that was away for so many frames."""
    for _ in range(4):
        policy.step(frame(100, 500))
    for _ in range(frames):
        policy.step(frame(500))
    ids = [policy.step(frame(100, 500)).ids.tolist() for _ in range(2)][-1]
    return int(next(iter(set(ids) - {2})))


@pytest.mark.parametrize("settings", STAGED)
def test_a_track_that_was_given_up_does_not_come_back_but_with_compat(settings: Any) -> None:
    for compat in (False, True):
        assert gone_for(settings(compat=compat).multi_object_policy(), 30) == 1
    # Forgotten in the 31st frame, and revived in the 32nd as the published code does.
    assert gone_for(settings().multi_object_policy(), 31) == 3
    policy: Any = settings(compat=True).multi_object_policy()
    assert gone_for(policy, 31) == 1 and policy._given_up == {1}
    # Lost again, it is forgotten at once, and so is what was kept of that.
    policy.step(frame(500))
    assert len(policy.tracks) == 1 and policy._given_up == set()
    assert gone_for(settings(track_buffer=10, frame_rate=60).multi_object_policy(), 20) == 1
    assert gone_for(settings(track_buffer=10, frame_rate=60).multi_object_policy(), 21) == 3


def test_low_scores_keep_tracks_of_bytetrack_and_begin_none() -> None:
    policy: Any = ByteTrack().multi_object_policy()
    for number in range(3):
        policy.step(frame(100 + number))
    assert policy.step(frame(103, 700, score=0.3)).ids.tolist() == [1]
    assert policy.step(frame(104, 700, score=0.05)).ids.tolist() == [] and len(policy.tracks) == 1


def test_looks_tell_crossing_things_apart() -> None:
    """Two things that stand on one place for a while and come out on the other's side."""
    looks = np.eye(2)
    for settings in (JDE(), DeepSORT(min_hits=1)):
        policy: Any = settings.multi_object_policy()
        for number in range(41):
            boxes = np.array([[100 + 5 * number, 100, 40, 80], [300 - 5 * number, 100, 40, 80]], float)
            tracks = policy.step(Detections.from_xywh(boxes, np.full(2, 0.9), embeddings=looks))
        lefts = dict(zip(tracks.ids.tolist(), tracks.boxes_xywh[:, 0], strict=True))
        assert lefts[1] == pytest.approx(300, abs=5) and lefts[2] == pytest.approx(100, abs=5)


def test_a_shake_of_the_camera_is_followed() -> None:
    shake = np.array([[1, 0, 200], [0, 1, 0]], np.float32)
    for told, same in ((shake, True), (None, False)):
        policy: Any = ByteTrack().multi_object_policy()
        for _ in range(3):
            policy.step(frame(100))
        policy.step(frame(300), told)
        assert (policy.step(frame(300)).ids.tolist() == [1]) == same


@pytest.mark.parametrize("settings", [JDE(), DeepSORT()])
def test_without_embeddings_one_sentence_says_what_to_do(settings: MultiObjectAssociation) -> None:
    bare = Detections.from_xywh(np.array([[0.0, 0, 9, 9]]), np.ones(1))
    with pytest.raises(DMTrackError, match=r"compares what things look like, and the detections have no embeddings;"):
        settings.multi_object_policy().step(bare)
    with pytest.raises(ConfigError, match=r"policy\.min_score is 2"):
        type(settings)(min_score=2)  # type: ignore[call-arg]


def streams(folder: Path) -> Iterator[dict[str, Any]]:
    for file in sorted((folder / "golden" / "mot" / "dev").glob("assoc_*.npz")):
        with np.load(file) as arrays:
            yield dict(arrays)


def test_the_defaults_differ_from_the_published_trackers_only_where_they_are_mended(shared_folder: Path) -> None:
    for golden in streams(shared_folder):
        for name, settings in (("byte", ByteTrack()), ("jde", JDE())):
            policy: Any = settings.multi_object_policy()
            ends = zip(golden["det_off"], golden["det_off"][1:], strict=False)
            for number, (first, end) in enumerate(ends):
                rows, looks = golden["det"][first:end], golden["emb"][first:end]
                tracks = policy.step(Detections(rows[:, :4], rows[:, 4], embeddings=looks))
                expected = golden[name][slice(*golden[f"{name}_off"][number : number + 2])]
                # No track is old enough to be forgotten in the first frames, so nothing is mended in them.
                if number <= 30:
                    assert tracks.ids.tolist() == expected[:, 0].astype(int).tolist()
                    np.testing.assert_allclose(tracks.boxes_xywh, expected[:, 1:5], atol=1e-3)


def test_a_real_sequence_from_its_det_txt(shared_folder: Path) -> None:
    folder = shared_folder / "data" / "mot" / "MOT17-04-FRCNN-mini"
    tracker = MultiObjectTracker(ByteTrack())
    tracks = [tracker.step(found) for found in read_mot_detections(folder / "det" / "det.txt", frames=8)]
    assert min(len(one) for one in tracks) >= 15
    assert len({identity for one in tracks for identity in one.ids.tolist()}) <= 40


@pytest.mark.parametrize(("hidden", "identity"), [(4, 1), (5, 2)])
@pytest.mark.parametrize("compat", [False, True])
def test_deepsort_looks_for_a_track_in_as_many_frames_as_its_cascade_has(
    hidden: int, identity: int, compat: bool
) -> None:
    policy = DeepSORT(max_age=5, compat=compat).multi_object_policy()
    for _ in range(4):
        policy.step(frame(100))
    for _ in range(hidden):
        policy.step(Detections.nothing())
    told = [policy.step(frame(100)).ids.tolist() for _ in range(3)]
    assert told[-1] == [identity]
    assert told[0] == [1] * (identity == 1)
