"""Writing files so that an interruption leaves either the old content or the new one, never half of it."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import math
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dmtrack.errors import OutputError


@contextlib.contextmanager
def atomic_path(target: str | Path) -> Iterator[Path]:
    """A temporary path beside `target` that replaces it when the block ends well, and vanishes when it does not.

    Raises:
        OutputError: the folder is read-only, is no folder, or the disk is full.
    """
    target = Path(target)
    handle = -1
    temporary: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # The suffix stays last because some writers choose their format by it.
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.stem}.", suffix=target.suffix)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        temporary.replace(target)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {_reason_and_advice(error)}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _reason_and_advice(error: OSError) -> str:
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        return "a file stands where a folder is needed; choose another output folder"
    advice = "choose another output folder"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        advice = f"free some space or {advice}"
    return f"{error.strerror or error}; {advice}"


def write_bytes(target: str | Path, content: bytes) -> None:
    """Writes a whole file atomically."""
    with atomic_path(target) as path:
        path.write_bytes(content)


def write_text(target: str | Path, content: str) -> None:
    """Writes a whole UTF-8 text file atomically."""
    write_bytes(target, content.encode())


def json_value(content: Any) -> Any:
    """The content with null instead of NaN and infinity, which JSON does not have; tuples become lists."""
    if isinstance(content, Mapping):
        return {key: json_value(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [json_value(value) for value in content]
    if isinstance(content, float):  # also float64 of numpy, which JSON should not show as such
        return float(content) if math.isfinite(content) else None
    return content


def write_json(target: str | Path, content: Any) -> None:
    """Writes indented JSON atomically; NaN and infinity are null, see `json_value`."""
    write_text(target, json.dumps(json_value(content), indent=2, ensure_ascii=False) + "\n")


def sha256(path: str | Path) -> str:
    """Hex digest of a file's content."""
    with open(path, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def check_writable_folder(folder: str | Path) -> Path:
    """The folder, created if needed; an `OutputError` before any work is done if nothing can be written there."""
    folder = Path(folder)
    check = folder / ".write-check"
    try:
        with atomic_path(check) as path:
            path.write_bytes(b"ok")
    except OutputError as error:
        raise OutputError(str(error).replace(str(check), f"to folder {folder}", 1)) from error
    check.unlink(missing_ok=True)  # another process that checks the same folder may have been faster
    return folder
