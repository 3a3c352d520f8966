import asyncio
import io
import json
import time
import zipfile
from functools import partial

import av
import numpy as np
import pytest

fastapi = pytest.importorskip("fastapi", reason="the page is an extra: pip install 'dmtrack[web]'")
from fastapi.testclient import TestClient  # noqa: E402

from dmtrack.data.sequences import Sequence  # noqa: E402
from dmtrack.errors import DMTrackError  # noqa: E402
from dmtrack.evaluation.results import SequenceResult, TrackerResults  # noqa: E402
from dmtrack.media.drawing import TARGETS_RGB  # noqa: E402
from dmtrack.media.images import write_image  # noqa: E402
from dmtrack.media.random_access import RandomFrames  # noqa: E402
from dmtrack.media.video import VideoWriter  # noqa: E402
from dmtrack.tracking import Tracker, TrackResult  # noqa: E402
from dmtrack.web.app import make_app  # noqa: E402
from dmtrack.web.places import Places  # noqa: E402
from dmtrack.web.tracking import TrackingThread  # noqa: E402
from dmtrack.web.viewing import StoredResults  # noqa: E402

TOKEN, FRAMES, SIZE = "the-token", 20, (96, 64)
FIRST = [8.0, 10.0, 20.0, 16.0]


class Steady(Tracker):
    """Moves by two pixels per step."""

    def __init__(self):
        super().__init__("steady")

    def init(self, image, box):
        self.box = np.asarray(box, np.float64)

    def step(self, image):
        self.box = self.box + np.array([2, 0, 0, 0])
        return TrackResult(self.box, 0.4, True)


class Fresh:
    def fresh(self, config):
        return Steady()


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    for number in range(FRAMES):
        write_image(folder / "images" / f"{number}.png", np.full((*SIZE[::-1], 3), 10 * number, np.uint8))
    (folder / "inner").mkdir()
    with VideoWriter(folder / "inner" / "clip.mp4", 25, SIZE) as video:
        for number in range(FRAMES):
            video.write(np.full((*SIZE[::-1], 3), 10 * number, np.uint8))
    (folder / "no_video.mp4").write_bytes(b"this is no video at all")
    (folder.parent / "secret.mp4").write_bytes((folder / "inner" / "clip.mp4").read_bytes())
    (folder / "link.mp4").symlink_to(folder.parent / "secret.mp4")
    (folder / "outside").symlink_to(folder.parent)
    return folder


@pytest.fixture
def client(videos, tmp_path):
    places = Places(videos, tmp_path, most_upload_bytes=200_000, most_frames=1000)
    app = make_app(places, TrackingThread(Fresh(), 2), TOKEN, configs=("dmtrackReID_tiny", "dmtrackGS_tiny"))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with TestClient(app, base_url="http://localhost:8765", headers=headers, raise_server_exceptions=False) as opened:
        yield opened


def create(client, video="images"):
    return client.post("/api/projects", json={"video": video}).json()["id"]


def change(client, project, kind, **values):
    return client.post(f"/api/projects/{project}/changes", json={"change": kind, **values})


def tracked(client, video="images"):
    project = create(client, video)
    change(client, project, "add_target", frame=0, box_xywh=FIRST, name="Rex")
    client.post(f"/api/projects/{project}/tracking", json={"state": "tracking"})
    end = time.monotonic() + 20
    while client.get(f"/api/projects/{project}").json()["run"]["state"] != "done":
        assert time.monotonic() < end
        time.sleep(0.01)
    return project


def rows(client, project, number=1):
    return np.frombuffer(client.get(f"/api/projects/{project}/targets/{number}/rows").content, "<f4").reshape(-1, 7)


def test_without_the_token_nothing_is_told(client) -> None:
    paths = [path for path, kinds in client.get("/api/openapi.json").json()["paths"].items() if "get" in kinds]
    assert len(paths) >= 8
    for path in paths:
        for headers in ({"Authorization": ""}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
            answer = client.get(path, headers=headers)
            assert (answer.status_code, "token is missing or wrong" in answer.text) == (401, True)


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example"}, {"Host": "localhost.evil.example:8765"}, {"Origin": "http://evil.example"},
     {"Origin": "null"}, {"Host": ""}],
)  # fmt: skip
def test_foreign_names_and_foreign_pages_are_refused(client, headers) -> None:
    answer = client.get("/api/info", headers=headers)
    assert answer.status_code == 421
    assert ("pages of" if "Origin" in headers else "does not go by the name") in answer.json()["error"]
    assert client.get("/", headers=headers).status_code == 421


def test_the_page_asks_no_other_server(client) -> None:
    answer = client.get("/")
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")
    texts = [answer.text, *(client.get(f"/{name}").text for name in ("page.js", "page.css", "palette.css"))]
    assert all("//" not in text.replace("http://www.w3.org", "").replace("// ", "") or "https:" not in text
               for text in texts)  # fmt: skip
    assert client.get("/api/info", headers={"Origin": "http://localhost:9000"}).status_code == 200  # through SSH


def test_videos_of_the_folder_are_listed_and_nothing_else(client) -> None:
    names = {one["name"] for one in client.get("/api/videos").json()}
    assert names == {"images", "inner/clip.mp4", "link.mp4", "no_video.mp4"}


@pytest.mark.parametrize(
    "name",
    ["../secret.mp4", "inner/../../secret.mp4", "link.mp4", "outside/secret.mp4", "/etc", "/etc/passwd", "", ".",
     "a\0b", "inner/../..", "missing.mp4", "~", "//etc", "x" * 3000],
)  # fmt: skip
def test_nothing_outside_the_folder_is_opened(client, name) -> None:
    answer = client.post("/api/projects", json={"video": name})
    assert answer.status_code in (400, 404)
    assert "secret" not in answer.json()["error"] or "secret" in name
    assert client.get("/api/projects").json() == []


def test_a_file_that_is_no_video_is_refused_with_a_sentence(client) -> None:
    answer = client.post("/api/projects", json={"video": "no_video.mp4"})
    assert answer.status_code == 400
    assert "no_video.mp4" in answer.json()["error"]


def test_frames_come_as_jpeg_and_from_the_key_frame_first_where_they_are_far(client) -> None:
    project = create(client, "inner/clip.mp4")
    for number in (0, 19, 7):
        answer = client.get(f"/api/projects/{project}/frames/{number}")
        with av.open(io.BytesIO(answer.content)) as opened:
            pixels = next(opened.decode(video=0)).to_ndarray(format="rgb24")
        assert answer.headers["X-Frame"] == str(number)
        assert pixels.shape == (64, 96, 3)
        assert abs(float(pixels.mean()) - 10 * number) < 6
    assert client.get(f"/api/projects/{project}/frames/20").status_code == 400
    small = client.get(f"/api/projects/{project}/frames/0?width=48").content
    with av.open(io.BytesIO(small)) as opened:
        assert opened.streams.video[0].width == 48


def test_a_frame_whose_asker_has_left_is_not_decoded_to_its_end(client, monkeypatch) -> None:
    project = create(client, "inner/clip.mp4")
    client.get(f"/api/projects/{project}/frames/0")
    read, said = RandomFrames.read, []

    def read_when_the_asker_has_left(frames, number, overtaken):
        until = time.monotonic() + 5
        while not overtaken() and time.monotonic() < until:
            time.sleep(0.01)
        return read(frames, number, overtaken)

    monkeypatch.setattr(RandomFrames, "read", read_when_the_asker_has_left)
    scope = {
        "type": "http", "method": "GET", "path": f"/api/projects/{project}/frames/19", "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"authorization", f"Bearer {TOKEN}".encode())],
    }  # fmt: skip
    coming = iter([{"type": "http.request", "body": b"", "more_body": False}, {"type": "http.disconnect"}])

    async def receive():
        return next(coming)

    async def send(message):
        said.append(message)

    asyncio.run(client.app(scope, receive, send))
    assert said[0]["status"] == 400
    assert b"frame 19 of" in said[1]["body"]
    assert b"was overtaken" in said[1]["body"]


def test_draw_track_correct_track_again_undo(client) -> None:
    project = tracked(client)
    found = rows(client, project)
    assert found[:, 0].tolist() == [8.0 + 2 * number for number in range(FRAMES)]
    weak = client.get(f"/api/projects/{project}/weak").json()
    assert [(one["first"], one["last"]) for one in weak] == [(1, 19)]
    described = change(client, project, "set_box", target=1, frame=10, box_xywh=[50, 10, 20, 16]).json()
    assert described["targets"][0]["key_frames"][1] == {"frame": 10, "box_xywh": [50, 10, 20, 16], "how": "corrected"}
    assert described["targets"][0]["waiting"] == 2
    assert change(client, project, "undo").json()["targets"][0]["waiting"] == 0
    assert np.array_equal(rows(client, project), found, equal_nan=True)
    assert change(client, project, "remove_box", target=1, frame=10).status_code == 404


NAMES = {"mot": "target 1", "got10k": "images-1", "lasot": "images-1", "otb": "images-1"}


@pytest.mark.parametrize("kind", ["csv", "json", "mot", "coco", "cvat", "yolo", "got10k", "lasot", "otb"])
def test_what_is_exported_comes_back(client, kind) -> None:
    project = tracked(client)
    exported = client.get(f"/api/projects/{project}/export/{kind}")
    assert exported.status_code == 200
    name = exported.headers["Content-Disposition"].split('"')[1]
    other = create(client)
    described = client.put(f"/api/projects/{other}/import/{name}", content=exported.content).json()
    (target,) = described["targets"]
    assert target["name"] == NAMES.get(kind, "Rex")
    assert (target["tracked"], target["waiting"], target["key_frames"][0]["frame"]) == (FRAMES, 0, 0)
    assert np.abs(rows(client, other)[:, :4] - rows(client, project)[:, :4]).max() < 0.011


def test_layouts_of_benchmarks_and_the_video_hold_every_frame(client) -> None:
    project = tracked(client)
    for kind, truth, count in (("got10k", "groundtruth.txt", 20), ("lasot", "groundtruth.txt", 20),
                               ("otb", "groundtruth_rect.txt", 20)):  # fmt: skip
        packed = zipfile.ZipFile(io.BytesIO(client.get(f"/api/projects/{project}/export/{kind}").content))
        names = packed.namelist()
        (found,) = [name for name in names if name.endswith(truth)]
        assert len(packed.read(found).decode().split()) == count
        assert sum(name.endswith(".jpg") for name in names) == FRAMES
    packed = zipfile.ZipFile(io.BytesIO(client.get(f"/api/projects/{project}/export/yolo").content))
    assert packed.read("labels/00000001.txt").decode() == "0 0.187500 0.281250 0.208333 0.250000\n"
    assert packed.read("data.yaml") == b'names: ["Rex"]\n'
    with av.open(io.BytesIO(client.get(f"/api/projects/{project}/export/mp4").content)) as opened:
        frames = [frame.to_ndarray(format="rgb24") for frame in opened.decode(video=0)]
    assert len(frames) == FRAMES
    edge = frames[5][14:22, 17:19].reshape(-1, 3).astype(int)  # the left side of the box in frame 5
    assert np.abs(edge - TARGETS_RGB[0]).sum(axis=1).min() < 120


def test_nothing_is_exported_where_nothing_is_drawn_and_unknown_formats_are_named(client) -> None:
    project = create(client)
    assert "draw a box first" in client.get(f"/api/projects/{project}/export/mot").json()["error"]
    answer = client.get(f"/api/projects/{project}/export/avi")
    assert (answer.status_code, "expected one of mp4, csv" in answer.json()["error"]) == (404, True)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "is empty"), (b"hello world\n", "hello"), (b"{", "cannot be read"), (b"<annotations>", "cannot be read"),
     (b"99,1,5,5,5,5,1,-1,-1,-1\n", "has boxes up to frame 98"), (b"\xff\xfe\0", "UTF-16"), (b"{}", "cannot be read"),
     (b"1,2,nan,4\n", "no boxes"),
     (b'<a><track label="x"><box frame="-3" xtl="1" ytl="1" xbr="2" ybr="2"/></track></a>',
      "cannot be read")],
)  # fmt: skip
def test_files_that_are_no_boxes_are_refused_with_a_sentence(client, content, said) -> None:
    project = create(client)
    answer = client.put(f"/api/projects/{project}/import/boxes.txt", content=content)
    assert answer.status_code == 400
    assert said in answer.json()["error"]
    assert client.get(f"/api/projects/{project}").json()["targets"] == []


def packed(**texts):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in texts.items():
            archive.writestr(name.replace("__", "/"), text)
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"PK\x05\x06" + bytes(18), "neither labels/*.txt nor groundtruth.txt"),
     (packed(**{"a.txt": "1 2 3 4"}), "neither labels/*.txt nor groundtruth.txt"),
     (packed(**{"labels__1.txt": "0 .5 .5 .1\n"}), "expected lines of class"),
     (packed(**{"labels__1.txt": "0 .5 .5 .1 .1\n0 .2 .2 .1 .1\n"}), "a class of its own"),
     (packed(**{"labels__1.txt": "0 a b c d\n"}), "cannot be read"),
     (packed(**{"labels__99.txt": "0 .5 .5 .1 .1\n"}), "has boxes up to frame 98"),
     (packed(**{"labels__1.txt": "0 .5 .5 .1 .1\n", "data.yaml": "names: [a"}), "the YAML file"),
     (packed(**{"labels__1.txt": b"\xff\xfe"}), "cannot be read"),
     (packed(**{"..__x__groundtruth.txt": "1,2,3\n"}), "groundtruth.txt"),
     (packed(**{"x__groundtruth.txt": "1,2,3,4\n" * 9}).replace(b"1,2", b"9,9"), "no readable zip"),
     (packed(**{"x__groundtruth.txt": bytes(1001)}), "more than 1000 bytes")],
)  # fmt: skip
def test_archives_that_are_no_boxes_are_refused_with_a_sentence(client, monkeypatch, content, said) -> None:
    monkeypatch.setattr("dmtrack.web.packed.MOST_UNPACKED_BYTES", 1000)
    project = create(client)
    answer = client.put(f"/api/projects/{project}/import/boxes.zip", content=content)
    assert (answer.status_code, said in answer.json()["error"]) == (400, True), answer.text
    assert client.get(f"/api/projects/{project}").json()["targets"] == []


def test_labels_of_several_objects_counted_from_0_and_otb_lines_counted_from_1(client) -> None:
    project = create(client)
    labels = packed(**{"obj_train_data__frame_000000.txt": "0 .5 .5 .25 .5\n3 .25 .25 .25 .25\n",
                       "obj_train_data__frame_000002.txt": "3 .5 .25 .25 .25\n",
                       "data.yaml": "names: {3: cat}"})  # fmt: skip
    described = client.put(f"/api/projects/{project}/import/a.zip", content=labels).json()
    assert [target["name"] for target in described["targets"]] == ["class 0", "cat"]
    assert rows(client, project, 1)[0, :4].tolist() == [36, 16, 24, 32]
    assert rows(client, project, 2)[2, :4].tolist() == [36, 8, 24, 16]
    client.put(f"/api/projects/{project}/import/groundtruth_rect.txt", content=b"5,6,10,12\n")
    assert rows(client, project, 3)[0, :4].tolist() == [4, 5, 10, 12]


def test_refusals_stand_in_the_openapi_document(client) -> None:
    document = client.get("/api/openapi.json").json()
    project = create(client)
    change(client, project, "add_target", frame=0, box_xywh=FIRST)
    change(client, project, "rename", target=1, name="Rex")
    refused = [("/api/projects/{project_id}/changes", "post",
                change(client, project, "rename", target=1, name="Max", revision=0)),
               ("/api/projects/{project_id}/changes", "post", change(client, project, "rename", target=1)),
               ("/api/projects/{project_id}", "get", client.get("/api/projects/none")),
               ("/api/info", "get", client.get("/api/info", headers={"Authorization": ""})),
               ("/api/info", "get", client.get("/api/info", headers={"Host": "evil.example"})),
               ("/api/uploads/{name}", "put", client.put("/api/uploads/my.mp4", content=bytes(200_001)))]  # fmt: skip
    assert [answer.status_code for _, _, answer in refused] == [409, 422, 404, 401, 421, 413]
    for path, method, answer in refused:
        said = document["paths"][path][method]["responses"][str(answer.status_code)]
        assert said["content"]["application/json"]["schema"]["$ref"].endswith("/Refusal")
        assert list(answer.json()) == ["error"]
    assert "503" in document["paths"]["/api/projects/{project_id}/tracking"]["post"]["responses"]


def test_the_rate_is_that_of_the_time_at_work(client) -> None:
    project = tracked(client)
    rates = []
    for wait in (0.1, 0.3):
        time.sleep(wait)
        rates.append(client.get(f"/api/projects/{project}").json()["run"]["frames_per_second"])
    assert rates[0] == rates[1] > 0


def test_uploads_are_limited_named_anew_and_used(client, videos, tmp_path) -> None:
    content = (videos / "inner" / "clip.mp4").read_bytes()
    stored = client.put("/api/uploads/..%5C..%5Cmy%20clip.mp4", content=content)
    name = stored.json()["name"]
    assert name.startswith("my_clip-")
    assert (tmp_path / "uploads" / name).read_bytes() == content
    made = client.post("/api/projects", json={"video": name, "place": "uploads"})
    assert made.json()["frames"] == FRAMES
    assert client.put("/api/uploads/my.mp4", content=bytes(200_001)).status_code == 413
    assert client.put("/api/uploads/my.exe", content=content).status_code == 400
    assert [path.name for path in (tmp_path / "uploads").iterdir()] == [name]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [("post", "projects", {"video": 3}, 422), ("post", "projects", {}, 422),
     ("post", "projects", {"video": "images", "config": "/etc/passwd"}, 404), ("get", "projects/none", None, 404),
     ("get", "projects/..%2F..%2Fetc", None, 404),
     ("post", "projects/ID/changes", {"change": "add_target", "frame": -1, "box_xywh": FIRST}, 422),
     ("post", "projects/ID/changes", {"change": "add_target", "frame": 0, "box_xywh": [1, 2, 3]}, 422),
     ("post", "projects/ID/changes", {"change": "add_target", "frame": 0, "box_xywh": [1e9, 2, 3, 4]}, 400),
     ("post", "projects/ID/changes", {"change": "add_target", "frame": 99, "box_xywh": FIRST}, 400),
     ("post", "projects/ID/changes", {"change": "set_box", "target": 9, "frame": 0, "box_xywh": FIRST}, 404),

     ("post", "projects/ID/tracking", {"state": "flying"}, 422), ("get", "projects/ID/frames/-1", None, 400),
     ("get", "projects/ID/frames/0?width=1", None, 422),
     ("post", "projects/ID/changes", {"change": "use_tracker", "config": "nothing"}, 404),
     ("post", "projects/ID/changes", {"change": "explode"}, 422)],
)  # fmt: skip
def test_malformed_requests_get_one_sentence(client, method, path, body, status) -> None:
    project = create(client)
    answer = client.request(method, f"/api/{path.replace('ID', project)}", json=body)
    assert answer.status_code == status
    assert answer.json()["error"]


def test_a_killed_server_goes_on_where_it_was(client, videos, tmp_path) -> None:
    project = create(client)
    change(client, project, "add_target", frame=0, box_xywh=FIRST)
    file = tmp_path / project / "project.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "tracking": True}))  # as kill -9 leaves it
    app = make_app(Places(videos, tmp_path), TrackingThread(Fresh()), TOKEN, configs=("dmtrackReID_tiny",))
    with TestClient(app, base_url="http://127.0.0.1", headers={"Authorization": f"Bearer {TOKEN}"}) as again:
        end = time.monotonic() + 20
        while again.get(f"/api/projects/{project}").json()["targets"][0]["tracked"] < FRAMES:
            assert time.monotonic() < end
            time.sleep(0.01)


def test_a_video_that_was_exchanged_is_not_taken_for_the_old_one(client, videos, tmp_path) -> None:
    project = create(client)
    file = tmp_path / project / "project.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "frames": 21}))
    with pytest.raises(DMTrackError, match="is not the video of project"):
        places = Places(videos, tmp_path)
        places.frames(places.project(project))


def test_stored_results_are_looked_at_worst_first_and_not_changed(videos, tmp_path) -> None:
    truth = np.tile([10.0, 10.0, 20.0, 20.0], (4, 1))
    present = np.array([True, True, True, False])
    read = partial(np.full, (40, 60, 3), dtype=np.uint8)
    sequences = [Sequence(name, np.where(present[:, None], truth, np.nan), present, read) for name in ("good", "bad")]
    shifted = truth + np.array([[0, 0, 0, 0], [10, 0, 0, 0], [100, 0, 0, 0], [0, 0, 0, 0]])
    says = np.array([True, True, True, False])
    results = {"good": SequenceResult(truth), "bad": SequenceResult(shifted, present=says)}
    stored = StoredResults(sequences, [TrackerResults("mine", results)], stride=5)
    app = make_app(Places(videos, tmp_path, results=stored), TrackingThread(Fresh()), TOKEN, configs=("c",))
    with TestClient(app, base_url="http://localhost", headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        worst, best = client.get("/api/results").json()
        assert (worst["name"], worst["overlaps"], best["overlaps"]) == ("bad", {"mine": 0.444}, {"mine": 1.0})
        described = client.get(f"/api/projects/{worst['id']}").json()
        assert described["name"] == "bad (every 5. frame of it)"
        assert [target["name"] for target in described["targets"]] == ["truth", "mine"]
        assert rows(client, worst["id"], 2)[:, 4].tolist() == pytest.approx([1, 1 / 3, 0, 1])
        assert rows(client, best["id"], 2)[3, 4] != rows(client, best["id"], 2)[3, 4]  # it never speaks of absence
        assert client.get(f"/api/projects/{worst['id']}/frames/2").headers["X-Frame"] == "2"
        refused = change(client, worst["id"], "add_target", frame=0, box_xywh=FIRST)
        assert (refused.status_code, "cannot be changed" in refused.json()["error"]) == (400, True)
        assert client.get(f"/api/projects/{worst['id']}/export/mot").status_code == 400
        assert client.get("/api/projects").json() == []
