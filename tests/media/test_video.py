import subprocess
import sys
import time

import av
import cv2
import numpy as np
import pytest

from dmtrack.errors import MediaError, OutputError
from dmtrack.media import video_file
from dmtrack.media.images import write_image
from dmtrack.media.video import Camera, VideoWriter, open_frames


def gradient(index, size_wh=(64, 48)):
    """A smooth picture that tells frames apart by their brightness."""
    width, height = size_wh
    ramp = np.linspace(0, 120, width)[None, :, None] + np.linspace(0, 60, height)[:, None, None]
    return np.clip(ramp + 6 * index, 0, 255).astype(np.uint8).repeat(3, axis=2)


def write_video(path, frames=10, size_wh=(64, 48), fps=25.0):
    with VideoWriter(path, fps, size_wh) as writer:
        for index in range(frames):
            writer.write(gradient(index, size_wh))
    return path


def test_a_video_comes_back_frame_by_frame_and_can_be_read_twice(tmp_path):
    source = open_frames(write_video(tmp_path / "a.mp4", fps=29.97))
    assert (source.size_wh, source.frame_count, len(source), source.live) == ((64, 48), 10, 10, False)
    assert source.fps == pytest.approx(29.97, abs=1e-3)
    for _ in range(2):
        frames = list(source)
        assert len(frames) == 10
        for index, frame in enumerate(frames):
            assert frame.dtype == np.uint8
            assert np.abs(frame.astype(int) - gradient(index)).mean() < 4


def test_the_video_is_what_browsers_play(tmp_path):
    path = write_video(tmp_path / "a.mp4")
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
    content = path.read_bytes()
    assert content.find(b"moov") < content.find(b"mdat")  # the header comes first: playing starts before the end


def test_odd_sides_are_made_even_without_moving_a_pixel(tmp_path):
    source = open_frames(write_video(tmp_path / "a.mp4", 3, (65, 47)))
    assert source.size_wh == (66, 48)
    assert np.abs(source.first_frame[:47, :65].astype(int) - gradient(0, (65, 47))).mean() < 4


def test_opencv_reads_the_same_frames_where_pyav_is_missing(tmp_path, monkeypatch):
    path = write_video(tmp_path / "a.mp4")
    expected = list(open_frames(path))
    monkeypatch.setattr(video_file, "av", None)
    source = open_frames(path)
    assert isinstance(source, video_file.OpenCVVideoFile)
    assert (source.size_wh, source.frame_count, source.fps) == ((64, 48), 10, 25.0)
    assert max(np.abs(a.astype(int) - b).max() for a, b in zip(source, expected, strict=True)) <= 2


def test_a_video_filmed_upright_is_turned_like_players_do(tmp_path):
    path = write_video(tmp_path / "a.mp4")
    content = bytearray(path.read_bytes())
    matrix = content.find(b"tkhd") + 4 + 4 + 20 + 16
    content[matrix : matrix + 20] = b"".join(v.to_bytes(4, "big", signed=True) for v in (0, 65536, 0, -65536, 0))
    path.write_bytes(content)
    turned = open_frames(path)
    assert turned.size_wh == (48, 64)
    reference = video_file.OpenCVVideoFile(path)
    assert np.abs(turned.first_frame.astype(int) - reference.first_frame).max() <= 2


def test_images_of_a_folder_come_in_natural_order(tmp_path):
    for number in (10, 9, 1, 100):
        write_image(tmp_path / f"img{number}.png", np.full((4, 6, 3), number, np.uint8))
    (tmp_path / "notes.txt").write_text("not a frame")
    (tmp_path / "._img5.png").write_bytes(b"what some systems leave behind")
    source = open_frames(tmp_path)
    assert [int(frame[0, 0, 0]) for frame in source] == [1, 9, 10, 100]
    assert (source.frame_count, source.fps, source.size_wh) == (4, None, (6, 4))


def test_a_size_change_in_the_middle_names_the_frame(tmp_path):
    for number, width in enumerate((6, 6, 8)):
        write_image(tmp_path / f"{number}.png", np.zeros((4, width, 3), np.uint8))
    with pytest.raises(MediaError, match=r"frame 2 \(counted from 0\): 8x4 after 6x4"):
        list(open_frames(tmp_path))
    assert [frame.shape[1] for frame in open_frames(tmp_path, allow_size_changes=True)] == [6, 6, 8]


def test_missing_and_empty_sources_are_one_clear_error(tmp_path):
    with pytest.raises(MediaError, match="does not exist"):
        open_frames(tmp_path / "none.mp4")
    with pytest.raises(MediaError, match="an empty name does not exist"):
        open_frames("")  # an empty variable of a shell script
    (tmp_path / "empty.mp4").write_bytes(b"")
    with pytest.raises(MediaError, match="empty"):
        open_frames(tmp_path / "empty.mp4")
    with pytest.raises(MediaError, match="contains no images"):
        (tmp_path / "folder" / "inner").mkdir(parents=True)
        open_frames(tmp_path / "folder")
    write_image(tmp_path / "folder" / "inner" / "1.png", np.zeros((4, 6, 3), np.uint8))
    with pytest.raises(MediaError, match="its folder 'inner' does"):
        open_frames(tmp_path / "folder")


@pytest.mark.parametrize("ending", ["mp4", "avi", "txt"])
def test_files_that_are_no_video_are_one_clear_error(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    path.write_bytes(b"this is no video\n" * 200)
    with pytest.raises(MediaError, match=r"does not decode|holds no video"):
        open_frames(path)


def test_a_video_without_frames_is_one_clear_error(tmp_path):
    (tmp_path / "a.y4m").write_bytes(b"YUV4MPEG2 W64 H48 F25:1 Ip A1:1 C420jpeg\n")  # a header, and then the end
    with pytest.raises(MediaError, match="has zero frames"):
        open_frames(tmp_path / "a.y4m")
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()
    with pytest.raises(MediaError, match="holds no video"):
        open_frames(tmp_path / "a.mp4")


def test_sound_alone_is_no_video(tmp_path):
    path = tmp_path / "a.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    with pytest.raises(MediaError, match="holds no video"):
        open_frames(path)


def test_a_video_cut_off_in_the_middle_gives_its_frames_and_then_says_so_or_ends(tmp_path):
    path = write_video(tmp_path / "a.mp4", 60, (160, 120))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    frames = 0
    try:
        for _ in open_frames(path):
            frames += 1
    except MediaError as error:
        assert f"from frame {frames} on" in str(error)
    assert 0 < frames < 60


class FakeCapture:
    """A camera with three frames, of which OpenCV knows neither number nor rate."""

    def __init__(self, device):
        self.device, self.left, self.released = device, 3, False

    def isOpened(self):  # noqa: N802
        return self.device != 7

    def get(self, _):
        return 0.0

    def read(self):
        self.left -= 1
        return (True, np.full((4, 6, 3), self.left, np.uint8)) if self.left >= 0 else (False, None)

    def release(self):
        self.released = True


@pytest.mark.parametrize("text", ["0", "camera:0", 0])
def test_cameras_lose_no_frame(monkeypatch, text):
    monkeypatch.setattr(cv2, "VideoCapture", FakeCapture)
    with open_frames(text) as source:
        assert isinstance(source, Camera)
        assert (source.size_wh, source.fps, source.frame_count, source.live) == ((6, 4), None, None, True)
        assert [int(frame[0, 0, 0]) for frame in source] == [2, 1, 0]
        with pytest.raises(TypeError, match="how many frames"):
            len(source)
    assert source._capture.released


def test_a_camera_that_is_not_there_is_one_clear_error(monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", FakeCapture)
    with pytest.raises(MediaError, match="camera:7 does not open"):
        open_frames("7")


def test_a_stopped_run_keeps_its_video_and_a_crashed_one_leaves_nothing(tmp_path):
    for error, kept in ((KeyboardInterrupt, True), (MediaError, True), (ValueError, False)):
        path = tmp_path / f"{error.__name__}.mp4"
        with pytest.raises(error), VideoWriter(path, 25, (64, 48)) as writer:
            for index in range(5):
                writer.write(gradient(index))
            raise error
        assert path.exists() == kept
        assert not kept or len(list(open_frames(path))) == 5
    with VideoWriter(tmp_path / "none.mp4", 25, (64, 48)):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["KeyboardInterrupt.mp4", "MediaError.mp4"]


def test_what_cannot_be_written_is_one_clear_error(tmp_path):
    with pytest.raises(MediaError, match="above zero"):
        VideoWriter(tmp_path / "a.mp4", 0, (64, 48))
    with (
        pytest.raises(MediaError, match="all frames of a video have one size"),
        VideoWriter(tmp_path / "a.mp4", 25, (64, 48)) as writer,
    ):
        writer.write(gradient(0, (32, 32)))
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        VideoWriter(tmp_path / "file" / "a.mp4", 25, (64, 48))
    assert not (tmp_path / "a.mp4").exists()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a limit on file sizes")
def test_a_full_disk_is_one_clear_error_and_leaves_no_half_video(tmp_path):
    # A limit on the size of files stands for the full disk.
    code = """
import resource, sys, numpy as np
from dmtrack.media.video import VideoWriter
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
rng = np.random.default_rng(0)
with VideoWriter(sys.argv[1] + "/a.mp4", 25, (128, 96)) as writer:
    for _ in range(60):
        writer.write(rng.integers(0, 256, (96, 128, 3), dtype=np.uint8))
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert "OutputError: cannot write" in done.stderr
    assert list(tmp_path.iterdir()) == []


class Slideshow(FakeCapture):
    """A camera whose frames come every 10 ms; each has its number as colour."""

    def __init__(self, device):
        super().__init__(device)
        self.left = 30

    def read(self):
        time.sleep(0.01)
        return super().read()


def test_late_frames_of_a_camera_are_dropped_and_the_first_waits(monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", Slideshow)
    with open_frames("0", drop_late=True) as source:
        time.sleep(0.05)  # somebody draws a box
        numbers, colours = [], []
        for frame in source:
            numbers.append(source.number)
            colours.append(29 - int(frame[0, 0, 0]))
            time.sleep(0.045)
        assert numbers == colours
        assert numbers[0] == 0 and 3 <= len(numbers) <= 10
        assert source.dropped >= 29 - numbers[1] - len(numbers)
        assert source.notes == (f"frames that arrived while others were worked on were dropped: {source.dropped}",)
    assert source._source._capture.released


def test_a_video_of_irregular_times_lasts_until_its_last_frame(tmp_path):
    times = [0, 0.04, 0.14, 0.39, 0.43, 0.47, 0.97, 1.07]
    with VideoWriter(tmp_path / "a.mp4", 25.0, (64, 48)) as writer:
        for number, time in enumerate(times):
            writer.write(np.full((48, 64, 3), 20 * number, np.uint8), time)
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        shown = sorted(float(packet.pts * packet.time_base) for packet in container.demux(stream) if packet.size)
        np.testing.assert_allclose(shown, times, atol=1e-3)
        assert float(stream.duration * stream.time_base) > 1.07
