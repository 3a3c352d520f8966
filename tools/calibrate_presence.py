"""Fits on clips with masks when a tracker with embeddings says that the target is there, and says how well it holds.

    python tools/calibrate_presence.py dmtrackReID_tiny --clips DAVIS --names bear,cows,camel --data FOLDER

Absence is made of the clips: the target is looked for in frames of another clip, and it is cut out of its own. Every
clip also takes part at a third of its size, so that small and unsharp targets are among them. `presence` is the
logistic regression of "the box is right (IoU > .5)" (`DistractorAware.presence`), every sequence counting alike. Clips
are short; `--synthetic` adds generated sequences of 150 frames, in which more other things become known. What is
printed "after" of each clip and each generated sequence comes from a fit to all others, and so does the threshold: the
highest at which nine of ten right boxes are called present, in the mean of both groups. `--data` is a folder of
sequences that choose nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

from dmtrack.association.border_correction import with_drawn_borders
from dmtrack.association.detections import Decision, Detections
from dmtrack.association.policies.distractor_aware import DistractorAware, DistractorAwarePolicy, Views
from dmtrack.boxes import paired_iou_xyxy, xywh_to_xyxy
from dmtrack.cli.main import run
from dmtrack.data.sequences import Image, Sequence, Video
from dmtrack.data.sources import Davis, SequenceFolder
from dmtrack.errors import DMTrackError
from dmtrack.evaluation.reporting.figures.scatter import draw_reliability
from dmtrack.evaluation.reporting.figures.theme import save_figure
from dmtrack.files import check_writable_folder, write_json
from dmtrack.models.reid.dmtrack_reid import DMTrackReID
from dmtrack.progress import ProgressBar
from dmtrack.registry import did_you_mean
from dmtrack.running.sweeps.benchmarks import Generated
from dmtrack.tracking.loading import assemble_tracker

ABSENT_FRAMES = 20
BINS = 10
RIGHT_CALLED_PRESENT = 0.9
PLOTS = (".png", ".pdf", ".svg")
PRESENT, IOU, TARGET_SEEN, BELIEF = range(4)
"""Columns: 1 where the target is there; the answer's overlap; 1 where the target's tracklet is seen; its share."""
KNOWN = slice(4, 10)
"""Columns of what `DistractorAware.presence` weighs."""
IN_SIGHT, OWN_SCORE = 8, 10
"""Columns: 1 where the answer is in sight, which is also what the number "in any case" weighs; the detector's score."""
Rows = NDArray[np.float64]
"""(frames, 11), the columns above in their order."""
Sources = dict[str, list[Rows]]
"""What is known of the sequences that were made of one clip, by its name; a generated sequence is its own source."""
Scored = list[tuple[Rows, NDArray[np.float64]]]
"""Of every sequence the rows and (frames,) scores."""
RIGHT_IOU = 0.5


class RecordingPolicy(DistractorAwarePolicy):
    """The policy, which keeps what its answer is known by."""

    def _answer(self, found: Detections, events: tuple[str, ...], looks: Views) -> Decision:
        decision = super()._answer(found, events, looks)
        tracklets = self._tracklets
        answer = int(np.abs(tracklets.last_boxes_xywh - decision.box_xywh).sum(axis=1).argmin())
        self.known = [0.0] * 9
        if tracklets.unseen[answer] == 0 and looks.shape[1]:
            score = float(tracklets.scores[answer])
            seen = float(tracklets.unseen[tracklets.row_of(self._target_id)] == 0)
            belief = float(np.exp(tracklets.belief[answer]))
            self.known = [seen, belief, *self._looks.known(score, looks[answer]), score]
        return decision


def cut_out(image: Image, mask: NDArray[np.bool_]) -> Image:
    """The image with what surrounds a thing in its place."""
    height, width = image.shape[:2]
    wide = cv2.dilate(mask.astype(np.uint8), np.ones((9, 9), np.uint8))
    small_wh = (width // 4, height // 4)
    small = cv2.resize(image, small_wh, interpolation=cv2.INTER_AREA)
    hole = (cv2.resize(wide * 255, small_wh) > 0).astype(np.uint8)
    filled = cv2.resize(cv2.inpaint(small, hole, 3, cv2.INPAINT_TELEA), (width, height))
    return np.asarray(np.where(wide[..., None] > 0, filled, image))


def sequences_of(video: Video, other: Video) -> Iterator[Sequence]:
    """A clip with absence: first in the middle of it another clip, then itself without the target, each also small."""
    track = next(iter(video.tracks.values()))
    length, gone, middle = len(video), min(ABSENT_FRAMES, len(other)), len(video) // 2
    places = [*range(middle), *range(length, length + gone), *range(middle, length)]
    boxes = np.concatenate([track.boxes_xywh, np.full((gone, 4), np.nan)])[places]

    def elsewhere(index: int) -> Image:
        return video.read_frame(places[index]) if places[index] < length else other.read_frame(places[index] - length)

    absent = np.arange(length // 3, 2 * length // 3)
    without = track.boxes_xywh.copy()
    without[absent] = np.nan

    def erased(index: int) -> Image:
        frame = video.read_frame(index)
        return cut_out(frame, track.read_mask(index)) if index in absent and track.read_mask else frame

    for kind, found, read in (("elsewhere", boxes, elsewhere), ("cut_out", without, erased)):
        sequence = Sequence(f"{video.name}-{kind}", found, np.atleast_1d(np.isfinite(found).all(axis=1)), read)
        yield sequence

        def third(index: int, read: Any = read) -> Image:
            frame = read(index)
            return np.asarray(
                cv2.resize(frame, (frame.shape[1] // 3, frame.shape[0] // 3), interpolation=cv2.INTER_AREA)
            )

        height, width = read(0).shape[:2]
        shrink = np.array([width // 3 / width, height // 3 / height] * 2)
        yield replace(sequence, name=f"{sequence.name}-small", boxes_xywh=found * shrink, read_frame=third)


def rows_of(tracker: Any, settings: DistractorAware, sequence: Sequence) -> Rows:
    """What is known of every frame but the first."""
    recording = RecordingPolicy(settings, tracker.presence_threshold)
    policy = with_drawn_borders(recording, tracker.correct_borders)
    first = sequence.read_frame(0)
    tracker.init(first, sequence.boxes_xywh[0])
    policy.start(sequence.boxes_xywh[0], tracker.template_embeddings()[0], tracker.detect_targets(first, first=True)[0])
    rows = []
    for index in range(1, len(sequence)):
        decision = policy.step(tracker.detect_targets(sequence.read_frame(index))[0])
        overlap = 0.0
        if sequence.present[index]:
            pair = xywh_to_xyxy(np.stack([decision.box_xywh, sequence.boxes_xywh[index]]))
            overlap = float(paired_iou_xyxy(pair[0], pair[1]))
        rows.append([float(sequence.present[index]), overlap, *recording.known])
    return np.array(rows)


def is_right(rows: Rows) -> NDArray[np.bool_]:
    """(frames,) whether the target is there and the box on it."""
    return np.asarray((rows[:, PRESENT] > 0) & (rows[:, IOU] > RIGHT_IOU))


def probabilities(rows: Rows, presence: ArrayLike | None) -> NDArray[np.float64]:
    """(frames,) what the policy's score would be with `DistractorAware.presence`; 0 where nothing is in sight."""
    if presence is None:
        return np.asarray(rows[:, OWN_SCORE] * rows[:, BELIEF])
    weights = np.asarray(presence)
    nats = rows[:, KNOWN][:, : len(weights)] @ weights
    return np.asarray(rows[:, IN_SIGHT] * rows[:, BELIEF] / (1.0 + np.exp(-nats)))


def fit(sequences: Iterable[Rows]) -> NDArray[np.float64]:
    """(6,) the logistic regression; a box that is neither right nor far off counts half."""
    parts = [rows[rows[:, IN_SIGHT] > 0] for rows in sequences]
    rows = np.concatenate(parts)
    weights = np.concatenate([np.full(len(part), 1.0 / max(len(part), 1)) for part in parts])
    right = is_right(rows)
    weights[(rows[:, PRESENT] > 0) & (rows[:, IOU] > 0.2) & ~right] *= 0.5
    signs = np.where(right, -1.0, 1.0)

    def loss(presence: NDArray[np.float64]) -> float:
        nats = np.logaddexp(0.0, signs * (rows[:, KNOWN] @ presence))
        slopes = np.delete(presence, IN_SIGHT - KNOWN.start)
        return float(weights @ nats) + 1e-3 * float(slopes @ slopes)

    return np.asarray(minimize(loss, np.zeros(6)).x)


def without(sources: Sources, left_out: str = "") -> Iterator[Rows]:
    """The sequences of all sources but one."""
    return (rows for name, sequences in sources.items() if name != left_out for rows in sequences)


def held_out_scores(sources: Sources) -> dict[str, Scored]:
    """The scores of each source by a fit to all others."""
    scored = {}
    for name, sequences in sources.items():
        presence = fit(without(sources, name))
        scored[name] = [(rows, probabilities(rows, presence)) for rows in sequences]
    return scored


def rates(scored: Scored, threshold: float) -> dict[str, float]:
    """Means over sequences: shares called present of the frames with a right box, without target, with a wrong box.

    And `correct`, the share of all frames that are called present where the box is right, and nowhere else. (Where
    boxes become better, the wrong ones that are left are the nearly right ones: more of these are called present.)
    """
    shares = []
    for rows, scores in scored:
        said = (rows[:, TARGET_SEEN] > 0) & (scores >= threshold)
        there, right = rows[:, PRESENT] > 0, is_right(rows)
        called = [said[which].mean() if which.any() else np.nan for which in (right, ~there, there & ~right)]
        shares.append([*called, (said == right).mean()])
    columns = zip(("right", "absent", "wrong", "correct"), np.array(shares).T, strict=True)
    known = {name: column[np.isfinite(column)] for name, column in columns}
    return {name: round(float(column.mean()), 3) if len(column) else np.nan for name, column in known.items()}


def reliability(scored: Scored) -> dict[str, Any]:
    """Expected calibration error over equal bins, and of each bin: frames, mean score, share of right boxes."""
    scores = np.concatenate([scores for _, scores in scored])
    right = np.concatenate([is_right(rows) for rows, _ in scored])
    places = np.minimum((scores * BINS).astype(int), BINS - 1)
    bins = [
        [
            int((places == one).sum()),
            round(float(scores[places == one].mean()), 3),
            round(float(right[places == one].mean()), 3),
        ]
        for one in np.unique(places)
    ]
    error = sum(count * abs(said - true) for count, said, true in bins) / len(scores)
    return {"expected_calibration_error": round(error, 3), "bins": bins}


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="of a ReIDTracker, file or name")
    parser.add_argument("--weights", help="file or name; by default those of the config's name")
    parser.add_argument("--clips", nargs="+", required=True, help="folders of clips with masks")
    parser.add_argument("--names", required=True, help="names of the clips that take part, with commas")
    parser.add_argument("--synthetic", type=int, nargs="+", metavar="SEED", help="seeds of six sequences each")
    parser.add_argument("--data", help="folder of sequences that choose nothing")
    parser.add_argument("--json", type=Path, help="write all numbers there")
    parser.add_argument("--plot", type=Path, help="draw there how reliable the score is (.png, .pdf or .svg)")
    options = parser.parse_args()
    if options.plot and options.plot.suffix not in PLOTS:
        raise DMTrackError(f"--plot {options.plot}: expected a name that ends in {', '.join(PLOTS)}")
    for path in (options.json, options.plot):
        if path:
            check_writable_folder(path.parent)
    return options


def sources_of(options: argparse.Namespace) -> dict[str, dict[str, list[Sequence]]]:
    """The sequences that the command line names, by group and source; "data" chooses nothing."""
    videos = {video.name: video for folder in options.clips for video in Davis(folder).videos}
    names = list(dict.fromkeys(options.names.split(",")))
    for name in names:
        if name not in videos:
            raise DMTrackError(f"no clip {name!r} in {', '.join(options.clips)}{did_you_mean(name, videos)}")
    if len(names) < 2:
        raise DMTrackError(f"--names {options.names}: expected two clips at least; each is looked for in another one")
    pairs = zip(names, [names[-1], *names], strict=False)
    groups = {"clips": {name: list(sequences_of(videos[name], videos[other])) for name, other in pairs}}
    if options.synthetic:
        # A group of its own for the rates: both kinds count alike, however many sequences there are of each.
        groups["generated"] = {
            f"{seed}-{sequence.name}": [sequence]
            for seed in options.synthetic
            for sequence in Generated("look-alikes", seed, count=6, frames=150, absence=1.0).open()
        }
    if options.data:
        groups["data"] = {sequence.name: [sequence] for sequence in SequenceFolder(options.data)}
    return groups


def track(tracker: Any, groups: dict[str, dict[str, list[Sequence]]]) -> dict[str, Sources]:
    """What is known of every frame of every sequence."""
    total = sum(len(sequences) for sources in groups.values() for sequences in sources.values())
    tracked: dict[str, Sources] = {}
    with ProgressBar("sequences", total) as progress:
        for title, sources in groups.items():
            tracked[title] = {}
            for name, sequences in sources.items():
                rows = tracked[title][name] = []
                for sequence in sequences:
                    rows.append(rows_of(tracker, tracker.association, sequence))
                    progress.advance()
    return tracked


def highest_threshold(groups: Iterable[Scored]) -> float:
    """At which enough right boxes are called present, in the mean of the groups."""
    choosing, thresholds = list(groups), np.arange(5, 96) / 100
    right = np.array([np.mean([rates(scored, one)["right"] for scored in choosing]) for one in thresholds])
    enough = (right >= RIGHT_CALLED_PRESENT).nonzero()[0]
    return float(thresholds[enough[-1] if len(enough) else right.argmax()])


def main() -> None:
    """Tracks, fits, prints, writes, draws."""
    options = parse()
    tracker: Any = assemble_tracker(options.config, options.weights).tracker
    if not (isinstance(tracker.model, DMTrackReID) and isinstance(tracker.association, DistractorAware)):
        raise DMTrackError(
            f"{options.config}: expected a ReIDTracker whose detector has embeddings; they tell presence"
        )
    groups = track(tracker, sources_of(options))
    choosing = {name: rows for title, sources in groups.items() if title != "data" for name, rows in sources.items()}
    presence = np.round(fit(without(choosing)), 2)
    by_others = held_out_scores(choosing)
    after: dict[str, Scored] = {
        title: [pair for name in sources for pair in by_others[name]]
        for title, sources in groups.items()
        if title != "data"
    }
    threshold = highest_threshold(after.values())
    if "data" in groups:
        after["data"] = [(rows, probabilities(rows, presence)) for rows in without(groups["data"])]
    figures: dict[str, Any] = {"presence": presence.tolist(), "threshold": threshold}
    print(f"presence={tuple(presence.tolist())}, presence_threshold={threshold:g}")
    for title, scored in after.items():
        now = [(rows, probabilities(rows, tracker.association.presence)) for rows, _ in scored]
        figures[title] = {
            "before": {**rates(now, tracker.presence_threshold), **reliability(now)},
            "after": {**rates(scored, threshold), **reliability(scored)},
        }
        for when, numbers in figures[title].items():
            print(f"{title:<12}{when:<7}" + "  ".join(f"{key} {numbers[key]:.3f}" for key in list(numbers)[:5]))
    if options.json:
        write_json(options.json, figures)
    if options.plot:
        bins = {title: figures[title]["after"]["bins"] for title in groups}
        note = (
            "Right: IoU > .5. Markers grow with the frames in their bin; on the diagonal the score is the probability."
        )
        drawn = draw_reliability(bins, f"Presence of {tracker.name}", note)
        save_figure(drawn, options.plot.with_suffix(""), (options.plot.suffix,))


if __name__ == "__main__":
    sys.exit(run(main))
