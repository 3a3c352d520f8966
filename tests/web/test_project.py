import json
from types import SimpleNamespace

import numpy as np
import pytest

from dmtrack.association.detections import Decision, TrackletView
from dmtrack.errors import BoxError, DataError
from dmtrack.web.project import Project
from dmtrack.web.targets import ConflictError, KeyFrame, NotFoundError, Segment, tracklets_seen

BOX, OTHER, THIRD = (10.0, 20.0, 30.0, 40.0), (15.0, 20.0, 30.0, 40.0), (50.0, 20.0, 30.0, 40.0)


@pytest.fixture
def project(tmp_path):
    made = Project(tmp_path, "/videos/my.mp4", 100, 25.0, (200, 100), "some_config")
    made.save()
    return made


def test_segments_lie_between_key_frames_and_behind_the_last(project) -> None:
    target = project.add_target(10, BOX)
    project.set_key_frame(1, 40, OTHER)
    project.set_key_frame(1, 41, THIRD)
    found = [(one.first, one.last, one.start_xywh, one.end_xywh) for one in target.segments("c", backwards=True)]
    assert found == [(0, 10, None, BOX), (10, 40, BOX, OTHER), (40, 41, OTHER, THIRD), (41, 99, THIRD, None)]
    assert [one.steps for one in target.segments("c", backwards=True)] == [10, 58, 0, 58]


def test_a_correction_asks_for_its_two_segments_only_and_undo_for_the_one_they_replaced(project) -> None:
    target = project.add_target(0, BOX)
    project.set_key_frame(1, 50, OTHER)
    for segment in target.segments("c"):
        target.finish(segment)
    project.set_key_frame(1, 70, THIRD)
    waiting = [(one.first, one.last) for one in target.segments("c") if one not in target.done]
    assert waiting == [(50, 70), (70, 99)]
    for segment in target.segments("c"):
        target.finish(segment)
    assert project.undo()
    target = project.target(1)
    assert [(one.first, one.last) for one in target.segments("c") if one not in target.done] == [(50, 99)]


def test_a_box_is_drawn_at_first_and_corrected_where_a_tracker_has_been(project) -> None:
    target = project.add_target(0, BOX)
    target.rows[5] = (1, 1, 9, 9, 0.4, 1, np.nan)
    project.set_key_frame(1, 5, OTHER)
    project.set_key_frame(1, 8, OTHER)
    assert {frame: key.how for frame, key in target.key_frames.items()} == {0: "drawn", 5: "corrected", 8: "drawn"}
    assert target.rows[5].tolist()[:6] == [15, 20, 30, 40, 1, 1]
    project.set_key_frame(1, 5, THIRD)
    project.remove_key_frame(1, 5)
    assert target.rows[5, :5].tolist() == pytest.approx([1, 1, 9, 9, 0.4])
    project.remove_key_frame(1, 8)
    assert np.isnan(target.rows[8]).all()


def test_boxes_behind_the_end_of_a_recording_that_was_cut_off_stand_in_its_last_frame(project) -> None:
    one, other = project.add_target(0, BOX), project.add_target(0, BOX)
    for frame, box in ((60, OTHER), (61, THIRD)):
        project.set_key_frame(one.number, frame, box)
    for frame in (49, 60):
        project.set_key_frame(other.number, frame, THIRD)
    project.cut_off(50)
    boxes = [{frame: key.box_xywh for frame, key in target.key_frames.items()} for target in (one, other)]
    assert boxes == [{0: BOX, 49: OTHER}, {0: BOX, 49: THIRD}] and len(one.rows) == 50
    assert "boxes that were drawn behind frame 49 stand in it now" in project.note


def test_what_is_refused_changes_nothing(project) -> None:
    project.add_target(0, BOX)
    before = (project.folder / "project.json").read_bytes()
    with pytest.raises(BoxError):
        project.add_target(0, (300, 300, 5, 5))
    with pytest.raises(DataError, match=r"frame 100: my\.mp4 has 100 frames"):
        project.set_key_frame(1, 100, BOX)
    with pytest.raises(NotFoundError, match=r"no target 7; it has \[1\]"):
        project.set_key_frame(7, 0, BOX)
    with pytest.raises(NotFoundError, match="no drawn box in frame 3"):
        project.remove_key_frame(1, 3)
    assert (project.folder / "project.json").read_bytes() == before


def test_whatever_is_drawn_is_on_disk_at_once(project) -> None:
    project.add_target(0, BOX, "the dog")
    project.set_key_frame(1, 9, OTHER)
    project.change_target(1, "Rex")
    project.use(tracking=True)
    again = Project.load(project.folder)  # as after kill -9: nothing was closed
    assert again.describe() == project.describe()
    assert again.tracking
    assert again.target(1).key_frames == {0: KeyFrame(BOX), 9: KeyFrame(OTHER)}
    assert [again.undo() for _ in range(4)] == [True, True, True, False]
    assert again.targets == {}


def test_rows_and_finished_segments_come_back(project) -> None:
    target = project.add_target(0, BOX)
    target.rows[3] = (1, 2, 3, 4, 0.5, 0, 0.25)
    target.finish(Segment(0, 99, BOX, None, "c"))
    project.save()
    again = Project.load(project.folder).target(1)
    assert np.array_equal(again.rows, target.rows, equal_nan=True)
    assert again.done == target.done


def test_weak_stretches_come_weakest_first_and_short_ones_not(project) -> None:
    target = project.add_target(0, BOX)
    target.rows[1:100, 4] = 0.9
    target.rows[10:14, 4], target.rows[50:60, 4], target.rows[70:72, 4] = 0.3, 0.1, 0.0
    found = [(one["first"], one["last"], one["score"]) for one in target.weak_stretches(0.5)]
    assert found == [(50, 59, 0.1), (10, 13, 0.3)]


@pytest.mark.parametrize("content", ["{", "{}", "[]", json.dumps({"format": 99})])
def test_a_damaged_project_is_named(tmp_path, content) -> None:
    (tmp_path / "project.json").write_text(content)
    with pytest.raises(DataError, match=r"project\.json is no project of dmtrack serve"):
        Project.load(tmp_path)


def test_tracklets_of_look_alikes_are_lanes_and_survive_saving(tmp_path) -> None:
    def seen(frame):
        """Tracklet 4 is the target until frame 6, then 9, which was a look-alike before."""
        ids, scores, zeros = np.array([4, 9]), np.array([0.9, 0.5]), np.zeros(2)
        view = TrackletView(ids, np.zeros((2, 4)), zeros, scores, zeros.astype(np.int64))
        decision = Decision(np.zeros(4), 0.9, True, target_id=4 if frame < 6 else 9, margin=1.0, tracklets=view)
        return tracklets_seen(SimpleNamespace(decisions=[decision]), first=0)

    project = Project(tmp_path, "a.mp4", 10, 25.0, (60, 40), "c")
    target = project.add_target(0, (1, 2, 9, 9))
    for frame in range(1, 10):
        target.tracklets[frame] = seen(frame)
    project.save()
    left, right = Project.load(tmp_path).target(1).lanes()
    kept, lost = {"first": 1, "last": 5}, {"first": 6, "last": 9}
    assert left["stretches"] == [{**kept, "score": 0.9, "target": True}, {**lost, "score": 0.9, "target": False}]
    assert right["stretches"] == [{**kept, "score": 0.5, "target": False}, {**lost, "score": 0.5, "target": True}]


def test_a_target_that_another_one_changed_is_not_overwritten(project) -> None:
    project.add_target(0, BOX)
    project.add_target(0, OTHER)
    shown = project.revision
    project.set_key_frame(1, 3, THIRD)
    project.check_unchanged(2, shown)  # the other target is as it was
    with pytest.raises(ConflictError, match="target 1 was changed in another tab meanwhile"):
        project.check_unchanged(1, shown)
    project.check_unchanged(1, project.revision)
    shown = project.revision
    project.undo()
    with pytest.raises(ConflictError):
        project.check_unchanged(1, shown)
