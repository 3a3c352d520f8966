"""Who works on a study: one run at a time, unless further ones say that they join it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
from collections.abc import Iterator
from pathlib import Path

from dmtrack.errors import EvaluationError, OutputError


@contextlib.contextmanager
def study_lock(study: str, join: bool) -> Iterator[bool]:
    """Holds a study; gives whether no other run held it before.

    It is a shared lock on a file beside the study, which the system releases when a process dies. A database server
    has no such file: there, whoever does not join counts as alone.

    Args:
        study: its file or URL.
        join: work on it together with runs that hold it already.

    Raises:
        EvaluationError: another run holds it and this one does not join.
        OutputError: the lock's file cannot be written.
    """
    if "://" in study:
        yield not join
        return
    path = Path(f"{study}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise OutputError(
            f"study {study} cannot be used: {error.strerror}; choose another place with --study"
        ) from error
    alone = True
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"process {os.getpid()} on {platform.node()}".encode(), 0)
        except BlockingIOError:
            if not join:
                holder = os.pread(handle, 200, 0).decode(errors="replace").strip() or "another process"
                raise EvaluationError(
                    f"study {study} is in use by {holder}; wait for it, add --join to work on it together, or give "
                    "another file with --study"
                ) from None
            alone = False
        fcntl.flock(handle, fcntl.LOCK_SH)
        yield alone
    finally:
        os.close(handle)
