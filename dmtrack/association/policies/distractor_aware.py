"""Which of the things that look alike is the target: tracklets of all of them, and a belief that flows along them.

Known of DMTrack-ReID (CVPR 2021): tracklets of all similar objects are kept and associated by appearance and motion,
the MOT way, and the answer is the target's tracklet. Everything else here is this project's design (no code of it was
published). It is the forward pass of a hidden Markov model: what is hidden is which tracklet is the target; a frame's
scores are the evidence; and where two things meet and could have changed places, the belief flows both ways, so that a
wrong turn is mended when the scores say so.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmtrack.association.assignment import assign
from dmtrack.association.costs import appearance_costs, iou_costs, motion_costs
from dmtrack.association.known_looks import KnownLooks
from dmtrack.association.observations import Decision, Observation, TrackletView
from dmtrack.association.settings import AssociationSettings
from dmtrack.association.tracklets import Tracklets
from dmtrack.boxes import pairwise_iou_xyxy, xywh_to_xyxy

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FREE_OF_OTHERS = 0.1
"""Below this IoU with every other candidate, a view of a thing shows that thing alone."""


def _log_sum_exp(nats: Floats) -> Floats:
    """(columns,) of (rows, columns), at least one row; faster than `np.logaddexp.reduce`."""
    highest = nats.max(axis=0)
    total: Floats = np.log(np.exp(nats - highest).sum(axis=0)) + highest
    return total


class DistractorAwarePolicy:
    """Associates candidates with the tracklets of the target and of its look-alikes, frame by frame.

    Memory is bounded by `max_tracklets` and `gallery_size`, whatever the length of the video.

    Args:
        settings: see there.
        presence_threshold: the target counts as present where its score reaches this.
    """

    def __init__(self, settings: AssociationSettings | None = None, presence_threshold: float = 0.3) -> None:
        self.settings = settings or AssociationSettings()
        self.presence_threshold = presence_threshold
        self._tracklets = Tracklets(0, 0)
        self._target_id = 0
        self._looks = KnownLooks(np.zeros(0, np.float32), self.settings)
        self._frames_since_view = 0
        self._unseen_nats = float(self._nats(self.settings.unseen_score))

    def start(
        self,
        box_xywh: ArrayLike,
        embedding: ArrayLike | None,
        observation: Observation,
        others_xywh: ArrayLike | None = None,
        others_embeddings: ArrayLike | None = None,
    ) -> Decision:
        """The first frame.

        Args:
            box_xywh: (4,) the given box.
            embedding: (channels,) of the template; None or without channels where there is none.
            observation: the candidates of the first frame; those elsewhere are distractors from now on.
            others_xywh: (n, 4) boxes of things that are known not to be the target: other targets.
            others_embeddings: (n, channels) of them.
        """
        settings = self.settings
        box = np.asarray(box_xywh, np.float64).reshape(1, 4)
        template = np.zeros((1, 0), np.float32)
        if embedding is not None and settings.appearance:
            template = np.asarray(embedding, np.float16).astype(np.float32).reshape(1, -1)
        self._tracklets = Tracklets(template.shape[1], settings.gallery_size)
        self._tracklets.add(box, np.ones(1), template, np.zeros(1))
        self._target_id = int(self._tracklets.ids[0])
        self._looks, self._frames_since_view = KnownLooks(template[0], settings), 0
        seen = self._look(observation)
        others = np.zeros((0, 4)) if others_xywh is None else np.asarray(others_xywh, np.float64).reshape(-1, 4)
        looks = np.zeros((len(others), template.shape[1]), np.float32)
        if others_embeddings is not None and template.shape[1]:
            looks = np.asarray(others_embeddings, np.float16).astype(np.float32).reshape(looks.shape)
        unlikely = -float(settings.jump_cost + settings.company_cost)
        self._tracklets.add(others, np.full(len(others), np.nan), looks, np.full(len(others), unlikely))
        taken = np.concatenate([box, others])
        elsewhere = np.flatnonzero((iou_costs(taken, seen.boxes_xywh.astype(np.float64)) > 0.5).all(axis=0))
        some = seen.select(elsewhere)
        embeddings = self._embeddings(some)
        boxes, scores = some.boxes_xywh.astype(np.float64), some.scores.astype(np.float64)
        self._tracklets.add(boxes, scores, embeddings, np.full(len(elsewhere), unlikely))
        self._looks.add_others(np.concatenate([looks, embeddings[scores >= settings.looks_score]]))
        self._tracklets.with_target[1:] = settings.company_frames
        decision = self._answer(())
        self._forget()
        return decision

    def step(self, observation: Observation) -> Decision:
        """The next frame."""
        settings, tracklets = self.settings, self._tracklets
        if observation.camera_motion is not None:
            tracklets.warp(observation.camera_motion)
        tracklets.advance(settings.motion)
        self._fade()
        seen = self._look(observation)
        boxes, scores = seen.boxes_xywh.astype(np.float64), seen.scores.astype(np.float64)
        embeddings = self._embeddings(seen)
        costs = self._costs(boxes, embeddings)
        matches, _, free = assign(costs, settings.cost_limit)
        rows, columns = matches[:, 0], matches[:, 1]
        evidence = self._nats(scores) + self._looks.evidence(embeddings)
        believed = self._prior(costs, rows, columns) + evidence
        tracklets.see(
            rows, boxes[columns], scores[columns], embeddings[columns], settings.memory_rate, settings.gallery_interval
        )
        tracklets.belief[tracklets.unseen > 0] += self._unseen_nats
        tracklets.belief[rows] = believed[columns]
        of_target = evidence[columns[rows == tracklets.row_of(self._target_id)]]
        usual = of_target[0] if len(of_target) else self._unseen_nats
        tracklets.earned[rows] = np.maximum(tracklets.earned[rows] + evidence[columns] - usual, 0.0)
        # Candidates that nothing claims begin tracklets.
        tracklets.add(boxes[free], scores[free], embeddings[free], believed[free])
        tracklets.belief -= np.logaddexp.reduce(tracklets.belief)
        events = self._choose_target()
        self._remember_company()
        decision = self._answer(events)
        target = columns[rows == tracklets.row_of(self._target_id)]
        self._keep_views(decision, boxes, scores, embeddings, target)
        self._forget()
        return decision

    def _look(self, observation: Observation) -> Observation:
        """The candidates worth looking at, each thing once."""
        worth = (observation.scores >= self.settings.min_score).nonzero()[0][: self.settings.max_candidates]
        if not len(worth):
            return observation.select(worth)
        corners = xywh_to_xyxy(observation.boxes_xywh[worth])
        same = pairwise_iou_xyxy(corners, corners) > self.settings.duplicate_iou
        # The first of a column is the best candidate that is the same thing: the candidate itself, if no better one is.
        np.fill_diagonal(same, True)
        return observation.select(worth[same.argmax(axis=0) == np.arange(len(worth))])

    def _embeddings(self, seen: Observation) -> NDArray[np.float32]:
        channels = self._tracklets.memory.shape[1]
        return seen.embeddings[:, :channels].astype(np.float32)

    def _costs(self, boxes_xywh: Floats, embeddings: NDArray[np.float32]) -> Floats:
        """(tracklets, candidates) nats against being the same thing."""
        settings, tracklets = self.settings, self._tracklets
        if settings.motion:
            reach = settings.reach * np.sqrt(tracklets.unseen)
            costs = motion_costs(tracklets.boxes_xywh, boxes_xywh, reach)
        else:
            costs = np.zeros((len(tracklets), len(boxes_xywh)))
        if tracklets.memory.shape[1]:
            looks = [tracklets.memory, tracklets.gallery] if settings.gallery_size else [tracklets.memory]
            for known in looks:
                costs += settings.appearance_weight / len(looks) * appearance_costs(known, embeddings)
        return costs

    def _nats(self, scores: ArrayLike) -> Floats:
        probability = np.minimum(np.maximum(np.asarray(scores, np.float64), 0.01), 0.99)
        nats: Floats = self.settings.score_weight * np.log(probability / (1 - probability))
        return nats

    def _fade(self) -> None:
        """Takes back a part of what earlier frames said for tracklets that are not the target's."""
        tracklets = self._tracklets
        left = self.settings.score_memory * tracklets.earned
        tracklets.belief -= tracklets.earned - left
        tracklets.earned[:] = left

    def _prior(self, costs: Floats, rows: Integers, columns: Integers) -> Floats:
        """(candidates,) nats: how likely each is the target before its score is known."""
        settings, tracklets = self.settings, self._tracklets
        # The target went on as its motion and looks say, from wherever it may have been ...
        moved = _log_sum_exp(tracklets.belief[:, None] - costs)
        # ... or it is somewhere else altogether, which is less strange while it is out of sight, of something that was
        # never seen beside it.
        jumped = np.full(costs.shape[1], -float(settings.jump_cost))
        known = tracklets.with_target[rows] >= settings.company_frames
        jumped[columns[known]] -= settings.company_cost
        if tracklets.unseen[tracklets.row_of(self._target_id)] > 1:
            stranger = np.ones(costs.shape[1], bool)
            stranger[columns] = tracklets.with_target[rows] == 0
            jumped[stranger] = np.maximum(jumped[stranger], -settings.reappear_cost)
        prior: Floats = np.logaddexp(moved, jumped)
        return prior

    def _choose_target(self) -> tuple[str, ...]:
        """Calls the tracklet in which most of the belief is the target's; says why where it is another one."""
        tracklets = self._tracklets
        old, new = tracklets.row_of(self._target_id), int(tracklets.belief.argmax())
        if new == old:
            return ()
        old_id, new_id = self._target_id, int(tracklets.ids[new])
        self._target_id = new_id
        tracklets.earned[:] = 0.0
        lead = float(tracklets.belief[new] - tracklets.belief[old])
        unseen, hits = int(tracklets.unseen[old]), int(tracklets.hits[new])
        what = "something new" if hits == 1 else f"what was seen in {hits} frames"
        if unseen == 0:
            return (f"changed: {new_id} ({what}) is {lead:.1f} nats more likely the target than {old_id}",)
        if tracklets.gallery.size and hits == 1:
            # One object in two pieces: what was remembered of it goes on.
            tracklets.gallery[:, new], tracklets.views[new] = tracklets.gallery[:, old], tracklets.views[old]
            tracklets.last_view[new] = tracklets.age[new]
        return (f"re-appeared: {old_id} is out of sight for {unseen} frames, the target is {new_id} ({what})",)

    def _remember_company(self) -> None:
        """Counts who is seen together with the target."""
        tracklets = self._tracklets
        if tracklets.unseen[tracklets.row_of(self._target_id)] == 0:
            tracklets.with_target += (tracklets.unseen == 0) & (tracklets.ids != self._target_id)

    def _keep_views(
        self,
        decision: Decision,
        boxes_xywh: Floats,
        scores: Floats,
        embeddings: NDArray[np.float32],
        target: Integers,
    ) -> None:
        """Learns what target and others look like, where it is sure which is which and nothing covers them."""
        settings = self.settings
        self._frames_since_view += 1
        if not embeddings.shape[1] or not settings.looks_weight or not len(target):
            return
        if self._frames_since_view < settings.looks_interval or decision.margin <= settings.looks_margin:
            return
        if scores[target[0]] < settings.looks_score:
            return
        self._frames_since_view = 0
        corners = xywh_to_xyxy(boxes_xywh)
        overlap = pairwise_iou_xyxy(corners, corners)
        np.fill_diagonal(overlap, 0.0)
        alone = (overlap.max(axis=1) < FREE_OF_OTHERS) & (scores >= settings.looks_score)
        if alone[target[0]]:
            self._looks.add_target(embeddings[target[0]])
        alone[target[0]] = False
        self._looks.add_others(embeddings[alone])

    def _answer(self, events: tuple[str, ...]) -> Decision:
        tracklets = self._tracklets
        target = tracklets.row_of(self._target_id)
        seen = tracklets.unseen == 0
        others = seen & (tracklets.ids != self._target_id)
        margin = float(tracklets.belief[target] - np.max(tracklets.belief[others], initial=-np.inf))
        answer, score = target, 0.0
        if seen[target]:
            score = float(tracklets.scores[target] * np.exp(tracklets.belief[target]))
        elif others.any():
            # The target is thought to be out of sight. The next best is the best guess all the same; and where nothing
            # is at all likely, the detector's is.
            hopeless = margin > self.settings.guess_limit
            merit = np.nan_to_num(tracklets.scores) if hopeless else tracklets.belief
            answer = int(np.where(others, merit, -np.inf).argmax())
            score = float(tracklets.scores[answer] * np.exp(tracklets.belief[answer]))
        view = TrackletView(
            tracklets.ids.copy(),
            tracklets.last_boxes_xywh.copy(),
            tracklets.belief.copy(),
            tracklets.scores.copy(),
            tracklets.unseen.copy(),
        )
        present = bool(seen[target]) and score >= self.presence_threshold
        box = tracklets.last_boxes_xywh[answer].copy()
        return Decision(box, min(score, 1.0), present, self._target_id, margin, events, view)

    def _forget(self) -> None:
        """Drops distractors that were not seen for long, and the stalest where there are too many; never the target."""
        settings, tracklets = self.settings, self._tracklets
        is_target = tracklets.ids == self._target_id
        keep = is_target | (settings.distractors & (tracklets.unseen <= settings.max_lost_frames))
        if keep.sum() > settings.max_tracklets:
            order = np.lexsort((-tracklets.belief, tracklets.unseen, ~is_target, ~keep))
            keep[order[settings.max_tracklets :]] = False
        tracklets.keep(keep)
        tracklets.belief -= np.logaddexp.reduce(tracklets.belief)
