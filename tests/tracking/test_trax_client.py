"""The program is driven by TraX's own client, as the VOT toolkit does it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmtrack.errors import DMTrackError, MediaError
from dmtrack.media.images import write_image
from dmtrack.tracking.base import TrackResult
from dmtrack.tracking.trax_client import _answer, box_of, frame_of, main, region_of

trax = pytest.importorskip("trax", reason="vot-trax is not installed (pip install 'dmtrack[vot]')")
for part in ("client", "image", "region"):
    pytest.importorskip(f"trax.{part}")

FOLLOWER = """
import numpy as np
from dmtrack.tracking.base import Tracker, TrackResult

class Brightest(Tracker):
    def __init__(self):
        super().__init__("brightest")
    def init(self, image, box):
        self.box = np.asarray(box, dtype=float)
    def step(self, image):
        rows, columns = np.nonzero(image[..., 0] > 200)
        self.box = np.array([columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1], dtype=float)
        return TrackResult(self.box, 0.25, image[0, 0, 2] < 128)
"""


def frame(index: int, blue: int = 0) -> np.ndarray:
    image = np.zeros((60, 80, 3), np.uint8)
    image[10 + index : 22 + index, 20 + 2 * index : 30 + 2 * index] = (255, 30, 0)
    image[..., 2] = blue
    return image


class Program:
    """The client program, and a TraX client that talks to it over pipes."""

    def __init__(self, folder: Path, *options: str) -> None:
        (folder / "brightest.py").write_text(FOLLOWER)
        command = [sys.executable, "-m", "dmtrack.tracking.trax_client", "--tracker", "brightest:Brightest", *options]
        self.process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
        )
        assert self.process.stdin and self.process.stdout and self.process.stderr
        stream = self.process.stdin.fileno(), self.process.stdout.fileno()
        self.client = trax.client.Client(stream=stream, log=lambda text: None)  # trax 4.0.2 needs a log

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


def test_files_memory_and_encoded_frames_give_the_same_tracker_its_pixels(tmp_path):
    with Program(tmp_path) as program:
        client = program.client
        assert client.tracker_name == "brightest" and client.region_formats == ["rectangle"]
        assert client.image_formats == ["path", "memory", "buffer"]
        for index in range(3):
            write_image(tmp_path / f"{index}.png", frame(index, blue=50 * index))
        first = trax.image.FileImage.create(str(tmp_path / "0.png"))
        given = trax.region.Rectangle.create(20, 10, 10, 12)
        answer, _ = client.initialize({"color": first}, [(given, {})], {})
        assert answer[0][0].bounds() == (20, 10, 10, 12) and answer[0][1]["confidence"] == "1"
        frames = [
            trax.image.FileImage.create(str(tmp_path / "1.png")),
            trax.image.BufferImage.create((tmp_path / "2.png").read_bytes()),
            trax.image.MemoryImage.create(frame(3, blue=150)),
        ]
        for index, image in enumerate(frames, start=1):
            answer, _ = client.frame({"color": image}, {}, [])
            region, properties = answer[0]
            assert region.bounds() == (20 + 2 * index, 10 + index, 10, 12)
            # The last frame is the only blue one: red and blue were not swapped on the way.
            assert properties == {"confidence": "0.250000", "present": "0" if index == 3 else "1"}
        client.quit()
        assert program.process.wait(20) == 0


def test_polygons_come_and_go_and_a_missing_frame_ends_with_its_reason(tmp_path):
    with Program(tmp_path, "--region", "polygon") as program:
        client = program.client
        assert client.region_formats == ["polygon"]
        write_image(tmp_path / "0.png", frame(0))
        write_image(tmp_path / "1.png", frame(1))
        corners = [(20.0, 10.0), (30.0, 10.0), (30.0, 22.0), (20.0, 22.0)]
        images = [{"color": trax.image.FileImage.create(str(tmp_path / name))} for name in ("0.png", "1.png", "2.png")]
        client.initialize(images[0], [(trax.region.Polygon.create(corners), {})], {})
        answer, _ = client.frame(images[1], {}, [])
        assert list(answer[0][0]) == [(22, 11), (32, 11), (32, 23), (22, 23)]
        with pytest.raises(trax.TraxException, match=r"frame 2: image .*2.png does not exist"):
            client.frame(images[2], {}, [])
        assert program.process.wait(20) == 2
        assert program.process.stderr.read().decode().startswith("error: image ")


@given(st.lists(st.floats(-50, 50), min_size=8, max_size=8))
@settings(max_examples=50)
def test_the_upright_box_touches_a_polygon_on_all_sides(numbers):
    corners = list(zip(numbers[0::2], numbers[1::2], strict=True))
    x, y, width, height = box_of(trax.region.Polygon.create(corners), False, trax)
    columns, rows = numbers[0::2], numbers[1::2]
    assert (x, y) == (pytest.approx(min(columns), abs=1e-4), pytest.approx(min(rows), abs=1e-4))
    assert x + width == pytest.approx(max(columns)) and y + height == pytest.approx(max(rows))


def test_regions_and_properties():
    assert region_of(np.array([1.5, 2, 3, 4]), "rectangle", trax).bounds() == (1.5, 2, 3, 4)
    assert list(region_of(np.array([1, 2, 3, 4]), "polygon", trax)) == [(1, 2), (4, 2), (4, 6), (1, 6)]
    absent = SimpleNamespace(step=lambda image: TrackResult(np.array([1.0, 2, 3, 4]), 1 / 3, False))
    request = SimpleNamespace(type=trax.TraxStatus.FRAME, image={"color": trax.image.MemoryImage.create(frame(0))})
    assert _answer(absent, request, "rectangle", trax)[1] == {"confidence": "0.333333", "present": "0"}


def test_an_encoded_image_that_is_none_is_one_sentence():
    broken = SimpleNamespace(buffer=lambda: b"nothing")
    kinds = SimpleNamespace(image=SimpleNamespace(FileImage=str, BufferImage=SimpleNamespace))
    with pytest.raises(MediaError, match="cannot be decoded"):
        frame_of(broken, kinds)


def test_what_cannot_start_exits_with_2(capsys):
    assert main(["--tracker", "a:B", "--config", "c"]) == 2
    assert main(["--config", "no_such_config"]) == 2
    printed = capsys.readouterr().err.strip().splitlines()
    assert len(printed) == 2 and all(line.startswith("error: ") for line in printed)


def test_without_the_package_the_extra_is_named(monkeypatch):
    from dmtrack.tracking.trax_client import import_trax

    monkeypatch.setitem(sys.modules, "trax", None)
    with pytest.raises(DMTrackError, match=r"pip install 'dmtrack\[vot\]'"):
        import_trax()


def test_a_tracker_that_starts_from_corners_gets_them_all():
    from dmtrack.tracking.siamrpn import SiamRPNTracker

    given = []

    class Corners(SiamRPNTracker):
        def __init__(self):
            self.name = "corners"

        def init(self, image, box):
            given.append((image.shape, np.asarray(box).tolist()))

    corners = [(20.0, 10.0), (32.0, 12.0), (30.0, 24.0), (18.0, 22.0)]
    request = SimpleNamespace(
        type=trax.TraxStatus.INITIALIZE,
        image={"color": trax.image.MemoryImage.create(frame(0))},
        objects=[(trax.region.Polygon.create(corners), {})],
    )
    _, properties = _answer(Corners(), request, "polygon", trax)
    assert given == [((60, 80, 3), [20, 10, 32, 12, 30, 24, 18, 22])]
    assert properties == {"confidence": "1", "present": "1"}
