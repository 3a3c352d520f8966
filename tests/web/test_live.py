"""Streams at an address on the page: tracked as they arrive, left alone, and cut off by a kill."""

import contextlib
import itertools
import json
import shutil
import socket
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the page is an extra: pip install 'dmtrack[web]'")

from dmtrack.errors import MediaError
from dmtrack.media.frame_source import FrameSource
from dmtrack.media.random_access import HELD_BYTES
from dmtrack.tracking import Tracker, TrackResult
from dmtrack.web import places as places_module
from dmtrack.web.client import Client, ServerError
from dmtrack.web.live import LiveFrames
from dmtrack.web.places import Places
from dmtrack.web.serve import running

SIZE = (96, 64)


class Brightness(Tracker):
    """Its box lies where the brightness of the frame says: 4 pixels to the right per frame of the stream."""

    def init(self, image, box):
        self.box = np.asarray(box, np.float64)

    def step(self, image):
        return TrackResult(np.array([image.mean() / 4, *self.box[1:]]), 0.9, True)


class Fresh:
    def fresh(self, config):
        return Brightness("brightness")


class Stream(BaseHTTPRequestHandler):
    """An IP camera that sends JPEGs, 50 a second, until whoever asked is gone."""

    watched = 0

    def do_GET(self):
        Stream.watched += 1
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        with contextlib.suppress(OSError):
            for number in itertools.count():
                image = np.full((*SIZE[::-1], 3), 20 + number % 200, np.uint8)
                jpeg = cv2.imencode(".jpg", image)[1].tobytes()
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                self.wfile.write(head.encode() + jpeg + b"\r\n")
                time.sleep(0.02)
        Stream.watched -= 1

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def address():
    with ThreadingHTTPServer(("127.0.0.1", 0), Stream) as camera:
        threading.Thread(target=camera.serve_forever, daemon=True).start()
        yield f"http://me:secret@127.0.0.1:{camera.server_port}/stream.mjpg"
        camera.shutdown()


@pytest.fixture
def server(address, tmp_path, monkeypatch):
    monkeypatch.setattr(places_module, "LEFT_AFTER", 0.2)
    with running(Places(tmp_path, tmp_path / "projects", live=[address]), port=0, trackers=Fresh()) as opened:
        yield opened


def until(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def opened(client):
    (live,) = [one for one in json.loads(client.ask("videos")) if one["kind"] == "live"]
    assert "secret" not in live["name"]
    made = json.loads(client.ask("projects", "POST", {"video": live["name"], "place": "live"}))
    assert made["live"] and made["frames"] == 1
    return made["id"]


def look_and_leave(server, client, project):
    address = server.url().split("#")[0] + f"api/projects/{project}/events"
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {server.token}"})
    with urllib.request.urlopen(request, timeout=10) as events:
        assert events.readline().startswith(b"data: ")


def test_a_stream_at_an_address_is_tracked_as_it_arrives_and_recorded(server) -> None:
    client = Client(server.url())
    project = opened(client)
    client.add_target(project, 0, [8, 10, 20, 16])
    source = server.places.frames(server.places.project(project)).newest
    until(lambda: source.dropped > 10)  # while a person draws: these are not late
    before = source.dropped
    client.track(project, wait=False)
    until(lambda: json.loads(client.ask(f"projects/{project}"))["frames"] > 15)
    client.ask(f"projects/{project}/tracking", "POST", {"state": "cancelled"})
    until(lambda: not json.loads(client.ask(f"projects/{project}"))["live"])
    said = json.loads(client.ask(f"projects/{project}"))
    rows = client.rows(project, 1)
    assert said["run"]["state"] == "done" and len(rows) == said["frames"] > 15
    assert said["run"]["dropped"] <= source.dropped - before
    recorded = cv2.imdecode(np.frombuffer(client.ask(f"projects/{project}/frames/12"), np.uint8), 1)
    assert recorded.mean() / 4 == pytest.approx(rows[12, 0], abs=0.8)  # the picture that the box was found in
    until(lambda: Stream.watched == 0)


def test_a_live_source_that_nobody_looks_at_any_more_is_closed_and_what_was_drawn_stays(server) -> None:
    client = Client(server.url())
    empty = opened(client)
    assert Stream.watched == 1
    look_and_leave(server, client, empty)
    until(lambda: Stream.watched == 0)
    with pytest.raises(ServerError, match="there is no project"):
        client.ask(f"projects/{empty}")
    drawn = opened(client)
    client.add_target(drawn, 0, [8, 10, 20, 16])
    look_and_leave(server, client, drawn)
    until(lambda: Stream.watched == 0)
    said = json.loads(client.ask(f"projects/{drawn}"))
    assert not said["live"] and said["note"].startswith("the page was left while http://127.0.0.1")
    assert said["targets"][0]["key_frames"] == [{"frame": 0, "box_xywh": [8, 10, 20, 16], "how": "drawn"}]
    assert client.ask(f"projects/{drawn}/frames/0")[:2] == b"\xff\xd8"


class LargeCamera(FrameSource):
    """Frames of 12 MB, as fast as they are read."""

    live = timed = True

    def __init__(self):
        super().__init__("camera:4")
        self.fps = 25.0

    def _decode(self):
        for number in itertools.count():
            self.time = number / 25
            yield np.full((2000, 2000, 3), number % 256, np.uint8)


def test_large_frames_of_a_live_source_take_no_more_memory_than_those_of_a_video(tmp_path) -> None:
    live = LiveFrames(LargeCamera(), tmp_path)
    until(lambda: live.take(1.0) is not None and live.count == 12)
    assert sum(image.nbytes for _, image in live._held) <= HELD_BYTES
    assert [number for number, _ in live._held] == list(range(4, 12)) and live.key_frame(0) == 4
    live.close()


def test_pages_that_watch_are_let_go_without_a_word_when_the_server_ends(address, tmp_path, caplog) -> None:
    with running(Places(tmp_path, tmp_path / "projects", live=[address]), port=0, trackers=Fresh()) as server:
        client = Client(server.url())
        project, ended = opened(client), threading.Event()

        def look():
            address = server.url().split("#")[0] + f"api/projects/{project}/events"
            request = urllib.request.Request(address, headers={"Authorization": f"Bearer {server.token}"})
            with urllib.request.urlopen(request, timeout=30) as events:
                while events.readline():
                    seen.set()
            ended.set()

        seen = threading.Event()
        threading.Thread(target=look, daemon=True).start()
        assert seen.wait(30)
    assert ended.wait(30) and [record for record in caplog.records if record.name.startswith("uvicorn")] == []


def test_a_kill_while_a_source_is_live_loses_nothing_that_was_drawn(server, tmp_path) -> None:
    client = Client(server.url())
    project = opened(client)
    client.add_target(project, 0, [8, 10, 20, 16], "cup")

    def after_a_kill(name):
        """What another server finds in the files as they are now."""
        shutil.copytree(tmp_path / "projects", tmp_path / name / "projects")
        there = tmp_path / name / "projects" / project
        text = (there / "project.json").read_text()
        (there / "project.json").write_text(text.replace(str(tmp_path / "projects"), str(tmp_path / name / "projects")))
        return Places(tmp_path / name, tmp_path / name / "projects")

    before = after_a_kill("before")
    client.track(project, wait=False)
    until(lambda: json.loads(client.ask(f"projects/{project}"))["frames"] > 12)
    client.correct(project, 1, 9, [30, 10, 20, 16])
    while_tracked = after_a_kill("tracked")
    client.ask(f"projects/{project}/tracking", "POST", {"state": "cancelled"})

    (found,) = before.projects()
    assert (found.count, list(found.targets[1].key_frames), found.live) == (1, [0], False)
    assert found.note.startswith("the server ended while http://127.0.0.1") and "the first frame is left" in found.note
    assert before.frames(found).read(0).shape == (64, 96, 3)
    (found,) = while_tracked.projects()
    assert found.count >= 12 and sorted(found.targets[1].key_frames) == [0, 9] and found.tracking
    assert f"{found.count} recorded frames are left" in found.note
    while_tracked.frames(found).read(found.count - 1)
    before.close(), while_tracked.close()


def test_a_stream_that_does_not_answer_is_given_up_after_the_time_that_serve_was_given(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/stream"
        places = Places(tmp_path, tmp_path / "projects", live=[address], timeout=0.3)
        with pytest.raises(MediaError, match=r"within 0\.3 s.*--timeout"):
            places.create_live(address, "dmtrackReID_tiny")
