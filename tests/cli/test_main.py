from __future__ import annotations

import os
import subprocess
import sys

import pytest

import dmtrack
import dmtrack.config
from dmtrack.cli.main import main, run
from dmtrack.errors import DataError


def call(*arguments):
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    return caught.value.code


def test_the_version(capsys):
    assert call("--version") == 0
    assert capsys.readouterr().out == f"dmtrack {dmtrack.__version__}\n"


@pytest.mark.parametrize("arguments", [(), ("data",), ("weights",)], ids=str)
def test_a_name_alone_shows_the_help(capsys, arguments):
    assert call(*arguments) == 0
    shown = capsys.readouterr().out
    assert f"Usage: {' '.join(['dmtrack', *arguments])} [OPTIONS]" in shown and "Show this message and exit" in shown


def test_flags_take_no_value(capsys):
    for command in ((), ("track",), ("data", "check"), ("report",)):
        call(*command, "--help")
        assert "bool" not in capsys.readouterr().out


def test_the_package_runs_as_a_module_and_completes():
    environment = {
        **os.environ,
        "_DMTRACK_COMPLETE": "complete_bash",
        "COMP_WORDS": "dmtrack data s",
        "COMP_CWORD": "2",
    }
    done = subprocess.run(
        [sys.executable, "-m", "dmtrack"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["show", "synthesize"], done.stderr
    assert "torch" not in done.stderr


def test_pytorch_is_said_to_be_loading():
    """At once, on standard error, and only by commands that need it."""
    run = [sys.executable, "-m", "dmtrack"]
    shown = subprocess.run([*run, "weights", "show", "dmtrackGS_tiny"], capture_output=True, text=True, check=True)
    assert shown.stderr == "loading PyTorch ...\n"
    assert subprocess.run([*run, "submit", "--help"], capture_output=True, text=True, check=True).stderr == ""


def test_an_unknown_command_names_the_nearest(capsys):
    assert call("trak") == 2
    assert "track" in capsys.readouterr().err


def test_an_error_is_one_line_and_code_2(capsys):
    def fail():
        raise DataError("boxes.txt:3: expected\n   four numbers")

    assert run(fail) == 2
    assert capsys.readouterr().err == "error: boxes.txt:3: expected four numbers\n"


def test_ctrl_c_says_what_is_kept(capsys, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(dmtrack.config, "load_config", interrupted)
    assert call("config", "check", "dmtrackGS_tiny") == 130
    assert capsys.readouterr().err == "stopped; what was finished is kept\n"


TWICE = """
import sys
from dmtrack.cli.main import main
for source in sys.argv[1:]:
    try:
        main(["track", source, "--box", "1,2,3,4"])
    except SystemExit as end:
        print(end.code)
"""


def test_what_libraries_print_does_not_hide_the_sentence(tmp_path):
    whole = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00@\x00\x00\x000\x08\x02\x00\x00\x00"
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "1.png").write_bytes(whole)
    (tmp_path / "a.mp4").write_bytes(b"\x00\x00\x00\x1cftypisom" + bytes(2000))
    sources = [str(tmp_path / "a.mp4"), str(tmp_path / "frames"), "camera:99"]
    done = subprocess.run([sys.executable, "-c", TWICE, *sources], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["2", "2", "2"]
    lines = done.stderr.splitlines()
    assert len(lines) == 3 and all(line.startswith("error: ") for line in lines), done.stderr
