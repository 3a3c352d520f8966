"""Following the targets of a live source in the frames as they arrive."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator

from dmtrack.tracking.base import Tracker
from dmtrack.web.live import LiveFrames
from dmtrack.web.project import Project
from dmtrack.web.runs import ACTIVE, SAVE_EVERY, Run
from dmtrack.web.segments import row_of
from dmtrack.web.targets import Segment, Target, tracklets_seen


def first_segments(project: Project) -> list[tuple[Target, Segment]]:
    """The targets that are drawn in the first frame of a live source, behind which there is nothing yet."""
    return [
        (target, Segment(0, 0, target.key_frames[0].box_xywh, None, project.config))
        for target in project.targets.values()
        if 0 in target.key_frames
    ]


def follow(run: Run, live: LiveFrames, fresh: Callable[[str], Tracker]) -> Generator[None]:
    """One frame of a live source after the other, as they arrive; when it is over, its recording is the video.

    Args:
        run: whose first segments name the targets.
        live: what arrives; it is closed at the end.
        fresh: gives a tracker of a config.
    """
    project, saved = run.project, time.monotonic()
    followed: dict[int, Tracker] = {}
    try:
        for target, segment in run.todo:
            followed[target.number] = fresh(segment.config)
            followed[target.number].init(live.source.first_frame, target.key_frames[0].box_xywh)
        run.started, run.missed = time.monotonic(), live.newest.dropped  # while a box was drawn and the model loaded
        while not live.newest.ended:
            arrival = live.take(0.01)
            if arrival is not None:
                frame = live.count - 1
                project.resize(frame + 1)
                for number in followed.keys() & project.targets.keys():
                    row = row_of(followed[number].step(arrival.image))
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
            if run.state in ACTIVE and live.newest.ended:  # nobody stopped it here
                why = live.newest.last_words or "the source sends nothing any more"
                project.note = f"{project.name} has ended ({why}); {project.count} recorded frames are left"
            project.live = False
            project.revision += 1
            for number in followed.keys() & project.targets.keys():
                target = project.targets[number]
                for segment in target.segments(project.config):
                    if segment.first == 0 and segment.end_xywh is None:
                        target.finish(segment)
        project.save()
