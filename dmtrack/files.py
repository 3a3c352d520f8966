"""Writing files so that an interruption leaves either the old content or the new one; reading what people wrote."""

from __future__ import annotations

import codecs
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

from dmtrack.errors import DataError, DMTrackError, OutputError

ODD_NAMES = "backslashreplace"
"""How the bytes of a file name that is no UTF-8 are written: as `\\udce9`, which JSON reads back as the same name."""

_BYTE_ORDER_MARKS = {  # those of UTF-32 first, because they begin as those of UTF-16 do
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


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
    write_bytes(target, content.encode(errors=ODD_NAMES))


def read_text(path: str | Path, expected: str, error: type[DMTrackError] = DataError) -> str:
    """The text of a file that people or other programs have written, see `decode_text`.

    Args:
        path: of the file.
        expected: what the file should hold, for the error.
        error: its kind.

    Raises:
        DMTrackError: the file is missing, cannot be read, or is no text.
    """
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError as reason:
        raise error(f"{path} is missing: expected {expected}") from reason
    except OSError as reason:
        raise error(f"{path} cannot be read ({reason.strerror or reason}): expected {expected}") from reason
    return decode_text(content, str(path), expected, error)


def read_json(path: str | Path, expected: str, error: type[DMTrackError] = DataError) -> dict[str, Any]:
    """The JSON object in a file; arguments as of `read_text`.

    Raises:
        DMTrackError: the file is missing, cannot be read, or holds something else.
    """
    try:
        content = json.loads(read_text(path, expected, error))
    except json.JSONDecodeError as reason:
        raise error(f"{path}:{reason.lineno}: no valid JSON ({reason.msg}): expected {expected}") from reason
    if not isinstance(content, dict):
        raise error(f"{path} holds no JSON object: expected {expected}")
    return content


def decode_text(content: bytes, where: str, expected: str, error: type[DMTrackError] = DataError) -> str:
    """Text in UTF-8, or in UTF-16 or UTF-32 where a byte order mark says so; without the mark, lines ended by newlines.

    Args:
        content: of the file.
        where: the file, for the error.
        expected: what the file should hold, for the error.
        error: its kind.

    Raises:
        DMTrackError: it is in another encoding, or no text.
    """
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as reason:
        line = content.count(b"\n", 0, reason.start) + 1
        byte = content[reason.start : reason.start + 1].hex()
        raise error(
            f"{where}, line {line}: byte 0x{byte} is no {encoding.upper()} text: expected {expected}; save the file as "
            "plain text in UTF-8"
        ) from reason
    if "\0" in text:
        raise error(f"{where} is no text in UTF-8 (UTF-16?): expected {expected}; save it as plain text in UTF-8")
    # Files that were joined have a mark in the middle, where it means nothing either.
    return text.replace("\ufeff", "").replace("\r\n", "\n").replace("\r", "\n")


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


def at_home(path: str | Path) -> Path:
    """A path whose `~` is the user's home; a name such as `~old.mp4`, which is nobody's home, stays as it is."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def check_exists(path: str | Path) -> None:
    """A `DataError` unless there is such a file or folder."""
    if not Path(path).exists():
        raise DataError(f"{path} does not exist; give an existing file or folder")


def check_place_of_folder(folder: str | Path) -> None:
    """An `OutputError` where no such folder can be made, because a file stands there or above; nothing is written."""
    for path in (Path(folder), *Path(folder).parents):
        if path.is_dir():
            return
        if path.exists():
            raise OutputError(f"cannot write to folder {folder}: {_reason_and_advice(NotADirectoryError())}")


@contextlib.contextmanager
def output_folder(folder: str | Path) -> Iterator[Path]:
    """As `check_writable_folder`; where the block fails before it has written anything, no new empty folder stays."""
    folder = Path(folder)
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    check_writable_folder(folder)
    try:
        yield folder
    except BaseException:
        with contextlib.suppress(OSError):  # what has been written in it stays
            for path in new:
                path.rmdir()
        raise


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
