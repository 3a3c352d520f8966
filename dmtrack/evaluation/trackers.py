"""What identifies a tracker's results beyond its config and weights: the code of a class that a user wrote."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from dmtrack.files import sha256


def code_hash(tracker: Any) -> str | None:
    """SHA-256 of the file in which an object's class is written; None where it has no source file."""
    try:
        source = inspect.getsourcefile(type(tracker))
    except (TypeError, OSError):
        return None
    return sha256(source) if source and Path(source).is_file() else None
