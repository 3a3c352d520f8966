"""One video from its first frame to its last: boxes on disk at once, an annotated video, and how fast it was."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console

from dmtrack.boxes import check_distinct_xywh
from dmtrack.errors import DMTrackError
from dmtrack.media.drawing import TARGETS_RGB, annotate
from dmtrack.media.images import Image
from dmtrack.media.video import FrameSource
from dmtrack.media.window import PreviewWindow
from dmtrack.progress import ProgressBar
from dmtrack.running.annotated_video import AnnotatedVideo, default_scale
from dmtrack.running.box_log import BoxLog, latency
from dmtrack.running.unfinished import STATE_FILE, UnfinishedRun
from dmtrack.tracking.base import Tracker, TrackResult

if TYPE_CHECKING:
    from dmtrack.running.many_targets import Everything

FPS_OF_FOLDERS = 25.0
END_OF_SOURCE = "end of the source"

STATE_INTERVAL = 10.0
"""Seconds after which the tracker's state is stored anew: what a kill costs at most."""


class Targets:
    """The targets of one run.

    Args:
        tracker: follows them; for several it needs `init_targets` and `step_targets`.
        boxes_xywh: of the first frame, inside it.

    Raises:
        BoxError: two targets have the same box.
        DMTrackError: several targets, and the tracker follows only one.
    """

    def __init__(self, tracker: Tracker, boxes_xywh: Iterable[tuple[float, ...]]) -> None:
        self.boxes_xywh = tuple(boxes_xywh)
        self.tracker: Any = tracker
        check_distinct_xywh(self.boxes_xywh)
        self.several = len(self.boxes_xywh) > 1
        if self.several and not hasattr(tracker, "step_targets"):
            raise DMTrackError(
                f"{tracker.name} follows one target at a time, and {len(self.boxes_xywh)} boxes were given; run it "
                "once per box, or use a config of a GlobalSearchTracker or ReIDTracker"
            )

    def log(self, source: FrameSource, folder: Path, unfinished: UnfinishedRun | None) -> BoxLog:
        """The boxes of these targets, on disk."""
        return BoxLog(folder, len(self.boxes_xywh), source.frame_names, source.timed, unfinished)

    def init(self, frame: Image) -> list[TrackResult]:
        """The first frame; its answers are the given boxes."""
        if self.several:
            self.tracker.init_targets(frame, np.array(self.boxes_xywh))
        else:
            self.tracker.init(frame, self.boxes_xywh[0])
        return [TrackResult(np.array(box), 1.0, True) for box in self.boxes_xywh]

    def step(self, frame: Image) -> list[TrackResult]:
        """The next frame, one answer per target."""
        return list(self.tracker.step_targets(frame)) if self.several else [self.tracker.step(frame)]

    def annotate(self, frame: Image, results: list[TrackResult], scale: float = 1.0) -> Image:
        """A copy of a frame of some scale with all answers on it, each target in its colour."""
        image = frame
        for number, result in enumerate(results):
            name = f"target {number + 1}" if self.several else "target"
            colour = TARGETS_RGB[number % len(TARGETS_RGB)]
            image = annotate(
                image, np.asarray(result.box_xywh) * scale, result.score, result.present, name=name, colour=colour
            )
        return image

    def metadata(self) -> dict[str, Any]:
        """The given boxes."""
        boxes = [list(box) for box in self.boxes_xywh]
        return {"first_boxes_xywh": boxes} if self.several else {"first_box_xywh": boxes[0]}


class TrackingSession:
    """One run through one source.

    Args:
        source: its frames.
        followed: what is looked for. What it finds in a frame, the log that it gives takes.
        run: what is needed to track again, which tells runs apart.
        folder: of everything that is written.
        video: write an annotated one.
        preview: window that shows the frames.
        timelines: takes what was decided in each frame and writes it, see `dmtrack.pages.timeline.recording`.
        video_scale: size of the annotated video over that of the frames; None is 1, or less for large frames.
        unfinished: the run in the folder that goes on where it was stopped.

    Raises:
        OutputError: the folder cannot be written, or the unfinished run is another one.
        DMTrackError: the tracker does not say what it knows, so that it cannot go on.
    """

    def __init__(
        self,
        source: FrameSource,
        followed: Targets | Everything,
        run: dict[str, Any],
        folder: Path,
        video: bool = True,
        preview: PreviewWindow | None = None,
        timelines: Any = None,
        video_scale: float | None = None,
        unfinished: UnfinishedRun | None = None,
    ) -> None:
        self.source = source
        self.video_scale = default_scale(source.size_wh) if video_scale is None else video_scale
        self.followed = followed
        self.timelines = timelines
        self.folder = folder
        self.video_path = folder / "annotated.mp4" if video else None
        self.preview = preview
        self.seconds = array("f")
        self.end = "an error"  # until it is known better
        self.unfinished, self._run = unfinished, run
        if unfinished is not None:
            unfinished.check(self._run, folder)
        self._log: Any = followed.log(source, folder, unfinished)
        self._earlier_frames = iter(()) if unfinished is None else self._log.earlier()
        if unfinished is None:
            (folder / STATE_FILE).unlink(missing_ok=True)
        self._stored, self._whole, self._hint = time.monotonic(), False, ""
        self._video: AnnotatedVideo | None = None
        # Those with dots are of runs that were killed.
        names = ("annotated.mp4", "timeline*.png", "timeline*.html", ".annotated.*.mp4", ".boxes.*", ".tracks.*")
        files = [path for name in names for path in folder.glob(name)]
        self._earlier = {path: path.stat().st_mtime_ns for path in files}
        self.timeline_paths: list[Path] = []

    def track(self, console: Console) -> None:
        """Goes through the frames; whatever ends it, the files of the frames so far are put in their places."""
        if self._log.note:
            console.print(self._log.note, soft_wrap=True)
        try:
            with contextlib.ExitStack() as stack:
                # The boxes are closed last, and so even if the video cannot be.
                stack.callback(self._finish)
                if self.preview is not None:
                    stack.callback(self.preview.close)
                if self.video_path is not None:
                    fps = self.source.fps or FPS_OF_FOLDERS
                    self._video = stack.enter_context(
                        AnnotatedVideo(
                            self.video_path, fps, self.source.size_wh, self.followed.annotate, self.video_scale
                        )
                    )
                bar = ProgressBar("frames", self.source.frame_count, description="tracking", console=console)
                self._go_through(stack.enter_context(bar))
        except KeyboardInterrupt:
            if not self.source.live:
                raise

    def _finish(self) -> None:
        """Puts the boxes in their place; what an earlier run left beside them would seem to belong to them."""
        for _ in self._earlier_frames:
            pass  # stopped before all of them were seen again; they stay
        if not self._log.frames:
            self._log.discard()  # the first frame was refused: nothing stands for it
            return
        try:
            if self.timelines is not None:
                self.timeline_paths = self.timelines.write(self.folder, Path(self.source.name).name)
        finally:
            self._log.finish(self.metadata())
            if self._whole:
                (self.folder / STATE_FILE).unlink(missing_ok=True)
            for path, changed in self._earlier.items():
                if path.exists() and path.stat().st_mtime_ns == changed:
                    path.unlink()

    def _go_through(self, bar: ProgressBar) -> None:
        try:
            with interrupt_between_frames() as interrupt:
                for frame in self.source:
                    results = self._one(frame)
                    if self.timelines is not None:
                        self.timelines.add(frame)
                    if self._video is not None:
                        self._video.add(frame, results, self.source.time)
                    going_on = self.preview is None or self.preview.show(self.followed.annotate(frame, results))
                    bar.advance()
                    if interrupt.requested or time.monotonic() - self._stored > STATE_INTERVAL:
                        self._store()
                    if interrupt.requested:
                        raise KeyboardInterrupt
                    if not going_on:
                        self.end = "stopped by the user"
                        break
                else:
                    self.end = END_OF_SOURCE
            self._whole = True
            bar.update(total=self._log.frames)
        except KeyboardInterrupt:
            self.end = "stopped by the user"
            raise
        except Exception as error:
            self.end = f"error: {error}"
            raise

    def _one(self, frame: Image) -> Any:
        """What is found in the next frame, from the rows of the unfinished run where it has been there."""
        first = self._log.frames == 0
        start = time.perf_counter()
        found = self.followed.init(frame) if first else None
        if (earlier := next(self._earlier_frames, None)) is not None:
            if self.unfinished is not None and self._log.frames == self.unfinished.frames:
                self.followed.tracker.restore(self.unfinished.snapshot)
            return earlier
        if not first:
            found = self.followed.step(frame)
            self.seconds.append(time.perf_counter() - start)
        self._log.add(found, self.source.number, self.source.time)
        return found

    def _store(self) -> None:
        """Keeps what the tracker knows, where it can say that and the source can be gone through again."""
        self._stored = time.monotonic()
        if self.unfinished is not None and self._log.frames <= self.unfinished.frames:
            return  # more than that is kept already
        try:
            state = None if self.source.live else self.followed.tracker.snapshot()
        except DMTrackError as error:  # somebody's own tracker
            state, self._hint = None, f"{error}, so this run cannot go on exactly where it was stopped."
        if state is not None:
            UnfinishedRun(self._run, self._log.frames, self._log.saved_bytes(), state).write(self.folder)
            self._hint = "The same command with --resume goes on from here."

    def metadata(self) -> dict[str, Any]:
        """Everything that is needed to know where the boxes come from, and to track again."""
        return {
            **self._run,
            "frames": self._log.frames,
            **self._log.counts()[0],
            "ended_by": self.end,
            "notes": list(self.source.notes),
            "box_format": self._log.box_format,
            "speed": latency(self.seconds),
            **({} if self.timelines is None else {"events": self.timelines.events()}),
        }

    def report(self, console: Console) -> None:
        """Prints where everything is and how fast it was."""
        if not self._log.frames:
            return
        console.print(f"{self._log.frames} frame{'s' if self._log.frames != 1 else ''}, {self._log.counts()[1]}")
        for note in self.source.notes:
            console.print(f"note: {note}", soft_wrap=True)
        if speed := latency(self.seconds):
            computed = f", in {self._run['precision']} on {self._run['device']}" if self._run.get("precision") else ""
            console.print(
                f"tracker: {speed['mean_fps']:.1f} frames/s on average, latency p50 {speed['latency_p50_ms']:.1f} ms, "
                f"p95 {speed['latency_p95_ms']:.1f} ms (decoding and drawing not included){computed}"
            )
        for path in (*self._log.paths, self.video_path, *self.timeline_paths):
            if path is not None and path.exists():
                console.print(f"  {path}", soft_wrap=True)
        if self._hint and not self._whole:
            console.print(self._hint, soft_wrap=True)


@dataclass
class Interrupt:
    """Whether somebody asked the program to stop: with Ctrl-C, or as `kill` and batch systems do."""

    requested: bool = False


@contextlib.contextmanager
def interrupt_between_frames() -> Iterator[Interrupt]:
    """Inside, the first Ctrl-C or SIGTERM only leaves a note, so that no frame is left half done; a second acts."""
    interrupt = Interrupt()

    def on_signal(number: int, stack: Any) -> None:
        if interrupt.requested:
            signal.default_int_handler(number, stack)
        interrupt.requested = True

    if threading.current_thread() is not threading.main_thread():
        yield interrupt  # only the main thread may handle signals
        return
    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
