"""Who works on a study: one run at a time, unless further ones say that they join it."""

from __future__ import annotations

import fcntl
import os
import platform
from pathlib import Path
from types import TracebackType

from dmtrack.errors import EvaluationError, OutputError


class StudyLock:
    """A shared lock on a file beside the study, held in a `with` block; the system lets go of it when a process dies.

    Args:
        study: the study's file.
        join: work on it together with runs that hold it already.

    Attributes:
        alone: whether nobody else held it on entering.

    Raises:
        EvaluationError: on entering, another run holds it and this one does not join.
        OutputError: on entering, the lock's file cannot be written.
    """

    def __init__(self, study: Path, join: bool) -> None:
        self.study, self.join, self.alone = study, join, False
        self._path = study.with_name(f"{study.name}.lock")
        self._handle = -1

    def __enter__(self) -> StudyLock:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise OutputError(
                f"study {self.study} cannot be used: {error.strerror}; choose another place with --study"
            ) from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not self.join:
                holder = os.pread(self._handle, 200, 0).decode(errors="replace").strip() or "another process"
                self._close()
                raise EvaluationError(
                    f"study {self.study} is in use by {holder}; wait for it, add --join to work on it together, or "
                    "give another file with --study"
                ) from None
        else:
            self.alone = True
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, f"process {os.getpid()} on {platform.node()}".encode(), 0)
        fcntl.flock(self._handle, fcntl.LOCK_SH)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
