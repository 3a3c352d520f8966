"""A video with everything that moves in it: what `TrackingSession` follows then, and MOTChallenge's rows on disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dmtrack.association.detections import Detections, Tracks
from dmtrack.data.sources.mot_challenge import FIRST_PIXEL_XYWH, mot_lines
from dmtrack.errors import DMTrackError
from dmtrack.evaluation.readers.mot import read_mot_rows
from dmtrack.files import write_json
from dmtrack.media.drawing import annotate_tracks
from dmtrack.media.images import Image
from dmtrack.media.video import FrameSource
from dmtrack.running.box_log import RowLog
from dmtrack.running.one_sequence import track_rows
from dmtrack.running.unfinished import UnfinishedRun
from dmtrack.tracking.base import MultiTracker

FIRST_FRAME = FIRST_CLASS = 1
"""MOTChallenge counts frames and classes from 1, as it does pixels."""


class TrackLog:
    """Tracks of one run: a `RowLog`, which `finish` turns into `tracks.txt`; `tracks.json` says where they come from.

    Args:
        source: its numbers are those of the rows, from 1.
        folder: where the files go; it must exist.
        unfinished: the run in the folder that goes on.

    Attributes:
        frames: that are done.
        paths: of the files.
        note: about the rows of an earlier run that was killed; empty where there are none.

    Raises:
        OutputError: the folder is read-only or the disk is full.
    """

    box_format = "left, top, width, height in pixels of the frame, the first of which is 1"

    def __init__(self, source: FrameSource, folder: Path, unfinished: UnfinishedRun | None) -> None:
        self._source, self.paths = source, (folder / "tracks.txt", folder / "tracks.json")
        self.frames, self._boxes = 0, 0
        self._identities: set[int] = set()
        self._unfinished = unfinished
        self._rows = RowLog(self.paths[0], None if unfinished is None else unfinished.table_bytes)
        self.saved_bytes, self.discard = self._rows.saved_bytes, partial(self._rows.finish, keep=False)
        kept = self._rows.interrupted
        self.note = "" if kept is None else f"note: an earlier run was interrupted; its rows are kept in {kept}"

    def counts(self) -> tuple[dict[str, Any], str]:
        """What `tracks.json` says of all frames, and the same in words."""
        counted = {"identities": len(self._identities), "boxes": self._boxes}
        return counted, ", ".join(f"{count} {name}" for name, count in counted.items())

    def earlier(self) -> Iterator[Tracks]:
        """The frames that an unfinished run has left, as rounded as its rows; each counts as done when it is given."""
        rows = read_mot_rows(self._rows.partial)
        self._boxes, self._identities = len(rows), set(rows[:, 1].astype(int).tolist())
        for _ in range(0 if self._unfinished is None else self._unfinished.frames):
            self.frames += 1
            number = self._source.number + FIRST_FRAME
            of_frame = rows[slice(*np.searchsorted(rows[:, 0], [number, number + 1]))]
            boxes_xywh = of_frame[:, 2:6] - FIRST_PIXEL_XYWH
            kinds = of_frame[:, 7].astype(int) - FIRST_CLASS
            classes = kinds if (kinds >= 0).all() and len(kinds) else None
            yield Tracks.from_xywh(boxes_xywh, of_frame[:, 6], classes=classes, ids=of_frame[:, 1].astype(np.int64))

    def add(self, tracks: Tracks, frame: int, time: float | None = None) -> None:
        """`frame,id,left,top,width,height,score,class,-1,-1`, all from 1; class -1 where there is one."""
        for line in mot_lines(track_rows(frame + FIRST_FRAME, tracks)).splitlines():
            self._rows.write(line.split(","))
        self._identities.update(tracks.ids.tolist())
        self._boxes += len(tracks)
        self.frames += 1

    def finish(self, metadata: dict[str, Any]) -> None:
        """Puts `tracks.txt` in its place and writes `tracks.json`."""
        self._rows.finish()
        write_json(self.paths[1], metadata)


class Everything:
    """Everything in sight, for a `TrackingSession`.

    Args:
        tracker: follows it.
        source: the frames.
        given: detections of every frame of the source from its very first, for a tracker without a detector; else None.
        classes: names of the classes; empty where there is one, or where they have numbers alone.
        trails: frames that the line of where each track has been goes back; 0 draws none.

    Raises:
        DMTrackError: there are more frames with detections than frames.
    """

    def __init__(
        self,
        tracker: MultiTracker,
        source: FrameSource,
        given: Sequence[Detections] | None = None,
        classes: Sequence[str] = (),
        trails: int = 0,
    ) -> None:
        frames = source.frame_count if source.whole_count is None else source.whole_count
        if given is not None and frames is not None and len(given) > frames:
            raise DMTrackError(
                f"there are detections of {len(given)} frames, but {source.name} has {frames}; give the detections of "
                "this video"
            )
        self.tracker, self._source, self._given, self._classes = tracker, source, given, classes
        self._feet_xy: deque[dict[int, list[float]]] = deque(maxlen=trails)

    def log(self, source: FrameSource, folder: Path, unfinished: UnfinishedRun | None) -> TrackLog:
        """The tracks, on disk."""
        return TrackLog(source, folder, unfinished)

    def init(self, frame: Image) -> Tracks:
        """The first frame; identities start again."""
        self.tracker.reset()
        return self.step(frame)

    def step(self, frame: Image) -> Tracks:
        """The next frame."""
        if self._given is None:
            return self.tracker.step(frame)
        number = self._source.number
        return self.tracker.step(self._given[number] if number < len(self._given) else Detections.nothing())

    def annotate(self, frame: Image, tracks: Tracks, scale: float = 1.0) -> Image:
        """A copy of the next frame with boxes, identities, names of classes, and where each track has been."""
        ids, boxes_xywh = tracks.ids.tolist(), tracks.boxes_xywh * scale
        labels = [str(one) for one in ids]
        if tracks.classes is not None:
            kinds = tracks.classes.tolist()
            names = [self._classes[kind] if self._classes else f"class {kind + FIRST_CLASS}" for kind in kinds]
            labels = [f"{name} {one}" for name, one in zip(names, labels, strict=True)]
        feet_xy = boxes_xywh[:, :2] + boxes_xywh[:, 2:] * (0.5, 1.0)
        self._feet_xy.append(dict(zip(ids, feet_xy.tolist(), strict=True)))
        trails_xy = [[seen[one] for seen in self._feet_xy if one in seen] for one in ids] if self._feet_xy else ()
        return annotate_tracks(frame, boxes_xywh, ids, labels, trails_xy)
