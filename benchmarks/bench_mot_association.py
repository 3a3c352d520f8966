"""Association of many objects: time per frame against one object per track, and memory over a long video.

    python benchmarks/bench_mot_association.py [--json FILE] [--frames 100000]

N things move about and keep their looks; every frame gives their boxes, a tenth of them with low scores, and nothing
comes from a network. `ms` is the middle processor time of a frame with the policies of this package, whose filters,
gates and costs are arrays over all tracks. `per_track_ms` is that of the same steps done the straightforward way, in
the same run and on the same frames: an object per track with its own filter, which is predicted, gated and updated by
itself; overlaps and looks are compared for all pairs at once, and all pairs go into one assignment. Both give the same
identities, which is checked. Each goes through the whole video by itself, as a tracker does, since frame by frame in
turns each would begin with the caches of the processor full of the other's numbers (with `--in-turns` they do). Goal: 5
times faster with 100 and 500 objects. Run it with `OMP_NUM_THREADS=1`: threads only add time to so small systems of
equations.

`memory` is the growth of the process over so many frames in which things enter and leave all the time, between a tenth
of the video and its end; it is flat.
"""

from __future__ import annotations

import argparse
import resource
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from dmtrack.association.detections import Detections
from dmtrack.association.matching import appearance_costs
from dmtrack.association.policies import JDE, ByteTrack
from dmtrack.association.policy import MultiObjectAssociation
from dmtrack.boxes import pairwise_iou_xyxy, xywh_to_xyxy
from dmtrack.files import write_json

CHANNELS = 128
SIDE = {20: 1000, 100: 2200, 500: 5000}
"""Pixels of a square in which so many things are as crowded as in a busy street."""


def frames(things: int, count: int, rng: np.random.Generator) -> list[Detections]:
    """Things that drift about; each is hidden now and then for a few frames."""
    centres, speed = rng.uniform(0, SIDE[things], (things, 2)), rng.normal(0, 3, (things, 2))
    height = rng.uniform(60, 160, things)
    looks, hidden, found = rng.normal(size=(things, CHANNELS)), np.zeros(things, int), []
    for _ in range(count):
        centres += speed + rng.normal(0, 0.5, centres.shape)
        hidden = np.where(hidden > 0, hidden - 1, rng.integers(1, 12, things) * (rng.random(things) < 0.01))
        seen = rng.permutation(np.flatnonzero(hidden == 0))
        size = np.stack([0.4 * height, height], axis=1)[seen]
        views = looks[seen] + rng.normal(0, 0.2, (len(seen), CHANNELS))
        views /= np.linalg.norm(views, axis=1, keepdims=True)
        scores = np.where(rng.random(len(seen)) < 0.1, 0.3, rng.uniform(0.75, 1, len(seen)))
        boxes_xywh = np.concatenate([centres[seen] - size / 2, size], axis=1)
        found.append(Detections.from_xywh(boxes_xywh, scores, embeddings=views))
    return found


class Filter:
    """The filter of DeepSORT of one box."""

    transition = np.eye(8) + np.eye(8, k=4)
    observation = np.eye(4, 8)

    def __init__(self, measured: np.ndarray) -> None:
        height = measured[3]
        self.mean = np.concatenate([measured, np.zeros(4)])
        place, speed = height / 10, height / 16
        self.covariance = np.diag(np.square([place, place, 1e-2, place, speed, speed, 1e-5, speed]))

    def predict(self) -> None:
        """One frame on."""
        place, speed = self.mean[3] / 20, self.mean[3] / 160
        noise = np.diag(np.square([place, place, 1e-2, place, speed, speed, 1e-5, speed]))
        self.mean = self.transition @ self.mean
        self.covariance = self.transition @ self.covariance @ self.transition.T + noise

    def project(self) -> tuple[np.ndarray, np.ndarray]:
        """Where a measurement is expected."""
        place = self.mean[3] / 20
        noise = np.diag(np.square([place, place, 1e-1, place]))
        return self.observation @ self.mean, self.observation @ self.covariance @ self.observation.T + noise

    def update(self, measured: np.ndarray) -> None:
        """Takes in (4,) centre, aspect ratio and height."""
        mean, covariance = self.project()
        gain = np.linalg.solve(covariance, self.observation @ self.covariance).T
        self.mean = self.mean + gain @ (measured - mean)
        self.covariance = self.covariance - gain @ covariance @ gain.T

    def distances(self, measured: np.ndarray) -> np.ndarray:
        """Squared Mahalanobis distances of (n, 4)."""
        mean, covariance = self.project()
        solved = np.linalg.solve(np.linalg.cholesky(covariance), (measured - mean).T)
        return np.sum(solved * solved, axis=0)

    def box_xywh(self) -> np.ndarray:
        """(4,) at the mean."""
        x, y, aspect, height = self.mean[:4]
        return np.array([x - aspect * height / 2, y - height / 2, aspect * height, height])


@dataclass(eq=False)
class Track:
    """One of many."""

    identity: int
    filter: Filter
    looks: np.ndarray
    started: int
    seen: int
    sure: bool
    in_sight: bool = True


@dataclass
class OneByOne:
    """JDE's and BYTE's steps, a track after the other."""

    settings: Any
    tracks: list[Track] = field(default_factory=list)
    frame: int = 0
    given: int = 0

    def step(self, found: Detections) -> list[int]:
        """Identities of the tracks in sight, in order."""
        self.frame += 1
        byte = isinstance(self.settings, ByteTrack)
        above = self.settings.track_score if byte else self.settings.min_score
        begins = above + (self.settings.birth_margin if byte else 0)
        assert found.embeddings is not None
        boxes, scores, looks = found.boxes_xywh, found.scores, found.embeddings
        measured = [np.array([x + w / 2, y + h / 2, w / h, h]) for x, y, w, h in boxes]
        high = [row for row in range(len(found)) if scores[row] > above]
        low = [row for row in range(len(found)) if 0.1 < scores[row] < above]
        pool = [one for one in self.tracks if one.sure]
        for one in pool:
            if not one.in_sight:
                one.filter.mean[7] = 0
            one.filter.predict()

        def overlap(tracks: list[Track], rows: list[int], fuse: bool) -> np.ndarray:
            own = np.array([one.filter.box_xywh() for one in tracks]).reshape(-1, 4)
            costs = _overlap_costs(own, boxes[rows])
            return 1 - (1 - costs) * scores[rows] if fuse else costs

        if byte:
            costs = overlap(pool, high, self.settings.fuse_scores)
        else:
            costs = np.zeros((len(pool), len(high)))
            if costs.size:
                costs = appearance_costs(np.array([one.looks for one in pool]), looks[high])
            for row, one in enumerate(pool):
                if not high:
                    break
                far = one.filter.distances(np.array([measured[column] for column in high]))
                costs[row] = np.where(far > 9.4877, np.inf, 0.98 * costs[row] + 0.02 * far)
        again: list[Track] = []

        def match(costs: np.ndarray, limit: float, tracks: list[Track], rows: list[int]) -> tuple[list, list]:
            pairs = _pairs(costs, limit)
            for row, column in pairs:
                one, place = tracks[row], rows[column]
                one.filter.update(measured[place])
                if not byte:
                    mixed = 0.9 * one.looks + 0.1 * looks[place] / np.linalg.norm(looks[place])
                    one.looks = mixed / np.linalg.norm(mixed)
                if not one.in_sight:
                    again.append(one)
                one.seen, one.sure, one.in_sight = self.frame, True, True
            taken = [set(ends) for ends in zip(*pairs, strict=True)] or [set(), set()]
            left = [one for row, one in enumerate(tracks) if row not in taken[0]]
            return left, [place for column, place in enumerate(rows) if column not in taken[1]]

        unsure = [one for one in self.tracks if not one.sure]
        before = {id(one) for one in pool if one.in_sight}
        left, free = match(costs, self.settings.match_limit, pool, high)
        left = [one for one in left if id(one) in before]
        rest = low if byte else free
        missed, others = match(overlap(left, rest, False), 0.5, left, rest)
        free = free if byte else others
        fuse = byte and self.settings.fuse_scores
        dropped, free = match(overlap(unsure, free, fuse), 0.7, unsure, free)
        for one in missed:
            one.in_sight = False
        gone = {id(one) for one in dropped}
        waiting = [one for one in self.tracks if not one.in_sight and one not in missed]
        waiting = [one for one in waiting if self.frame - one.seen <= self.settings.track_buffer]
        stayed = [one for one in self.tracks if one.in_sight and one not in again and id(one) not in gone]
        born = []
        for row in free:
            if scores[row] >= begins:
                self.given += 1
                born.append(
                    Track(self.given, Filter(measured[row]), looks[row], self.frame, self.frame, self.frame == 1)
                )
        here, away = [*stayed, *born, *again], [*waiting, *missed]
        own, other = (np.array([one.filter.box_xywh() for one in some]).reshape(-1, 4) for some in (here, away))
        twice = set()
        for row, column in np.argwhere(_overlap_costs(own, other) < 0.15):
            one, lost = here[row], away[column]
            twice.add(id(lost if one.seen - one.started > lost.seen - lost.started else one))
        self.tracks = [one for one in (*here, *away) if id(one) not in twice]
        return [one.identity for one in self.tracks if one.in_sight and one.sure]


def _pairs(costs: np.ndarray, limit: float) -> list[tuple[int, int]]:
    """The cheapest pairs, where a row and a column that stay alone cost the limit together."""
    capped = np.minimum(costs, limit)
    pairs = zip(*linear_sum_assignment(capped), strict=True)
    return [(row, column) for row, column in pairs if capped[row, column] < limit]


def _overlap_costs(first_xywh: np.ndarray, second_xywh: np.ndarray) -> np.ndarray:
    """1 - IoU of all pairs, pixels counted from the first to the last."""
    corners = [xywh_to_xyxy(boxes.reshape(-1, 4)) + np.array([0, 0, 1, 1]) for boxes in (first_xywh, second_xywh)]
    return 1 - pairwise_iou_xyxy(*corners)


def times(settings: MultiObjectAssociation, stream: list[Detections], in_turns: bool = False) -> dict[str, float]:
    """Middle milliseconds per frame of both, which give the same identities."""
    policy, plain = settings.multi_object_policy(), OneByOne(settings)
    steps = (lambda found: policy.step(found).ids.tolist(), plain.step)
    spent: list[list[float]] = [[], []]
    told: list[list[list[int]]] = [[], []]
    order = [(way, found) for found in stream for way in (0, 1)]
    if not in_turns:
        order.sort(key=lambda turn: turn[0])
    for way, found in order:
        # Both are given the boxes in the format that they work with.
        _ = found.boxes_xywh
        start = time.process_time()
        ids = steps[way](found)
        spent[way].append(time.process_time() - start)
        told[way].append(ids)
    if told[0] != told[1]:
        raise SystemExit("the two do not give the same identities")
    ms, per_track = (float(np.median(some[5:])) * 1e3 for some in spent)
    return {"ms": round(ms, 3), "per_track_ms": round(per_track, 3), "ratio": round(per_track / ms, 1)}


def memory(settings: MultiObjectAssociation, count: int) -> dict[str, float]:
    """MiB by which the process grows, and most tracks held, while things enter and leave."""
    policy: Any = settings.multi_object_policy()
    rng, base, most = np.random.default_rng(1), 0.0, 0
    looks = np.eye(16)
    for number in range(count):
        # Ten places, each with a thing that stays for a second, and another one ten frames later.
        slots = np.flatnonzero((number + 7 * np.arange(10)) % 40 < 30)
        # The next one stands beside the place of the one before.
        lefts = 200.0 * slots + 60 * ((number + 7 * slots) // 40 % 3) + rng.normal(0, 1, len(slots))
        boxes = np.array([[left, 100, 40, 80] for left in lefts])
        policy.step(Detections.from_xywh(boxes, np.full(len(slots), 0.9), embeddings=looks[slots + number // 80 % 6]))
        most = max(most, len(policy.tracks))
        if number == count // 10:
            base = _resident()
    return {"frames": count, "growth_mib": round(_resident() - base, 2), "most_tracks": most,
            "identities": policy._next_id - 1}  # fmt: skip


def _resident() -> float:
    """MiB of the process that are in memory now; its largest size where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def main() -> None:
    """Prints times for 20, 100 and 500 objects, and memory."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", type=Path, help="writes the figures to this file as well")
    parser.add_argument("--frames", type=int, default=100_000, help="of the long video")
    parser.add_argument("--in-turns", action="store_true", help="one after the other in every frame")
    arguments = parser.parse_args()
    figures: dict[str, dict[str, Any]] = {}
    for settings in (JDE(), ByteTrack()):
        name = type(settings).__name__
        figures[name] = {}
        for things in SIDE:
            stream = frames(things, 60 if things < 500 else 30, np.random.default_rng(0))
            figures[name][str(things)] = found = times(settings, stream, arguments.in_turns)
            print(f"{name} {things:4d} objects: {found['ms']:.2f} ms, one by one {found['per_track_ms']:.2f} ms, "
                  f"{found['ratio']:.1f} times")  # fmt: skip
        figures[name]["memory"] = held = memory(settings, arguments.frames)
        print(f"{name} {held['frames']} frames: {held['growth_mib']:+.2f} MiB, at most {held['most_tracks']} tracks of "
              f"{held['identities']} identities")  # fmt: skip
    if arguments.json:
        write_json(arguments.json, figures)


if __name__ == "__main__":
    main()
