"""Frames in image files: their order, their numbers, and files of several pictures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PILImage

from dmtrack.data.sources.frames import list_frames
from dmtrack.errors import MediaError
from dmtrack.media.image_files import frame_numbers, listed_numbers, missing_numbers, natural_key
from dmtrack.media.images import read_image, write_image
from dmtrack.media.video import open_frames

SIZE_HW = (24, 48)


def square(index: int) -> np.ndarray:
    """A picture whose bright square stands at x = 2 + 3 index."""
    image = np.full((*SIZE_HW, 3), 20, np.uint8)
    image[6:14, 2 + 3 * index : 10 + 3 * index] = 230
    return image


def places(frames) -> list[int]:
    """Index of the picture that each frame is."""
    return [(int(np.argwhere(frame.min(axis=2) > 150)[0, 1]) - 2) // 3 for frame in frames]


def save_stack(path, count=6, **options):
    pictures = [PILImage.fromarray(square(index)) for index in range(count)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], **options)


@pytest.mark.parametrize(
    "name",
    ["{}.png", "frame{}.png", "IMG_{}.JPG", "cam2-{}-left.png", "clip 3 ({}).png", "shot.{}.bmp", "{}_of_12.webp"],
)
def test_frames_count_whatever_they_are_called(name, tmp_path):
    for number in range(1, 13):
        write_image(tmp_path / name.format(number).replace("JPG", "jpg"), square(number - 1))
    names = [name.format(number).replace("JPG", "jpg") for number in range(1, 13)]
    assert list(list_frames(tmp_path, "frames").names) == names
    source = open_frames(tmp_path)
    assert list(source.frame_names) == names and places(source) == list(range(12))
    assert frame_numbers(names) == list(range(1, 13)) and source.notes == ()


def test_the_ending_and_capitals_do_not_count():
    assert sorted(["b", "a10", "a2", "A3"], key=natural_key) == ["a2", "A3", "a10", "b"]
    assert sorted(["2.jpg", "10.bmp", "1.png"], key=natural_key) == ["1.png", "2.jpg", "10.bmp"]
    assert sorted(["a10.png", "a.png", "a2.png"], key=natural_key) == ["a.png", "a2.png", "a10.png"]


@given(st.sets(st.integers(0, 10**18), min_size=1, max_size=40), st.integers(1, 7))
def test_gaps_are_what_lacks_between_the_first_and_the_last(numbers, step):
    gaps = missing_numbers([number * step for number in numbers], step)
    assert all(gap.step == step and len(gap) for gap in gaps)
    whole = (max(numbers) - min(numbers)) * step // step + 1
    assert whole == len(numbers) + sum((gap[-1] - gap[0]) // step + 1 for gap in gaps)


@pytest.mark.parametrize(
    ("numbers", "shown"),
    [
        ([1, 2, 3, 7, 8, 10], "4-6, 9"),
        ([0, 5, 10, 20, 25], "15"),  # every fifth frame
        ([1403636579, 1403636611, 1403636700, 1403636733], ""),  # times
        ([4], ""),
        (list(range(0, 40, 2)), ""),
        ([1, 2, 4, 5, 7, 8, 10, 11, 13, 14, 16, 17, 19, 20, 22, 23], "3, 6, 9, 12, 15, ..."),
    ],
)
def test_gaps_in_words(numbers, shown):
    assert listed_numbers(missing_numbers(numbers)) == shown


def test_a_gap_in_a_folder_is_said(tmp_path):
    for number in (8, 9, 10, 14):
        write_image(tmp_path / f"img{number}.png", square(0))
    assert "lacks 3 of its numbered frames (11-13)" in open_frames(tmp_path).notes[0]


@pytest.mark.parametrize(
    ("name", "options", "fps"),
    [
        ("a.tif", {}, None),
        ("a.TIFF", {"compression": "tiff_lzw"}, None),
        ("b.tif", {"big_tiff": True}, None),
        ("a.webp", {"lossless": True, "duration": 40}, 25.0),
        ("a.png", {"duration": 100}, 10.0),
        ("a.gif", {"duration": 80}, 12.5),
        ("cells.stk", {"format": "TIFF"}, None),
        ("nameless", {"format": "WEBP", "lossless": True, "duration": 40}, 25.0),
    ],
)
def test_every_picture_of_a_stack_is_a_frame(name, options, fps, tmp_path):
    save_stack(tmp_path / name, **options)
    source = open_frames(tmp_path / name)
    assert places(source) == list(range(6)) and (source.frame_count, source.fps) == (6, fps)
    if not name.endswith("gif"):  # which is no image of a folder
        with pytest.raises(MediaError, match="holds 6 pictures, and one file is one frame here; track the file itself"):
            read_image(tmp_path / name)


def test_gray_stacks_of_sixteen_bits_keep_the_upper_byte(tmp_path):
    pages = [PILImage.fromarray(square(index)[..., 0].astype(np.uint16) * 257) for index in range(3)]
    pages[0].save(tmp_path / "deep.tif", save_all=True, append_images=pages[1:])
    frames = list(open_frames(tmp_path / "deep.tif"))
    assert len(frames) == 3
    np.testing.assert_array_equal(frames[2], square(2))


def test_a_thumbnail_in_a_tiff_file_is_no_frame(tmp_path):
    large, small = PILImage.fromarray(square(1)), PILImage.fromarray(square(1)[::4, ::4])
    small.encoderinfo = {"tiffinfo": {254: 1}}
    large.save(tmp_path / "a.tif", save_all=True, append_images=[small])
    assert open_frames(tmp_path / "a.tif").frame_count == 1
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), square(1))


def test_stacks_that_only_imagej_understands_are_refused(tmp_path):
    note = "ImageJ=1.53k\nimages=40\nslices=40\nloop=false\n"
    PILImage.fromarray(square(0)).save(tmp_path / "a.tif", tiffinfo={270: note})
    for read in (open_frames, read_image):
        with pytest.raises(MediaError, match=r"a\.tif is a stack of ImageJ with 40 pictures in one block"):
            read(tmp_path / "a.tif")
    save_stack(tmp_path / "b.tif", 3, tiffinfo={270: note.replace("40", "3")})
    assert open_frames(tmp_path / "b.tif").frame_count == 3


def test_pictures_that_are_no_frames_are_refused(tmp_path):
    save_stack(tmp_path / "phone.jpg", 2, format="MPO")
    with pytest.raises(MediaError, match=r"phone\.jpg holds 2 pictures of one moment \(MPO"):
        open_frames(tmp_path / "phone.jpg")
    assert places([read_image(tmp_path / "phone.jpg")]) == [0]  # in a folder the first is the photo


def test_a_stack_that_ends_early_names_the_picture(tmp_path):
    save_stack(tmp_path / "a.tif")
    content = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(content[: len(content) // 2])
    with pytest.raises(MediaError, match=r"cut\.tif"):
        list(open_frames(tmp_path / "cut.tif"))
    (tmp_path / "empty.tif").write_bytes(b"")
    with pytest.raises(MediaError, match=r"empty\.tif"):
        open_frames(tmp_path / "empty.tif")


def test_cases_of_frames_that_are_images(shared_folder):
    cases = shared_folder / "cases"
    stack = list(open_frames(cases / "tiff_stack" / "cells.tif"))
    assert len(stack) == 12
    turned = open_frames(cases / "exif_turned_frames" / "photos")
    assert turned.size_wh == (96, 64) and turned.frame_count == 6
    ys, xs = np.nonzero(turned.first_frame.min(axis=2) > 150)
    assert (xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1) == (6, 10, 16, 16)
    walk = list_frames(cases / "unpadded_frame_numbers" / "data" / "walk", "frames")
    for index in range(len(walk)):
        ys, xs = np.nonzero(walk(index).min(axis=2) > 150)
        assert (xs.min(), ys.min(), np.ptp(xs) + 1) == (4 + 3 * index, 14, 12)


@pytest.mark.parametrize("name", ["a.webp", "a.png", "a.gif"])
def test_pictures_of_an_animation_keep_their_times(name, tmp_path):
    save_stack(tmp_path / name, 4, duration=[40, 120, 40, 200])
    source = open_frames(tmp_path / name)
    assert [round(source.time, 3) for _ in source] == [0, 0.04, 0.16, 0.2] and source.timed
    source.take(1, 2)
    assert places(source) == [1, 2]


def test_damaged_pictures_of_a_stack_are_skipped_where_asked(tmp_path):
    save_stack(tmp_path / "a.tif", compression="tiff_deflate")
    content = bytearray((tmp_path / "a.tif").read_bytes())
    with PILImage.open(tmp_path / "a.tif") as opened:
        opened.seek(2)
        start = opened.tag_v2[273][0]
    content[start : start + 20] = b"\xff" * 20
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(MediaError, match=r"picture 2 of .*a\.tif, counted from 0, cannot be read"):
        list(open_frames(tmp_path / "a.tif"))
    source = open_frames(tmp_path / "a.tif", skip_bad_frames=True)
    assert places(source) == [0, 1, 3, 4, 5] and "1 of the pictures" in source.notes[0] and source.number == 5
