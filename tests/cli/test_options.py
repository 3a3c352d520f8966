"""What all commands have in common: panels of the help, one wording per option, and what their imports cost."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer.main

from dmtrack.cli.main import app
from dmtrack.evaluation.results import ResultStore, SequenceResult


def commands(group: Any, name: str = "dmtrack") -> Iterator[tuple[str, Any]]:
    for word, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{name} {word}")
        else:
            yield f"{name} {word}", command


COMMANDS = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_stands_in_a_named_panel(name: str) -> None:
    panels: dict[str, list[str]] = {}
    for parameter in COMMANDS[name].params:
        if parameter.param_type_name == "option" and parameter.name != "help":
            panels.setdefault(parameter.rich_help_panel, []).append(parameter.opts[0])
    assert None not in panels, panels[None]  # type: ignore[index]
    assert max(map(len, panels.values()), default=0) <= 13, "a panel that long is no help"


def test_search_has_its_41_options_in_seven_panels() -> None:
    options = [one for one in COMMANDS["dmtrack search"].params if one.name != "help"]
    assert len(options) == 40  # and --help itself
    assert {one.rich_help_panel for one in options} == {
        "Sequences", "Tracker", "What is searched", "Study", "Scores", "Machine", "Output",
    }  # fmt: skip


def test_an_option_of_several_commands_says_the_same_everywhere() -> None:
    words: dict[str, set[str]] = {}
    for command in COMMANDS.values():
        for parameter in command.params:
            words.setdefault(parameter.name, set()).add(getattr(parameter, "help", None) or "")
    for name in ("experiment", "data", "weights", "device", "import_", "stride", "synthetic", "count"):
        assert len(words[name]) <= {"data": 5, "count": 3}.get(name, 1), (name, words[name])
    assert words["set_"] == {
        "Change a config value; repeatable.",
        "Change a value of the recipe; repeatable.",
        "Change a value of the experiment (benchmark.seed=7) or of the configs (model.x=1); repeatable.",
    }


HEAVY = """
import sys
from dmtrack.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert not end.code, end.code
print("heavy:", [name for name in ("torch", "torchvision", "cv2", "matplotlib", "scipy") if name in sys.modules])
"""


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A sequence without images and a result of it."""
    boxes = np.array([[10.0, 10, 20, 20]] * 5)
    (tmp_path / "videos" / "cat").mkdir(parents=True)
    np.savetxt(tmp_path / "videos" / "cat" / "groundtruth.txt", boxes, delimiter=",")
    ResultStore(tmp_path / "mine").write("cat", SequenceResult(boxes))
    return tmp_path


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("report", "--help"),
        ("report", "videos", "mine", "--rounds", "10"),
        ("report", "videos", "mine", "--rounds", "10", "--no-images", "--out", "page"),
        ("eval", "protocols"),
        ("eval", "explain", "--sequence", "cat", "--data", "videos", "--results", "mine"),
        ("submit", "--help"),
        ("submit", "check", "mine.zip", "--benchmark", "got10k"),
    ],
    ids=" ".join,
)
def test_commands_on_stored_results_import_only_what_they_need(stored: Path, arguments: tuple[str, ...]) -> None:
    """Neither torch nor OpenCV, and matplotlib only where figures are drawn."""
    program = HEAVY
    if arguments[:2] == ("submit", "check"):
        program = HEAVY.replace("not end.code", "end.code == 2")  # there is no such file
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=stored, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"heavy: {['matplotlib'] if '--out' in arguments else []}"
