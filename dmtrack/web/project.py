"""A project: one video, the boxes that a person drew in it, and what a tracker made of them. It saves itself."""

from __future__ import annotations

import contextlib
import json
import math
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmtrack.boxes import check_first_box_xywh
from dmtrack.errors import DataError
from dmtrack.files import atomic_path, read_text, write_json
from dmtrack.web.targets import (
    NOBODY,
    SEEN,
    ConflictError,
    How,
    KeyFrame,
    NotFoundError,
    Segment,
    Target,
    read_key_frame,
)

FORMAT = 1
MOST_UNDO = 100


class Project:
    """One video with its targets. Every change by a person is on disk before the call returns.

    Attributes:
        id: names its folder.
        video: the path of the video.
        count: frames.
        name: of the video, for people.
        stem: begins the names of exported files.
        fps: frames per second; None for a folder of images.
        size_wh: of the frames.
        config: of the tracker that is used next.
        read_only: shows stored results; nothing is drawn in it, tracked or saved.
        targets: by their numbers.
        live: whether frames still arrive; then they are recorded as `video`, and `count` grows.
        revision: grows with every change by a person.
        note: what people who open it have to know, such as that a recording was cut off.
        tracking: whether a tracker is at work, or was when the server was killed; then it goes on.
        lock: held while targets change.
    """

    def __init__(
        self,
        folder: Path,
        video: str,
        count: int,
        fps: float | None,
        size_wh: tuple[int, int],
        config: str,
        read_only: bool = False,
        name: str | None = None,
        live: bool = False,
    ) -> None:
        self.folder, self.id, self.read_only = folder, folder.name, read_only
        self.video, self.count, self.fps, self.size_wh, self.config = video, count, fps, size_wh, config
        self.name, self.live = name or Path(video).name, live
        self.stem = Path(self.name.replace(":", "_")).stem
        self.targets: dict[int, Target] = {}
        self.note = ""
        self.revision, self._next_number, self.tracking = 0, 1, False
        self._history: list[dict[str, Any]] = []
        self._changed_at: dict[int, int] = {}
        self.lock = threading.RLock()

    @property
    def head(self) -> dict[str, Any]:
        """What a list of projects shows."""
        return {
            "id": self.id,
            "video": self.video,
            "name": self.name,
            "frames": self.count,
            "fps": self.fps,
            "size_wh": list(self.size_wh),
            "config": self.config,
            "read_only": self.read_only,
            "live": self.live,
            "note": self.note,
            "revision": self.revision,
        }

    def describe(self) -> dict[str, Any]:
        """The head, and the targets with their key frames."""
        with self.lock:
            return {
                **self.head,
                "undo": len(self._history),
                "targets": [
                    {
                        "number": target.number,
                        "name": target.name,
                        "key_frames": [
                            {"frame": frame, "box_xywh": list(key.box_xywh), "how": key.how}
                            for frame, key in sorted(target.key_frames.items())
                        ],
                        "tracked": int(np.isfinite(target.rows[:, 4]).sum()),
                        "waiting": sum(one not in target.done for one in target.segments(self.config)),
                    }
                    for target in self.targets.values()
                ],
            }

    def target(self, number: int) -> Target:
        """One of the targets.

        Raises:
            NotFoundError: there is none of that number.
        """
        if number not in self.targets:
            raise NotFoundError(f"project {self.id} has no target {number}; it has {sorted(self.targets) or 'none'}")
        return self.targets[number]

    def check_unchanged(self, number: int, revision: int) -> None:
        """Whether a target still is what it was at a revision of the project; one that is gone is named later.

        Raises:
            ConflictError: another tab or program has changed it since.
        """
        if number in self.targets and self._changed_at.get(number, 0) > revision:
            raise ConflictError(
                f"{self.targets[number].name} was changed in another tab meanwhile; "
                "what it did is shown now: look at it, then change it again"
            )

    def add_target(self, frame: int, box_xywh: tuple[float, ...], name: str = "") -> Target:
        """A new target and its first box.

        Raises:
            BoxError: the box is not in the frame.
            DataError: there is no such frame.
        """
        with self._change():
            box = self._checked(frame, box_xywh)
            number = self._next_number
            rows = np.full((self.count, 7), math.nan, np.float32)
            rows[frame] = (*box, 1.0, 1.0, math.nan)
            target = Target(number, name or f"target {number}", rows, {frame: KeyFrame(box)})
            self.targets[number], self._next_number = target, number + 1
        return target

    def import_target(
        self, name: str, frames: NDArray[np.int64], boxes_xywh: NDArray[np.float64], drawn: Mapping[int, How]
    ) -> None:
        """A new target whose boxes another program, or an earlier project, knows.

        Args:
            name: of the target.
            frames: (n,) with boxes, ascending.
            boxes_xywh: (n, 4).
            drawn: how a person made some of them; these are key frames, and between them nothing is tracked again.

        Raises:
            BoxError: a box of a key frame is not in its frame.
        """
        with self._change():
            keys = {frame: KeyFrame(self._checked(frame, tuple(boxes_xywh[np.searchsorted(frames, frame)])), how)
                    for frame, how in sorted(drawn.items())}  # fmt: skip
            number = self._next_number
            rows = np.full((self.count, 7), math.nan, np.float32)
            rows[frames, :4], rows[frames, 4:6] = boxes_xywh, 1.0
            target = Target(number, name, rows, keys)
            target.done = target.segments(self.config)
            self.targets[number], self._next_number = target, number + 1
            self.save()

    def set_key_frame(self, number: int, frame: int, box_xywh: tuple[float, ...], how: How | None = None) -> None:
        """Draws or corrects a box; whether a tracker had been there tells which.

        Raises:
            BoxError: the box is not in the frame.
            DataError: there is no such frame or target.
        """
        with self._change():
            target, box = self.target(number), self._checked(frame, box_xywh)
            earlier, row = target.key_frames.get(frame), target.rows[frame]
            covers = earlier.covers if earlier else tuple(row.tolist()) if np.isfinite(row[4]) else None
            target.key_frames[frame] = KeyFrame(box, how or ("corrected" if covers else "drawn"), covers)
            target.rows[frame] = (*box, 1.0, 1.0, math.nan)

    def remove_key_frame(self, number: int, frame: int) -> None:
        """Takes a box back; a target without boxes goes with it.

        Raises:
            NotFoundError: there is no such box or target.
        """
        with self._change():
            target = self.target(number)
            if frame not in target.key_frames:
                raise NotFoundError(f"target {number} of project {self.id} has no drawn box in frame {frame}")
            target.rows[frame] = target.key_frames.pop(frame).covers or math.nan
            if not target.key_frames:
                del self.targets[number]

    def change_target(self, number: int, name: str | None) -> None:
        """Gives a target another name; None deletes it.

        Raises:
            NotFoundError: there is none of that number.
        """
        with self._change():
            if name is None:
                del self.targets[self.target(number).number]
            else:
                self.target(number).name = name

    def use(self, config: str | None = None, tracking: bool | None = None) -> None:
        """Another tracker from now on, or whether one is at work; None leaves it as it is."""
        with self.lock:
            self.revision += config not in (None, self.config)
            self.config = config or self.config
            self.tracking = self.tracking if tracking is None else tracking
            self.save(rows=False)

    def cut_off(self, count: int) -> None:
        """To as many frames as are left of a recording, whose last one takes the boxes that were drawn behind it."""
        with self.lock:
            for target in self.targets.values():
                behind = [frame for frame in target.key_frames if frame >= count]
                if behind:
                    target.key_frames.setdefault(count - 1, target.key_frames[min(behind)])
                    self.note = f"boxes that were drawn behind frame {count - 1} stand in it now: look at them there"
            self.resize(count)

    def resize(self, count: int) -> None:
        """To so many frames: those that arrived, or are left."""
        with self.lock:
            self.count = count
            for target in self.targets.values():
                target.resize(count)

    def undo(self) -> bool:
        """Takes the last change by a person back; False where there is none. Boxes of trackers stay until tracked."""
        with self.lock:
            if not self._history:
                return False
            before = self._snapshot()
            self._restore(self._history.pop())
            self._note_change(before)
            return True

    def save(self, rows: bool = True) -> None:
        """Writes the project; with `rows` also what trackers found."""
        if self.read_only:
            return
        with self.lock:
            if rows:
                for target in self.targets.values():
                    for name, table in (("rows", target.rows), ("tracklets", target.tracklets)):
                        to = self.folder / f"{name}-{target.number}.npy"
                        with atomic_path(to) as path, open(path, "wb") as file:
                            np.save(file, table)
            content = {
                "format": FORMAT,
                **self.head,
                "next_number": self._next_number,
                "tracking": self.tracking,
                **self._snapshot(),
                "done": {str(number): [asdict(one) for one in target.done] for number, target in self.targets.items()},
                "history": self._history,
            }
            write_json(self.folder / "project.json", content)

    @classmethod
    def load(cls, folder: Path) -> Project:
        """The project that `save` wrote.

        Raises:
            DataError: the file is missing, of another program or damaged.
        """
        path = folder / "project.json"
        text = read_text(path, "a project of dmtrack serve")
        try:
            content = json.loads(text)
            if content["format"] != FORMAT:
                raise ValueError(f"format {content['format']}, expected {FORMAT}")
            width, height = content["size_wh"]
            project = cls(
                folder,
                content["video"],
                content["frames"],
                content["fps"],
                (width, height),
                content["config"],
                name=content["name"],
                live=content.get("live", False),
            )
            project.revision, project._next_number = content["revision"], content["next_number"]
            project._history, project.tracking = content["history"], content["tracking"]
            project.note = str(content.get("note", ""))
            project._restore(content, folder)
            for number, segments in content["done"].items():
                for one in segments:
                    start, end = (
                        None if one[name] is None else tuple(one[name]) for name in ("start_xywh", "end_xywh")
                    )
                    project.targets[int(number)].done.append(
                        Segment(one["first"], one["last"], start, end, one["config"])
                    )
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path} is no project of dmtrack serve ({error!r}); delete its folder or restore it"
            ) from error
        return project

    def _checked(self, frame: int, box_xywh: tuple[float, ...]) -> tuple[float, ...]:
        if not 0 <= frame < self.count:
            raise DataError(f"frame {frame}: {self.name} has {self.count} frames, counted from 0")
        return tuple(round(float(value), 3) for value in check_first_box_xywh(box_xywh, *self.size_wh))

    @contextlib.contextmanager
    def _change(self) -> Iterator[None]:
        """A change by a person: what was before can be restored, what is after it is saved; nothing of a failed one."""
        if self.read_only:
            raise DataError(f"{self.video} shows stored results, which cannot be changed; open the video itself")
        with self.lock:
            before = self._snapshot()
            yield
            self._history = [*self._history, before][-MOST_UNDO:]
            self._note_change(before)

    def _note_change(self, before: Mapping[str, Any]) -> None:
        """Another revision, in which the targets that differ from those of a snapshot were changed; it is saved."""
        self.revision += 1
        earlier = {item["number"]: item for item in before["targets"]}
        for item in self._snapshot()["targets"]:
            if item != earlier.get(item["number"]):
                self._changed_at[item["number"]] = self.revision
        self.save(rows=False)

    def _snapshot(self) -> dict[str, Any]:
        return {
            "targets": [
                {
                    "number": target.number,
                    "name": target.name,
                    "key_frames": {str(frame): asdict(key) for frame, key in target.key_frames.items()},
                }
                for target in self.targets.values()
            ]
        }

    def _restore(self, snapshot: Mapping[str, Any], folder: Path | None = None) -> None:
        """The targets of a snapshot; their rows are those that are known, or lie in the folder."""
        before, self.targets = self.targets, {}
        for item in snapshot["targets"]:
            number = int(item["number"])
            keys = {int(frame): read_key_frame(key) for frame, key in item["key_frames"].items()}
            if number in before:
                rows, done, tracklets = before[number].rows, before[number].done, before[number].tracklets
                for frame, key in before[number].key_frames.items():
                    if frame not in keys:
                        rows[frame] = key.covers or math.nan
            else:
                empty, done = (np.zeros((0, 7), np.float32), np.full((0, SEEN), NOBODY)), []
                paths = (Path(folder or self.folder, f"{table}-{number}.npy") for table in ("rows", "tracklets"))
                rows, tracklets = (
                    np.load(path, allow_pickle=False) if path.exists() else none
                    for path, none in zip(paths, empty, strict=True)
                )
            self.targets[number] = target = Target(number, str(item["name"]), rows, keys, done, tracklets)
            target.resize(self.count)
            for frame, key in keys.items():
                target.rows[frame] = (*key.box_xywh, 1.0, 1.0, math.nan)
