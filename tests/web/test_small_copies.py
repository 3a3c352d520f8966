"""Small copies are made while a page looks, and only then, never beside a tracker, and within their disk."""

import time

import cv2
import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the page is an extra: pip install 'dmtrack[web]'")
from fastapi.testclient import TestClient

from dmtrack.media import small_copy
from dmtrack.media.small_copy import PART, SmallCopy, make_parts
from dmtrack.media.video import open_frames
from dmtrack.web import looking
from dmtrack.web.app import make_app
from dmtrack.web.places import Places
from dmtrack.web.small_copies import FOLDER, SmallCopies
from dmtrack.web.tracking import Trackers, TrackingThread
from tests.support.numbered_video import number_of, write_video

FRAMES = PART + 60
TOKEN = "the-token"


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("videos") / "far.mp4"
    write_video(path, "libx264", frames=FRAMES, g="1000", bf="3", sc_threshold="0")
    return path


@pytest.fixture
def places(video, tmp_path, monkeypatch):
    monkeypatch.setattr(small_copy, "FAR_PIXELS", 160 * 64 * 200)
    opened = Places(video.parent, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def copies(tmp_path):
    said = {"busy": False}
    made = SmallCopies(tmp_path, lambda: said["busy"], 10_000_000)
    made.say_busy = lambda busy: said.update(busy=busy)
    yield made
    made.stop()


def until(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def looked_at(places, copies, frame=0):
    project = places.create(places.path_of("far.mp4"), "dmtrackGS_tiny")
    copy = copies.of(project, places.frames(project), frame)
    return project, copy


def test_the_part_that_is_looked_at_is_made_first_and_all_while_a_page_looks(places, copies) -> None:
    project, copy = looked_at(places, copies, frame=FRAMES - 1)
    time.sleep(0.3)
    assert not copy.folder.exists()  # nobody looks
    copies.watched(project, 1)
    until(lambda: copy.next_part(0) is None)
    assert copy.part(1).stat().st_mtime_ns < copy.part(0).stat().st_mtime_ns
    until(lambda: copies._making is None)
    again = SmallCopy(copy.video, project.folder / FOLDER, FRAMES)  # after a restart
    picture = cv2.imdecode(np.frombuffer(again.read(255), np.uint8), cv2.IMREAD_COLOR)
    assert number_of(picture) == 255 and again.next_part(0) is None


def test_nothing_is_made_beside_a_tracker_or_when_the_page_or_the_project_goes(places, copies) -> None:
    copies.say_busy(True)
    project, copy = looked_at(places, copies)
    copies.watched(project, 1)
    time.sleep(0.5)
    assert copies._making is None
    copies.say_busy(False)
    until(lambda: copies._making is not None)
    copies.watched(project, -1)
    until(lambda: copies._making is None)
    there = copy.next_part(0)
    time.sleep(0.5)
    assert copy.next_part(0) == there
    copies.watched(project, 1)
    until(lambda: copies._making is not None or copy.next_part(0) is None)
    copies.forget(project)
    assert copies._making is None


def test_copies_of_others_give_way_and_one_that_is_too_large_is_not_finished(places, copies) -> None:
    older, other = looked_at(places, copies)
    make_parts(open_frames(other.video), other, [0])
    size = other.part(0).stat().st_size
    copies._most_bytes = size
    project, copy = looked_at(places, copies)
    copies.watched(project, 1)
    until(lambda: copies._looked[project.id].finished)
    assert copy.part(0).exists() and not copy.part(1).exists() and not other.folder.exists()
    assert older.id != project.id


def test_a_page_that_scrubs_is_shown_the_small_copy_of_the_frame_itself(places, tmp_path) -> None:
    app = make_app(places, TrackingThread(Trackers()), TOKEN, configs=("dmtrackGS_tiny",))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with TestClient(app, base_url="http://localhost:8765", headers=headers) as client:
        project = client.post("/api/projects", json={"video": "far.mp4"}).json()["id"]

        def asked(frame, quick):
            answer = client.get(f"/api/projects/{project}/frames/{frame}?quick={quick}")
            picture = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
            return int(answer.headers["X-Frame"]), "X-Small" in answer.headers, number_of(picture)

        assert asked(200, True) == (0, False, 0)  # the key frame, as long as there is no copy
        found = places.project(project)
        copy = SmallCopy(places.videos / "far.mp4", found.folder / FOLDER, FRAMES)
        make_parts(open_frames(copy.video), copy, [0])
        assert asked(200, True) == (200, True, 200)
        assert asked(200, False) == (200, False, 200)
        assert asked(202, True) == (202, False, 202)  # two steps on are soon decoded
        assert asked(202 + looking.NEAR + 1, True)[1]
