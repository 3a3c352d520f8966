"""Results of whole test sets, small ones."""

from __future__ import annotations

import io
import zipfile

import pytest
from PIL import Image


def write_zip(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


@pytest.fixture
def got10k_files():
    """A package that the server of GOT-10k takes: 180 sequences of 3 frames."""
    files = {}
    for number in range(1, 181):
        name = f"GOT-10k_Test_{number:06d}"
        files[f"{name}/{name}_001.txt"] = f"{number},20,30,40\n" + "11,21,31,41\n" * 2
        files[f"{name}/{name}_time.txt"] = "0.0\n0.1\n0.1\n"
    return files


@pytest.fixture
def trackingnet_files():
    """A package that the server of TrackingNet takes: 511 sequences of 3 frames."""
    return {f"{number:011d}_0.txt": f"{number},20,30,40\n" + "11,21,31,41\n" * 2 for number in range(511)}


@pytest.fixture
def pack(tmp_path):
    return lambda files, name="package.zip": write_zip(tmp_path / name, files)


@pytest.fixture
def got10k_data(tmp_path):
    """The test split of GOT-10k: as many frames as the package has boxes, and first boxes."""
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "JPEG")
    image = stream.getvalue()
    for number in range(1, 181):
        folder = tmp_path / "GOT-10k" / "test" / f"GOT-10k_Test_{number:06d}"
        folder.mkdir(parents=True)
        for frame in (1, 2, 3):
            (folder / f"{frame:08d}.jpg").write_bytes(image)
        (folder / "groundtruth.txt").write_text(f"{number},20,30,40\n")
    return tmp_path / "GOT-10k"
