"""The demo of many objects: one detector and several association policies on generated crowds, scored and drawn."""

from __future__ import annotations

import os
import platform
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from dmtrack import __version__
from dmtrack.data.benchmarks import get_benchmark
from dmtrack.data.sequences import Video
from dmtrack.data.sources.mot_challenge import mot_lines
from dmtrack.data.synthetic.crowds import SyntheticCrowds
from dmtrack.data.writers.mot_challenge import FRAMES_PER_SECOND, write_mot_challenge
from dmtrack.evaluation.protocols import MultiObjectProtocol, get_protocol
from dmtrack.evaluation.report import shown
from dmtrack.evaluation.reporting.loading import load_tracker_results
from dmtrack.evaluation.reporting.study import Study, make_study
from dmtrack.files import check_writable_folder, write_json, write_text
from dmtrack.media.drawing import annotate_tracks
from dmtrack.media.images import write_image
from dmtrack.media.video import VideoWriter
from dmtrack.pages.report.output import write_study
from dmtrack.pages.shell import Cell, Table, render
from dmtrack.progress import ProgressBar
from dmtrack.running.one_sequence import track_rows
from dmtrack.tracking.loading import assemble_detector
from dmtrack.tracking.multi_object import Detector, MultiObjectTracker, policy_of

POLICIES = ("JDE", "ByteTrack", "OCSort", "DeepSORT", "Sort")
"""The first one is in the videos."""

MEASURES = ("HOTA", "DetA", "AssA", "MOTA", "IDF1", "IDSW", "FP", "FN")

TEXTS = {
    "street": (
        "By day, under a camera that moves; figures cross, hide each other, and four in ten are dressed alike. The "
        "weights have learnt from other videos of this kind."
    ),
    "station": (
        "A dense crowd at night under a camera that stands. The weights have never seen this kind: what is lost here "
        "is what domain adaptation is for."
    ),
}


@dataclass(frozen=True)
class CrowdSet:
    """One kind of crowds on the page.

    Attributes:
        name: of the domain.
        study: scores of all policies.
        video: relative link to the mp4 of the first policy.
        poster: relative link to a picture of it.
        report: relative link to the whole report.
    """

    name: str
    study: Study
    video: str
    poster: str
    report: str


def run_crowd_demo(
    config: str, weights: Path | None, output: Path, count: int, frames: int, seed: int, console: Console
) -> list[CrowdSet]:
    """Tracks crowds of every domain with every policy, and writes scores, videos, reports and `index.html`.

    Args:
        config: of the detector.
        weights: its file; None takes those that ship.
        output: folder of everything that is written.
        count: videos of each domain.
        frames: per video.
        seed: of the videos, far from those of training.
        console: where progress goes.

    Raises:
        DMTrackError: the weights cannot be loaded, or nothing can be written to the output folder.
    """
    start = time.perf_counter()
    check_writable_folder(output)
    detector, _, origin = assemble_detector(config, weights)
    sets = []
    for domain in TEXTS:
        crowds = SyntheticCrowds(count, frames, seed, domain=domain)
        videos = list(crowds)  # drawn once: written, and tracked
        folder = output / domain
        bar = ProgressBar("frames", 2 * count * frames, description=domain, console=console)
        with bar, VideoWriter(folder / "tracked.mp4", FRAMES_PER_SECOND, crowds.size_wh) as film:
            write_mot_challenge(videos, folder / "truth", progress=bar.advance)
            for video in videos:
                _track(video, detector, folder, film, bar)
        sequences = list(get_benchmark("mot17").open(folder / "truth", None, images=True))
        trackers = [load_tracker_results(folder / "results" / policy, sequences) for policy in POLICIES]
        rules = get_protocol("mot-no-preprocessing", MultiObjectProtocol)
        study = make_study(f"generated crowds, {domain}", [rules], sequences, trackers)
        page = write_study(study, folder / "report", suffixes=(".svg", ".png"))
        links = [path.relative_to(output).as_posix() for path in (folder / "tracked.mp4", folder / "tracked.jpg", page)]
        sets.append(CrowdSet(domain, study, *links))
    facts = {
        "command": " ".join(["dmtrack", *sys.argv[1:]]),
        **{name: str(value) for name, value in origin.items()},
        "videos": f"{count} of {frames} frames of each kind, seed {seed}",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, dmtrack {__version__}",
        "time": f"{time.perf_counter() - start:.0f} s",
    }
    write_text(output / "index.html", crowd_page(sets, facts))
    write_json(output / "demo.json", {"facts": facts, "sets": {one.name: one.study.to_dict() for one in sets}})
    return sets


def _track(video: Video, detector: Detector, folder: Path, film: VideoWriter, bar: ProgressBar) -> None:
    """Detects once per frame; every policy associates the same detections, and the first one is drawn."""
    trackers = {name: MultiObjectTracker(policy_of(name)) for name in POLICIES}
    lines: dict[str, list[str]] = {name: [] for name in POLICIES}
    for frame in range(len(video)):
        image = video.read_frame(frame)
        found = detector(image)
        for name, tracker in trackers.items():
            tracks = tracker.step(found)
            lines[name].append(mot_lines(track_rows(frame + 1, tracks)))
            if name == POLICIES[0]:
                picture = annotate_tracks(
                    image, tracks.boxes_xywh, tracks.ids.tolist(), [str(one) for one in tracks.ids]
                )
                film.write(picture)
                if frame == len(video) // 2 and not (folder / "tracked.jpg").exists():
                    write_image(folder / "tracked.jpg", picture)
        bar.advance()
    for name, rows in lines.items():
        write_text(folder / "results" / name / f"{video.name}.txt", "".join(rows))


def crowd_page(sets: list[CrowdSet], facts: dict[str, str]) -> str:
    """The whole page: HTML with the styles inside and relative links only."""
    return render(
        "demo_crowds.html",
        title="dmtrack demo: many objects",
        summary="A small detector finds every figure of a frame and describes how it looks; an association policy "
        "decides who is who from frame to frame. All policies below get the same detections.",
        sets=[_values(one) for one in sets],
        what_was_run=facts.items(),
    )


def _values(one: CrowdSet) -> dict[str, Any]:
    """What the template shows of a kind of crowds."""
    measures = [measure for measure in one.study.report.protocol.reported() if measure.key in MEASURES]
    rows = tuple(
        (score.tracker, tuple(Cell(shown(score.scores[measure.key], measure.digits)) for measure in measures))
        for score in one.study.report.ranked()
    )
    titles = ("policy", *(measure.title for measure in measures))
    best = next(score for score in one.study.report.scores if score.tracker == POLICIES[0])
    first = measures[0]
    interval = one.study.significance.intervals[POLICIES[0]][first.key]
    return {
        **vars(one),
        "text": TEXTS[one.name],
        "policy": POLICIES[0],
        "first": (first.title, shown(best.scores[first.key]), first.meaning),
        "interval": f"{shown(interval.low)} to {shown(interval.high)}" if interval.is_known else "",
        "table": Table(f"generated crowds, {one.name}, held out", titles, rows, sortable=False),
        "legend": {measure.title: measure.meaning for measure in measures},
    }
