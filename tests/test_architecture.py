"""The shape of the house: who may import whom, and what importing costs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "dmtrack"

# A room imports only from rooms that stand before it.
LAYERS = [
    ("errors", "boxes", "registry", "files", "progress"),
    ("config",),
    ("media",),
    ("data",),
    ("association",),
    ("models",),
    ("weights",),
    ("evaluation",),
    ("tracking",),
    ("training",),
    ("running",),
    ("search", "export"),
    ("pages", "web"),
    ("api",),
    ("cli",),
]
RANK = {room: rank for rank, layer in enumerate(LAYERS) for room in layer}
MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(module: Path) -> str:
    return module.relative_to(PACKAGE).with_suffix("").parts[0]


def imported_rooms(module: Path) -> set[tuple[str, int]]:
    rooms = set()
    for node in ast.walk(ast.parse(module.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
            if node.module == "dmtrack":
                names = [f"dmtrack.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "dmtrack" and len(parts) > 1:
                rooms.add((parts[1], node.lineno))
    return rooms


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_from_rooms_above_its_own(module: Path) -> None:
    room = room_of(module)
    if room in ("__init__", "__main__"):
        return
    assert room in RANK, f"{room} stands in no layer"
    wrong = [
        f"line {line}: {imported}"
        for imported, line in imported_rooms(module)
        if imported in RANK and RANK[imported] > RANK[room]
    ]
    assert not wrong


def test_importing_dmtrack_and_its_command_line_is_light() -> None:
    heavy = ("torch", "cv2", "matplotlib", "numpy", "lightning")
    program = f"import sys, dmtrack, dmtrack.cli.main\nprint([name for name in {heavy!r} if name in sys.modules])"
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_is_unfinished(module: Path) -> None:
    text = module.read_text()
    assert not [mark for mark in ("TODO", "FIXME", "XXX") if mark in text]


NUMBERS_ONLY = [
    "dmtrack.data.sequences",
    "dmtrack.data.benchmarks",
    *(
        ".".join(module.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        for module in MODULES
        if room_of(module) in ("association", "evaluation") or "data/sources" in module.as_posix()
    ),
    "dmtrack.media.images",
]


def test_rooms_of_numbers_import_no_networks_and_no_images() -> None:
    heavy = ("torch", "torchvision", "cv2")
    program = (
        f"import importlib, sys\nfor name in {NUMBERS_ONLY!r}:\n    importlib.import_module(name)\n"
        f"    print(*[name + ' imports ' + heavy for heavy in {heavy!r} if heavy in sys.modules])"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert output.strip() == ""


def test_contributing_names_only_what_exists() -> None:
    root = PACKAGE.parent
    quoted = re.findall(r"`([\w.-]+/[\w./-]*)`", (root / "CONTRIBUTING.md").read_text())
    assert quoted
    assert [path for path in quoted if not ((root / path).exists() or (PACKAGE / path).exists())] == []
