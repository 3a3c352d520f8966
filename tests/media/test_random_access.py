import itertools

import pytest

from dmtrack.errors import MediaError
from dmtrack.media.images import write_image
from dmtrack.media.random_access import OvertakenError, RandomFrames
from dmtrack.media.video import open_frames
from tests.support.numbered_video import number_of, numbered_frame, write_video


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("with_b_frames.mp4", "libx264", {"bf": "3"}),
        ("one_key_frame.mkv", "libx264", {"g": "1000"}),
        ("browser.webm", "libvpx", {"deadline": "realtime"}),
        ("stream.ts", "libx264", {"bf": "2"}),
        ("untimed.avi", "mpeg4", {"bf": "2"}),
    ],
)
def test_every_frame_is_the_one_of_its_number_in_any_order(tmp_path, name, codec, options) -> None:
    write_video(tmp_path / name, codec, **options)
    with RandomFrames(open_frames(tmp_path / name)) as frames:
        assert len(frames) == 90
        order = [0, 89, 45, 46, 47, 12, 30, 29, 31, 88, 0, 1, 60]
        assert [number_of(frames.read(number)) for number in order] == order
        backwards = [(number, number_of(frame)) for number, frame in frames.backwards(70, 11)]
    assert backwards == [(number, number) for number in range(70, 10, -1)]


def test_a_frame_that_does_not_exist_is_refused_and_the_key_frame_before_one_is_known(tmp_path) -> None:
    write_video(tmp_path / "video.mp4", "libx264", sc_threshold="0")
    with RandomFrames(open_frames(tmp_path / "video.mp4")) as frames:
        assert [frames.key_frame(number) for number in (0, 29, 30, 89)] == [0, 0, 30, 60]
        with pytest.raises(MediaError, match="has no frame 90: it has 90, counted from 0"):
            frames.read(90)
        with pytest.raises(MediaError, match="has no frame -1"):
            frames.read(-1)


@pytest.mark.parametrize(("codec", "options"), [("libx264", {"g": "1000", "bf": "3"}), ("mpeg4", {"bf": "2"})])
def test_a_frame_that_is_overtaken_is_given_up_and_those_after_it_are_still_the_right_ones(
    tmp_path, codec, options
) -> None:
    path = tmp_path / ("untimed.avi" if codec == "mpeg4" else "video.mp4")
    write_video(path, codec, **options)
    source = open_frames(path)
    for steps, ahead in itertools.product((1, 3, 6), range(-2, 12)):  # of those on the way every fourth is decoded
        frames = RandomFrames(source)
        asked = iter([False] * steps + [True])
        with pytest.raises(OvertakenError, match=r"frame 88 of .* was overtaken"):
            frames.read(88, lambda asked=asked: next(asked))
        order = [4 * steps + ahead, 4 * steps + ahead + 1, 60]
        assert [number_of(frames.read(number)) for number in order] == order
        frames.close()


def test_those_who_step_back_find_the_frames_that_were_decoded_on_the_way(tmp_path, monkeypatch) -> None:
    write_video(tmp_path / "video.mp4", "libx264", g="1000", bf="3")
    source = open_frames(tmp_path / "video.mp4")
    opened = []
    open_stream = source.open_stream
    monkeypatch.setattr(source, "open_stream", lambda: opened.append(1) or open_stream())
    with RandomFrames(source) as frames:
        frames.read(80)
        opened.clear()
        assert [number_of(frames.read(number)) for number in range(79, 55, -1)] == list(range(79, 55, -1))
        assert len(opened) <= 2  # the frames that the jump to 80 had left out, and those before them
        monkeypatch.setattr("dmtrack.media.random_access.HELD_BYTES", 1)
        opened.clear()
        assert [number_of(frames.read(number)) for number in (88, 87, 86)] == [88, 87, 86]
        assert len(opened) == 2


def test_images_of_a_folder_are_read_by_their_place(tmp_path) -> None:
    for number in range(12):
        write_image(tmp_path / f"{number}.png", numbered_frame(number))
    with RandomFrames(open_frames(tmp_path)) as frames:
        assert [number_of(frames.read(number)) for number in (11, 2, 10, 0)] == [11, 2, 10, 0]
        assert frames.key_frame(7) == 7


def test_a_video_that_promises_more_frames_than_it_has_is_counted(tmp_path) -> None:
    whole = tmp_path / "whole.mkv"
    write_video(whole, "libx264")
    (tmp_path / "cut.mkv").write_bytes(whole.read_bytes()[: int(whole.stat().st_size * 0.6)])
    with RandomFrames(open_frames(tmp_path / "cut.mkv")) as frames:
        assert 10 < len(frames) < 90
        assert number_of(frames.read(len(frames) - 2)) == len(frames) - 2
