import csv
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import typer

from dmtrack.cli import track as track_command
from dmtrack.cli.track import parse_box
from dmtrack.errors import BoxError, ConfigError, DMTrackError, MediaError, OutputError, WeightsError
from dmtrack.media.images import read_image, write_image
from dmtrack.media.video import VideoWriter, open_frames

SUPPORT = Path(__file__).parents[1] / "support"
IMPORTABLE = os.pathsep.join([str(SUPPORT), str(SUPPORT.parents[1])])
sys.path.append(str(SUPPORT))
from colour_search import moving_square  # noqa: E402

PLUGIN = """
import itertools
import signal
import time
from dmtrack.tracking import Tracker, TrackResult
from dmtrack.tracking import GlobalSearchTracker
from colour_search import ColourSearch

def square():
    return GlobalSearchTracker(ColourSearch(), name="square", presence_threshold=0.5)

STOPPED_AT = 0

def slow_square():
    from dmtrack.running import one_video

    one_video.STATE_INTERVAL = 0.2
    tracker = square()
    detect = tracker.detect_targets
    frames = itertools.count(1)

    def slow(image):
        time.sleep(0.01)
        if next(frames) == STOPPED_AT:
            signal.raise_signal(signal.SIGTERM)
        return detect(image)

    tracker.detect_targets = slow
    return tracker

class Slow(Tracker):
    def __init__(self):
        super().__init__("slow")

    def init(self, image, box):
        self.box = box

    def step(self, image):
        time.sleep(0.05)
        return TrackResult(self.box, 0.5, True)

class Failing(Slow):
    pass

class Needy:
    def __init__(self, something):
        pass
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with 12 frames of a square that is gone in frames 5 and 6, and with trackers of one's own."""
    images, _ = moving_square(12, gone=range(5, 7))
    for index, image in enumerate(images):
        write_image(tmp_path / "frames" / f"{index}.png", image)
    (tmp_path / "own_trackers.py").write_text(PLUGIN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "own_trackers", raising=False)
    return tmp_path


def run(*arguments):
    app = typer.Typer()
    app.command("track")(track_command.track)
    app([str(argument) for argument in arguments], standalone_mode=False)


def write_clip(path, frames, size_wh=(64, 48), sound=False):
    """A moving square as a video, of any size, with a second of silence if asked."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1" if path.suffix == ".mkv" else "mpeg4", rate=25)
        stream.width, stream.height = size_wh
        stream.pix_fmt = "bgr0" if path.suffix == ".mkv" else "yuv420p"
        tone = container.add_stream("pcm_s16le", rate=8000) if sound else None
        for image in moving_square(frames, size_wh)[0]:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
        if tone is not None:
            samples = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
            samples.sample_rate = 8000
            container.mux([*tone.encode(samples), *tone.encode(None)])
    return path


def rows(folder):
    with open(folder / "boxes.csv", newline="") as opened:
        return list(csv.DictReader(opened))


SQUARE = ("--box", "4,4,8,8", "--tracker", "own_trackers:square", "--output", "out")


def test_boxes_and_video_of_a_folder(folder, capsys):
    run("frames", *SQUARE)
    found = rows(folder / "out")
    assert [int(row["frame"]) for row in found] == list(range(12))
    assert [int(row["present"]) for row in found] == [1] * 5 + [0, 0] + [1] * 5
    _, boxes = moving_square(12)
    present = [*range(5), *range(7, 12)]
    np.testing.assert_allclose([[float(found[at][key]) for key in "xywh"] for at in present], boxes[present])

    document = json.loads((folder / "out" / "boxes.json").read_text())
    assert document["columns"] == ["frame", "x", "y", "w", "h", "score", "present", "file"]
    assert document["boxes"][4][7] == found[4]["file"] == "4.png"
    assert document["boxes"][4][:5] == [4, *boxes[4].tolist()]
    assert document["boxes"][5][6] is False
    assert (document["frames"], document["frames_present"], document["ended_by"]) == (12, 10, "end of the source")
    assert (document["tracker"], document["size_wh"], document["first_box_xywh"]) == ("square", [64, 48], [4, 4, 8, 8])
    assert set(document["speed"]) == {"mean_fps", "latency_p50_ms", "latency_p95_ms"}

    video = open_frames(folder / "out" / "annotated.mp4")
    assert (video.size_wh, len(list(video))) == ((64, 48), 12)
    printed = capsys.readouterr().out
    for name in ("boxes.csv", "boxes.json", "annotated.mp4", "12 frames", "p95"):
        assert name in printed
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["annotated.mp4", "boxes.csv", "boxes.json"]


def test_a_video_file_without_annotated_video(folder):
    images, _ = moving_square(6)
    with VideoWriter(folder / "a clip.mp4", 30, (64, 48)) as writer:
        for image in images:
            writer.write(image)
    run("a clip.mp4", "--box", "4,4,8,8", "--tracker", "own_trackers:square", "--no-video")
    written = folder / "results" / "track" / "a_clip"
    assert sorted(path.name for path in written.iterdir()) == ["boxes.csv", "boxes.json"]
    assert json.loads((written / "boxes.json").read_text())["fps"] == 30


KINDS = {
    "gray": lambda image: cv2.cvtColor(image, cv2.COLOR_RGB2GRAY),
    "rgba": lambda image: cv2.cvtColor(image, cv2.COLOR_RGB2BGRA),
    "16-bit": lambda image: image[..., ::-1].astype(np.uint16) * 257,
    "16-bit gray": lambda image: cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.uint16) * 257,
    "16-bit rgba": lambda image: cv2.cvtColor(image, cv2.COLOR_RGB2BGRA).astype(np.uint16) * 257,
}


@pytest.mark.parametrize("kind", KINDS)
def test_images_of_every_kind_are_tracked_to_the_end(folder, kind):
    images, boxes = moving_square(4)
    (folder / "images").mkdir()
    for index, image in enumerate(images):
        assert cv2.imwrite(str(folder / "images" / f"{index}.png"), KINDS[kind](image))
    run("images", *SQUARE)
    np.testing.assert_allclose([[float(row[key]) for key in "xywh"] for row in rows(folder / "out")], boxes)
    assert len(list(open_frames(folder / "out" / "annotated.mp4"))) == 4


@pytest.mark.parametrize("name", ["a clip.mp4", "über 影像.mkv", "one frame.mp4"])
def test_names_with_spaces_and_letters_of_any_language(folder, name, capsys):
    write_clip(folder / name, 1 if name.startswith("one") else 3)
    run(name, *SQUARE[:4])
    stem = name.rpartition(".")[0].replace(" ", "_")
    assert len(rows(folder / "results" / "track" / stem)) == (1 if name.startswith("one") else 3)
    assert ("1 frame," in capsys.readouterr().out) == name.startswith("one")


def test_a_video_with_sound_and_odd_sides(folder):
    write_clip(folder / "sound.mkv", 5, (65, 47), sound=True)
    run("sound.mkv", *SQUARE)
    assert len(rows(folder / "out")) == 5
    assert open_frames(folder / "out" / "annotated.mp4").size_wh == (66, 48)


def test_other_files_in_the_folder_do_not_matter(folder):
    (folder / "frames" / "readme.txt").write_text("hello")
    (folder / "frames" / ".5.png").write_text("left behind by some program")
    run("frames", *SQUARE)
    assert len(rows(folder / "out")) == 12


def test_results_of_another_source_of_the_same_name_are_kept(folder):
    for name in ("a/clip.mkv", "b/clip.mkv"):
        (folder / name).parent.mkdir()
        write_clip(folder / name, 2)
        run(name, *SQUARE[:4], "--no-video")
    run("./a/clip.mkv", *SQUARE[:4], "--no-video")
    results = folder / "results" / "track"
    sources = {path.name: json.loads((path / "boxes.json").read_text())["source"] for path in results.iterdir()}
    assert sources == {"clip": "a/clip.mkv", "clip-2": "b/clip.mkv"}


def test_two_boxes_of_one_video_do_not_overwrite_each_other(folder):
    write_clip(folder / "clip.mkv", 4)
    for box in ("4,4,8,8", "5,5,8,8", "4,4,8,8"):  # the same run again replaces its own results
        run("clip.mkv", "--box", box, "--tracker", "own_trackers:square", "--no-video")
    results = folder / "results" / "track"
    assert sorted(path.name for path in results.iterdir()) == ["clip", "clip-2"]
    stale = results / "clip" / "timeline.html"
    stale.write_text("of an earlier run")
    options = ("clip.mkv", "--box", "6,6,8,8", "--tracker", "own_trackers:square", "--no-video")
    with pytest.raises(OutputError, match="results of another run"):
        run(*options, "--output", str(results / "clip"))
    run(*options, "--output", str(results / "clip"), "--overwrite")
    assert not stale.exists()
    assert json.loads((results / "clip" / "boxes.json").read_text())["first_box_xywh"] == [6, 6, 8, 8]


def test_a_part_of_a_video_with_its_times(folder):
    write_clip(folder / "clip.mkv", 12)
    run("clip.mkv", *SQUARE, "--start-frame", "3", "--end-frame", "7", "--video-scale", "0.5")
    found = rows(folder / "out")
    assert [int(row["frame"]) for row in found] == [3, 4, 5, 6, 7]
    rate = open_frames(folder / "clip.mkv").fps
    np.testing.assert_allclose([float(row["time"]) for row in found], np.arange(3, 8) / rate, atol=0.002)
    document = json.loads((folder / "out" / "boxes.json").read_text())
    assert (document["start_frame"], document["end_frame"]) == (3, 7)
    video = open_frames(folder / "out" / "annotated.mp4")
    assert (video.size_wh, len(list(video))) == ((32, 24), 5)


def test_a_name_that_is_no_utf8_is_tracked_to_the_end(folder):
    name = os.fsdecode(b"caf\xe9.mkv")
    write_clip(folder / "clip.mkv", 3)
    (folder / "clip.mkv").rename(folder / name)
    command = [sys.executable, "-m", "dmtrack.cli.main", "track", name, *SQUARE]
    done = subprocess.run(command, cwd=folder, capture_output=True, env={**os.environ, "PYTHONPATH": IMPORTABLE})
    assert (done.returncode, b"Error" in done.stderr) == (0, False)
    assert json.loads((folder / "out" / "boxes.json").read_text())["source"] == name
    assert len(rows(folder / "out")) == 3


def test_one_bad_image_does_not_cost_the_rest(folder):
    (folder / "frames" / "5.png").write_bytes(b"no picture")
    with pytest.raises(MediaError, match=r"5\.png"):
        run("frames", *SQUARE)
    run("frames", *SQUARE, "--skip-bad-frames", "--overwrite")
    found = rows(folder / "out")
    assert [row["file"] for row in found] == [f"{number}.png" for number in range(12) if number != 5]
    assert [int(row["frame"]) for row in found] == [number for number in range(12) if number != 5]
    assert "5.png" in json.loads((folder / "out" / "boxes.json").read_text())["notes"][0]


def test_a_video_that_ends_before_its_time_is_noted(folder, capsys):
    write_clip(folder / "clip.mkv", 40)
    content = (folder / "clip.mkv").read_bytes()
    (folder / "clip.mkv").write_bytes(content[: len(content) // 2])
    run("clip.mkv", *SQUARE)
    printed = " ".join(capsys.readouterr().out.split())
    assert "note: the file declares 40 frames" in printed
    assert 0 < len(rows(folder / "out")) < 40


def test_a_config_of_ones_own_with_an_imported_model(folder, monkeypatch):
    monkeypatch.syspath_prepend(str(SUPPORT))
    (folder / "mine.py").write_text(
        "model = dict(type='ColourSearch', scale=(64, 48))\n"
        "tracker = dict(type='GlobalSearchTracker', presence_threshold=0.5)\n"
    )
    from colour_search import ColourSearch
    from safetensors.torch import save_file

    save_file(ColourSearch(sharpness=2.0).state_dict(), folder / "mine.safetensors")
    common = ("frames", "--box", "4,4,8,8", "--import", "colour_search", "--config", "mine.py")
    run(*common, "--weights", "mine.safetensors", "--output", "out", "--set", "tracker.presence_threshold=0.0")
    document = json.loads((folder / "out" / "boxes.json").read_text())
    assert document["frames_present"] == 12  # the threshold of --set
    assert len(document["weights_sha256"]) == 64 and document["config_hash"]
    with pytest.raises(ConfigError, match="presence_threshold"):
        run(*common, "--weights", "mine.safetensors", "--set", "tracker.presence_treshold=0.0")


def test_selecting_with_the_mouse(folder, monkeypatch, capsys):
    from dmtrack.media import window

    options = ("frames", "--select", *SQUARE[2:], "--no-video")
    monkeypatch.setattr(window, "select_box", lambda *_: (4.0, 4.0, 8.0, 8.0))
    run(*options)
    assert "--box 4,4,8,8" in capsys.readouterr().out  # to do the same again without the mouse
    assert len(rows(folder / "out")) == 12
    monkeypatch.setattr(window, "select_box", lambda *_: None)
    with pytest.raises(BoxError, match="no box was selected"):
        run(*options)


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        (["frames"], BoxError, "--select"),
        (["frames", "--box", "1,2,3,4", "--select"], BoxError, "not both"),
        (["frames", "--box", "1,2,3"], BoxError, "four numbers"),
        (["frames", "--box", "a,b,c,d"], BoxError, "four numbers"),
        (["frames", "--box", "4,4,0,8"], BoxError, "above zero"),
        (["frames", "--box", "4,4,-8,8"], BoxError, "above zero"),
        (["frames", "--box", "nan,4,8,8"], BoxError, "finite"),
        (["frames", "--box", "500,4,8,8"], BoxError, "outside the first frame of 64x48"),
        (["frames", "--box=-9,4,8,8"], BoxError, "outside the first frame of 64x48"),
        (["frames", "--box", "inf,4,8,8"], BoxError, "finite"),
        (["nowhere.mp4", "--box", "1,2,3,4"], MediaError, "does not exist"),
        (["", "--box", "1,2,3,4"], MediaError, "an empty name does not exist"),
        (["empty", "--box", "1,2,3,4"], MediaError, "folder empty contains no images"),
        (["noise.mp4", "--box", "1,2,3,4"], MediaError, "noise.mp4 does not decode"),
        (["zero.y4m", "--box", "1,2,3,4"], MediaError, "zero.y4m has zero frames"),
        (["empty.mp4", "--box", "1,2,3,4"], MediaError, "empty.mp4 is empty"),
        (["own_trackers.py", "--box", "1,2,3,4"], MediaError, "does not decode|holds no video"),
        (["frames", "--box", "1,2,3,4", "--output", "own_trackers.py"], OutputError, "cannot write"),
        (["frames", "--box", "1,2,3,4", "--tracker", "nothing:here"], ConfigError, "No module named"),
        (["frames", "--box", "1,2,3,4", "--tracker", "own_trackers:Slwo"], ConfigError, "did you mean 'Slow'"),
        (["frames", "--box", "1,2,3,4", "--tracker", "own_trackers:Needy"], ConfigError, "without arguments"),
        (["frames", "--box", "1,2,3,4", "--tracker", "own_trackers:time"], ConfigError, "is no tracker"),
        (["frames", "--box", "1,2,3,4", "--import", "nothing"], ConfigError, "module nothing"),
        (["frames", "--box", "1,2,3,4", "--device", "cuda:99"], ConfigError, "does not have"),
        (["frames", "--box", "1,2,3,4", "--precision", "int4"], ConfigError, "fp32, bf16, fp16"),
        (
            ["frames", "--box", "1,2,3,4", "--tracker", "own_trackers:Slow", "--weights", "dmtrackGS_tiny"],
            ConfigError,
            "--weights",
        ),
    ],
)
def test_bad_input_is_one_clear_error(folder, arguments, error, says):
    (folder / "empty").mkdir()
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(4000))
    (folder / "zero.y4m").write_bytes(b"YUV4MPEG2 W64 H48 F25:1 Ip A1:1 C420jpeg\n")
    with pytest.raises(error, match=says) as raised:
        run(*arguments)
    assert raised.value.exit_code == 2
    assert not list(folder.glob("**/boxes*"))


def test_bad_weights_are_one_clear_error_before_anything_is_written(folder, monkeypatch):
    import torch

    monkeypatch.syspath_prepend(str(SUPPORT))
    (folder / "mine.py").write_text("model = dict(type='ColourSearch', scale=(64, 48))\n")
    torch.save({"other": torch.zeros(1000)}, folder / "other.pth")
    (folder / "cut.pth").write_bytes((folder / "other.pth").read_bytes()[:2000])
    torch.save(torch.nn.Linear(1, 1), folder / "classes.pth")
    common = ("frames", *SQUARE[:2], "--output", "out", "--import", "colour_search", "--config", "mine.py", "--weights")
    for name, says in [
        ("other.pth", "does not fit ColourSearch: 0 of 1 parameters match"),
        ("cut.pth", "cut.pth is a truncated or damaged torch checkpoint"),
        ("classes.pth", r"a pickle that asks for torch.nn.modules.linear.Linear"),
        ("none.pth", "none.pth does not exist"),
    ]:
        with pytest.raises(WeightsError, match=says):
            run(*common, name)
    assert not list(folder.glob("**/boxes*"))


def test_a_video_that_changes_its_size_keeps_what_was_tracked(folder):
    parts = [write_clip(folder / f"{size[0]}.ts", 5, size).read_bytes() for size in ((64, 48), (96, 64))]
    (folder / "both.ts").write_bytes(b"".join(parts))
    with pytest.raises(MediaError, match=r"both.ts changes its size at frame 5 \(counted from 0\): 96x64 after 64x48"):
        run("both.ts", *SQUARE)
    assert len(rows(folder / "out")) == len(list(open_frames(folder / "out" / "annotated.mp4"))) == 5


def test_select_without_a_window_system_shows_pixels_and_likely_boxes(folder, monkeypatch, capsys):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(MediaError, match=r"there is no display .* out/first_frame.png shows .* --box 4,4,8,8 "):
        run("frames", "--select", "--output", "out")
    assert "1: --box 4,4,8,8\n" in capsys.readouterr().out
    assert read_image(folder / "out" / "first_frame.png").shape == (720, 960, 3)
    with pytest.raises(DMTrackError, match="leave --show out"):
        run("frames", *SQUARE, "--show")


def test_what_was_tracked_before_a_size_change_is_kept(folder):
    write_image(folder / "frames" / "9.png", np.zeros((50, 70, 3), np.uint8))
    with pytest.raises(MediaError, match="frame 9 "):
        run("frames", *SQUARE)
    assert len(rows(folder / "out")) == 9
    assert len(list(open_frames(folder / "out" / "annotated.mp4"))) == 9
    assert "frame 9 " in json.loads((folder / "out" / "boxes.json").read_text())["ended_by"]


MAIN = """
import typer
from dmtrack.cli.track import track
app = typer.Typer(pretty_exceptions_enable=False)
app.command("track")(track)
app()
"""


def start(folder, *arguments):
    environment = {**os.environ, "PYTHONPATH": IMPORTABLE}
    options = ("--box", "4,4,8,8", "--tracker", "own_trackers:Slow", "--output", "out")
    return subprocess.Popen(
        [sys.executable, "-c", MAIN, "frames", *(arguments if "--tracker" in arguments else (*options, *arguments))],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_rows(partial, count):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if partial.exists() and len(partial.read_text().splitlines()) > count:
            return
        time.sleep(0.01)
    raise AssertionError("the command did not begin to track")


@pytest.fixture
def long_folder(folder):
    image = np.zeros((48, 64, 3), np.uint8)
    for index in range(12, 400):
        write_image(folder / "frames" / f"{index}.png", image)
    return folder


def test_ctrl_c_keeps_what_was_tracked(long_folder):
    process = start(long_folder)
    wait_for_rows(long_folder / "out" / "boxes.partial.csv", 5)
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    found = rows(long_folder / "out")
    assert 5 <= len(found) < 400
    assert len(list(open_frames(long_folder / "out" / "annotated.mp4"))) == len(found)
    assert json.loads((long_folder / "out" / "boxes.json").read_text())["ended_by"] == "stopped by the user"
    assert not (long_folder / "out" / "boxes.partial.csv").exists()
    assert "boxes.csv" in printed
    assert "Slow does not say what it knows between two frames, so this run cannot go on" in printed


def test_a_run_after_a_kill_keeps_the_rows_and_says_how_to_go_on(folder, capsys):
    (folder / "out").mkdir()
    so_far = "frame,x,y,w,h,score,present,file\n0,4.000,4.000,8.000,8.000,1.0000,1,0.png\n1,5.000,4.000,8.000,8.000,0.9"
    (folder / "out" / "boxes.partial.csv").write_text(so_far)
    run("frames", *SQUARE)
    printed = " ".join(capsys.readouterr().out.split())
    assert "interrupted after frame 1;" in printed
    assert "--start-frame 1 --box 5.000,4.000,8.000,8.000" in printed
    assert (folder / "out" / "boxes.interrupted.csv").read_text() == so_far
    assert len(rows(folder / "out")) == 12
    run("frames", "--box", "5,4,8,8", *SQUARE[2:4], "--start-frame", "1", "--output", "more")
    assert [int(row["frame"]) for row in rows(folder / "more")] == list(range(1, 12))


def test_a_kill_leaves_the_boxes_so_far(long_folder):
    process = start(long_folder, "--no-video")
    partial = long_folder / "out" / "boxes.partial.csv"
    wait_for_rows(partial, 5)
    process.kill()
    process.communicate(timeout=60)
    lines = partial.read_text().splitlines()
    assert lines[0] == "frame,x,y,w,h,score,present,file"
    assert lines[5] == "4,4.000,4.000,8.000,8.000,0.5000,1,4.png"


@pytest.mark.parametrize("killed", [True, False])
def test_a_stopped_run_goes_on_to_the_very_boxes(folder, killed, capsys):
    for index, image in enumerate(moving_square(90, size_wh=(200, 48))[0]):
        write_image(folder / "frames" / f"{index}.png", image)
    slow = ("--tracker", "own_trackers:slow_square", "--output", "out")
    if killed:
        process = start(folder, "--box", "4,4,8,8", *slow)
        wait_for_rows(folder / "out" / "boxes.partial.csv", 45)
        process.kill()
        process.communicate(timeout=60)
    else:
        importlib.import_module("own_trackers").STOPPED_AT = 45
        run("frames", "--box", "4,4,8,8", *slow)
        sys.modules["own_trackers"].STOPPED_AT = 0
    stopped = folder / "out" / ("boxes.partial.csv" if killed else "boxes.csv")
    assert (folder / "out" / "unfinished.safetensors").exists()
    assert 40 < len(stopped.read_text().splitlines()) < 90
    with pytest.raises(OutputError, match=r"stopped after .* go on with --resume, or begin anew with --overwrite"):
        run("frames", "--box", "4,4,8,8", *slow)
    with pytest.raises(OutputError, match="--timeline needs all decisions"):
        run("frames", "--resume", *slow, "--timeline")
    run("frames", "--resume", *slow)
    assert "going on in out behind " in capsys.readouterr().out
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["annotated.mp4", "boxes.csv", "boxes.json"]
    run("frames", "--box", "4,4,8,8", *slow[:2], "--output", "whole")
    assert (folder / "out" / "boxes.csv").read_bytes() == (folder / "whole" / "boxes.csv").read_bytes()
    assert len(list(open_frames(folder / "out" / "annotated.mp4"))) == 90
    document, whole = (json.loads((folder / name / "boxes.json").read_text()) for name in ("out", "whole"))
    assert all(document[key] == whole[key] for key in ("boxes", "frames", "frames_present", "ended_by"))
    with pytest.raises(OutputError, match="no run on frames was stopped that could go on; say with --box"):
        run("frames", "--resume", *slow)


class EndlessCamera:
    """A camera that gives the same frame until somebody stops it."""

    frames = moving_square(1)[0]

    def __init__(self, _):
        pass

    def isOpened(self):  # noqa: N802
        return True

    def get(self, _):
        return 15.0

    def read(self):
        return True, self.frames[0][..., ::-1]

    def release(self):
        pass


@pytest.mark.parametrize("ends_with", ["q", "interrupt"])
def test_a_camera_runs_until_it_is_stopped(folder, monkeypatch, ends_with):
    import cv2

    from dmtrack.media import window

    class Preview:
        shown = 0

        def show(self, _):
            Preview.shown += 1
            if Preview.shown == 4 and ends_with == "interrupt":
                signal.raise_signal(signal.SIGINT)
            return Preview.shown < 4 or ends_with == "interrupt"

        def close(self):
            pass

    monkeypatch.setattr(cv2, "VideoCapture", EndlessCamera)
    monkeypatch.setattr(window, "why_no_windows", lambda: None)
    monkeypatch.setattr(window, "PreviewWindow", Preview)
    run("camera:0", *SQUARE)
    assert len(rows(folder / "out")) == 4
    assert json.loads((folder / "out" / "boxes.json").read_text())["ended_by"] == "stopped by the user"
    assert len(list(open_frames(folder / "out" / "annotated.mp4"))) == 4


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a limit on file sizes")
def test_a_full_disk_is_one_clear_error(folder):
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))\n"
    code = MAIN.replace("app = typer", limit + "app = typer")
    done = subprocess.run(
        [sys.executable, "-c", code, "frames", *SQUARE, "--no-video"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": IMPORTABLE, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "OutputError: cannot write" in done.stderr and "free some space" in done.stderr
    assert len((folder / "out" / "boxes.partial.csv").read_text().splitlines()) >= 5


def test_parse_box():
    assert parse_box("1,2.5, 3,4e1") == (1, 2.5, 3, 40)


def test_the_page_tracks_with_the_weights_and_the_tracker_that_were_asked_for(folder, monkeypatch):
    pytest.importorskip("fastapi", reason="the page is an extra: pip install 'dmtrack[web]'")
    from dmtrack.config.choices import find_weights
    from dmtrack.web import serve

    served = []
    monkeypatch.setattr(track_command, "_may_open_page", lambda console: True)
    monkeypatch.setattr(serve, "select_and_track", lambda *given: served.append(given[3:5]))
    for own in (["--weights", str(find_weights("dmtrackGS_tiny"))], ["--tracker", "own_trackers:square"], []):
        run("frames", "--select", *own)
    names = [trackers.fresh(config).name for config, trackers in served]
    assert names == ["dmtrackGS_tiny", "square", "dmtrackReID_tiny"]
