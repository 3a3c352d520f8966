"""Small copies of videos: the picture of a number is that of the same number in the video."""

import os
import subprocess
import sys

import cv2
import numpy as np
import pytest

from dmtrack.media import small_copy
from dmtrack.media.image_files import ImageFolder
from dmtrack.media.images import write_image
from dmtrack.media.random_access import RandomFrames
from dmtrack.media.small_copy import SmallCopy, is_worth_it, make_parts
from dmtrack.media.video import open_frames
from tests.support.numbered_video import number_of, numbered_frame, write_video


def picture_of(copy, frame):
    return cv2.imdecode(np.frombuffer(copy.read(frame), np.uint8), cv2.IMREAD_COLOR)


@pytest.mark.parametrize("varying", [False, True])
def test_numbers_are_those_of_the_video_also_where_the_rate_varies(tmp_path, monkeypatch, varying) -> None:
    monkeypatch.setattr(small_copy, "PART", 40)
    path = tmp_path / "video.mp4"
    times = np.cumsum(np.random.default_rng(3).integers(900, 40_000, 90)).tolist() if varying else None
    write_video(path, "libx264", times=times, bf="3", g="1000")
    copy = SmallCopy(path, tmp_path / "small", 90)
    assert copy.read(0) is None and copy.next_part(85) == 2
    make_parts(open_frames(path), copy, [2, 0])
    assert [number_of(picture_of(copy, frame)) for frame in (89, 80, 0, 39, 17)] == [89, 80, 0, 39, 17]
    assert copy.read(40) is None and copy.next_part(85) == 1
    make_parts(open_frames(path), copy, [1])
    assert number_of(picture_of(copy, 79)) == 79 and copy.next_part(0) is None
    assert picture_of(copy, 5).shape == (64, 160, 3)


def test_large_frames_become_small_and_what_does_not_decode_lacks(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(small_copy, "LONGEST_SIDE", 80)
    path = tmp_path / "video.mkv"
    write_video(path, "libx264", sc_threshold="0")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    copy = SmallCopy(path, tmp_path / "small", 90)
    make_parts(open_frames(path), copy, [0])
    assert picture_of(copy, 3).shape == (32, 80, 3)
    assert copy.read(89) is None


def test_a_video_that_has_changed_and_a_damaged_part_have_no_picture(tmp_path) -> None:
    path = tmp_path / "video.mp4"
    write_video(path, "libx264")
    copy = SmallCopy(path, tmp_path / "small", 90)
    make_parts(open_frames(path), copy, [0])
    assert copy.read(60) is not None
    os.utime(path, (1, 1))
    assert SmallCopy(path, tmp_path / "small", 90).read(60) is None
    copy.part(0).write_bytes(b"PK cut off")
    assert copy.read(60) is None


def test_only_videos_with_frames_far_from_key_frames_are_worth_it(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(small_copy, "FAR_PIXELS", 40 * 160 * 64)
    for name, options in (("short.mp4", {"g": "30"}), ("long.mp4", {"g": "1000"}), ("untimed.avi", {})):
        write_video(tmp_path / name, "mpeg4" if name.endswith("avi") else "libx264", bf="2", **options)
    for number in range(50):
        write_image(tmp_path / "images" / f"{number}.png", numbered_frame(number))
    worth = {}
    for name in ("short.mp4", "long.mp4", "untimed.avi"):
        with RandomFrames(open_frames(tmp_path / name)) as frames:
            worth[name] = is_worth_it(frames), frames.longest_way
    with RandomFrames(ImageFolder(tmp_path / "images")) as frames:
        worth["images"] = is_worth_it(frames), frames.longest_way
    assert worth == {"short.mp4": (False, 30), "long.mp4": (True, 90), "untimed.avi": (True, 90), "images": (False, 1)}


def test_the_process_makes_what_it_is_asked_for_and_ends_with_whoever_asks(tmp_path) -> None:
    path = tmp_path / "video.mp4"
    write_video(path, "libx264", frames=300, g="1000")
    command = [sys.executable, "-m", "dmtrack.media.small_copy", str(path), str(tmp_path / "small")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, input="1\n", text=True, capture_output=True, env=environment, timeout=120)
    copy = SmallCopy(path, tmp_path / "small", 300)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert number_of(picture_of(copy, 299)) == 299 and copy.next_part(0) == 0
