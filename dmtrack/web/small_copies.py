"""Makes small copies of the videos that pages look at, in the background and only while nothing is tracked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dmtrack.media import small_copy
from dmtrack.media.random_access import RandomFrames
from dmtrack.media.small_copy import SmallCopy, is_worth_it
from dmtrack.web.project import Project

MOST_BYTES = 2 << 30
"""Of the disk that all copies together may take."""

FOLDER = "small"
"""In the folder of a project."""

LOOK_EVERY = 0.1
"""Seconds between looks at whether somebody still wants what is made."""


@dataclass
class _Looked:
    """A project that pages look at: how many, and where one looked last."""

    watchers: int = 0
    frame: int = 0
    last: float = 0.0
    copy: SmallCopy | None = None
    finished: bool = False


class SmallCopies:
    """A process of low priority makes the parts of the copy of the video that was looked at last, nearest first.

    It ends when the last page on the video is closed or something is tracked. What is made stays with the project,
    until copies of videos that are looked at later need the disk.

    Args:
        folder: of the projects.
        busy: whether something is tracked.
        most_bytes: of all copies.
    """

    def __init__(self, folder: Path, busy: Callable[[], bool], most_bytes: int = MOST_BYTES) -> None:
        self._folder, self._busy, self._most_bytes = folder, busy, most_bytes
        self._looked: dict[str, _Looked] = {}
        self._turn, self._stopping = threading.Lock(), threading.Event()
        self._making: _Looked | None = None
        self._thread = threading.Thread(target=self._work, name="small copies", daemon=True)
        self._thread.start()

    def watched(self, project: Project, more: int) -> None:
        """A page begins (1) or ends (-1) to look at a project."""
        with self._turn:
            looked = self._looked.setdefault(project.id, _Looked())
            looked.watchers, looked.finished = looked.watchers + more, False

    def of(self, project: Project, frames: RandomFrames, frame: int) -> SmallCopy | None:
        """The copy of a video, of which a frame is looked at; None where any frame is soon decoded."""
        with self._turn:
            looked = self._looked.setdefault(project.id, _Looked())
            if looked.copy is None and is_worth_it(frames):
                looked.copy = SmallCopy(Path(project.video), project.folder / FOLDER, len(frames))
            looked.frame, looked.last = frame, time.monotonic()
            return looked.copy

    def forget(self, project: Project) -> None:
        """Nothing is written in the folder of a project any more when this returns."""
        with self._turn:
            looked = self._looked.pop(project.id, None)
        while looked is not None and self._making is looked:
            time.sleep(LOOK_EVERY / 10)

    def stop(self) -> None:
        """Ends the thread and its process."""
        self._stopping.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stopping.wait(LOOK_EVERY):
            self._making = self._wanted()
            if self._making is not None and self._making.copy is not None:
                try:
                    self._make(self._making, self._making.copy)
                except OSError:  # the disk, or a folder that goes; frames are decoded then, as without a copy
                    self._making.finished = True
            self._making = None

    def _wanted(self) -> _Looked | None:
        """Whose copy is to be made now."""
        with self._turn:
            wanted = [one for one in self._looked.values() if one.watchers > 0 and one.copy and not one.finished]
            return None if self._busy() else max(wanted, key=lambda one: one.last, default=None)

    def _make(self, looked: _Looked, copy: SmallCopy) -> None:
        """Makes parts until all are there or nobody wants them now."""
        for left in copy.folder.glob(".*.zip"):  # of a process that was ended
            left.unlink()
        process = subprocess.Popen(
            [sys.executable, "-m", small_copy.__name__, str(copy.video), str(copy.folder.parent)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert process.stdin is not None
        try:
            while (part := copy.next_part(looked.frame)) is not None and self._make_room(copy):
                process.stdin.write(f"{part}\n".encode())
                process.stdin.flush()
                while not copy.part(part).exists():
                    if self._wanted() is not looked or self._stopping.wait(LOOK_EVERY):
                        return
                    if process.poll() is not None:
                        raise OSError(f"no part {part} of the copy of {copy.video}")
            looked.finished = True
        finally:
            process.kill()
            process.wait()

    def _make_room(self, copy: SmallCopy) -> bool:
        """Whether another part may be written; copies that were made earlier give way."""
        sizes: Counter[Path] = Counter()
        for path in self._folder.glob(f"*/{FOLDER}/*/*.zip"):
            sizes[path.parent] += path.stat().st_size
        for folder in sorted(sizes.keys() - {copy.folder}, key=lambda folder: folder.stat().st_mtime):
            if sizes.total() >= self._most_bytes:
                shutil.rmtree(folder, ignore_errors=True)
                del sizes[folder]
        return sizes.total() < self._most_bytes
