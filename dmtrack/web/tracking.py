"""Trackers under the page: one thread gives every running project a frame in turn, and all share one model."""

from __future__ import annotations

import copy
import functools
import math
import threading
import time
from array import array
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dmtrack.boxes import paired_iou_xyxy, pairwise_iou_xyxy, xywh_to_xyxy
from dmtrack.errors import DMTrackError
from dmtrack.media.random_access import RandomFrames
from dmtrack.running.box_log import latency
from dmtrack.tracking.base import Tracker, TrackResult
from dmtrack.web.live import LiveFrames
from dmtrack.web.project import Project
from dmtrack.web.targets import Segment, Target, tracklets_seen

State = Literal["waiting", "tracking", "paused", "done", "cancelled", "failed"]

ACTIVE = ("waiting", "tracking", "paused")

SAVE_EVERY = 2.0
"""Seconds between writings of what a tracker found."""

REMEMBERED_ROWS = 4000
"""Rows that a page which was away for a moment can still ask for; one that was away longer reads all again."""

ALIKE = 0.5
"""Overlap from which forward and backward boxes are one object, and their weighted mean is taken."""

Row = tuple[int, NDArray[np.float32], NDArray[np.void] | None]
"""Frame, row of the table, and the tracklets in sight where they are those to show."""


class Trackers:
    """Trackers by the names of their configs; the model of each is loaded once and shared.

    Args:
        device: of all, as `load_tracker` takes it.
        precision: of all.
        own: weights and config values of single configs, where they are not those that ship.
    """

    def __init__(
        self,
        device: str | None = None,
        precision: str | None = None,
        own: Mapping[str, tuple[str | Path | None, tuple[str, ...]]] | None = None,
    ) -> None:
        self._device, self._precision, self._own = device, precision, dict(own or {})
        self._loaded: dict[str, Tracker] = {}
        self._turn = threading.Lock()

    def fresh(self, config: str) -> Tracker:
        """A tracker that can be given a target, with the model of the others of its config.

        Raises:
            ConfigError: the config is unknown.
            WeightsError: it has no weights.
        """
        with self._turn:
            if config not in self._loaded:
                from dmtrack.tracking.loading import assemble_tracker  # loads PyTorch, which takes seconds

                weights, overrides = self._own.get(config, (None, ()))
                loaded = assemble_tracker(config, weights, self._device, self._precision, overrides)
                self._loaded[config] = loaded.target_tracker
        # `init` replaces whatever belongs to a target, and changes nothing of it in place.
        return copy.copy(self._loaded[config])


def track_segment(frames: RandomFrames, tracker: Callable[[], Tracker], segment: Segment) -> Iterator[Row]:
    """The rows of a segment, whose key frames are left out.

    Forward from the first box, backward from the last one, or, between two, both ways: then the rows come forward as
    they are found, and once more when both are known and are fused.

    Args:
        frames: of the video.
        tracker: gives a fresh one.
        segment: which frames, and the boxes at its ends.
    """
    forward: dict[int, NDArray[np.float32]] = {}
    last = segment.last - (segment.end_xywh is not None)
    if segment.start_xywh is not None:
        following = tracker()
        following.init(frames.read(segment.first), segment.start_xywh)
        for number in range(segment.first + 1, last + 1):
            forward[number] = _row(following.step(frames.read(number)))
            yield number, forward[number], tracklets_seen(following, segment.first)
    if segment.end_xywh is None:
        return
    first = segment.first + (segment.start_xywh is not None)
    going_back = tracker()
    going_back.init(frames.read(segment.last), segment.end_xywh)
    for number, frame in frames.backwards(last, first):
        row = _row(going_back.step(frame))
        share = (number - segment.first) / (segment.last - segment.first)
        if forward:
            yield number, fuse(forward[number], row, share), None
        else:
            yield number, row, tracklets_seen(going_back, segment.first)


def fuse(forward: NDArray[np.float32], backward: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """One row of two trackers that come from both ends of a segment.

    Each counts by its score and by how near its key frame is. Boxes that overlap by `ALIKE` are averaged; of others the
    one that counts more is taken, and the one that calls the target present before the one that does not.

    Args:
        forward: (7,) from the earlier key frame: x, y, w, h, score, presence, strongest look-alike.
        backward: (7,) from the later one.
        share: of the way from the earlier key frame to the later one, in (0, 1).
    """
    if forward[5] != backward[5]:
        return forward if forward[5] > backward[5] else backward
    weights = np.array([(1 - share) * max(forward[4], 1e-3), share * max(backward[4], 1e-3)])
    weights /= weights.sum()
    stronger = forward if weights[0] >= weights[1] else backward
    boxes_xyxy = xywh_to_xyxy([forward[:4], backward[:4]])
    if paired_iou_xyxy(boxes_xyxy[:1], boxes_xyxy[1:])[0] < ALIKE:
        return stronger
    fused = stronger.copy()
    fused[:5] = weights[0] * forward[:5] + weights[1] * backward[:5]
    return fused


def _row(result: TrackResult) -> NDArray[np.float32]:
    """What a tracker says of a frame, and the score of the best candidate that is another object."""
    rival = math.nan
    if len(result.candidates):
        found_xyxy = xywh_to_xyxy(result.box_xywh)[None]
        others = pairwise_iou_xyxy(result.candidates.boxes_xyxy, found_xyxy)[:, 0] < ALIKE
        if others.any():
            rival = float(result.candidates.scores[others].max())
    return np.array([*result.box_xywh, result.score, result.present, rival], np.float32)


@dataclass
class Run:
    """One project while it is tracked.

    Attributes:
        project: whose targets are tracked.
        todo: targets and segments that are left.
        total: frames of all of them; both ways count twice.
        done: frames so far.
        state: what it is doing.
        error: the sentence of what ended it.
        seconds: that the last steps took, without waiting for others; of a live source from when a frame arrived.
        live: what arrives, where the source is live.
        rows: the last rows with their serial numbers, for pages that watch.
        serial: of the last row.
    """

    project: Project
    todo: list[tuple[Target, Segment]]
    total: int
    done: int = 0
    state: State = "waiting"
    error: str = ""
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=300))
    rows: deque[tuple[int, int, int, list[float | None]]] = field(default_factory=lambda: deque(maxlen=REMEMBERED_ROWS))
    serial: int = 0
    live: LiveFrames | None = None
    started: float = field(default_factory=time.monotonic)

    def describe(self) -> dict[str, Any]:
        """State, progress, rate, seconds to go and latency."""
        elapsed = max(time.monotonic() - self.started, 1e-6)
        rate = self.done / elapsed
        speed = latency(array("f", self.seconds))
        known = rate and self.state == "tracking" and self.live is None
        left = round((self.total - self.done) / rate, 1) if known else None
        return {
            "state": self.state,
            "error": self.error,
            "done": self.done,
            "total": self.total,
            "dropped": None if self.live is None else self.live.newest.dropped,
            "frames_per_second": round(rate, 2),
            "seconds_left": left,
            "latency_p50_ms": round(speed.get("latency_p50_ms", 0.0), 1),
            "latency_p95_ms": round(speed.get("latency_p95_ms", 0.0), 1),
        }

    def remember(self, target: int, frame: int, row: NDArray[np.float32]) -> None:
        """Keeps a row for the pages that watch."""
        self.serial += 1
        values = [round(float(value), 3) if math.isfinite(value) else None for value in row]
        self.rows.append((self.serial, target, frame, values))

    def after(self, serial: int) -> list[tuple[int, int, int, list[float | None]]] | None:
        """Rows behind a serial number; None where some of them are no longer remembered."""
        rows = [row for row in list(self.rows) if row[0] > serial]
        return rows if not rows or rows[0][0] == serial + 1 else None


class BusyError(DMTrackError):
    """The server does as much as it is allowed to."""


class TrackingThread:
    """Tracks all running projects, one frame of each in turn, so that none waits for the end of another.

    Args:
        trackers: what tracks.
        most_runs: projects that may be tracked at once.

    Attributes:
        runs: what every project is doing, or did last.
    """

    def __init__(self, trackers: Trackers, most_runs: int = 8) -> None:
        self._trackers, self.most_runs = trackers, most_runs
        self.runs: dict[str, Run] = {}
        self._turns: deque[tuple[Run, Generator[None]]] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="tracking", daemon=True)
        self._thread.start()

    def start(
        self,
        project: Project,
        open_frames: Callable[[], RandomFrames],
        backwards: bool = False,
        live: LiveFrames | None = None,
    ) -> Run | None:
        """Tracks whatever a project waits for; None where that is nothing. A run that goes on is replaced.

        Args:
            project: whose targets are tracked.
            open_frames: gives a decoder of its own.
            backwards: also before the first box of each target.
            live: what arrives instead, until the run is cancelled.

        Raises:
            BusyError: too many projects are tracked at once.
        """
        with self._changed:
            self._cancel(project.id)
            with project.lock:
                todo = [
                    (target, segment)
                    for target in project.targets.values()
                    for segment in target.segments(project.config, backwards)
                    if segment not in target.done
                ]
            if live is not None:  # there is nothing yet behind its first frame
                todo = [(target, Segment(0, 0, target.key_frames[0].box_xywh, None, project.config))
                        for target in project.targets.values() if 0 in target.key_frames]  # fmt: skip
            if not todo:
                return None
            if sum(run.state in ACTIVE for run in self.runs.values()) >= self.most_runs:
                raise BusyError(f"{self.most_runs} videos are tracked at once, and no more; try again when one is done")
            run = Run(project, todo, sum(segment.steps for _, segment in todo), live=live)
            self.runs[project.id] = run
            self._turns.append((run, self._steps(run, open_frames) if live is None else self._follow(run, live)))
            project.use(tracking=True)
            self._changed.notify_all()
            return run

    def set_state(self, project_id: str, state: State) -> None:
        """Pauses, continues (`tracking`) or cancels; nothing happens where nothing runs."""
        with self._changed:
            run = self.runs.get(project_id)
            if run is not None and run.state in ACTIVE:
                self._cancel(project_id) if state == "cancelled" else setattr(run, "state", state)
                if run.live is not None and state == "cancelled":
                    run.state = "done"  # how every live run ends
                self._changed.notify_all()

    def stop(self) -> None:
        """Ends the thread; what was found so far is written, and the projects go on when they are opened again."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()

    def _cancel(self, project_id: str) -> None:
        run = self.runs.get(project_id)
        if run is not None and run.state in ACTIVE:
            run.state = "cancelled"
            run.project.use(tracking=False)

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._stopping and all(run.state == "paused" for run, _ in self._turns):
                    self._changed.wait()
                if self._stopping:
                    break
                self._turns.rotate(-1)
                run, steps = self._turns[-1]
                if run.state == "waiting":
                    run.state = "tracking"
            try:
                if run.state == "tracking":
                    next(steps)
            except StopIteration:
                run.state = "done"
            except DMTrackError as error:
                run.state, run.error = "failed", str(error)
            if run.state not in ACTIVE:
                self._end(run, steps)
        for _, steps in self._turns:
            steps.close()

    def _end(self, run: Run, steps: Generator[None]) -> None:
        with self._changed:
            self._turns.remove((run, steps))
        steps.close()
        if self.runs.get(run.project.id) is run:
            run.project.use(tracking=False)

    def _steps(self, run: Run, open_frames: Callable[[], RandomFrames]) -> Generator[None]:
        """One frame after the other; rows are in the project's tables at once, and on disk every few seconds."""
        project, saved = run.project, time.monotonic()
        frames = open_frames()
        try:
            for target, segment in run.todo:
                fresh = functools.partial(self._trackers.fresh, segment.config)
                rows = track_segment(frames, fresh, segment)
                start = time.perf_counter()
                for number, row, seen in rows:
                    run.seconds.append(time.perf_counter() - start)
                    run.done += 1
                    with project.lock:
                        if project.targets.get(target.number) is not target:
                            break
                        if seen is not None:
                            target.tracklets[number] = seen
                        if number not in target.key_frames:
                            target.rows[number] = row
                            run.remember(target.number, number, row)
                    if time.monotonic() - saved > SAVE_EVERY:
                        project.save()
                        saved = time.monotonic()
                    yield
                    start = time.perf_counter()
                else:
                    target.finish(segment)
                    project.save()
        finally:
            frames.close()
            project.save()

    def _follow(self, run: Run, live: LiveFrames) -> Generator[None]:
        """One frame of a live source after the other, as they arrive; when it is over, its recording is the video."""
        project, saved = run.project, time.monotonic()
        followed: dict[int, Tracker] = {}
        try:
            for target, segment in run.todo:
                followed[target.number] = self._trackers.fresh(segment.config)
                followed[target.number].init(live.source.first_frame, target.key_frames[0].box_xywh)
            while not live.newest.ended:
                arrival = live.take(0.01)
                if arrival is not None:
                    frame = live.count - 1
                    project.resize(frame + 1)
                    for number in followed.keys() & project.targets.keys():
                        row = _row(followed[number].step(arrival.image))
                        with project.lock:
                            if number in project.targets:
                                project.targets[number].rows[frame] = row
                                project.targets[number].tracklets[frame] = tracklets_seen(followed[number], 0)
                                run.remember(number, frame, row)
                    run.seconds.append(time.perf_counter() - arrival.at)
                    run.done += 1
                    if time.monotonic() - saved > SAVE_EVERY:
                        project.save()
                        saved = time.monotonic()
                yield
        finally:
            live.close()
            with project.lock:
                project.live = False
                project.revision += 1
                for number in followed.keys() & project.targets.keys():
                    target = project.targets[number]
                    for segment in target.segments(project.config):
                        if segment.first == 0 and segment.end_xywh is None:
                            target.finish(segment)
            project.save()
