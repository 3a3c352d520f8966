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
    ("api", "notebook"),
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


SMALL_LINES, LARGEST_SHARE_OF_SMALL = 5, 0.35
TINY_FILE_LINES = 60


def test_most_functions_hold_an_idea_of_their_own() -> None:
    sizes = []
    for module in MODULES:
        lines = module.read_text().split("\n")
        for node in ast.walk(ast.parse("\n".join(lines))):
            if isinstance(node, ast.FunctionDef):
                docstring = node.body[0] if ast.get_docstring(node) is not None else None
                said = range(docstring.lineno, (docstring.end_lineno or 0) + 1) if docstring else range(0)
                own = range(node.lineno, (node.end_lineno or 0) + 1)
                sizes.append(sum(number not in said and bool(lines[number - 1].strip()) for number in own))
    small = sum(size <= SMALL_LINES for size in sizes)
    assert small <= LARGEST_SHARE_OF_SMALL * len(sizes), f"{small} of {len(sizes)} functions have 5 lines or fewer"


def imported_modules(module: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def test_tiny_files_are_entries_of_a_registry() -> None:
    def name_of(module: Path) -> str:
        return ".".join(module.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")

    importers: dict[str, list[str]] = {}
    for module in MODULES:
        for name in imported_modules(module):
            importers.setdefault(name, []).append(name_of(module))
    crumbs = []
    for module in MODULES:
        name = name_of(module)
        entry = module.name in ("__init__.py", "__main__.py") or room_of(module) == "cli"
        others = [one for one in importers.get(name, []) if one != name]
        registered = others == [name.rpartition(".")[0]]  # by its package, which is how registries find their entries
        if not entry and not registered and len(others) <= 1 and len(module.read_text().splitlines()) < TINY_FILE_LINES:
            crumbs.append(f"{name}, imported by {others or 'nobody'}")
    assert crumbs == []
