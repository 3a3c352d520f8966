"""What can be tuned about the association of one frame's candidates with the tracklets of earlier frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from dmtrack.config import Amount, Count, CountOrZero, Share, Within, check_fields, parse_section


@dataclass(frozen=True)
class AssociationSettings:
    """Settings of `DistractorAwarePolicy`; the defaults were chosen on generated tuning sequences.

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

    def __post_init__(self) -> None:
        check_fields(self, "association")

    @classmethod
    def of(cls, values: Mapping[str, Any] | AssociationSettings | None) -> AssociationSettings:
        """Settings of a config's section.

        Raises:
            ConfigError: an unknown key, or a value of a wrong type or out of range.
        """
        if isinstance(values, AssociationSettings):
            return values
        return parse_section(values or {}, cls, "association", source="")
