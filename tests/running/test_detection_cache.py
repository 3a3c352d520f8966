from __future__ import annotations

import json
import struct
import sys
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmtrack.association.detections import Detections
from dmtrack.association.policies.best_candidate import BestCandidatePolicy
from dmtrack.data.sequences import Sequence
from dmtrack.errors import EvaluationError
from dmtrack.running.cached_tracker import CachedTracker
from dmtrack.running.detection_cache import DetectionCache, detection_identity
from dmtrack.running.detection_file import MAGIC, CachedDetections, write_detections
from dmtrack.running.one_sequence import track_sequence
from dmtrack.tracking import GlobalSearchTracker

sys.path.append(str(Path(__file__).parents[1] / "support"))
from colour_search import ColourSearch, moving_square


def random_frames(counts, channels, classes, inclusive=False, seed=0):
    random = np.random.default_rng(seed)
    return [
        Detections(
            random.normal(100, 50, (count, 4)).astype(np.float32),
            np.sort(random.random(count, np.float32))[::-1],
            random.integers(0, 80, count).astype(np.int32) if classes else None,
            random.normal(0, 1, (count, channels)).astype(np.float16) if channels else None,
            inclusive=inclusive,
        )
        for count in counts
    ]


@settings(max_examples=40)
@given(
    counts=st.lists(st.integers(0, 7), max_size=9),
    channels=st.integers(0, 5),
    classes=st.booleans(),
    inclusive=st.booleans(),
    template=st.integers(0, 5),
)
def test_what_is_written_is_read_to_the_bit(tmp_path_factory, counts, channels, classes, inclusive, template):
    path = tmp_path_factory.mktemp("c") / "s.detections"
    frames = random_frames(counts, channels, classes, inclusive)
    embedding = np.linspace(-1, 1, template).astype(np.float16)
    size = write_detections(path, {"sequence": "s"}, iter(frames), embedding)
    stored = CachedDetections(path)
    assert len(stored) == len(frames) and stored.header["sequence"] == "s" and size == path.stat().st_size
    np.testing.assert_array_equal(stored.template_embedding, embedding)
    for ours, theirs in zip(stored, frames, strict=True):
        np.testing.assert_array_equal(ours.boxes_xyxy, theirs.boxes_xyxy)
        np.testing.assert_array_equal(ours.scores, theirs.scores)
        if len(theirs):
            np.testing.assert_array_equal(ours.embeddings, theirs.embeddings)
            assert ours.inclusive == inclusive and (ours.classes is None) == (not classes)
            if classes:
                np.testing.assert_array_equal(ours.classes, theirs.classes)


def test_a_file_of_the_first_version_opens_and_its_further_column_is_passed_over(tmp_path):
    boxes = np.arange(8, dtype="<f4").reshape(2, 4)
    scores, column, looks = np.array([0.9, 0.5], "<f4"), np.zeros(2, "<f4"), np.eye(2, 3).astype("<f2")
    for has_column in (False, True):
        parts = [boxes, scores, *([column] if has_column else []), looks]
        header = {"frames": 1, "centerness": has_column, "channels": 3, "inclusive": True, "template_channels": 2}
        text = json.dumps(header).encode()
        body = np.array([2], "<u4").tobytes() + text
        content = b"".join([*(part.tobytes() for part in parts), np.array([1, 2], "<f2").tobytes(), body])
        path = tmp_path / "old.detections"
        path.write_bytes(MAGIC + content + struct.pack("<II8s", len(text), zlib.crc32(body), MAGIC))
        (found,) = stored = CachedDetections(path)
        np.testing.assert_array_equal(found.boxes_xyxy, boxes)
        np.testing.assert_array_equal(found.embeddings, looks)
        assert found.scores.tolist() == scores.tolist() and found.inclusive and found.classes is None
        assert stored.template_embedding.tolist() == [1, 2]


def test_bytes_per_frame_are_as_documented(tmp_path):
    for channels, classes, expected in ((0, False, 2004), (0, True, 2404), (64, False, 14804)):
        sizes = [
            write_detections(tmp_path / "s", {}, iter(random_frames([100] * count, channels, classes)))
            for count in (10, 20)
        ]
        assert (sizes[1] - sizes[0]) / 10 == expected


def test_writing_takes_the_same_memory_for_any_length(tmp_path):
    (frame,) = random_frames([100], 64, False)
    peaks = []
    for length in (200, 2000):
        tracemalloc.start()
        write_detections(tmp_path / "s", {}, (frame for _ in range(length)))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 200_000  # the records themselves are 26 MB larger


def test_a_damaged_file_is_one_sentence(tmp_path):
    path = tmp_path / "s.detections"
    write_detections(path, {}, iter(random_frames([3, 0, 4], 2, True)))
    whole = path.read_bytes()
    for content in (b"", whole[:5], whole[:-1], whole[:-40], whole[50:], b"x" * 100, whole[:-30] + b"?" + whole[-29:]):
        path.write_bytes(content)
        with pytest.raises(EvaluationError, match=r"s.detections .*(remove it|build it)"):
            CachedDetections(path)
    with pytest.raises(EvaluationError, match="cannot be read: No such file"):
        CachedDetections(tmp_path / "nothing")
    with pytest.raises(EvaluationError, match="frame 1 has other fields"):
        write_detections(path, {}, iter([*random_frames([2], 0, False), *random_frames([2], 3, False)]))


@pytest.fixture
def scene(tmp_path):
    """A sequence whose target is away for two frames, a tracker that finds it, and a cache of what that sees."""
    images, boxes = moving_square(12, gone=range(5, 7))
    present = np.ones(12, bool)
    present[5:7] = False
    sequence = Sequence("square", np.where(present[:, None], boxes, np.nan), present, images.__getitem__, (64, 48))
    cache = DetectionCache(tmp_path / "bench", {"config_hash": "c", "weights_sha256": "w", "k": 5}, {"name": "bench"})
    cache.start({})
    return sequence, cache


@pytest.mark.parametrize("inclusive", [False, True])
def test_a_tracker_that_runs_from_the_cache_gives_the_live_boxes_to_the_bit(scene, inclusive):
    sequence, cache = scene
    live = GlobalSearchTracker(ColourSearch(inclusive=inclusive, floor=0.5), "live", presence_threshold=0.9)
    frames = []
    assert not cache.has(sequence)
    assert cache.detect_and_store(live, sequence, lambda: frames.append(1)) is None and len(frames) == 12
    assert cache.has(sequence)
    cached = CachedTracker("cached", cache, BestCandidatePolicy(0.9))
    first, second = track_sequence(live, sequence), track_sequence(cached, sequence)
    np.testing.assert_array_equal(first.boxes_xywh, second.boxes_xywh)
    np.testing.assert_array_equal(first.scores, second.scores)
    np.testing.assert_array_equal(first.present, second.present)
    assert first.present.sum() == 10 and second.seconds is None
    # Before rounding too, candidates included.
    replay = cached.frames_of(sequence)
    box = sequence.boxes_xywh[0]
    live.init(sequence.read_frame(0), box)
    cached.init(next(replay), box)
    for index, found in enumerate(replay, start=1):
        one, other = live.step(sequence.read_frame(index)), cached.step(found)
        np.testing.assert_array_equal(one.box_xywh, other.box_xywh)
        np.testing.assert_array_equal(one.candidates.boxes_xywh, other.candidates.boxes_xywh)
        np.testing.assert_array_equal(one.candidates.scores, other.candidates.scores)


def test_a_cache_of_anything_else_is_refused(scene):
    sequence, cache = scene
    live = GlobalSearchTracker(ColourSearch())
    cache.require()
    with pytest.raises(EvaluationError, match=r"has no detections in 'square'"):
        cache.open(sequence)
    assert cache.detect_and_store(live, sequence, lambda: None) is None
    for key, value, message in (
        ("weights_sha256", "v", "weights changed; weights was w, is v"),
        ("config_hash", "d", "config changed; config was c, is d"),
        ("k", 7, "k changed; k was 5, is 7"),
    ):
        other = DetectionCache(cache.benchmark_folder, {**cache.identity, key: value}, cache.sequences)
        with pytest.raises(EvaluationError, match=message):
            other.require()
        other.start({})
        other.path("square").write_bytes(cache.path("square").read_bytes())
        with pytest.raises(EvaluationError, match="is of another model"):
            other.has(sequence)
        (other.folder / "square.detections").unlink()
        (other.folder / "manifest.json").unlink()
    moved = sequence.boxes_xywh.copy()
    moved[0] += 1
    for changed in (moved, sequence.boxes_xywh[:5]):
        other_sequence = Sequence("square", changed, sequence.present, sequence.read_frame)
        with pytest.raises(EvaluationError, match="other frames or another first box"):
            cache.has(other_sequence)
    with pytest.raises(EvaluationError, match="sequences changed"):
        DetectionCache(cache.benchmark_folder, cache.identity, {"name": "other"}).start({})


def test_a_sequence_without_a_first_box_is_named_and_leaves_no_file(scene):
    sequence, cache = scene
    sequence.boxes_xywh[0] = np.nan
    reason = cache.detect_and_store(GlobalSearchTracker(ColourSearch()), sequence, lambda: None)
    assert "'square' has no box in its first frame" in reason
    assert [path.name for path in sorted(cache.folder.iterdir())] == ["manifest.json", "square.error.txt"]


def test_the_identity_follows_what_is_found_and_not_what_is_chosen():
    def identity(weights="w", model=1, **tracker):
        return detection_identity(
            {"model": {"x": model}, "tracker": {"type": "GlobalSearchTracker", **tracker}}, weights
        )

    same = identity()
    assert same["k"] == 100 and identity(presence_threshold=0.7, name="x") == same
    for changed in (identity("v"), identity(model=2), identity(precision="bf16"), identity(max_candidates=9)):
        assert changed != same
    with pytest.raises(EvaluationError, match="SiamRPNTracker does not search whole frames"):
        detection_identity({"model": {}, "tracker": {"type": "SiamRPNTracker"}}, "w")
