"""The work behind `dmtrack track`: frames in, boxes and an annotated video out."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, SpinnerColumn, TimeRemainingColumn
from rich.progress import Task as ProgressTask
from rich.text import Text

from dmtrack import __version__
from dmtrack.boxes import check_first_box_xywh
from dmtrack.cli.track_output import BoxLog, Latency, default_folder
from dmtrack.cli.track_targets import Targets, TrackTimelines
from dmtrack.errors import BoxError, DMTrackError
from dmtrack.files import check_writable_folder
from dmtrack.media.images import Image
from dmtrack.media.video import FrameSource, VideoWriter, open_frames
from dmtrack.media.window import PreviewWindow, select_box, why_no_windows
from dmtrack.tracking.base import TrackResult
from dmtrack.tracking.loading import LoadedTracker, assemble_tracker

_FPS_OF_FOLDERS = 25.0
END_OF_SOURCE = "end of the source"


@dataclass(frozen=True)
class TrackJob:
    """The options of `dmtrack track`; without `boxes_xywh` the user drags one."""

    source: str
    boxes_xywh: tuple[tuple[float, float, float, float], ...] = ()
    config: str | None = None
    weights: str | None = None
    device: str | None = None
    precision: str | None = None
    overrides: tuple[str, ...] = ()
    output: Path | None = None
    video: bool = True
    timeline: bool = False
    show: bool | None = None


def run(job: TrackJob) -> dict[str, Any]:
    """Tracks, writes the results, prints where they are.

    Returns:
        The metadata of `boxes.json`.

    Raises:
        DMTrackError: something in the job cannot be used; what was tracked before it is kept.
        KeyboardInterrupt: Ctrl-C on a file; what was tracked before it is kept. On a camera Ctrl-C is a normal end.
    """
    console = Console()
    with open_frames(job.source) as source:
        folder = check_writable_folder(job.output or default_folder(source.name, reuse=not source.live))
        preview = _preview(job.show, source.live)
        boxes_xywh = _first_boxes(job, source, console)
        loaded = assemble_tracker(job.config, job.weights, job.device, job.precision, job.overrides)
        targets = Targets(loaded.tracker, boxes_xywh)
        timelines = TrackTimelines(loaded.tracker, len(boxes_xywh)) if job.timeline else None
        session = TrackingSession(source, loaded, targets, folder, job.video, preview, timelines)
        try:
            session.track(console)
        finally:
            session.report(console)
    return session.metadata()


def _first_boxes(job: TrackJob, source: FrameSource, console: Console) -> tuple[tuple[float, ...], ...]:
    chosen = job.boxes_xywh
    if not chosen:
        dragged = select_box(source.first_frame, f"dmtrack: {source.name}")
        if dragged is None:
            raise BoxError("no box was selected, nothing was tracked; drag one and press Enter, or use --box x,y,w,h")
        chosen = (dragged,)
        console.print("selected: --box " + ",".join(f"{value:g}" for value in dragged))
    return tuple(tuple(check_first_box_xywh(box, *source.size_wh).tolist()) for box in chosen)


def _preview(show: bool | None, live: bool) -> PreviewWindow | None:
    if show is False or (show is None and not live):
        return None
    reason = why_no_windows()
    if reason is None:
        return PreviewWindow()
    if show:
        raise DMTrackError(f"--show cannot open a window because {reason}; leave --show out")
    return None


class TrackingSession:
    """One run through one source."""

    def __init__(
        self,
        source: FrameSource,
        loaded: LoadedTracker,
        targets: Targets,
        folder: Path,
        video: bool,
        preview: PreviewWindow | None,
        timelines: TrackTimelines | None = None,
    ) -> None:
        self.source = source
        self.loaded = loaded
        self.targets = targets
        self.timelines = timelines
        self.folder = folder
        self.video_path = folder / "annotated.mp4" if video else None
        self.preview = preview
        self.latency = Latency()
        self.present = [0] * len(targets)
        self.end = END_OF_SOURCE
        self._log = BoxLog(folder, len(targets))
        self._writer: VideoWriter | None = None
        self.timeline_paths: list[Path] = []

    @property
    def frames(self) -> int:
        """Frames done so far."""
        return self._log.frames

    def track(self, console: Console) -> None:
        """Goes through the frames; whatever ends it, the files of the frames so far are put in their places."""
        try:
            with contextlib.ExitStack() as stack:
                # The boxes are closed last, and so even if the video cannot be.
                stack.callback(lambda: self._log.finish(self.metadata()))
                if self.timelines is not None:
                    stack.callback(self._write_timelines)
                if self.preview is not None:
                    stack.callback(self.preview.close)
                if self.video_path is not None:
                    fps = self.source.fps or _FPS_OF_FOLDERS
                    self._writer = stack.enter_context(VideoWriter(self.video_path, fps, self.source.size_wh))
                self._go_through(stack.enter_context(_progress(console)))
        except KeyboardInterrupt:
            if not self.source.live:
                raise

    def _go_through(self, progress: Progress) -> None:
        task = progress.add_task("tracking", total=self.source.frame_count)
        try:
            with interrupt_between_frames() as interrupt:
                for frame in self.source:
                    results = self._one(frame)
                    self._log.add(results)
                    self.present = [count + result.present for count, result in zip(self.present, results, strict=True)]
                    if self.timelines is not None:
                        self.timelines.add(frame)
                    going_on = self._picture(frame, results)
                    progress.advance(task)
                    if interrupt.requested:
                        raise KeyboardInterrupt
                    if not going_on:
                        self.end = "stopped by the user"
                        break
            progress.update(task, total=self.frames)
        except KeyboardInterrupt:
            self.end = "stopped by the user"
            raise
        except DMTrackError as error:
            self.end = f"error: {error}"
            raise

    def _one(self, frame: Image) -> list[TrackResult]:
        if self.frames == 0:
            return self.targets.init(frame)
        start = time.perf_counter()
        results = self.targets.step(frame)
        self.latency.add(time.perf_counter() - start)
        return results

    def _picture(self, frame: Image, results: list[TrackResult]) -> bool:
        """Draws, writes and shows; False once the user wants to stop."""
        if self._writer is None and self.preview is None:
            return True
        annotated = self.targets.annotate(frame, results)
        if self._writer is not None:
            self._writer.write(annotated)
        return self.preview is None or self.preview.show(annotated)

    def _write_timelines(self) -> None:
        assert self.timelines is not None
        self.timeline_paths = self.timelines.write(self.folder, Path(self.source.name).name)

    def metadata(self) -> dict[str, Any]:
        """Everything that is needed to know where the boxes come from, and to track again."""
        return {
            "source": self.source.name,
            "fps": self.source.fps,
            "size_wh": list(self.source.size_wh),
            "frames": self.frames,
            "frames_present": self.present if len(self.targets) > 1 else self.present[0],
            "ended_by": self.end,
            **self.targets.metadata(),
            "box_format": "left, top, width, height in 0-based pixels of the frame",
            **self.loaded.origin(),
            "dmtrack_version": __version__,
            "speed": self.latency.summary(),
            **({} if self.timelines is None else {"events": self.timelines.events()}),
        }

    def report(self, console: Console) -> None:
        """Prints where everything is and how fast it was."""
        if not self.frames:
            return
        present = ", ".join(map(str, self.present))
        console.print(f"{self.frames} frame{'s' if self.frames != 1 else ''}, target present in {present}")
        declared = self.source.frame_count
        # Containers may be a few frames off, so only a clear difference is worth a word.
        if self.end == END_OF_SOURCE and declared is not None and self.frames < 0.9 * declared:
            console.print(
                f"note: {self.source.name} declares {declared} frames, but no more could be decoded; it may be cut off",
                soft_wrap=True,
            )
        speed = self.latency.summary()
        if speed:
            console.print(
                f"tracker: {speed['mean_fps']:.1f} frames/s on average, latency p50 {speed['latency_p50_ms']:.1f} ms, "
                f"p95 {speed['latency_p95_ms']:.1f} ms (decoding and drawing not included)"
            )
        for path in (self._log.csv_path, self._log.json_path, self.video_path, *self.timeline_paths):
            if path is not None and path.exists():
                console.print(f"  {path}", soft_wrap=True)


@dataclass
class Interrupt:
    """Whether Ctrl-C was pressed."""

    requested: bool = False


@contextlib.contextmanager
def interrupt_between_frames() -> Iterator[Interrupt]:
    """Inside, the first Ctrl-C only leaves a note, so that no frame is left half done; the second interrupts."""
    interrupt = Interrupt()

    def on_signal(number: int, stack: Any) -> None:
        if interrupt.requested:
            signal.default_int_handler(number, stack)
        interrupt.requested = True

    if threading.current_thread() is not threading.main_thread():
        yield interrupt  # only the main thread may handle signals
        return
    before = signal.signal(signal.SIGINT, on_signal)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, before)


class _RateColumn(ProgressColumn):
    """Frames per second, decoding and drawing included."""

    def render(self, task: ProgressTask) -> Text:
        """The rate as text."""
        return Text(f"{task.speed:.1f} frames/s" if task.speed else "")


def _progress(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        "{task.description}",
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(),
        TimeRemainingColumn(),
        console=console,
    )
