"""A real RTSP server under the page: tracked until it is stopped, it dies, falls silent, or was never there."""

import functools
import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the page is an extra: pip install 'dmtrack[web]'")

import json
import time

from dmtrack.media.network_stream import NetworkStream
from dmtrack.tracking import Tracker, TrackResult
from dmtrack.web.client import Client, ServerError
from dmtrack.web.places import Places
from dmtrack.web.serve import running

SERVER = Path(__file__).parent.parent / "support" / "rtsp_server.py"
PLAIN = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


@functools.cache
def python_with_gstreamer():
    """GStreamer's bindings belong to the Python of the system, seldom to that of the tests."""
    asked = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import Gst; Gst.init(None);"
    asked += "assert Gst.ElementFactory.find('x264enc')"
    for python in (sys.executable, "/usr/bin/python3"):
        if (
            Path(python).exists()
            and not subprocess.run([python, "-c", asked], env=PLAIN, capture_output=True).returncode
        ):
            return python
    return None


class Ball(Tracker):
    """The bright pixels."""

    def init(self, image, box):
        pass

    def step(self, image):
        rows, columns = np.nonzero(image[..., 1] > 128)
        left, top = columns.min(), rows.min()
        return TrackResult(np.array([left, top, columns.max() + 1 - left, rows.max() + 1 - top], float), 0.9, True)


class Fresh:
    def fresh(self, config):
        return Ball("ball")


@pytest.fixture
def camera():
    python = python_with_gstreamer()
    if python is None:
        pytest.skip("no GStreamer: apt-get install gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-ugly python3-gi")
    with subprocess.Popen([python, str(SERVER)], stdout=subprocess.PIPE, text=True, env=PLAIN) as process:
        process.address = f"rtsp://127.0.0.1:{int(process.stdout.readline())}/ball"
        yield process
        process.kill()


def until(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def said(client, project):
    return json.loads(client.ask(f"projects/{project}"))


def tracked(client, address):
    """A project on the stream, whose ball is followed."""
    made = json.loads(client.ask("projects", "POST", {"video": address, "place": "live"}))["id"]
    client.add_target(made, 0, [10, 10, 40, 40])
    client.track(made, wait=False)
    until(lambda: said(client, made)["frames"] > 15)
    return made


def test_a_stream_is_followed_until_it_is_stopped_and_again_until_its_server_dies(camera, tmp_path) -> None:
    wrong = camera.address.replace("ball", "none")
    with running(Places(tmp_path, tmp_path / "p", live=[camera.address, wrong]), port=0, trackers=Fresh()) as server:
        client = Client(server.url())
        with pytest.raises(ServerError, match="nothing of that name \\(404\\); check the path"):
            client.ask("projects", "POST", {"video": wrong, "place": "live"})
        project = tracked(client, camera.address)
        client.ask(f"projects/{project}/tracking", "POST", {"state": "cancelled"})
        until(lambda: not said(client, project)["live"])
        assert said(client, project)["run"]["state"] == "done" and said(client, project)["note"] == ""
        box_xywh = client.rows(project, 1)[9, :4]
        picture = cv2.imdecode(np.frombuffer(client.ask(f"projects/{project}/frames/9"), np.uint8), cv2.IMREAD_COLOR)
        assert box_xywh == pytest.approx(Ball("ball").step(picture).box_xywh, abs=3)  # of the recording

        project = tracked(client, camera.address)
        camera.kill()
        until(lambda: not said(client, project)["live"])
        found = said(client, project)
        assert found["run"]["state"] == "done" and found["frames"] > 15
        assert found["note"].startswith(f"{camera.address} has ended (")
        assert found["note"].endswith(f"{found['frames']} recorded frames are left")
        with pytest.raises(ServerError, match="the connection is refused"):
            client.ask("projects", "POST", {"video": camera.address, "place": "live"})


def test_a_stream_that_falls_silent_says_so(camera) -> None:
    stream = NetworkStream(camera.address, timeout=3.0)
    frames = iter(stream)
    next(frames), next(frames)
    camera.send_signal(signal.SIGSTOP)
    assert sum(1 for _ in frames) < 100
    assert "the stream stopped" in stream.notes[0] and "3 s" in stream.notes[0]
    stream.close()
    camera.send_signal(signal.SIGCONT)
