"""What can be tuned about the association of one frame's candidates with the tracklets of earlier frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from dmtrack.errors import ConfigError
from dmtrack.registry import did_you_mean


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

    min_score: float = 0.003
    max_candidates: int = 32
    duplicate_iou: float = 0.5
    max_tracklets: int = 32
    max_lost_frames: int = 60
    distractors: bool = True
    motion: bool = True
    reach: float = 0.3
    cost_limit: float = 8.0
    appearance: bool = True
    appearance_weight: float = 3.0
    memory_rate: float = 0.2
    gallery_size: int = 8
    gallery_interval: int = 5
    looks_weight: float = 30.0
    looks_limit: float = 0.4
    looks_of_target: int = 16
    looks_of_others: int = 60
    looks_interval: int = 5
    looks_score: float = 0.3
    looks_margin: float = 8.0
    score_weight: float = 2.0
    score_memory: float = 0.8
    unseen_score: float = 0.7
    jump_cost: float = 30.0
    company_cost: float = 2.0
    company_frames: int = 3
    reappear_cost: float = 4.0
    guess_limit: float = 8.0

    def __post_init__(self) -> None:
        shares = ("min_score", "duplicate_iou", "memory_rate", "looks_score", "score_memory", "unseen_score")
        amounts = (
            "reach",
            "cost_limit",
            "appearance_weight",
            "looks_weight",
            "looks_limit",
            "looks_margin",
            "score_weight",
            "jump_cost",
            "company_cost",
            "reappear_cost",
            "guess_limit",
        )
        counts = ("max_lost_frames", "gallery_size", "company_frames")
        ranges: dict[str, tuple[float, float]] = {
            **dict.fromkeys(shares, (0.0, 1.0)),
            **dict.fromkeys(amounts, (0.0, 1e9)),
            **dict.fromkeys(counts, (0, 1_000_000)),
            "max_tracklets": (1, 10_000),
            "max_candidates": (1, 10_000),
            "gallery_interval": (1, 1_000_000),
            "looks_interval": (1, 1_000_000),
            "looks_of_target": (2, 10_000),
            "looks_of_others": (1, 10_000),
        }
        for name, (lowest, highest) in ranges.items():
            value = getattr(self, name)
            if not lowest <= value <= highest:
                raise ConfigError(f"association.{name} is {value}: expected a number from {lowest:g} to {highest:g}")

    @classmethod
    def of(cls, values: Mapping[str, Any] | AssociationSettings | None) -> AssociationSettings:
        """Settings of a config's section.

        Raises:
            ConfigError: a key that there is not, or a value out of range.
        """
        if isinstance(values, AssociationSettings):
            return values
        known = [field.name for field in fields(cls)]
        for key in values or {}:
            if key not in known:
                raise ConfigError(f"association.{key} is no setting{did_you_mean(key, known)}")
        return cls(**dict(values or {}))
