"""A policy runs again on stored detections, without the network, to the very boxes and scores of the live run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dmtrack.association.detections import Detections
from dmtrack.association.policy import MultiObjectPolicy, TargetPolicy, TimelineView
from dmtrack.association.timeline import Timeline, TimelineRecorder
from dmtrack.data.sequences import Sequence
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.results import BOX_DECIMALS, SequenceResult
from dmtrack.running.cached_tracker import PolicyOrigin, describe
from dmtrack.running.detection_cache import DetectionCache
from dmtrack.running.one_sequence import check_kind, first_box_of, track_rows
from dmtrack.running.sweeps.benchmarks import BenchmarkChoice
from dmtrack.running.sweeps.running import cache_of
from dmtrack.running.sweeps.settings import SweepSettings


@dataclass(frozen=True)
class Replay:
    """What a policy said of one sequence.

    Attributes:
        boxes_xywh: (frames, 4) float64, unrounded; the first row is the given box.
        scores: (frames,) in [0, 1].
        present: (frames,) whether the target is there; of many objects, whether anything is.
        seconds: that deciding took, reading of the stored detections included.
        timeline: of the decisions; None where none was asked for.
        tracks: (n, 9) of many objects, see `SequenceResult`; boxes and scores are empty then.
    """

    boxes_xywh: NDArray[np.float64]
    scores: NDArray[np.float64]
    present: NDArray[np.bool_]
    seconds: float
    timeline: Timeline | None = None
    tracks: NDArray[np.float64] | None = None

    @property
    def frames_per_second(self) -> float:
        """Of the policy on one core."""
        return len(self.present) / max(self.seconds, 1e-9)

    def result(self) -> SequenceResult:
        """As results are stored and scored: rounded, and without times, which would be none of the whole tracker."""
        if self.tracks is not None:
            return SequenceResult(self.boxes_xywh, tracks=self.tracks)
        return SequenceResult(np.round(self.boxes_xywh, BOX_DECIMALS), None, self.scores, self.present)


def replay_sequence(
    sequence: Sequence,
    detections: Iterable[Detections],
    template_embedding: NDArray[np.float16],
    policy: TargetPolicy,
    timeline: bool = False,
    on_frame: Callable[[], object] | None = None,
) -> Replay:
    """Runs a policy over the detections of a whole sequence.

    Args:
        sequence: whose first true box starts the policy, and whose truth the timeline shows.
        detections: one per frame, the first frame included, such as `CachedDetections`.
        template_embedding: (channels,) of the first frame's template.
        policy: decides.
        timeline: keep every decision for a timeline; the policy must have a timeline view.
        on_frame: called after each frame.

    Raises:
        EvaluationError: the first frame has no box, or the policy keeps nothing to show.
    """
    recorder = TimelineRecorder(shown_view(policy.timeline_view, type(policy).__name__)) if timeline else None
    first_box = first_box_of(sequence)
    boxes, scores, present = [first_box], [1.0], [True]
    seconds = 0.0
    begun = time.perf_counter()
    for frame, found in enumerate(detections):
        if frame == 0:
            answer = policy.start(first_box.copy(), template_embedding, found)
        else:
            answer = policy.step(found)
            boxes.append(answer.box_xywh)
            scores.append(float(answer.score))
            present.append(bool(answer.present))
        if recorder is not None or on_frame is not None:
            seconds += time.perf_counter() - begun
            if recorder is not None:
                recorder.add(answer, sequence.boxes_xywh[frame])
            if on_frame is not None:
                on_frame()
            begun = time.perf_counter()
    seconds += time.perf_counter() - begun
    shown = None if recorder is None else recorder.timeline(sequence.name)
    return Replay(np.array(boxes), np.array(scores), np.array(present), seconds, shown)


def replay_everything(
    detections: Iterable[Detections], policy: MultiObjectPolicy, on_frame: Callable[[], object] | None = None
) -> Replay:
    """Runs a multi-object policy over the detections of a whole video.

    Args:
        detections: one per frame.
        policy: gives identities.
        on_frame: called after each frame.
    """
    policy.reset()
    rows, present = [np.zeros((0, 9))], []
    seconds = 0.0
    for number, found in enumerate(detections, start=1):
        begun = time.perf_counter()
        tracks = policy.step(found)
        seconds += time.perf_counter() - begun
        rows.append(track_rows(number, tracks))
        present.append(len(tracks) > 0)
        if on_frame is not None:
            on_frame()
    return Replay(np.zeros((0, 4)), np.zeros(0), np.array(present, bool), seconds, tracks=np.concatenate(rows))


def shown_view(view: TimelineView | None, name: str) -> TimelineView:
    """The view itself of a policy whose timeline is asked for.

    Raises:
        EvaluationError: there is none, because the policy keeps no tracklets.
    """
    if view is None:
        raise EvaluationError(
            f"{name} takes the best candidate of every frame and keeps no tracklets, so there is no timeline of its "
            "decisions; leave --timeline out, or use a ReIDTracker (--set tracker.type=ReIDTracker)"
        )
    return view


@dataclass(frozen=True)
class ReplayPlan:
    """One tracker on the opened sequences of one benchmark, known to have detections of its own model there."""

    name: str
    benchmark: BenchmarkChoice
    sequences: list[Sequence]
    cache: DetectionCache
    origin: PolicyOrigin

    def run(self, timeline: bool, on_frame: Callable[[], object] | None = None) -> Iterator[tuple[Sequence, Replay]]:
        """Replays the sequences one by one."""
        for sequence in self.sequences:
            stored = self.cache.open(sequence)
            policy = self.origin.policy()
            if self.origin.many_objects:
                yield sequence, replay_everything(stored, policy, on_frame)
            else:
                yield sequence, replay_sequence(sequence, stored, stored.template_embedding, policy, timeline, on_frame)


def plan_replays(settings: SweepSettings) -> list[ReplayPlan]:
    """Every tracker on every benchmark, all that can be wrong with them found first.

    Raises:
        EvaluationError: a tracker does not decide on detections alone; nothing is stored, or that of another model, k
            or sequence.
        DMTrackError: a config or a benchmark cannot be opened.
    """
    plans: list[ReplayPlan] = []
    root = settings.cache
    if root is None or not root.is_dir():
        raise EvaluationError(
            f"{root} is no folder of stored detections; make one with `dmtrack cache build` and the same options, or "
            "give --cache FOLDER"
        )
    origins = [(tracker, describe(tracker.choice)) for tracker in settings.trackers]
    for benchmark in settings.benchmarks:
        for _, origin in origins:
            check_kind(origin.name, origin.many_objects, f"benchmark {benchmark.title}", benchmark.files.tracks)
        sequences = list(benchmark.opener()())
        for tracker, origin in origins:
            cache = cache_of(root, benchmark, origin.detections)
            cache.require()
            for sequence in sequences:
                cache.open(sequence)
            plans.append(ReplayPlan(tracker.name or origin.name, benchmark, sequences, cache, origin))
    places = [(plan.benchmark.title, plan.name) for plan in plans]
    for place in places:
        if places.count(place) > 1:
            raise EvaluationError(f"two trackers are called {place[1]!r}; give one a `name:` of its own")
    return plans
