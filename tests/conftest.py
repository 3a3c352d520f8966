"""What several test modules need."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import hypothesis
import pytest

# Read when torch is imported: many small operations on two busy cores take several times as long as on one.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Examples are not timed: a busy machine would fail them.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED = REPOSITORY.parent / "shared"
MARKERS = ("DESIGN.md", "golden")
"""What makes a folder of that name the developers' own, and not anybody's."""


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """The developers' folder of reference outputs and real data, which users do not have."""
    reason = why_not_shared(SHARED)
    if reason:
        pytest.skip(reason)
    return SHARED


def why_not_shared(folder: Path) -> str:
    """Why a folder is not that of the reference outputs; empty where it is."""
    lacking = [name for name in MARKERS if not (folder / name).exists()]
    if not lacking:
        return ""
    return f"the reference outputs and real sequences are not on this machine ({folder} has no {lacking[0]})"


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch):
    """The module `evaluation_fakes`, importable here and in spawned processes."""
    monkeypatch.syspath_prepend(str(REPOSITORY / "tests" / "support"))
    sys.modules.pop("evaluation_fakes", None)
    yield importlib.import_module("evaluation_fakes")
    sys.modules.pop("evaluation_fakes", None)
