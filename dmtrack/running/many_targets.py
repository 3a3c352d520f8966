"""A video with everything that moves in it: identities on disk at once in MOTChallenge's format, an annotated video."""

from __future__ import annotations

import contextlib
import time
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from dmtrack import __version__
from dmtrack.association.detections import Detections, Tracks
from dmtrack.data.sources.mot_challenge import mot_lines
from dmtrack.errors import DMTrackError
from dmtrack.files import write_json
from dmtrack.media.drawing import annotate_tracks
from dmtrack.media.images import Image
from dmtrack.media.video import FrameSource
from dmtrack.progress import ProgressBar
from dmtrack.running.annotated_video import AnnotatedVideo, default_scale
from dmtrack.running.box_log import RowLog, latency
from dmtrack.running.one_sequence import track_rows
from dmtrack.running.one_video import END_OF_SOURCE, FPS_OF_FOLDERS, interrupt_between_frames
from dmtrack.tracking.base import MultiTracker

FIRST_FRAME = 1
"""MOTChallenge counts frames from 1, as it does classes and pixels."""


class ManyTargetsSession:
    """One run through one source.

    Args:
        source: the frames.
        tracker: follows everything in them.
        folder: of the results; it must exist.
        origin: where the tracker comes from, kept beside the results; `classes` are the names of its classes.
        given: detections of every frame of the source from its very first, for a tracker without a detector; else None.
        video: write annotated.mp4.
        video_scale: its size over that of the frames; None is at most 1920 pixels.

    Raises:
        DMTrackError: there are more frames with detections than frames.
    """

    def __init__(
        self,
        source: FrameSource,
        tracker: MultiTracker,
        folder: Path,
        origin: dict[str, Any],
        given: Sequence[Detections] | None = None,
        video: bool = True,
        video_scale: float | None = None,
    ) -> None:
        frames = None if source.frame_count is None or source.end is not None else source.start + source.frame_count
        if given is not None and frames is not None and len(given) > frames:
            raise DMTrackError(
                f"there are detections of {len(given)} frames, but {source.name} has {frames}; give the detections of "
                "this video"
            )
        self.source, self.tracker, self.origin, self.given = source, tracker, origin, given
        self.folder = folder
        self.video_path = folder / "annotated.mp4" if video else None
        self.video_scale = default_scale(source.size_wh) if video_scale is None else video_scale
        self.frames, self.boxes = 0, 0
        self.identities: set[int] = set()
        self.seconds = array("f")
        self.end = END_OF_SOURCE
        self._log = RowLog(folder / "tracks.txt")

    def track(self, console: Console) -> None:
        """Goes through the frames; whatever ends it, the files of the frames so far are put in their places.

        Where the first frame is refused, nothing is left.
        """
        self.tracker.reset()
        with contextlib.ExitStack() as stack:
            # The tracks are closed last, and so even if the video cannot be.
            stack.callback(self._finish)
            video: AnnotatedVideo | None = None
            if self.video_path is not None:
                fps = self.source.fps or FPS_OF_FOLDERS
                video = stack.enter_context(
                    AnnotatedVideo(self.video_path, fps, self.source.size_wh, self._draw, self.video_scale)
                )
            bar = stack.enter_context(
                ProgressBar("frames", self.source.frame_count, description="tracking", console=console)
            )
            interrupt = stack.enter_context(interrupt_between_frames())
            for frame in self.source:
                tracks = self._one(frame)
                self._write(tracks)
                if video is not None:
                    video.add(frame, tracks, self.source.time)
                bar.advance()
                if interrupt.requested:
                    self.end = "stopped by the user"
                    break
            bar.update(total=self.frames)
        if interrupt.requested and not self.source.live:
            raise KeyboardInterrupt

    def _one(self, frame: Image) -> Tracks:
        start = time.perf_counter()
        seen: Any = frame
        if self.given is not None:
            number = self.source.number
            seen = self.given[number] if number < len(self.given) else Detections.nothing()
        tracks = self.tracker.step(seen)
        self.seconds.append(time.perf_counter() - start)
        return tracks

    def _write(self, tracks: Tracks) -> None:
        """`frame,id,left,top,width,height,score,class,-1,-1`, all from 1; class -1 where there is one."""
        for line in mot_lines(track_rows(self.source.number + FIRST_FRAME, tracks)).splitlines():
            self._log.write(line.split(","))
        self.identities.update(tracks.ids.tolist())
        self.boxes += len(tracks)
        self.frames += 1

    def _draw(self, frame: Image, tracks: Tracks, scale: float) -> Image:
        labels, names = [str(one) for one in tracks.ids.tolist()], self.origin.get("classes")
        if names and tracks.classes is not None:
            labels = [f"{names[kind]} {one}" for kind, one in zip(tracks.classes.tolist(), labels, strict=True)]
        return annotate_tracks(frame, tracks.boxes_xywh * scale, tracks.ids.tolist(), labels)

    def _finish(self) -> None:
        self._log.finish(keep=self.frames > 0)
        if not self.frames:
            return
        write_json(
            self.folder / "tracks.json",
            {
                **self.source.origin(),
                "frames": self.frames,
                "identities": len(self.identities),
                "boxes": self.boxes,
                "ended_by": self.end,
                "notes": list(self.source.notes),
                **self.origin,
                "dmtrack_version": __version__,
                "speed": latency(self.seconds),
            },
        )

    def report(self, console: Console) -> None:
        """Prints what was found and where everything is."""
        if not self.frames:
            return
        console.print(f"{self.frames} frames, {len(self.identities)} identities, {self.boxes} boxes")
        for note in self.source.notes:
            console.print(f"note: {note}", soft_wrap=True)
        speed = latency(self.seconds)
        console.print(
            f"{self.tracker.name}: {speed['mean_fps']:.1f} frames/s on average, latency p50 "
            f"{speed['latency_p50_ms']:.1f} ms, p95 {speed['latency_p95_ms']:.1f} ms (without decoding and drawing)",
            soft_wrap=True,
        )
        for path in (self._log.path, self.folder / "tracks.json", self.video_path):
            if path is not None and path.exists():
                console.print(f"  {path}", soft_wrap=True)
