"""Which of the things that look alike is the target: tracklets of all of them, and a belief that flows along them.

Known of DMTrack-ReID (CVPR 2021): tracklets of all similar objects are kept and associated by appearance and motion,
the MOT way, and the answer is the target's tracklet. Everything else here is this project's design (no code of it was
published). It is the forward pass of a hidden Markov model: what is hidden is which tracklet is the target; a frame's
scores are the evidence; and where two things meet and could have changed places, the belief flows both ways, so that a
wrong turn is mended when the scores say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmtrack.association.detections import Decision, Detections, TrackletView
from dmtrack.association.known_looks import KnownLooks, logit
from dmtrack.association.matching import appearance_costs, assign, iou_costs, motion_costs
from dmtrack.association.policy import Affine, Association, TargetPolicy, TimelineView
from dmtrack.association.tracklets import Tracklets
from dmtrack.boxes import pairwise_iou_xyxy, xywh_to_xyxy
from dmtrack.config import Amount, Count, CountOrZero, Share, Within
from dmtrack.registry import ASSOCIATIONS

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Views = NDArray[np.float32]

Weight = Annotated[float, Within(-100, 100)]
FiveWeights = tuple[Weight, Weight, Weight, Weight, Weight]
SixWeights = tuple[Weight, Weight, Weight, Weight, Weight, Weight]

FREE_OF_OTHERS = 0.1
"""Below this IoU with every other candidate, a view of a thing shows that thing alone."""


@ASSOCIATIONS.register
@dataclass(frozen=True)
class DistractorAware(Association):
    """What can be tuned; the defaults were chosen on generated tuning sequences.

    Scores are those of the detector's candidates, in [0, 1]; beliefs are natural logarithms of probabilities (nats).

    Attributes:
        min_score: candidates below are not looked at.
        max_candidates: of the others, so many are looked at, best first.
        duplicate_iou: of two candidates that overlap more, the weaker is the same thing and is dropped.
        max_tracklets: memory bound; of the distractors, those unseen for longest are forgotten first.
        max_lost_frames: a distractor unseen for so many frames is forgotten. The target never is.
        distractors: keep tracklets of what is not the target; False keeps the target's alone.
        motion: follow motion; False lets a tracklet turn up anywhere.
        reach: how far a thing is from where its motion leads, one standard deviation, in sizes of its box (square root
            of its area); it grows with the square root of the frames that the thing was out of sight.
        cost_limit: pairs of tracklet and candidate that cost more nats are not the same object.
        appearance: compare embeddings, where the candidates have them.
        appearance_weight: nats per unit of cosine distance.
        memory_rate: share of a new embedding in the moving average of its tracklet.
        gallery_size: bounded list of past views of a tracklet, whose nearest counts; 0 uses the moving average alone.
        gallery_interval: frames between two views of the gallery.
        looks_weight: nats per unit of cosine by which a candidate is nearer to the kept views of the target than to
            those of other things; 0 keeps none.
        looks_limit: differences of cosines beyond count as this one.
        looks_of_target: so many views of the target are kept, the first frame's among them.
        looks_of_others: so many views of all other things.
        looks_interval: frames between two views.
        looks_score: views are kept of candidates from this score on.
        looks_margin: views are kept of frames in which the target's belief is so many nats above all others in sight.
        score_weight: how much one frame's score tells: a candidate of score p adds this times logit(p) to the belief
            that its tracklet is the target's.
        score_memory: share of what earlier frames said for a tracklet that is not the target's which is left after a
            frame. Neighbouring frames repeat each other: a look-alike does not become the target by looking alike for
            long. Doubt that comes from a meeting of two things does not fade.
        unseen_score: a tracklet that is not seen in a frame counts as one with this score.
        jump_cost: nats against the target's turning up as something that did not move there.
        company_cost: further nats against a tracklet that was seen beside the seen target: a known distractor.
        company_frames: frames seen together that make a known distractor.
        reappear_cost: nats against the target's turning up as a thing that was never seen beside it, while it is out of
            sight.
        guess_limit: where the target is thought to be out of sight, the answer is the likeliest thing in sight, unless
            the hidden target is so many nats likelier than all of them: then it is the one with the best score.
        presence: six numbers that make the score of a frame the probability that the box is right: nats for each nat
            of logit(score) of the candidate, for each unit of its cosine with the three nearest kept views of the
            target, with the template and with the nearest kept view of something else, in any case, and for each nat by
            which logit(score) is above the usual one of this target (0 if only five are given). They are fitted to
            clips by logistic regression (`tools/calibrate_presence.py`); None, or a detector without embeddings, leaves
            the candidate's own score.
    """

    min_score: Share = 0.003
    max_candidates: Count = 32
    duplicate_iou: Share = 0.5
    max_tracklets: Count = 32
    max_lost_frames: CountOrZero = 60
    distractors: bool = True
    motion: bool = True
    reach: Amount = 0.3
    cost_limit: Amount = 8.0
    appearance: bool = True
    appearance_weight: Amount = 3.0
    memory_rate: Share = 0.2
    gallery_size: CountOrZero = 8
    gallery_interval: Count = 5
    looks_weight: Amount = 30.0
    looks_limit: Amount = 0.4
    looks_of_target: Annotated[int, Within(2)] = 16
    looks_of_others: Count = 60
    looks_interval: Count = 5
    looks_score: Share = 0.3
    looks_margin: Amount = 8.0
    score_weight: Amount = 2.0
    score_memory: Share = 0.8
    unseen_score: Share = 0.7
    jump_cost: Amount = 30.0
    company_cost: Amount = 2.0
    company_frames: CountOrZero = 3
    reappear_cost: Amount = 4.0
    guess_limit: Amount = 8.0
    presence: FiveWeights | SixWeights | None = None

    search_space: ClassVar[Mapping[str, str]] = {
        "min_score": "0.001,0.2,log",
        "reach": "0.05,1,log",
        "cost_limit": "3,30",
        "score_weight": "0.5,5",
        "score_memory": "0,1",
        "unseen_score": "0.05,0.95",
        "jump_cost": "2,100,log",
        "company_cost": "0,20",
        "reappear_cost": "0,20",
    }
    """What decides who is who; the bounds of memory are no parameters of quality."""

    timeline_view: ClassVar[TimelineView | None] = TimelineView(
        "margin",
        "nats",
        "how much more likely the target's tracklet is than the next one in sight (3 nats: twenty times)",
        limit=30.0,
        doubt=3.0,
    )

    section: ClassVar[str] = "association"

    def target_policy(self, presence_threshold: float) -> TargetPolicy:
        """The policy of one target."""
        return DistractorAwarePolicy(self, presence_threshold)


class DistractorAwarePolicy:
    """Associates candidates with the tracklets of the target and of its look-alikes, frame by frame.

    Memory is bounded by `max_tracklets` and `gallery_size`, whatever the length of the video.

    Args:
        settings: see `DistractorAware`.
        presence_threshold: the target counts as present where its score reaches this.
    """

    timeline_view: ClassVar[TimelineView | None] = DistractorAware.timeline_view

    def __init__(self, settings: DistractorAware | None = None, presence_threshold: float = 0.3) -> None:
        self.settings = settings or DistractorAware()
        self.presence_threshold = presence_threshold
        self._tracklets = Tracklets(0, 0)
        self._target_id = 0
        self._looks, self._frames_since_view = KnownLooks(np.zeros(0, np.float32), self.settings), 0
        self._unseen_nats = self.settings.score_weight * float(logit(self.settings.unseen_score))

    def start(
        self,
        box_xywh: ArrayLike,
        template_embedding: ArrayLike | None,
        found: Detections,
        others_xywh: ArrayLike | None = None,
        others_embeddings: ArrayLike | None = None,
    ) -> Decision:
        """The first frame, as `TargetPolicy.start`: candidates elsewhere are distractors from now on."""
        settings = self.settings
        box = np.asarray(box_xywh, np.float64).reshape(1, 4)
        template = np.zeros((1, 0), np.float32)
        if template_embedding is not None and settings.appearance:
            template = np.asarray(template_embedding, np.float16).astype(np.float32).reshape(1, -1)
        self._tracklets = Tracklets(template.shape[1], settings.gallery_size)
        self._tracklets.add(box, np.ones(1), template, np.zeros(1))
        self._target_id = int(self._tracklets.ids[0])
        self._looks, self._frames_since_view = KnownLooks(template[0], settings), 0
        boxes, scores, embeddings = self._look(found)
        others = np.zeros((0, 4)) if others_xywh is None else np.asarray(others_xywh, np.float64).reshape(-1, 4)
        looks = np.zeros((len(others), template.shape[1]), np.float32)
        if others_embeddings is not None and template.shape[1]:
            looks = np.asarray(others_embeddings, np.float16).astype(np.float32).reshape(looks.shape)
        unlikely = -float(settings.jump_cost + settings.company_cost)
        self._tracklets.add(others, np.full(len(others), np.nan), looks, np.full(len(others), unlikely))
        taken = np.concatenate([box, others])
        elsewhere = (iou_costs(taken, boxes) > 0.5).all(axis=0)
        boxes, scores, embeddings = boxes[elsewhere], scores[elsewhere], embeddings[elsewhere]
        self._tracklets.add(boxes, scores, embeddings, np.full(len(boxes), unlikely))
        self._looks.add_others(np.concatenate([looks, embeddings[scores >= settings.looks_score]]))
        self._tracklets.with_target[1:] = settings.company_frames
        decision = self._answer(found, (), np.zeros((0, 0), np.float32))
        self._forget()
        return decision

    def step(self, found: Detections, camera_motion: Affine | None = None) -> Decision:
        """The next frame; tracklets go along with the camera where its motion is known."""
        settings, tracklets = self.settings, self._tracklets
        if camera_motion is not None:
            tracklets.warp(camera_motion)
        tracklets.advance(settings.motion)
        # What earlier frames said for tracklets that are not the target's fades.
        left = settings.score_memory * tracklets.earned
        tracklets.belief -= tracklets.earned - left
        tracklets.earned[:] = left
        boxes, scores, embeddings = self._look(found)
        costs = self._costs(boxes, embeddings)
        matches, _, free = assign(costs, settings.cost_limit)
        rows, columns = matches[:, 0], matches[:, 1]
        evidence = settings.score_weight * logit(scores) + self._looks.evidence(embeddings)
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
        if tracklets.unseen[tracklets.row_of(self._target_id)] == 0:
            # Who is seen together with the target is not the target.
            tracklets.with_target += (tracklets.unseen == 0) & (tracklets.ids != self._target_id)
        looks = np.zeros((len(tracklets), embeddings.shape[1]), np.float32)
        looks[np.concatenate([rows, np.arange(len(tracklets) - len(free), len(tracklets))])] = embeddings[
            np.concatenate([columns, free])
        ]
        decision = self._answer(found, events, looks)
        target = columns[rows == tracklets.row_of(self._target_id)]
        self._keep_views(decision, boxes, scores, embeddings, target)
        self._forget()
        return decision

    def _look(self, found: Detections) -> tuple[Floats, Floats, Views]:
        """Boxes xywh (k, 4), scores and embeddings of the candidates worth looking at, each thing once.

        Boxes and embeddings are rounded as they are stored, so that a live run and a replay see the same numbers.
        """
        settings, channels = self.settings, self._tracklets.memory.shape[1]
        rows = (np.asarray(found.scores, np.float32) >= settings.min_score).nonzero()[0][: settings.max_candidates]
        boxes = found.boxes_xywh[rows].astype(np.float32).astype(np.float64)
        if len(rows):
            corners = xywh_to_xyxy(boxes)
            same = pairwise_iou_xyxy(corners, corners) > settings.duplicate_iou
            # The first of a column is the best candidate that is the same thing: itself, if no better one is.
            np.fill_diagonal(same, True)
            first = same.argmax(axis=0) == np.arange(len(rows))
            rows, boxes = rows[first], boxes[first]
        embeddings = np.zeros((len(rows), channels), np.float32)
        if found.embeddings is not None and channels and len(rows):
            embeddings = np.asarray(found.embeddings[rows, :channels], np.float16).astype(np.float32)
        return boxes, np.asarray(found.scores, np.float32)[rows].astype(np.float64), embeddings

    def _costs(self, boxes_xywh: Floats, embeddings: Views) -> Floats:
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

    def _prior(self, costs: Floats, rows: Integers, columns: Integers) -> Floats:
        """(candidates,) nats: how likely each is the target before its score is known."""
        settings, tracklets = self.settings, self._tracklets
        # The target went on as its motion and looks say, from wherever it may have been ...
        nats = tracklets.belief[:, None] - costs
        highest = nats.max(axis=0)
        # Faster than `np.logaddexp.reduce`.
        moved = np.log(np.exp(nats - highest).sum(axis=0)) + highest
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
        missed = f"{unseen} frame" + "s" * (unseen != 1)
        return (f"re-appeared: {old_id} is out of sight for {missed}, the target is {new_id} ({what})",)

    def _keep_views(
        self,
        decision: Decision,
        boxes_xywh: Floats,
        scores: Floats,
        embeddings: Views,
        target: Integers,
    ) -> None:
        """Learns what the target scores, and what it and others look like where it is sure which is which."""
        settings = self.settings
        self._frames_since_view += 1
        if not embeddings.shape[1] or not len(target):
            return
        self._looks.add_score(scores[target[0]], embeddings[target[0]])
        if not settings.looks_weight:
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

    def _answer(self, found: Detections, events: tuple[str, ...], looks: Views) -> Decision:
        """What is told of the frame; `looks` (tracklets, channels) are those of this frame, none in the first one."""
        tracklets = self._tracklets
        target = tracklets.row_of(self._target_id)
        seen = tracklets.unseen == 0
        others = seen & (tracklets.ids != self._target_id)
        margin = float(tracklets.belief[target] - np.max(tracklets.belief[others], initial=-np.inf))
        answer = target
        if not seen[target] and others.any():
            # The target is thought to be out of sight. The next best is the best guess all the same; and where nothing
            # is at all likely, the detector's is.
            hopeless = margin > self.settings.guess_limit
            merit = np.nan_to_num(tracklets.scores) if hopeless else tracklets.belief
            answer = int(np.where(others, merit, -np.inf).argmax())
        score = 0.0
        if seen[answer]:
            score = float(tracklets.scores[answer])
            if self.settings.presence is not None and looks.shape[1]:
                weights = self.settings.presence
                nats = float(np.dot(self._looks.known(score, looks[answer])[: len(weights)], weights))
                score = 1.0 / (1.0 + float(np.exp(-nats)))
            score *= float(np.exp(tracklets.belief[answer]))
        view = TrackletView(
            tracklets.ids.copy(),
            tracklets.last_boxes_xywh.copy(),
            tracklets.belief.copy(),
            tracklets.scores.copy(),
            tracklets.unseen.copy(),
        )
        present = bool(seen[target]) and score >= self.presence_threshold
        box = tracklets.last_boxes_xywh[answer].copy()
        return Decision(box, min(score, 1.0), present, found, self._target_id, margin, events, view)

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
