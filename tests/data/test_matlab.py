"""Damaged MATLAB files are refused before SciPy sees them, which would stop the whole program."""

import io
import subprocess
import sys

import numpy as np
import pytest
from scipy.io import savemat

from dmtrack.data.sources.matlab import parse_mat, read_mat
from dmtrack.errors import DataError


def saved(**settings):
    stream = io.BytesIO()
    run = {"res": np.eye(4), "type": "rect", "name": "a name of some length"}
    savemat(stream, {"results": [run], "cell": np.array([np.eye(2), "xyz"], object), "empty": np.zeros(0)}, **settings)
    return stream.getvalue()


@pytest.mark.parametrize("settings", [{}, {"do_compression": True}, {"long_field_names": True}])
def test_whole_files_are_read(settings):
    variables = parse_mat(saved(**settings))
    run = variables["results"]
    assert (run.res == np.eye(4)).all() and run.type == "rect" and run.name == "a name of some length"
    assert (variables["cell"][0] == np.eye(2)).all() and variables["cell"][1] == "xyz"


@pytest.mark.parametrize(
    ("offset", "byte"),
    [
        (0, 77),  # the type of a variable
        (8, 0),  # of its flags
        (24, 14),  # of its sides
        (28, 0),  # how many bytes they have
        (28, 9),  # one of them is cut in two
        (40, 15),  # the type of its name
        (16, 5),  # a struct that says it is sparse
    ],
)
def test_damaged_elements_are_refused(tmp_path, offset, byte):
    content = bytearray(saved())
    content[128 + offset] = byte
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(DataError, match="no MATLAB file of version 5"):
        read_mat(tmp_path / "a.mat", "annotations")


def test_no_damage_stops_the_program():
    program = """
import random, sys, warnings
from dmtrack.data.sources.matlab import parse_mat
warnings.simplefilter("ignore")
whole, draw, refused = sys.stdin.buffer.read(), random.Random(0), 0
for _ in range(300):
    content = bytearray(whole)
    for place in draw.sample(range(128, len(content)), 3):
        content[place] = draw.choice((0, 1, 5, 14, 15, 255, draw.randrange(256)))
    try:
        parse_mat(bytes(content))
    except Exception:
        refused += 1
print(refused)
"""
    done = subprocess.run([sys.executable, "-c", program], input=saved(), capture_output=True, check=True)
    assert int(done.stdout) > 60
