"""What several test modules need."""

from __future__ import annotations

from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED = REPOSITORY.parent / "shared"


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """The developers' folder of reference outputs and real data, which users do not have."""
    if not SHARED.is_dir():
        pytest.skip("the reference outputs and real sequences (../shared) are not on this machine")
    return SHARED
