"""What servers reject is found before the upload, with file and line."""

from __future__ import annotations

import zipfile

import pytest

from dmtrack.errors import EvaluationError
from dmtrack.evaluation.submission import check_package

NAME = "GOT-10k_Test_000002"
BOXES, TIMES = f"{NAME}/{NAME}_001.txt", f"{NAME}/{NAME}_time.txt"


def rejected(path, **options):
    return [str(problem) for problem in check_package(path, **options).rejected]


def test_good_packages(pack, got10k_files, trackingnet_files):
    checked = check_package(pack(got10k_files))
    assert (
        checked.problems == ()
        and checked.package.name == "got10k"
        and (checked.sequences, checked.frames) == (180, 540)
    )
    checked = check_package(pack(trackingnet_files))
    assert checked.problems == () and checked.package.name == "trackingnet" and checked.sequences == 511
    crlf = {name: text.replace("\n", "\r\n") for name, text in got10k_files.items()}
    assert check_package(pack(crlf)).problems == ()


def test_a_folder_above_all_entries_is_fine_for_got10k_and_not_for_trackingnet(pack, got10k_files, trackingnet_files):
    assert check_package(pack({f"SiamFC/{name}": text for name, text in got10k_files.items()})).problems == ()
    found = rejected(pack({f"SiamFC/{name}": text for name, text in trackingnet_files.items()}))
    assert found[0].startswith("0 files <sequence>.txt at the top of the archive; expected 511")
    assert found[1].startswith("511 files stand in folders (SiamFC/00000000000_0.txt")


@pytest.mark.parametrize(
    ("entry", "content", "says"),
    [
        (
            BOXES,
            "1,2,3,4\n1,2,nan,4\n1,2,3,4\n",
            f"{BOXES}, line 2: '1,2,nan,4' holds NaN; expected a box in every frame",
        ),
        (BOXES, "1,2,3,4\n1,inf,3,4\n1,2,3,4\n", f"{BOXES}, line 2: '1,inf,3,4' is infinite; expected finite numbers"),
        (BOXES, "1,2,3,4\n1,2,3,-4\n1,2,3,4\n", f"{BOXES}, line 2: '1,2,3,-4' has a negative size; expected left,top,"),
        (BOXES, "1,2,3,4\n1,2,3\n1,2,3,4\n", f"{BOXES}, line 2: '1,2,3' has 3 numbers; expected 4"),
        (BOXES, "1,2,3,4\nx,2,3,4\n1,2,3,4\n", f"{BOXES}, line 2: 'x,2,3,4' holds something that is no number"),
        (BOXES, "1,2,3,4\n\n1,2,3,4\n", f"{BOXES}, line 2: the line is empty; servers skip it"),
        (
            BOXES,
            "1 2 3 4\n" * 3,
            f"{BOXES}, line 1: '1 2 3 4' is separated by spaces; expected commas and nothing else (and 2 more",
        ),
        (BOXES, "", f"{BOXES}: the file is empty; expected a line left,top,width,height per frame"),
        (BOXES, b"\xef\xbb\xbf1,2,3,4\n" * 3, f"{BOXES}, line 1: the file starts with a byte order mark"),
        (BOXES, b"\x89PNG\xff", f"{BOXES}: line 1: byte 0x89 is no UTF-8 text"),
        (BOXES, "1,2,3,4\n" * 2, f"{TIMES}, line 3: the file has 3 times for 2 boxes; expected one per frame"),
        (TIMES, "0.1\n" * 2, f"{TIMES}, line 3: the file has 2 times for 3 boxes; expected one per frame"),
        (TIMES, "0.1\nnan\n0.1\n", f"{TIMES}, line 2: 'nan' is no time; expected seconds, 0 or more"),
        (TIMES, "0.1\n-1\n0.1\n", f"{TIMES}, line 2: '-1' is no time; expected seconds, 0 or more"),
        (TIMES, "", f"{TIMES}: the file is empty; expected the seconds of each frame"),
        (BOXES, None, f"{BOXES}: missing; expected boxes of all 180 test sequences"),
        (TIMES, None, f"{TIMES}: missing; expected the seconds of each frame, one line per frame"),
        (f"{NAME}/{NAME}_002.txt", "1,2\n", f"{NAME}/{NAME}_002.txt, line 1: '1,2' has 2 numbers; expected 4"),
    ],
)
def test_each_problem_of_got10k(pack, got10k_files, entry, content, says):
    got10k_files[entry] = content
    found = rejected(pack({name: text for name, text in got10k_files.items() if text is not None}))
    assert any(line.startswith(says) for line in found), found


def test_backslashes_are_no_folders_for_servers(pack, got10k_files):
    path = pack(got10k_files)
    content = path.read_bytes().replace(BOXES.encode(), BOXES.replace("/", "\\").encode())
    path.write_bytes(content)
    assert any(
        line.startswith("1 entries have backslashes in their names") and line.endswith("use `dmtrack submit build`")
        for line in rejected(path)
    )


def test_capitals_count(pack, got10k_files):
    got10k_files[BOXES.replace("Test", "test")] = got10k_files.pop(BOXES)
    checked = check_package(pack(got10k_files))
    assert str(checked.rejected[0]).startswith(f"{BOXES}: missing (there is GOT-10k_test_000002/")


def test_each_problem_of_trackingnet(pack, trackingnet_files):
    name = "00000000007_0.txt"
    trackingnet_files[name] = "1,2,3,4\n0,0,0.2,0.2\n1,2,3,4\n"
    found = rejected(pack(trackingnet_files))
    assert found == [
        f"{name}, line 2: '0,0,0.2,0.2' fails the server's check of sanity: left + top + width + height is not above 0"
    ]
    del trackingnet_files[name]
    assert rejected(pack(trackingnet_files))[0].startswith(
        "510 files <sequence>.txt at the top of the archive; expected"
    )


def test_lengths_and_first_boxes_need_the_data_set(pack, got10k_files, got10k_data):
    checked = check_package(pack(got10k_files), data=got10k_data)
    assert checked.problems == () and checked.lengths_known
    got10k_files[BOXES] = "2,20,30,40\n11,21,31,41\n"
    got10k_files[TIMES] = "0.1\n" * 2
    other = BOXES.replace("000002", "000005")
    got10k_files[other] = "5,20,35,60\n" + "11,21,31,41\n" * 2
    assert rejected(pack(got10k_files)) == []
    assert rejected(pack(got10k_files), data=got10k_data) == [
        f"{BOXES}, line 3: the file has 2 boxes; expected 3, one per frame",
        f"{other}, line 1: the first box 5,20,35,60 is not the given one (5,20,30,40); these are boxes of another "
        "sequence, or not in left,top,width,height",
    ]


def test_what_a_server_ignores_is_a_warning(pack, got10k_files):
    checked = check_package(pack({**got10k_files, "manifest.json": "{}", "__MACOSX/x": ""}))
    assert not checked.rejected
    assert [str(problem) for problem in checked.problems] == [
        "1 entries are of the operating system (__MACOSX/x)",
        "1 entries that the server does not expect (manifest.json)",
    ]


def test_damaged_archives(tmp_path, pack, got10k_files):
    path = pack(got10k_files)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(EvaluationError, match=r"package\.zip is no readable zip archive"):
        check_package(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(BOXES, "11,22,33,44\n" * 3)
    path.write_bytes(path.read_bytes().replace(b"11,22,33,44\n11", b"11,22,33,44\n12"))
    assert rejected(path)[0].startswith(f"{BOXES}: the entry is damaged (its checksum is wrong)")
    with pytest.raises(EvaluationError, match="is a folder; servers take a zip archive"):
        check_package(tmp_path)
