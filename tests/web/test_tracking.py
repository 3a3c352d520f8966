import importlib
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from dmtrack.data.sequences import Track, Video
from dmtrack.errors import DMTrackError
from dmtrack.media.images import write_image
from dmtrack.media.random_access import RandomFrames
from dmtrack.media.video import open_frames
from dmtrack.tracking import Tracker, TrackResult
from dmtrack.web import tracking as tracking_module
from dmtrack.web.project import Project
from dmtrack.web.runs import ACTIVE
from dmtrack.web.segments import fuse, track_segment
from dmtrack.web.targets import Segment
from dmtrack.web.tracking import BusyError, TrackingThread

SIZE = (60, 40)
FRAMES = 24
RIGHT = 4.0


class Drifting(Tracker):
    """Reads the number of the frame from its first pixel; its box moves by `RIGHT` per frame from where it began."""

    def __init__(self, error=None, seconds=0.0):
        super().__init__("drifting")
        self.error, self.seconds = error, seconds

    def init(self, image, box):
        self.box, self.start = np.asarray(box, np.float64), int(image[0, 0, 0])

    def step(self, image):
        time.sleep(self.seconds)
        number = int(image[0, 0, 0])
        if number == self.error:
            raise DMTrackError("frame 9 is too much")
        distance = abs(number - self.start)
        return TrackResult(self.box + np.array([RIGHT * distance, 0, 0, 0]), 1.0 - 0.01 * distance, True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("frames")
    for number in range(FRAMES):
        write_image(made / f"{number:03d}.png", np.full((*SIZE[::-1], 3), number, np.uint8))
    return made


def frames_of(folder):
    return RandomFrames(open_frames(folder))


def project_in(path, folder):
    path.mkdir(parents=True, exist_ok=True)
    return Project(path, str(folder), FRAMES, None, SIZE, "drifting")


class Fresh:
    def __init__(self, **settings):
        self.settings = settings

    def fresh(self, config):
        return Drifting(**self.settings)


def wait(run, seconds=20.0):
    end = time.monotonic() + seconds
    while run.state in ACTIVE and time.monotonic() < end:
        time.sleep(0.01)
    return run.state


def test_loading_the_model_counts_neither_as_latency_nor_for_the_rate(tmp_path, folder) -> None:
    class SlowToLoad:
        loaded = threading.Event()

        def fresh(self, config):
            assert self.loaded.wait(60)
            return Drifting(seconds=0.01)

    thread, project = TrackingThread(SlowToLoad()), project_in(tmp_path / "project", folder)
    project.add_target(0, (1, 1, 9, 9))
    run = thread.start(project, lambda: frames_of(folder))
    began = run.started
    time.sleep(0.3)
    assert run.describe()["state"] == "waiting"
    SlowToLoad.loaded.set()
    wait(run)
    assert run.started > began + 0.25 and len(run.seconds) == FRAMES - 1
    thread.stop()


def test_a_model_that_is_being_loaded_does_not_keep_the_server_from_ending(tmp_path, folder, monkeypatch) -> None:
    monkeypatch.setattr(tracking_module, "LONGEST_STEP", 0.2)
    loading, loaded = threading.Event(), threading.Event()

    class Slow:
        def fresh(self, config):
            loading.set()
            loaded.wait(60)
            return Drifting()

    thread, project = TrackingThread(Slow()), project_in(tmp_path / "project", folder)
    project.add_target(0, (1, 1, 9, 9))
    thread.start(project, lambda: frames_of(folder))
    assert loading.wait(30)
    thread.stop()
    assert thread._thread.is_alive() and project.tracking  # it goes on with the next server
    loaded.set()


def test_a_segment_without_an_end_is_tracked_forward_and_one_without_a_start_backward(folder) -> None:
    with frames_of(folder) as frames:
        behind = list(track_segment(frames, Drifting, Segment(20, 23, (5, 5, 9, 9), None, "c")))
        before = list(track_segment(frames, Drifting, Segment(0, 3, None, (5, 5, 9, 9), "c")))
    assert [(number, float(row[0])) for number, row, _ in behind] == [(21, 9.0), (22, 13.0), (23, 17.0)]
    assert [(number, float(row[0])) for number, row, _ in before] == [(2, 9.0), (1, 13.0), (0, 17.0)]


def test_between_two_key_frames_both_ways_are_fused(folder) -> None:
    # Forward the box is at 2 + 4 n, backward at 26 + 4 (6 - n): they meet nowhere, and the nearer key frame wins.
    with frames_of(folder) as frames:
        rows = list(track_segment(frames, Drifting, Segment(0, 6, (2, 5, 9, 9), (26, 5, 9, 9), "c")))
    assert [number for number, _, _ in rows] == [1, 2, 3, 4, 5, 5, 4, 3, 2, 1]
    assert {number: float(row[0]) for number, row, _ in rows[5:]} == {1: 6.0, 2: 10.0, 3: 14.0, 4: 34.0, 5: 30.0}


def test_boxes_that_overlap_are_averaged_by_score_and_nearness() -> None:
    forward = np.array([10, 0, 10, 10, 0.8, 1, 0.1], np.float32)
    backward = np.array([12, 0, 10, 10, 0.4, 1, 0.2], np.float32)
    # A quarter of the way: 0.75 x 0.8 against 0.25 x 0.4 is 6 to 1.
    assert fuse(forward, backward, 0.25)[:5] == pytest.approx([10 + 2 / 7, 0, 10, 10, 0.8 - 0.4 / 7], abs=1e-5)
    backward[5] = 0
    assert np.array_equal(fuse(forward, backward, 0.99), forward)  # present goes before absent


def test_a_project_is_tracked_to_its_end_and_saved(folder, tmp_path) -> None:
    project = project_in(tmp_path / "one", folder)
    target = project.add_target(0, (2, 5, 9, 9))
    thread = TrackingThread(Fresh())
    run = thread.start(project, lambda: frames_of(folder))
    assert wait(run) == "done"
    assert run.done == run.total == FRAMES - 1
    assert target.rows[:, 0].tolist() == [2.0 + RIGHT * number for number in range(FRAMES)]
    assert np.array_equal(Project.load(project.folder).target(1).rows, target.rows, equal_nan=True)
    assert thread.start(project, lambda: frames_of(folder)) is None  # nothing is left to track
    thread.stop()


def test_projects_take_turns_and_one_too_many_is_told_so(folder, tmp_path) -> None:
    begun = threading.Event()

    class Together(Fresh):
        def fresh(self, config):
            assert begun.wait(60)
            return super().fresh(config)

    thread = TrackingThread(Together(seconds=0.004), most_runs=3)
    runs = []
    for number in range(3):
        project = project_in(tmp_path / str(number), folder)
        project.add_target(0, (2, 5, 9, 9))
        runs.append(thread.start(project, lambda: frames_of(folder)))
    late = project_in(tmp_path / "late", folder)
    late.add_target(0, (2, 5, 9, 9))
    with pytest.raises(BusyError, match="3 videos are tracked at once"):
        thread.start(late, lambda: frames_of(folder))
    begun.set()
    spread = []
    while any(run.state in ACTIVE for run in runs):
        spread.append(max(run.done for run in runs) - min(run.done for run in runs))
        time.sleep(0.002)
    assert {run.state for run in runs} == {"done"}
    assert max(spread) <= 3  # they are read one after the other
    thread.stop()


def test_a_run_pauses_goes_on_and_is_cancelled_and_what_it_found_stays(folder, tmp_path) -> None:
    project = project_in(tmp_path, folder)
    target = project.add_target(0, (2, 5, 9, 9))
    thread = TrackingThread(Fresh(seconds=0.01))
    run = thread.start(project, lambda: frames_of(folder))
    while run.done < 3:
        time.sleep(0.005)
    thread.set_state(project.id, "paused")
    time.sleep(0.05)
    done = run.done
    time.sleep(0.1)
    assert run.done == done < run.total
    assert project.tracking
    thread.set_state(project.id, "tracking")
    while run.done < done + 2:
        time.sleep(0.005)
    thread.set_state(project.id, "cancelled")
    thread.stop()
    assert run.state == "cancelled"
    assert np.isfinite(Project.load(tmp_path).target(1).rows[:, 4]).sum() >= done
    assert not project.tracking
    assert target.done == []


def test_an_error_ends_its_own_run_only(folder, tmp_path) -> None:
    failing = project_in(tmp_path, folder)
    failing.add_target(0, (2, 5, 9, 9))
    thread = TrackingThread(Fresh(error=9))
    run = thread.start(failing, lambda: frames_of(folder))
    assert wait(run) == "failed"
    assert run.error == "frame 9 is too much"
    failing.set_key_frame(1, 9, (20, 5, 9, 9))
    other = thread.start(failing, lambda: frames_of(folder))
    assert wait(other) == "done"
    thread.stop()


def test_a_page_that_was_away_too_long_is_told_to_read_everything(folder, tmp_path) -> None:
    project = project_in(tmp_path, folder)
    project.add_target(0, (2, 5, 9, 9))
    thread = TrackingThread(Fresh())
    run = thread.start(project, lambda: frames_of(folder))
    wait(run)
    thread.stop()
    assert [row[2] for row in run.after(20)] == [21, 22, 23]
    assert run.after(23) == []
    for number in range(5000):
        run.remember(1, number, np.zeros(7, np.float32))
    assert run.after(20) is None


def test_the_benchmark_of_effort_counts_boxes_until_every_frame_is_right(folder, monkeypatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    effort = importlib.import_module("bench_annotation_effort")
    truth = np.tile([2.0, 5.0, 9.0, 9.0], (FRAMES, 1))
    truth[:, 0] += RIGHT * np.arange(FRAMES) / 4
    truth[FRAMES // 2 :, 0] += 3
    sequence = Video("made", FRAMES, None, {1: Track(truth, np.ones(FRAMES, bool), "made")}, SIZE).sequence(1, "made")
    assert effort.boxes_drawn(sequence, effort.straight_line, 0.7, 50) == (4, 1.0)
    with frames_of(folder) as frames:
        fill = partial(effort.tracked, frames, Drifting)
        count, share = effort.boxes_drawn(sequence, fill, 0.7, 50)
        assert (count > 4, share) == (True, 1.0)  # this tracker moves four times as far as the target
