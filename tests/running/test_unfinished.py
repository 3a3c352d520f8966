"""A run that was cut off goes on to the very boxes that it would have had."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from dmtrack.config import build
from dmtrack.data.sequences import Sequence
from dmtrack.data.synthetic.sequences import SyntheticSequences
from dmtrack.errors import DMTrackError, OutputError
from dmtrack.registry import ASSOCIATIONS, MODELS
from dmtrack.running.box_log import choose_folder, find_unfinished
from dmtrack.running.unfinished import STATE_FILE, UnfinishedRun
from dmtrack.tracking.base import Tracker
from dmtrack.tracking.global_search import GlobalSearchTracker
from dmtrack.tracking.reid import ReIDTracker
from dmtrack.tracking.siamrpn import LongTerm, SiamRPNTracker

SUPPORT = Path(__file__).parents[1] / "support"
sys.path.append(str(SUPPORT))
from small_reid import small_reid  # noqa: E402

FRAMES = 16
RUN: dict[str, Any] = {"source": "clip.mp4", "fps": 25.0, "size_wh": [64, 48], "first_box_xywh": [1.0, 2.0, 3.0, 4.0]}


@pytest.fixture(scope="module")
def sequence() -> Sequence:
    return SyntheticSequences(1, FRAMES, seed=3, size_wh=(160, 96), distractors=3)[0]


def reid(**settings: Any) -> ReIDTracker:
    return ReIDTracker(small_reid(), presence_threshold=0.01, **settings)


def of_policy(kind: str, **settings: Any) -> ReIDTracker:
    return reid(policy=build({"type": kind, **settings}, ASSOCIATIONS))


def siamrpn(long_term: LongTerm | None = None) -> SiamRPNTracker:
    torch.manual_seed(0)
    backbone = {"type": "SiameseAlexNet", "width_mult": 0.0625}
    head = {"type": "SiamRPNHead", "in_channels": [16], "weighted": False}
    size = {"search_size": 287, "base_size": 0}
    node = {"type": "SiamRPN", "backbone": backbone, "head": head, "center_size": None, "preprocessing": size}
    return SiamRPNTracker(build(node, MODELS).eval(), long_term=long_term)


WITH_LOOKS = {"min_score": 0.0, "looks_score": 0.0, "looks_margin": 0.0, "looks_interval": 1}
TRACKERS: dict[str, Callable[[], Tracker]] = {
    "global search": lambda: GlobalSearchTracker(small_reid()),
    "distractor aware": lambda: reid(association=WITH_LOOKS),
    "camera": lambda: reid(association={"min_score": 0.0}, camera_motion=True),
    "siamrpn": siamrpn,
    "siamrpn lost": lambda: siamrpn(LongTerm(lost_search_size=303)),
    "Sort": lambda: of_policy("Sort", min_hits=1),
    "OCSort": lambda: of_policy("OCSort"),
    "ByteTrack": lambda: of_policy("ByteTrack"),
    "DeepSORT": lambda: of_policy("DeepSORT"),
    "JDE": lambda: of_policy("JDE", compat=True),
}


def steps(tracker: Tracker, sequence: Sequence, frames: range) -> list[tuple[Any, ...]]:
    results = [tracker.step(sequence.read_frame(number)) for number in frames]
    return [(*result.box_xywh.tolist(), result.score, result.present) for result in results]


@pytest.mark.parametrize("name", TRACKERS)
def test_a_stored_state_goes_on_to_the_last_bit(name: str, sequence: Sequence, tmp_path: Path) -> None:
    tracker = TRACKERS[name]()
    tracker.init(sequence.read_frame(0), sequence.boxes_xywh[0])
    whole = []
    for number in range(1, FRAMES):
        whole += steps(tracker, sequence, range(number, number + 1))
        UnfinishedRun(RUN, number, 0, tracker.snapshot()).write(tmp_path / str(number))
    for cut in (1, 5, 11):
        tracker.init(sequence.read_frame(0), sequence.boxes_xywh[0])
        stored = UnfinishedRun.read(tmp_path / str(cut))
        assert stored is not None and (stored.run, stored.frames) == (RUN, cut)
        tracker.restore(stored.snapshot)
        assert steps(tracker, sequence, range(cut + 1, FRAMES)) == whole[cut:]


def test_a_state_is_bounded_and_its_file_holds_no_code(sequence: Sequence, tmp_path: Path) -> None:
    tracker = reid(association={**WITH_LOOKS, "max_tracklets": 4, "looks_of_others": 5, "looks_of_target": 3})
    tracker.init(sequence.read_frame(0), sequence.boxes_xywh[0])
    sizes = []
    for number in range(1, FRAMES):
        tracker.step(sequence.read_frame(number))
        UnfinishedRun(RUN, number, 0, tracker.snapshot()).write(tmp_path)
        sizes.append((tmp_path / STATE_FILE).stat().st_size)
    assert max(sizes) < 40_000 and sizes[-1] <= max(sizes[: FRAMES // 2]) * 1.1
    (tmp_path / STATE_FILE).write_bytes((tmp_path / STATE_FILE).read_bytes()[:-9])
    with pytest.raises(OutputError, match=r"cannot be read .* remove it"):
        UnfinishedRun.read(tmp_path)


def test_what_does_not_say_its_state_or_says_another_is_refused(sequence: Sequence) -> None:
    class Counting(GlobalSearchTracker):
        seen = 0

    with pytest.raises(DMTrackError, match="Counting does not say what it knows"):
        Counting(small_reid()).snapshot()
    first, other = reid(), of_policy("Sort")
    for tracker in (first, other):
        tracker.init(sequence.read_frame(0), sequence.boxes_xywh[0])
    with pytest.raises(DMTrackError, match="stored state is not that of a FollowedTrack"):
        other.restore(first.snapshot())


def test_an_unfinished_run_is_found_by_its_source_and_box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folders = [Path("results", "track", name) for name in ("clip", "clip-2")]
    assert find_unfinished(None, RUN, []) == (None, None)
    UnfinishedRun(RUN, 7, 100, {}).write(folders[0])
    found = UnfinishedRun.read(folders[0])
    assert found is not None and find_unfinished(None, RUN, []) == (folders[0], found)
    assert find_unfinished(None, RUN, [(9.0, 2.0, 3.0, 4.0)]) == (None, None)
    assert find_unfinished(None, {**RUN, "start_frame": 3}, []) == (None, None)
    with pytest.raises(
        OutputError, match="stopped after 7 frames; go on with --resume, or begin anew with --overwrite"
    ):
        choose_folder(None, RUN)
    assert choose_folder(None, RUN, overwrite=True) == folders[0]
    other = {**RUN, "first_box_xywh": [9.0, 2.0, 3.0, 4.0]}
    assert choose_folder(None, other) == folders[1]
    UnfinishedRun(other, 7, 100, {}).write(folders[1])
    assert find_unfinished(None, RUN, [(9.0, 2.0, 3.0, 4.0)])[0] == folders[1]
    with pytest.raises(OutputError, match=r"several runs .*clip, .*clip-2; say with --output"):
        find_unfinished(None, RUN, [])
    with pytest.raises(OutputError, match="has precision fp32, and this one bf16; give the same options and files"):
        UnfinishedRun({**RUN, "precision": "fp32"}, 7, 100, {}).check({**RUN, "precision": "bf16"}, folders[0])
