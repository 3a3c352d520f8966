"""Trackers under the page: one thread gives every running project a frame in turn, and all share one model."""

from __future__ import annotations

import copy
import functools
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping
from pathlib import Path

from dmtrack.errors import DMTrackError
from dmtrack.media.random_access import RandomFrames
from dmtrack.tracking.base import Tracker
from dmtrack.web.following import first_segments, follow
from dmtrack.web.live import LiveFrames
from dmtrack.web.project import Project
from dmtrack.web.runs import ACTIVE, SAVE_EVERY, WORKING, Run, State
from dmtrack.web.segments import track_segment

LONGEST_STEP = 5.0
"""Seconds that the thread is given to end the frame that it is at."""


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
            if live is not None:
                todo = first_segments(project)
            if not todo:
                return None
            if sum(run.state in ACTIVE for run in self.runs.values()) >= self.most_runs:
                raise BusyError(f"{self.most_runs} videos are tracked at once, and no more; try again when one is done")
            run = Run(project, todo, sum(segment.steps for _, segment in todo), live=live)
            self.runs[project.id] = run
            self._turns.append(
                (run, self._steps(run, open_frames) if live is None else follow(run, live, self._trackers.fresh))
            )
            project.use(tracking=True)
            self._changed.notify_all()
            return run

    def set_state(self, project_id: str, state: State) -> None:
        """Pauses, continues (`tracking`) or cancels; nothing happens where nothing runs."""
        with self._changed:
            run = self.runs.get(project_id)
            if run is not None and run.state in ACTIVE:
                if state == "paused":
                    run.halted = run.halted or time.monotonic()
                elif state == "tracking" and run.halted is not None:
                    run.started, run.halted = run.started + time.monotonic() - run.halted, None
                self._cancel(project_id) if state == "cancelled" else setattr(run, "state", state)
                if run.live is not None and state == "cancelled":
                    run.state = "done"  # how every live run ends
                self._changed.notify_all()

    def stop(self) -> None:
        """Ends the thread; what was found so far is written, and the projects go on when they are opened again.

        A model that is being loaded is not waited for: there is nothing yet to be written.
        """
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join(LONGEST_STEP)

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
            try:
                if run.state in WORKING:
                    next(steps)  # the first one loads the model
                    with self._changed:
                        run.state = "tracking" if run.state == "waiting" else run.state
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
            run.halted = run.halted or time.monotonic()
        steps.close()
        if self.runs.get(run.project.id) is run:
            run.project.use(tracking=False)

    def _steps(self, run: Run, open_frames: Callable[[], RandomFrames]) -> Generator[None]:
        """One frame after the other; rows are in the project's tables at once, and on disk every few seconds."""
        project, saved = run.project, time.monotonic()
        frames = open_frames()
        try:
            for config in {segment.config for _, segment in run.todo}:
                self._trackers.fresh(config)
            run.started = time.monotonic()
            yield
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
