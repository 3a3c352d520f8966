"""Fits on clips with masks when a tracker with embeddings says that the target is there, and says how well it holds.

    python tools/calibrate_presence.py dmtrackReID_tiny --clips DAVIS --fit bear,cows --held-out camel --data FOLDER

Absence is made of the clips: the target is looked for in frames of another clip, and it is cut out of its own. Every
clip also takes part at a third of its size, so that small and unsharp targets are among them. `presence` is the
logistic regression of "the box is right (IoU > .5)" (`DistractorAware.presence`), every sequence counting alike; the
threshold is the highest at which nine of ten right boxes are called present in the fit and in what is held out, each.
Clips are short; `--synthetic` adds generated sequences of 150 frames, in which more other things become known, to both.
`--data` is a folder of sequences that choose nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from dmtrack.association.border_correction import with_drawn_borders
from dmtrack.association.detections import Decision, Detections
from dmtrack.association.policies.distractor_aware import DistractorAware, DistractorAwarePolicy, Views
from dmtrack.boxes import paired_iou_xyxy, xywh_to_xyxy
from dmtrack.data.sequences import Image, Sequence, Video
from dmtrack.data.sources import Davis, SequenceFolder
from dmtrack.files import write_json
from dmtrack.running.sweeps.benchmarks import Generated
from dmtrack.tracking.loading import assemble_tracker

ABSENT_FRAMES = 20
BINS = 10
RIGHT_CALLED_PRESENT = 0.9
KNOWN = slice(4, 9)
"""Columns of what `DistractorAware.presence` weighs; the last is 1 where the answer is in sight."""
Rows = NDArray[np.float64]
"""(frames, 10) present, IoU, whether the target's tracklet is in sight, belief, five `known` numbers, own score."""


class RecordingPolicy(DistractorAwarePolicy):
    """The policy, which keeps what its answer is known by."""

    def _answer(self, found: Detections, events: tuple[str, ...], looks: Views) -> Decision:
        decision = super()._answer(found, events, looks)
        tracklets = self._tracklets
        answer = int(np.abs(tracklets.last_boxes_xywh - decision.box_xywh).sum(axis=1).argmin())
        self.known = [0.0] * 8
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


def probabilities(rows: Rows, presence: NDArray[np.float64]) -> NDArray[np.float64]:
    """(frames,) what the policy's score would be; 0 where nothing is in sight."""
    return np.asarray((rows[:, KNOWN][:, -1] != 0) * rows[:, 3] / (1.0 + np.exp(-rows[:, KNOWN] @ presence)))


def fit(group: dict[str, Rows]) -> NDArray[np.float64]:
    """(5,) the logistic regression; a box that is neither right nor far off counts half."""
    parts = [rows[rows[:, KNOWN][:, -1] != 0] for rows in group.values()]
    rows = np.concatenate(parts)
    weights = np.concatenate([np.full(len(part), 1.0 / max(len(part), 1)) for part in parts])
    right = (rows[:, 0] > 0) & (rows[:, 1] > 0.5)
    weights[(rows[:, 0] > 0) & (rows[:, 1] > 0.2) & ~right] *= 0.5
    signs = np.where(right, -1.0, 1.0)

    def loss(presence: NDArray[np.float64]) -> float:
        nats = np.logaddexp(0.0, signs * (rows[:, KNOWN] @ presence))
        return float(weights @ nats) + 1e-3 * float(presence[:-1] @ presence[:-1])

    return np.asarray(minimize(loss, np.zeros(5)).x)


def rates(group: dict[str, Rows], score: Any, threshold: float) -> dict[str, float]:
    """Shares called present of the frames with a right box, without target, with a wrong box: means over sequences."""
    shares = []
    for rows in group.values():
        said = (rows[:, 2] > 0) & (score(rows) >= threshold)
        there = rows[:, 0] > 0
        right = there & (rows[:, 1] > 0.5)
        shares.append([said[which].mean() if which.any() else np.nan for which in (right, ~there, there & ~right)])
    means = np.nanmean(np.array(shares), axis=0)
    return {name: round(float(mean), 3) for name, mean in zip(("right", "absent", "wrong"), means, strict=True)}


def reliability(group: dict[str, Rows], score: Any) -> dict[str, Any]:
    """Expected calibration error over equal bins, and of each bin: frames, mean score, share of right boxes."""
    rows = np.concatenate(list(group.values()))
    scores, right = score(rows), (rows[:, 0] > 0) & (rows[:, 1] > 0.5)
    places = np.minimum((scores * BINS).astype(int), BINS - 1)
    bins = [
        [
            int((places == one).sum()),
            round(float(scores[places == one].mean()), 3),
            round(float(right[places == one].mean()), 3),
        ]
        for one in np.unique(places)
    ]
    error = sum(count * abs(said - true) for count, said, true in bins) / len(rows)
    return {"expected_calibration_error": round(error, 3), "bins": bins}


def main() -> int:
    """Tracks, fits, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="of a ReIDTracker, file or name")
    parser.add_argument("--weights", help="file or name; by default those of the config's name")
    parser.add_argument("--clips", nargs="+", required=True, help="folders of clips with masks")
    parser.add_argument("--fit", required=True, help="names of clips, with commas")
    parser.add_argument("--held-out", required=True, help="names of others")
    parser.add_argument(
        "--synthetic", type=int, nargs=2, metavar=("FIT", "HELD_OUT"), help="seeds of six sequences each"
    )
    parser.add_argument("--data", help="folder of sequences that choose nothing")
    parser.add_argument("--json", help="write all numbers there")
    options = parser.parse_args()
    tracker: Any = assemble_tracker(options.config, options.weights).tracker
    videos = {video.name: video for folder in options.clips for video in Davis(folder).videos}
    groups: dict[str, dict[str, Rows]] = {}
    for title, listed in (("fit", options.fit), ("held out", options.held_out)):
        names = listed.split(",")
        made = [one for place, name in enumerate(names) for one in sequences_of(videos[name], videos[names[place - 1]])]
        groups[title] = {one.name: rows_of(tracker, tracker.association, one) for one in made}
    for title, seed in zip(("fit", "held out"), options.synthetic or (), strict=False):
        look_alikes = Generated("look-alikes", seed, count=6, frames=150, absence=1.0).open()
        rows = {f"generated-{one.name}": rows_of(tracker, tracker.association, one) for one in look_alikes}
        # A group of its own for the rates: both kinds count alike, however many sequences there are of each.
        groups[f"{title} (generated)"] = rows
    if options.data:
        groups["data"] = {one.name: rows_of(tracker, tracker.association, one) for one in SequenceFolder(options.data)}
    fitted_to = {**groups["fit"], **groups.get("fit (generated)", {})}
    presence = np.round(fit(fitted_to), 2)
    own: Any = lambda rows: rows[:, -1] * rows[:, 3]  # noqa: E731
    fitted: Any = lambda rows: probabilities(rows, presence)  # noqa: E731
    thresholds = np.arange(5, 96) / 100
    choosing = [group for title, group in groups.items() if title != "data"]
    right = np.array([[rates(group, fitted, one)["right"] for group in choosing] for one in thresholds]).min(axis=1)
    enough = (right >= RIGHT_CALLED_PRESENT).nonzero()[0]
    threshold = float(thresholds[enough[-1] if len(enough) else right.argmax()])
    figures: dict[str, Any] = {"presence": presence.tolist(), "threshold": threshold}
    print(f"presence={tuple(presence.tolist())}, presence_threshold={threshold:g}")
    for title, group in groups.items():
        figures[title] = {
            "before": {**rates(group, own, tracker.presence_threshold), **reliability(group, own)},
            "after": {**rates(group, fitted, threshold), **reliability(group, fitted)},
        }
        for when, numbers in figures[title].items():
            print(f"{title:<22}{when:<7}" + "  ".join(f"{key} {numbers[key]:.3f}" for key in list(numbers)[:4]))
    if options.json:
        write_json(options.json, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
