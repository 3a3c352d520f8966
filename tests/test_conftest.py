"""The developers' folder of reference outputs is told from any other folder of that name."""

from __future__ import annotations

import runpy
from pathlib import Path

why_not_shared = runpy.run_path(str(Path(__file__).with_name("conftest.py")))["why_not_shared"]


def test_a_folder_called_shared_is_not_enough(tmp_path):
    assert "has no DESIGN.md" in why_not_shared(tmp_path / "shared")
    (tmp_path / "golden").mkdir()
    assert "has no DESIGN.md" in why_not_shared(tmp_path)
    (tmp_path / "DESIGN.md").write_text("")
    assert why_not_shared(tmp_path) == ""
