"""The files of a folder or of a zip archive, read alike and never unpacked."""

from __future__ import annotations

import os
import zipfile
from collections import Counter
from pathlib import Path, PurePosixPath

from dmtrack.errors import EvaluationError
from dmtrack.files import decode_text

_DEPTH = 5
_MOST_FILES = 200_000
_MOST_BYTES = 512 * 1024**2
_OF_THE_SYSTEM = {".DS_Store", "Thumbs.db", "desktop.ini"}


class ResultFiles:
    """What lies in a folder (five levels deep) or in a zip archive.

    Attributes:
        path: of the folder or archive.
        is_archive: whether it is a zip archive.
        names: relative paths with "/", sorted; without what operating systems leave behind (`__MACOSX`, `.DS_Store`).
            Where the archive was packed with backslashes between folders, which older tools of Windows do, or was
            unpacked to files that have them in their names, they count as "/".

    Raises:
        EvaluationError: there is nothing at `path`, it is neither folder nor zip archive, or it has too many files.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser()
        self._archive: zipfile.ZipFile | None = None
        if self.path.is_dir():
            stored = _walk(self.path)
        elif self.path.is_file():
            self._archive = _open_zip(self.path)
            stored = [name for name in self._archive.namelist() if not name.endswith(("/", "\\"))]
        else:
            raise EvaluationError(f"{self.path} does not exist; give a folder of results or a zip archive of one")
        stored = [name for name in stored if plain_name(name) and not left_by_system(plain_name(name))]
        name, times = Counter(map(plain_name, stored)).most_common(1)[0] if stored else ("", 0)
        if times > 1:
            raise EvaluationError(f"{self.path} holds {name} {times} times; pack it again")
        self.is_archive = self._archive is not None
        self._stored = {plain_name(name): name for name in stored}
        self.names = sorted(self._stored)

    def close(self) -> None:
        """Closes the archive; nothing can be read afterwards."""
        if self._archive is not None:
            self._archive.close()

    def where(self, name: str) -> str:
        """How errors and notes call a file."""
        return f"{self.path}: {name}" if self.is_archive else str(self.path / name)

    def read(self, name: str) -> bytes:
        """The content of a file.

        Raises:
            EvaluationError: it cannot be read, or is larger than 512 MiB.
        """
        try:
            if self._archive is None:
                path = self.path / self._stored[name]
                size, content = path.stat().st_size, b""
                if size <= _MOST_BYTES:
                    content = path.read_bytes()
            else:
                size, content = self._archive.getinfo(self._stored[name]).file_size, b""
                if size <= _MOST_BYTES:
                    content = self._archive.read(self._stored[name])
        except OSError as error:
            raise EvaluationError(f"{self.where(name)} cannot be read: {error.strerror or error}") from error
        except Exception as error:  # a broken archive raises whatever its decompressor stumbles over
            raise EvaluationError(
                f"{self.where(name)} is damaged ({error}); download or pack the archive again"
            ) from error
        if size > _MOST_BYTES:
            raise EvaluationError(f"{self.where(name)} has {size / 1e6:.0f} MB, which no result file has; remove it")
        return content

    def text(self, name: str) -> str:
        """The content of a text file; a byte order mark is dropped, line ends become newlines.

        Raises:
            EvaluationError: it cannot be read, or is no text.
        """
        return decode_text(self.read(name), self.where(name), "numbers in lines", EvaluationError)


def plain_name(stored: str) -> str:
    """The relative path of a file with "/" alone, whatever packed it."""
    return stored.replace("\\", "/").removeprefix("./").lstrip("/")


def left_by_system(name: str) -> bool:
    """Whether a file is one that operating systems leave in folders and archives."""
    parts = PurePosixPath(name).parts
    return "__MACOSX" in parts or PurePosixPath(name).name in _OF_THE_SYSTEM


def _walk(folder: Path) -> list[str]:
    names: list[str] = []
    for parent, folders, files in os.walk(folder, followlinks=True):
        place = Path(parent).relative_to(folder)
        if len(place.parts) >= _DEPTH:
            folders.clear()
        names.extend((place / name).as_posix() for name in files)
        if len(names) > _MOST_FILES:
            raise EvaluationError(f"{folder} holds more than {_MOST_FILES:,} files; give the folder of one tracker")
    return names


def _open_zip(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError) as error:
        raise EvaluationError(
            f"{path} is no readable zip archive ({error}); give a folder of results or a complete zip archive"
        ) from error
