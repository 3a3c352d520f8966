"""Videos as people have them: turned, with covers and previews, of variable rate, with packets lost."""

import gc
import socket
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from dmtrack.errors import MediaError
from dmtrack.media.frame_times import Declared, FrameClock
from dmtrack.media.random_access import RandomFrames
from dmtrack.media.video import VideoWriter, open_frames

WIDTH, HEIGHT = 96, 64


def picture(number, size_wh=(WIDTH, HEIGHT)):
    """Dark, with a bright square at 6, 10 that moves one pixel to the right per frame."""
    image = np.full((size_wh[1], size_wh[0], 3), 40, dtype=np.uint8)
    image[10:26, 6 + number : 22 + number] = 230
    return image


def square_of(image):
    rows, columns = np.nonzero(image.min(axis=2) > 150)
    return int(columns.min()), int(rows.min()), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1


def encode(container, stream, images, times=None):
    for number, image in enumerate(images):
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        if times is not None:
            frame.pts, frame.time_base = round(times[number] * 1000), Fraction(1, 1000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def write(path, frames=12, rate=10, times=None, codec="libx264", options=None, **settings):
    with av.open(str(path), "w", **settings) as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height = WIDTH, HEIGHT
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        encode(container, stream, [picture(number) for number in range(frames)], times)
    return path


def with_matrix(source, target, a, b, c, d):
    """The mp4 with the display matrix of its track replaced."""
    content = bytearray(source.read_bytes())
    plain = b"".join(value.to_bytes(4, "big", signed=True) for value in (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30))
    place = content.index(plain, content.index(b"tkhd"))
    values = (a * 65536, b * 65536, 0, c * 65536, d * 65536, 0, 0, 0, 1 << 30)
    content[place : place + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in values)
    target.write_bytes(content)
    return target


@pytest.mark.parametrize(
    ("matrix", "square"),
    [
        ((1, 0, 0, 1), (6, 10, 16, 16)),
        ((-1, 0, 0, 1), (WIDTH - 22, 10, 16, 16)),  # a phone's front camera
        ((1, 0, 0, -1), (6, HEIGHT - 26, 16, 16)),
        ((-1, 0, 0, -1), (WIDTH - 22, HEIGHT - 26, 16, 16)),
        ((0, 1, -1, 0), (HEIGHT - 26, 6, 16, 16)),  # a quarter clockwise: a phone held upright
        ((0, -1, 1, 0), (10, WIDTH - 22, 16, 16)),
        ((0, 1, 1, 0), (10, 6, 16, 16)),
        ((0, -1, -1, 0), (HEIGHT - 26, WIDTH - 22, 16, 16)),
    ],
)
def test_every_display_matrix_is_applied(tmp_path, matrix, square):
    path = with_matrix(write(tmp_path / "a.mp4"), tmp_path / "b.mp4", *matrix)
    source = open_frames(path)
    assert source.size_wh == ((HEIGHT, WIDTH) if matrix[0] == 0 else (WIDTH, HEIGHT))
    assert square_of(source.first_frame) == square


def streams(path, *kinds):
    """A file with several streams: ("video", frames, size_wh, disposition), ("cover", disposition) or ("sound",)."""
    with av.open(str(path), "w") as container:
        made = []
        for kind, *rest in kinds:
            if kind == "sound":
                stream = container.add_stream("aac", rate=8000)
                sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
                sound.sample_rate = 8000
                made.append((stream, [sound] * 4))
                continue
            frames, size_wh, disposition = rest
            stream = container.add_stream("mjpeg" if kind == "cover" else "libx264", rate=10)
            stream.width, stream.height = size_wh
            stream.pix_fmt = "yuvj420p" if kind == "cover" else "yuv420p"
            if disposition:
                stream.disposition = av.stream.Disposition[disposition]
            images = [av.VideoFrame.from_ndarray(picture(n, size_wh), format="rgb24") for n in range(frames)]
            made.append((stream, images))
        for stream, frames in made:
            for frame in frames:
                frame.pts = None
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("a.mp4", [("cover", 1, (48, 32), "attached_pic"), ("video", 12, (96, 64), "default")]),
        ("b.mkv", [("cover", 1, (48, 32), ""), ("video", 12, (96, 64), "")]),
        ("c.mp4", [("video", 12, (48, 32), ""), ("video", 12, (96, 64), "default")]),  # a preview before the video
        ("d.mkv", [("video", 12, (48, 32), ""), ("sound",), ("video", 12, (96, 64), "default")]),
        ("f.mov", [("cover", 12, (48, 32), ""), ("video", 12, (96, 64), "")]),  # a preview in motion
        ("g.mkv", [("cover", 12, (320, 200), "default"), ("video", 12, (96, 64), "")]),
        ("h.mp4", [("video", 30, (24, 16), ""), ("video", 12, (96, 64), "")]),  # longer, and the file's default
        ("e.mov", [("sound",), ("cover", 1, (320, 200), "attached_pic"), ("video", 12, (96, 64), "default")]),
    ],
)
def test_the_video_is_found_behind_covers_and_previews(tmp_path, name, kinds):
    source = open_frames(streams(tmp_path / name, *kinds))
    assert (source.size_wh, len(list(source)), source.notes) == ((96, 64), 12, ())


@pytest.mark.parametrize("name", ["song.mp4", "song.mkv", "song.mov"])
def test_music_with_a_cover_is_no_video(tmp_path, name):
    path = streams(tmp_path / name, ("sound",), ("cover", 1, (48, 32), "attached_pic"))
    with pytest.raises(MediaError, match="no video"):
        open_frames(path)


@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "libx264"), ("a.webm", "libvpx"), ("a.mp4", "libx264")])
def test_a_video_of_variable_rate_keeps_its_times(tmp_path, name, codec):
    times = [0, 0.04, 0.3, 0.34, 0.38, 1.2, 1.24, 2.0, 2.04, 2.6]
    source = open_frames(write(tmp_path / name, len(times), rate=1000, times=times, codec=codec))
    seen = [(round(source.time, 3), source.number) for _ in source]
    assert seen == [(time, number) for number, time in enumerate(times)]
    assert 3 < source.fps < 5
    assert source.notes == ()
    with VideoWriter(tmp_path / "copy.mp4", source.fps, source.size_wh) as writer:
        for frame in source:
            writer.write(frame, source.time)
    copy = open_frames(tmp_path / "copy.mp4")
    assert [round(copy.time, 3) for _ in copy] == times


def without_frames(source, target, lost):
    """The video without the packets of some frames; times stay. Every frame is a key frame."""
    with av.open(str(source)) as given, av.open(str(target), "w") as container:
        stream = container.add_stream_from_template(given.streams.video[0])
        for number, packet in enumerate(given.demux(video=0)):
            if packet.dts is not None and number not in lost:
                packet.stream = stream
                container.mux(packet)
    return target


KEY_FRAMES = {"g": "1", "bf": "0"}


@pytest.mark.parametrize("ending", ["ts", "mkv", "mp4"])
@pytest.mark.parametrize(
    ("lost", "says"),
    [
        ({20}, "1 frame is lacking: 1 after frame 19"),
        (set(range(49, 58)), "9 frames are lacking: 9 after frame 48 (1.92 s)"),
        ({5, 6, 40}, "3 frames are lacking: 2 after frame 4 (0.16 s); 1 after frame 37"),
        (set(range(0, 100, 17)) - {0}, "5 frames are lacking: 1 after frame 16 (0.64 s); 1 after frame 32"),
    ],
)
def test_lost_frames_are_counted_and_placed(tmp_path, ending, lost, says):
    whole = write(tmp_path / "whole.mkv", 60 if max(lost) < 60 else 100, rate=25, options=KEY_FRAMES)
    source = open_frames(without_frames(whole, tmp_path / f"a.{ending}", lost))
    times = [source.time for _ in source]
    assert says in source.notes[0]
    frames = 60 if max(lost) < 60 else 100
    assert times == pytest.approx([number / 25 for number in range(frames) if number not in lost], abs=0.002)


def test_a_file_that_is_cut_off_says_how_many_frames_its_end_lacks(tmp_path):
    path = write(tmp_path / "a.mp4", 100, rate=25, options=KEY_FRAMES, container_options={"movflags": "+faststart"})
    content = path.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: int(len(content) * 0.9)])
    source = open_frames(tmp_path / "cut.mp4", skip_bad_frames=True)
    frames = len(list(source))
    assert 80 < frames < 97
    assert any(f"declares 100 frames and {frames} decode" in note for note in source.notes)


def test_a_whole_video_has_no_notes_whatever_its_sound_and_rate(tmp_path):
    for name, rate in (("a.mp4", 25), ("b.mkv", Fraction(30000, 1001)), ("c.ts", 50), ("d.avi", 15)):
        source = open_frames(write(tmp_path / name, 40, rate=rate))
        assert len(list(source)) == 40
        assert source.notes == ()
        assert source.fps == pytest.approx(float(rate), rel=1e-3)


def test_a_frame_and_its_converter_go_as_soon_as_the_picture_is_made(tmp_path):
    def alive():
        threads = len(list(Path("/proc/self/task").iterdir())) if sys.platform == "linux" else 0
        return sum(isinstance(one, av.VideoFrame) for one in gc.get_objects()), threads

    source = open_frames(write(tmp_path / "video.mp4", 60))
    images = iter(source)
    gc.collect()
    gc.disable()
    try:
        next(images)
        frames_before, threads_before = alive()
        for _ in range(50):
            next(images)
        frames_after, threads_after = alive()
    finally:
        gc.enable()
    assert frames_after - frames_before <= 5
    assert threads_after - threads_before <= 5


def test_a_bad_frame_costs_only_itself(tmp_path):
    path = write(tmp_path / "a.mp4", 30, rate=10, options=KEY_FRAMES)
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    content = bytearray(path.read_bytes())
    place, size = packets[10]
    content[place : place + size] = bytes(size)
    path.write_bytes(content)
    with pytest.raises(MediaError, match=r"does not decode at frame \d+.*--skip-bad-frames"):
        list(open_frames(path))
    source = open_frames(path, skip_bad_frames=True)
    assert len(list(source)) == 29
    assert "1 place did not decode" in source.notes[0]
    source.take(2, 20)  # a part of the file says so as well, and nothing about the end
    assert len(list(source)) == 19
    assert len(source.notes) == 2 and "1 place did not decode" in source.notes[0]
    assert "1 frame is lacking" in source.notes[1]


def spoiled(source, target, numbers):
    """The mp4 or AVI with the content of some packets zeroed."""
    content = bytearray(source.read_bytes())
    with av.open(str(source)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    for number in numbers:
        place, size = packets[number]
        content[place : place + size] = bytes(size)
    target.write_bytes(content)
    return target


@pytest.mark.parametrize(
    ("numbers", "frames", "says"),
    [
        ((12, 13), 39, "2 frames are lacking: 2 after frame 11 (1.59 s)"),
        ((38, 39, 40), 38, "about 3 are lacking at the end"),
        ((5, 20), 39, "2 frames are lacking: 1 after frame 4 (0.60 s); 1 after frame 18"),
    ],
)
def test_frames_that_do_not_decode_are_placed_where_no_rhythm_tells(tmp_path, numbers, frames, says):
    times = [0.6 * whole + part for whole in range(10) for part in (0, 0.04, 0.34, 0.39)] + [6.0]
    whole = write(tmp_path / "a.mp4", 41, rate=1000, times=times, options=KEY_FRAMES)
    source = open_frames(spoiled(whole, tmp_path / "b.mp4", numbers), skip_bad_frames=True)
    assert len(list(source)) == frames
    assert len(source.notes) == 2 and says in source.notes[1]


def test_frames_lost_in_the_middle_are_not_lost_again_at_the_end(tmp_path):
    groups = {"g": "10", "bf": "2"}
    for name, codec, options in (("a.mp4", "libx264", groups), ("a.avi", "mpeg4", {})):
        whole = write(tmp_path / name, 60, rate=25, codec=codec, options=options)
        source = open_frames(spoiled(whole, tmp_path / f"b{name}", (23, 24, 25)), skip_bad_frames=True)
        assert len(list(source)) == 57
        assert "3 frames are lacking" in source.notes[1] and len(source.notes) == 2


def test_a_file_that_begins_without_a_key_frame_says_so(tmp_path):
    whole = write(tmp_path / "a.mkv", 60, rate=25, options={"g": "10", "bf": "0"})
    source = open_frames(without_frames(whole, tmp_path / "a.ts", {0, 1, 2}))
    assert (len(list(source)), square_of(source.first_frame)[0]) == (50, 16)
    assert source.notes == (
        "7 frames before the first do not decode (the file begins without a key frame); frame 0 is the first one that "
        "does",
    )


def test_a_trimmed_video_lacks_nothing_and_keeps_its_rate(tmp_path):
    content = bytearray(write(tmp_path / "a.mp4", 60, rate=25, options={"g": "10", "bf": "2"}).read_bytes())
    place = content.index(b"elst") + 12  # its first entry: duration in thousandths, first tick that is shown
    length, first = (int.from_bytes(content[place + at : place + at + 4], "big") for at in (0, 4))
    content[place : place + 8] = (length // 3).to_bytes(4, "big") + (first + 8192).to_bytes(4, "big")
    (tmp_path / "b.mp4").write_bytes(content)
    source = open_frames(tmp_path / "b.mp4")
    frames = len(list(source))
    assert 18 <= frames <= 22
    assert (source.fps, source.notes) == (pytest.approx(25, rel=0.05), ())


def test_recordings_that_were_joined_keep_growing_times(tmp_path):
    part = write(tmp_path / "a.ts", 20, rate=25).read_bytes()
    (tmp_path / "b.ts").write_bytes(part + part)
    source = open_frames(tmp_path / "b.ts")
    assert [source.time for _ in source] == pytest.approx([number / 25 for number in range(40)])
    assert len(source.notes) == 1 and "clock of the file goes back" in source.notes[0]


def test_pauses_and_late_starts_of_recordings_are_no_losses(tmp_path):
    for times, fps in (([0, 0.04, 0.08, 0.12, 0.16, 0.2, 0.24, 5.0], 1.6), ([1.5 + n * 0.04 for n in range(30)], 25.8)):
        source = open_frames(write(tmp_path / "a.mkv", len(times), rate=1000, times=times))
        assert len(list(source)) == len(times)
        assert (source.notes, source.fps) == ((), pytest.approx(fps, abs=0.1))


def test_dropped_frames_of_an_avi_are_counted(tmp_path):
    content = bytearray(write(tmp_path / "a.avi", 40, rate=25, codec="mpeg4").read_bytes())
    place, index, chunks = content.index(b"movi") + 4, content.index(b"idx1") + 8, []
    while content[place : place + 4] == b"00dc":
        size = int.from_bytes(content[place + 4 : place + 8], "little")
        chunks.append((place, size + size % 2))
        place += 8 + size + size % 2
    for number in (10, 11, 20):  # a chunk without content stands for the frame before, the rest of it is filled
        place, size = chunks[number]
        filler = (0).to_bytes(4, "little") + b"JUNK" + (size - 8).to_bytes(4, "little")
        content[place + 4 : place + 16] = filler
        content[index + 16 * number + 12 : index + 16 * number + 16] = bytes(4)
    (tmp_path / "b.avi").write_bytes(content)
    source = open_frames(tmp_path / "b.avi")
    assert len(list(source)) == 37
    assert len(source.notes) == 1 and "3 frames are lacking: 2 after frame 9 (0.36 s); 1 after" in source.notes[0]


def test_frames_from_and_to(tmp_path):
    source = open_frames(write(tmp_path / "a.mp4", 12))
    source.take(3, 7)
    assert square_of(source.first_frame)[0] == 9
    assert [(source.number, round(source.time, 2)) for _ in source] == [(n, n / 10) for n in range(3, 8)]
    assert source.frame_count == 5
    for start, end, says in ((40, None, "no frame 40"), (-1, None, "from 0 up"), (7, 3, "not behind the last")):
        with pytest.raises(MediaError, match=says):
            open_frames(tmp_path / "a.mp4").take(start, end)


@pytest.mark.parametrize("name", ["~.mp4", "12:30:11.mp4", "http:x.mp4", "a:1.mkv", "rtsp:.mp4", b"caf\xe9.mp4"])
def test_names_that_look_like_addresses_or_are_no_utf8(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    name = name if isinstance(name, str) else name.decode("utf-8", "surrogateescape")
    whole = write(tmp_path / f"whole.{name.rpartition('.')[2]}")
    whole.rename(name)
    assert len(list(open_frames(name))) == 12


def test_a_clock_of_an_irregular_source_lacks_nothing():
    clock = FrameClock(10.0)
    for time in (0, 0.1, 0.4, 0.9, 1.0, 1.6, 2.2):
        clock.tick(time)
    assert clock.notes(Declared(), 0) == ()


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("rtsp://127.0.0.1:9/a", "refused"),
        ("http://127.0.0.1:9/a.mp4", "refused"),
        ("nothing://host/a", "does not know this kind of address"),
        ("http://no-such-host.invalid/a.mp4", "there is no host no-such-host.invalid"),
        ("rtsp://no-such-host.invalid/a", "there is no host no-such-host.invalid"),
    ],
)
def test_addresses_say_why_they_do_not_open(address, says):
    with pytest.raises(MediaError, match=says) as caught:
        open_frames(address, timeout=2.0)
    assert "camera" not in str(caught.value)


def test_a_camera_that_accepts_and_stays_silent_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"rtsp://127.0.0.1:{silent.getsockname()[1]}/a"
        with pytest.raises(MediaError, match=r"within 1 s.*--timeout"):
            open_frames(address, timeout=1.0)


SERVER = """
import http.server, socket, sys, threading, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/none.mp4":
            self.send_error(404)
        elif self.path == "/text.mp4":
            self.send_response(200); self.send_header("Content-Length", "500"); self.end_headers()
            self.wfile.write(b"hello" * 100)
        elif self.path == "/silent.mp4":
            time.sleep(60)
        elif self.path == "/page.ts":
            self.send_response(200); self.end_headers(); self.wfile.write(b"<html>hello</html>" * 100)
        elif self.path == "/endless.ts":
            self.send_response(200); self.end_headers()
            while True:
                self.wfile.write(open(sys.argv[2], "rb").read()); time.sleep(0.01)
        elif self.path == "/keyless.ts":
            self.send_response(200); self.end_headers(); self.wfile.write(open(sys.argv[2], "rb").read())
        else:
            self.send_response(200); self.end_headers(); self.wfile.write(open(sys.argv[1], "rb").read())
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


def write_without_key_frame(path):
    """Pictures that say only what changes, as whoever joins a camera between two key frames is sent."""
    with av.open(str(path), "w", format="mpegts") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.options = {"g": "1000", "bf": "0", "x264-params": "scenecut=0"}
        for number in [*range(40), None]:
            frame = None if number is None else av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            for packet in stream.encode(frame):
                if not packet.is_keyframe:
                    container.mux(packet)
    return path


def test_a_server_that_has_nothing_sends_nothing_or_no_video(tmp_path):
    videos = (write(tmp_path / "a.mkv"), write_without_key_frame(tmp_path / "b.ts"))
    server = subprocess.Popen([sys.executable, "-c", SERVER, *videos], stdout=subprocess.PIPE, text=True)
    said = {
        "none.mp4": "404",
        "text.mp4": "no video",
        "page.ts": "ends at once or is no video",
        "silent.mp4": "within 1 s.*--timeout",
        "keyless.ts": "no whole picture: it ends after 39 packets of video without a key frame",
        "endless.ts": r"within 1 s: \d+ packets of video came, but no key frame; .*--timeout",
    }
    try:
        port = int(server.stdout.readline())
        for path, says in said.items():
            with pytest.raises(MediaError, match=says):
                open_frames(f"http://127.0.0.1:{port}/{path}", timeout=1.0)
        with open_frames(f"http://127.0.0.1:{port}/a.mkv", timeout=5.0) as source:
            assert source.live
            assert len(list(source)) == 12
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


CASES = {
    "mirrored_video/selfie.mp4": (12, (74, 10, 16, 16)),
    "mirrored_video/control_turned_180.mp4": (12, (74, 38, 16, 16)),
    "thumbnail_before_video/drone.mp4": (12, (6, 10, 16, 16)),
    "variable_rate_webm/screen.webm": (30, (6, 10, 16, 16)),
    "frames_lost_inside_video/dashcam.ts": (91, (6, 10, 16, 16)),
    "colon_in_file_name/12:30:11.mp4": (12, (6, 10, 16, 16)),
}


@pytest.mark.parametrize("case", CASES)
def test_cases_of_the_field(case, shared_folder):
    frames, square = CASES[case]
    source = open_frames(shared_folder / "cases" / case)
    assert square_of(source.first_frame) == square
    assert len(list(source)) == frames
    if "lost" in case:
        assert "9 frames are lacking: 9 after frame 48" in source.notes[0]
    else:
        assert source.notes == ()
    if "webm" in case:
        assert source.fps == pytest.approx(12.3, abs=0.1)


@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "libx264"), ("a.webm", "libvpx-vp9"), ("a.ts", "libx264")])
def test_pauses_are_no_lacking_frames_where_a_rate_is_declared(tmp_path, name, codec):
    times = np.cumsum([0.0, 0.04, 0.04, 0.5, 0.04, 0.04, 1.2, 0.04, 0.04, 0.2, 0.04, 0.04])
    source = open_frames(write(tmp_path / name, times=times, codec=codec))
    assert (len(list(source)), source.notes) == (12, ())


@pytest.mark.parametrize(
    ("codec", "index", "says"),
    [
        ("mjpeg", True, "6 frames are lacking: 6 after frame 19 (0.76 s)"),
        ("mpeg4", True, "6 frames are lacking: 6 after frame 19 (0.76 s)"),
        ("mjpeg", False, "54 decode: about 6 are lacking at the end, or inside"),
    ],
)
def test_a_hole_in_an_avi_is_placed_by_its_index_or_at_least_counted(tmp_path, codec, index, says):
    path = write(tmp_path / "a.avi", 60, rate=25, codec=codec)
    with av.open(str(path)) as container:
        places = [packet.pos - 8 for packet in container.demux(video=0) if packet.size]
    content = bytearray(path.read_bytes())
    hole, behind = places[20], places[26]
    content[hole:behind] = bytes(behind - hole) if index else b""
    path.write_bytes(content)
    source = open_frames(path)
    times = [source.time for _ in source]
    assert len(times) == 54
    assert times[19:21] == pytest.approx([0.76, 1.04 if index else 0.8])  # by the index the hole takes time
    assert len(source.notes) == 1 and says in source.notes[0]
    frames = list(open_frames(path))
    with RandomFrames(open_frames(path)) as anywhere:
        assert all(np.array_equal(anywhere.read(number), frames[number]) for number in (40, 53, 19, 20, 30, 2, 21))


def test_a_cut_avi_keeps_its_rate_and_says_what_is_lacking(tmp_path):
    whole = write(tmp_path / "a.avi", frames=60).read_bytes()
    (tmp_path / "b.avi").write_bytes(whole[: int(0.7 * len(whole))])
    source = open_frames(tmp_path / "b.avi")
    frames = len(list(source))
    assert source.fps == 10 and frames < 60
    assert f"declares 60 frames and {frames} decode: about {60 - frames} are lacking at the end" in source.notes[0]


def test_a_video_whose_codec_was_cut_off_is_refused(tmp_path):
    whole = write(tmp_path / "a.mp4", frames=60).read_bytes()
    (tmp_path / "b.mp4").write_bytes(whole[: int(0.7 * len(whole))])
    with pytest.raises(MediaError, match=r"b.mp4 (holds a video of unknown codec, perhaps cut off|does not decode)"):
        open_frames(tmp_path / "b.mp4")
