import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image as PILImage
from PIL import ImageOps

from dmtrack.data.sources.frames import image_size_wh
from dmtrack.errors import MediaError, OutputError
from dmtrack.media.images import as_rgb, read_image, write_image

RGB = np.random.default_rng(0).integers(0, 256, (7, 9, 3), dtype=np.uint8)


def test_png_comes_back_exactly_and_jpeg_nearly(tmp_path):
    write_image(tmp_path / "deep" / "a.png", RGB)
    np.testing.assert_array_equal(read_image(tmp_path / "deep" / "a.png"), RGB)
    smooth = cv2.resize(RGB, (90, 70), interpolation=cv2.INTER_CUBIC)
    write_image(tmp_path / "a.jpg", smooth)
    assert np.abs(read_image(tmp_path / "a.jpg").astype(int) - smooth).mean() < 3


def test_gray_transparent_16_bit_palette_and_cmyk_files_become_rgb(tmp_path):
    image = PILImage.fromarray(RGB)
    for mode in ("L", "LA", "RGBA", "P", "1"):
        image.convert(mode).save(tmp_path / "a.png")
        np.testing.assert_array_equal(read_image(tmp_path / "a.png"), np.array(image.convert(mode).convert("RGB")))
    image.convert("CMYK").save(tmp_path / "a.jpg")
    assert read_image(tmp_path / "a.jpg").shape == RGB.shape
    deep = RGB.astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / "deep.png"), deep[..., ::-1])
    np.testing.assert_array_equal(read_image(tmp_path / "deep.png"), RGB)
    cv2.imwrite(str(tmp_path / "deep.png"), deep[..., 0])
    np.testing.assert_array_equal(read_image(tmp_path / "deep.png")[..., 2], RGB[..., 0])


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_upright_as_viewers_show_them(ending, orientation, tmp_path):
    exif = PILImage.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{ending}"
    how = {"tif": {"tiffinfo": {0x0112: orientation}}, "webp": {"lossless": True, "exif": exif}}
    PILImage.fromarray(np.kron(RGB, np.ones((8, 8, 1), np.uint8))).save(path, **how.get(ending, {"exif": exif}))
    with PILImage.open(path) as opened:
        upright = np.array(ImageOps.exif_transpose(opened).convert("RGB"))
    read = read_image(path)
    assert read.shape == upright.shape and np.abs(read.astype(int) - upright).max() <= 2
    assert image_size_wh(path) == read.shape[1::-1]


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 5), st.integers(1, 5), st.sampled_from([1, 3, 4]))))
def test_arrays_of_any_channel_count_become_rgb(array):
    converted = as_rgb(array)
    assert converted.shape == (*array.shape[:2], 3)
    np.testing.assert_array_equal(converted[..., 0], array[..., 0])
    np.testing.assert_array_equal(as_rgb(array.astype(np.uint16) * 256), converted)
    np.testing.assert_array_equal(as_rgb(array / 255.0), converted)


def test_rgb_is_not_copied():
    assert as_rgb(RGB) is RGB or as_rgb(RGB).base is RGB


@pytest.mark.parametrize(
    "image", [np.zeros((3, 4, 5)), np.zeros(4), np.zeros((0, 4, 3), np.uint8), RGB * 1.0, RGB.astype(int), "text"]
)
def test_what_is_no_image_is_one_clear_error(image):
    with pytest.raises(MediaError, match="expected"):
        as_rgb(image)


def test_nan_pixels_are_an_error():
    with pytest.raises(MediaError, match="nan"):
        as_rgb(np.full((2, 2), np.nan))


def test_unreadable_files_are_one_clear_error(tmp_path):
    with pytest.raises(MediaError, match="does not exist"):
        read_image(tmp_path / "none.jpg")
    (tmp_path / "empty.jpg").write_bytes(b"")
    with pytest.raises(MediaError, match="empty"):
        read_image(tmp_path / "empty.jpg")
    (tmp_path / "text.jpg").write_text("hello")
    with pytest.raises(MediaError, match="cannot be decoded"):
        read_image(tmp_path / "text.jpg")
    write_image(tmp_path / "whole.jpg", RGB)
    content = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "half.jpg").write_bytes(content[: len(content) // 2])
    with pytest.raises(MediaError, match="cut off"):
        read_image(tmp_path / "half.jpg")
    with pytest.raises(MediaError, match="cannot be read"):
        read_image(tmp_path)
    PILImage.fromarray(np.full((4, 4), 200.0, np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(MediaError, match=r"float.tif: floating-point image with values from 200"):
        read_image(tmp_path / "float.tif")


def test_unwritable_targets_are_one_clear_error(tmp_path):
    with pytest.raises(MediaError, match="ending"):
        write_image(tmp_path / "a.xyz", RGB)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        write_image(tmp_path / "file" / "a.png", RGB)
