"""What the doctor says of data sets of many objects."""

import json
import re

import numpy as np
import pytest

from dmtrack.data.doctor import Options, examine
from dmtrack.errors import DataError
from dmtrack.media.images import write_image

ROWS = ["1,3,10,10,20,40,1,1,1", "2,3,12,10,20,40,1,1,1", "1,4,60,10,20,40,1,1,1", "2,4,62,10,20,40,1,1,1"]


@pytest.fixture
def video(tmp_path):
    """One video of two frames with two people, rows by person."""
    folder = tmp_path / "set" / "a"
    for frame in (1, 2):
        write_image(folder / "img1" / f"{frame:06d}.jpg", np.zeros((100, 200, 3), np.uint8))
    (folder / "gt").mkdir()
    (folder / "gt/gt.txt").write_text("\n".join(ROWS))
    (folder / "seqinfo.ini").write_text("[Sequence]\nname=a\nimDir=img1\nseqLength=2\nimWidth=200\nimHeight=100\n")
    return folder


def lines(found, root):
    return [finding.line().replace(f"{root}/", "") for finding in found.findings]


@pytest.mark.parametrize("name", ["mot17", "mot"])
def test_a_good_set_has_no_finding(video, name):
    found = examine(name, video.parent)  # rows need not be in order
    assert (found.findings, found.sequences, found.frames, found.boxes, found.decoded) == ([], 1, 2, 4, 2)


@pytest.mark.parametrize(
    ("row", "says", "severe"),
    [
        (
            "3,3,1,1,5,5,1,1,1",
            "a/gt/gt.txt:5: 1 of 5 rows are in frames outside of the video of 2, first frame 3",
            True,
        ),
        ("0,3,1,1,5,5,1,1,1", "frames outside of the video of 2, first frame 0, identity 3", True),
        ("2,3,1,1,5,5,1,1,1", "repeat an identity in its frame, first frame 2, identity 3", True),
        ("1,8,nan,1,5,5,1,1,1", "have a box that is not finite", True),
        ("1,8,1,1,-5,5,1,1,1", "negative width or height", True),
        ("1,8,1,1,0,5,1,1,1", "without area", False),
        ("1,8,900,1,5,5,1,1,1", "lie wholly outside the image", False),
        ("1,3000000000,1,1,5,5,1,1,1", "identity above 2147483647", True),
        ("1,20000000,1,1,5,5,1,1,1", "float32", False),
        ("1.5,8,1,1,5,5,1,1,1", "a/gt/gt.txt:5: expected whole numbers of frame and identity", True),
        ("1,8,1,1", "a/gt/gt.txt:5: expected 7 or 8 or 9 or 10 numbers", True),
    ],
)
def test_faults_of_rows_are_named_with_their_line(video, row, says, severe):
    (video / "gt/gt.txt").write_text("\n".join([*ROWS, row]))
    found = examine("mot17", video.parent)
    assert [says in line for line in lines(found, video.parent)] == [True], found.findings
    assert bool(found.problems) == severe


def test_files_that_are_missing_or_do_not_fit(video):
    root = video.parent
    (video / "img1/000002.jpg").unlink()
    assert "a: seqinfo.ini says 2 frames, img1 has 1; complete the download" in lines(examine("mot17", root), root)
    write_image(video / "img1/000002.jpg", np.zeros((50, 60, 3), np.uint8))
    assert any(
        "000002.jpg: has 60x50 pixels but the annotations say 200x100" in line
        for line in lines(examine("mot17", root), root)
    )
    (video / "seqinfo.ini").write_text("[Sequence]\nseqLength=2\n")  # the size is that of the first image
    assert len(examine("mot17", root).findings) == 1
    (video / "seqinfo.ini").unlink()
    (line,) = lines(examine("mot17", root), root)
    assert line.startswith("a/seqinfo.ini: is missing: expected the section [Sequence]")


def test_annotations_alone(video):
    for image in (video / "img1").iterdir():
        image.unlink()
    (video / "img1").rmdir()
    assert not examine("mot17", video.parent, Options(frames=False)).findings
    (finding,) = examine("mot17", video.parent).findings
    assert finding.problem == "2 of 2 images are missing: 000001.jpg, 000002.jpg"


@pytest.fixture
def labels(tmp_path):
    for number, rows in enumerate(("0 0 0.5 0.5 0.1 0.1\n", "0 1 0.5 0.5 0.1 0.1\n")):
        write_image(tmp_path / "l/images" / f"{number}.jpg", np.zeros((100, 200, 3), np.uint8))
        (tmp_path / "l/labels_with_ids").mkdir(exist_ok=True)
        (tmp_path / "l/labels_with_ids" / f"{number}.txt").write_text(rows)
    (tmp_path / "l.txt").write_text("l/images/0.jpg\nl/images/1.jpg\n")
    (tmp_path / "l.json").write_text(json.dumps({"root": ".", "train": {"l": "l.txt"}}))
    return tmp_path


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("0 0 1.7 0.5 0.1 0.1", "l/labels_with_ids/0.txt:2: 1 of 2 rows lie wholly outside the image"),
        ("0 0 0.5 0.5 0 0.1", "without area"),
        ("0 0 nan 0.5 0.1 0.1", "not finite"),
        ("0 99999999999 0.5 0.5 0.1 0.1", "from -1 to 2147483647"),
        ("0 -3 0.5 0.5 0.1 0.1", "from -1 to 2147483647"),
        ("0 1 0.5 0.5 0.1", "0.txt:2: expected 6 numbers separated by spaces, got '0 1 0.5 0.5 0.1'"),
        ("0 5000 0.5 0.5 0.1 0.1", "identities go to 5000, but only 3 are used; a classifier has a row for each"),
    ],
)
def test_faults_of_labels(labels, row, says):
    assert not examine("fairmot", labels / "l.json").findings
    with (labels / "l/labels_with_ids/0.txt").open("a") as file:
        file.write(row)
    assert any(says in line for line in lines(examine("fairmot", labels / "l.json"), labels))


def test_a_list_that_is_missing_and_labels_that_are(labels):
    for path in (labels / "l/labels_with_ids").iterdir():
        path.unlink()
    (finding,) = examine("fairmot", labels).findings
    assert finding.problem == "has no object that counts"
    (labels / "l.txt").unlink()
    with pytest.raises(DataError, match=r"list l.txt is missing: looked for l.txt, \S*/l.txt; expected"):
        examine("fairmot", labels)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"root": ', "l.json:1: no valid JSON"),
        ("[1]", "l.json holds no JSON object"),
        ('{"root": 3, "train": {}}', "l.json has no 'root' that is a folder"),
        ('{"root": ".", "val": {}}', "l.json has no 'train' that names lists (its keys are root, val)"),
        ('{"root": ".", "train": ["l.txt"]}', "l.json has no 'train' that names lists"),
    ],
)
def test_a_data_file_that_names_no_lists(labels, text, says):
    (labels / "l.json").write_text(text)
    with pytest.raises(DataError, match=re.escape(says)):
        examine("fairmot", labels / "l.json")


def test_a_list_with_spaces_in_its_paths(labels):
    (labels / "l").rename(labels / "l of mine")
    (labels / "l.txt").write_text("l of mine/images/0.jpg\n\nl of mine/images/1.jpg\r\n")
    assert not examine("fairmot", labels / "l.json").findings
