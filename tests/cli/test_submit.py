"""`dmtrack submit`: one line per problem, exit code 2 when anything would be rejected."""

from __future__ import annotations

import zipfile

import pytest

from dmtrack.cli.main import app, run


@pytest.fixture
def results(tmp_path):
    for number in range(1, 181):
        name = f"GOT-10k_Test_{number:06d}"
        folder = tmp_path / "mine" / name
        folder.mkdir(parents=True)
        (folder / f"{name}_001.txt").write_text("10,20,30,40\n" * 2)
        (folder / f"{name}_time.txt").write_text("0.1\n" * 2)
    return tmp_path / "mine"


def submit(*arguments):
    return run(lambda: app(["submit", *map(str, arguments)], standalone_mode=False))


def test_build_and_check(tmp_path, results, capsys):
    out = tmp_path / "mine.zip"
    assert submit("build", "got10k", results, "--out", out) == 0
    assert f"wrote {out}: GOT-10k, 180 sequences, 360 boxes; lengths" in capsys.readouterr().out
    assert submit("check", out) == 0
    assert f"{out} is ready for upload: GOT-10k, 180 sequences" in capsys.readouterr().out


def test_problems_are_printed_one_per_line(tmp_path, results, capsys):
    broken = results / "GOT-10k_Test_000004" / "GOT-10k_Test_000004_001.txt"
    broken.write_text("10,20,30,40\nnan,20,30,40\n")
    assert submit("build", "got10k", results, "--out", tmp_path / "mine.zip") == 2
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        "rejected  GOT-10k_Test_000004/GOT-10k_Test_000004_001.txt, line 2: 'nan,20.000,30.000,40.000' holds NaN; "
        "expected a box in every frame"
    ]
    assert printed.err.startswith("error: ") and printed.err.count("\n") == 1 and "was not written" in printed.err
    assert not (tmp_path / "mine.zip").exists()

    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        for path in sorted(results.rglob("*.txt")):
            archive.write(path, path.relative_to(results))
        archive.writestr("notes.md", "hello")
    assert submit("check", tmp_path / "other.zip") == 2
    printed = capsys.readouterr()
    assert [line.split()[0] for line in printed.out.splitlines()] == ["rejected", "warning"]
    assert "1 problem above" in printed.err
