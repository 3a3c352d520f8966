"""The page in a real browser, as a person uses it: with the mouse, with the keyboard alone, and in two tabs."""

import csv
import io
import itertools
import shutil
import threading
import time

import cv2
import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the page is an extra: pip install 'dmtrack[web]'")
playwright = pytest.importorskip("playwright.sync_api", reason="the browser is driven by playwright, which is not here")

from dmtrack.media.drawing import TARGETS_RGB  # noqa: E402
from dmtrack.media.video import VideoWriter  # noqa: E402
from dmtrack.tracking import Tracker, TrackResult  # noqa: E402
from dmtrack.web.places import Places  # noqa: E402
from dmtrack.web.serve import running  # noqa: E402
from tests.support.reverse_proxy import PREFIX, reverse_proxy  # noqa: E402

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="there is no chromium here: apt-get install chromium")

HUB = "hub.example.org"
SIZE, FRAMES, JUMP = (320, 240), 24, 12


def truth(number):
    """The red square goes right by two pixels per frame, and once by eighty."""
    return [20 + 2 * number + (80 if number >= JUMP else 0), 60, 40, 30]


class RedSquare(Tracker):
    """Follows the red square as long as it is near; otherwise its box stays, with a low score."""

    go_on = threading.Event()

    def init(self, image, box):
        self.steps, self.box = 0, np.asarray(box, np.float64)

    def step(self, image):
        time.sleep(0.02)
        self.steps += 1
        if self.steps == 8:
            assert self.go_on.wait(30)
        rows, columns = np.nonzero((image[..., 0] > 150) & (image[..., 1] < 100))
        left_top = np.array([columns.min(), rows.min()])
        near = np.abs(left_top - self.box[:2]).max() < 20
        if near:
            self.box = np.array([*left_top, *self.box[2:]])
        return TrackResult(self.box, 0.9 if near else 0.2, True)


class Fresh:
    def fresh(self, config):
        return RedSquare("red square")


def picture(number):
    image = np.full((*SIZE[::-1], 3), 120, np.uint8)
    x, y, w, h = truth(number)
    image[y : y + h, x : x + w] = (230, 20, 20)
    return image


class FastCamera:
    """Gives a frame every 8 ms, more than the tracker can take; the square goes right and begins again."""

    def __init__(self, device):
        self.frames = itertools.cycle([picture(number)[..., ::-1] for number in range(JUMP)])

    def isOpened(self):  # noqa: N802
        return True

    def get(self, _):
        return 120.0

    def read(self):
        time.sleep(0.008)
        return True, next(self.frames)

    def release(self):
        pass


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    with VideoWriter(folder / "square.mp4", 25, SIZE) as video:
        for number in range(FRAMES):
            video.write(picture(number))
    RedSquare.go_on.set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cv2, "VideoCapture", FastCamera)
        places = Places(folder, folder / "projects", live=["camera:0"])
        with running(places, port=0, names=(HUB,), trackers=Fresh()) as opened:
            yield opened


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        elsewhere = f"--host-resolver-rules=MAP {HUB} 127.0.0.1"
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", elsewhere])
        yield opened
        opened.close()


@pytest.fixture
def tabs(server, browser):
    """Opens tabs; none may complain, or ask another server for anything."""
    context, complaints = browser.new_context(viewport={"width": 1280, "height": 800}), []

    def tab(project=None):
        page = context.new_page()
        page.set_default_timeout(30_000)  # of busy machines
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda asked: complaints.append(asked.url) if foreign(asked.url) else None)
        page.goto(server.url(project))
        return page

    def foreign(address):
        return not address.startswith((f"http://localhost:{server.port}/", f"blob:http://localhost:{server.port}/"))

    tab.complaints = complaints
    yield tab
    context.close()
    assert complaints == []


def project_of(server):
    return server.places.create(server.places.path_of("square.mp4"), "dmtrackReID_tiny")


def drag(page, start, end):
    """With the mouse, from and to pixels of the frame."""
    area = page.locator("#picture").bounding_box()
    scale = area["width"] / SIZE[0]
    page.mouse.move(area["x"] + start[0] * scale, area["y"] + start[1] * scale)
    page.mouse.down()
    page.mouse.move(area["x"] + end[0] * scale, area["y"] + end[1] * scale, steps=4)
    page.mouse.up()


def shows(page, frame):
    page.wait_for_selector(f"#picture[data-frame='{frame}']")


def said(page, place, text):
    page.wait_for_selector(f"{place}:has-text('{text}')")


def targets(page, count):
    playwright.expect(page.locator("#targets li")).to_have_count(count)


def test_select_track_pause_correct_track_again_and_export(tabs) -> None:
    page = tabs()
    page.get_by_role("button", name="square.mp4", exact=True).click()
    shows(page, 0)
    x, y, w, h = truth(0)
    drag(page, (x, y), (x + w, y + h))
    said(page, "#targets", "1 box")
    RedSquare.go_on.clear()
    page.get_by_role("button", name="Track", exact=True).click()
    said(page, "#run", "Tracking: ")
    page.get_by_role("button", name="Pause").click()
    said(page, "#run", "Paused")
    RedSquare.go_on.set()
    done = page.inner_text("#run").split(":")[1].split(" of ")
    assert int(done[0]) < FRAMES - 1
    page.get_by_role("button", name="Go on").click()
    said(page, "#run", f"Done: {FRAMES - 1} of {FRAMES - 1}")
    page.get_by_role("button", name=f"frames {JUMP} to {FRAMES - 1}, score 0.20").click()  # what to look at first
    frame = (JUMP + FRAMES) // 2
    shows(page, frame)
    here, left = truth(frame), truth(JUMP - 1)
    drag(page, (left[0] + 20, 75), (here[0] + 20, 75))
    said(page, "#targets", "2 boxes")
    page.get_by_role("button", name="Track", exact=True).click()
    said(page, "#run", "Done")
    said(page, "#weak", "none")
    page.select_option("#format", "csv")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert [row["how"] for row in rows if row["how"] != "tracked"] == ["drawn", "corrected"]
    assert rows[frame]["how"] == "corrected"
    distance = [abs(float(row["x"]) - truth(number)[0]) for number, row in enumerate(rows)]
    assert len(rows) == FRAMES and max(distance) < 2.5


def test_a_camera_is_tracked_as_frames_arrive_and_its_recording_is_corrected(server, tabs) -> None:
    page = tabs()
    page.get_by_role("button", name="camera:0 (live)").click()
    said(page, "#status", "this frame stands still")
    drag(page, (20, 60), (60, 90))
    said(page, "#targets", "1 box")
    page.get_by_role("button", name="Track", exact=True).click()
    said(page, "#run", "frames as they arrived")
    page.wait_for_function("() => Number(document.getElementById('frame').max) > 20")
    counted = "() => / (\\d+) of (\\d+) frames/.exec(document.getElementById('targets').innerText).slice(1).map(Number)"
    # Some frames are on their way from the network to the page.
    page.wait_for_function(
        f"() => {{ const [tracked, all] = ({counted})(); return tracked > 20 && all - tracked < 10; }}"
    )
    assert page.get_by_role("button", name="Stop").is_visible()
    page.get_by_role("button", name="Stop").click()
    said(page, "#run", "Done: ")
    assert int(page.inner_text("#run").split("arrived, ")[1].split(" late")[0]) > 5
    (project,) = [one for one in server.places.projects() if one.name == "camera:0"]
    assert project.count > 20 and not project.live and np.isfinite(project.targets[1].rows).all(axis=0)[:6].all()
    page = tabs(project)
    shows(page, 0)
    page.locator("#frame").fill("3")
    page.locator("#frame").dispatch_event("change")
    shows(page, 3)  # from the recording
    drag(page, (100, 150), (140, 190))
    said(page, "#targets", "target 2: 1 box")
    page.get_by_role("button", name="Track", exact=True).click()
    said(page, "#run", f"Done: {project.count - 4} of {project.count - 4}")


def test_two_tabs_show_the_same_and_a_lost_race_is_said(server, tabs) -> None:
    project = project_of(server)
    one, other = tabs(project), tabs(project)
    shows(one, 0), shows(other, 0)
    drag(one, (20, 60), (60, 90))
    said(other, "#targets", "target 1: 1 box")
    one.keyboard.press("t")
    said(other, "#run", "Done")
    drag(other, (100, 100), (150, 150))
    said(one, "#targets", "target 2: 1 box")
    swatches = one.locator("#targets .swatch").evaluate_all("all => all.map(one => getComputedStyle(one).background)")
    assert all(str(colour) in swatch for colour, swatch in zip(TARGETS_RGB[:2], swatches, strict=True))
    one.keyboard.press("z")
    targets(one, 1), targets(other, 1)
    # One is about to move a box of a target that the other one has just deleted.
    one.locator("#targets button.name").click()
    one.keyboard.press("e")
    other.get_by_role("button", name="Delete target 1").click()
    targets(other, 0)
    one.keyboard.press("Enter")
    said(one, "#status.error", "has no target 1")
    targets(one, 0)
    assert project.targets == {}
    # Both move the same box: the second is told so, and shown what the first one did.
    drag(one, (20, 60), (60, 90))
    said(other, "#targets", "target 3: 1 box")
    one.keyboard.press("e")
    one.keyboard.press("ArrowLeft")
    other.locator("#numbers input[name=x]").fill("30")
    other.get_by_role("button", name="Set box").click()
    said(other, "#status", "Corrected")
    one.keyboard.press("Enter")
    said(one, "#status.error", "target 3 was changed in another tab")
    one.wait_for_function("() => document.getElementById('numbers').elements.x.value === '30'")
    (key,) = project.targets[3].key_frames.values()
    assert key.box_xywh[0] == 30
    # Chromium's own lines about requests that were refused.
    assert tabs.complaints and all("404" in complaint or "409" in complaint for complaint in tabs.complaints)
    tabs.complaints.clear()


def test_a_tab_that_is_closed_in_the_middle_stops_nothing(server, tabs) -> None:
    project = project_of(server)
    page = tabs(project)
    shows(page, 0)
    drag(page, (20, 60), (60, 90))
    said(page, "#targets", "1 box")
    RedSquare.go_on.clear()
    page.keyboard.press("t")
    said(page, "#run", "Tracking: ")
    page.close()
    RedSquare.go_on.set()
    other = tabs(project)
    said(other, "#run", f"Done: {FRAMES - 1} of {FRAMES - 1}")
    assert np.isfinite(project.targets[1].rows[:, :6]).all()


def test_the_keyboard_alone_is_enough_and_everything_has_a_name(server, tabs) -> None:
    project = project_of(server)
    page = tabs(project)
    shows(page, 0)
    names = []
    for _ in range(40):
        page.keyboard.press("Tab")
        name = page.evaluate(
            "(() => { const e = document.activeElement; return e === document.body ? '' : e.ariaLabel || e.innerText"
            " || e.labels?.[0]?.innerText || '?'; })()"
        )
        if not name:
            break
        names.append(name.strip())
    assert {"Track", "New target", "Export", "Play", "First frame", "Keys"} <= set(names)
    assert "?" not in names and any(name.startswith("Frame of the video") for name in names)
    for key in ("n", "ArrowLeft", "Shift+ArrowRight", "Enter"):
        page.keyboard.press(key)
    said(page, "#targets", "1 box")
    assert [target.key_frames[0].box_xywh for target in project.targets.values()] == [(127.0, 96.0, 65.0, 48.0)]
    page.keyboard.press("ArrowRight")
    shows(page, 1)
    page.keyboard.press("Shift+ArrowRight")
    shows(page, 11)
    page.keyboard.press("[")
    shows(page, 0)
    page.keyboard.press("t")
    said(page, "#run", "Done")
    page.keyboard.press("z")
    said(page, "#how", "Drag a box")


def test_the_page_works_behind_a_proxy_with_a_path_of_its_own(server, browser) -> None:
    project, complaints = project_of(server), []
    with reverse_proxy(server.port) as port:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(30_000)
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.goto(f"http://{HUB}:{port}{PREFIX}/#" + server.url(project).partition("#")[2])
        shows(page, 0)
        drag(page, (20, 60), (60, 90))
        said(page, "#targets", "1 box")
        page.get_by_role("button", name="Track", exact=True).click()
        said(page, "#run", f"Done: {FRAMES - 1} of {FRAMES - 1}")  # told by the stream of events
        page.select_option("#format", "csv")
        with page.expect_download() as download:
            page.get_by_role("button", name="Export").click()
        assert len(download.value.path().read_text().splitlines()) == FRAMES + 1
        page.close()
    assert complaints == []


@pytest.mark.parametrize("width", [400, 1920])
def test_nothing_is_cut_off_at_any_width(server, tabs, width) -> None:
    page = tabs(project_of(server))
    shows(page, 0)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_function(
            "(width) => innerWidth === width && document.documentElement.scrollWidth <= width", arg=width
        )
        top = page.locator("#picture").bounding_box()["y"]
        page.evaluate("document.getElementById('status').textContent = 'Something long is said. '.repeat(20)")
        assert page.locator("#picture").bounding_box()["y"] == top
        low = page.locator("#status").bounding_box()
        assert low["y"] + low["height"] > top or width == 1920
