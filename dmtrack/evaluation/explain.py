"""Why the same boxes get different scores: which frames each protocol counts how, and what each rule costs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmtrack.data.sequences import Sequence
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.measures.frames import RuledFrames, apply_rules
from dmtrack.evaluation.protocols import Protocol
from dmtrack.evaluation.protocols.describing import RULES, describe_measure, describe_rule
from dmtrack.evaluation.results import SequenceResult
from dmtrack.evaluation.scoring import SequenceScore, score_frames, sequence_facts
from dmtrack.files import json_value

Frames = NDArray[np.int64]

NUMBERS = ("headline", "precision", "normalized_precision")
"""What is compared: each protocol's first measure, and those of these keys where it has them."""

_SMALLEST_CHANGE = 5e-7


@dataclass(frozen=True)
class FrameGroup:
    """Frames, by their indices from 0, of which the same (`what`) is true and which every protocol treats alike.

    `fates` says by the protocol's name what becomes of them.
    """

    what: str
    frames: Frames
    fates: dict[str, str]


@dataclass(frozen=True)
class ProtocolView:
    """One protocol's view of the result.

    Attributes:
        protocol: the rules.
        score: of the sequence.
        ruled: what becomes of each frame.
        fates: (frames,) number of the fate, equal for frames of equal fate; see `fate_in_words`.
    """

    protocol: Protocol
    score: SequenceScore
    ruled: RuledFrames
    fates: Frames

    def changes_to(self, other: ProtocolView) -> dict[str, float | None]:
        """What the other view adds to each of `NUMBERS`; None where a side does not have that number."""
        changes: dict[str, float | None] = {}
        for which in NUMBERS:
            before, after = (
                view.score.scores.get(view.protocol.reported()[0].key if which == "headline" else which)
                for view in (self, other)
            )
            changes[which] = None if before is None or after is None else after - before
        return changes

    def counts(self) -> dict[str, int]:
        """Frames counted, measured, missed by rule, hit by rule in a distance, dropped, and with a replaced result."""
        ruled, counted = self.ruled, self.ruled.counted
        by_rule = ruled.overlap_miss | ruled.distance_hit | ruled.normalized_hit
        return {
            "counted": int(counted.sum()),
            "measured": int((counted & ~by_rule).sum()),
            "miss by rule": int((counted & ruled.overlap_miss).sum()),
            "hit by rule": int((counted & (ruled.distance_hit | ruled.normalized_hit)).sum()),
            "dropped": int((~counted).sum()),
            "replaced": int((counted & ruled.replaced).sum()),
        }


@dataclass(frozen=True)
class Step:
    """One rule exchanged on the way from one protocol to another.

    Attributes:
        rule: its name, see `describing.RULES`.
        before: the rule of the first protocol in words.
        after: the rule of the second one.
        frames: indices of the frames whose fate or boxes it changes; empty where it concerns how numbers are read.
        changes: what it adds to each of `NUMBERS`; None where a side does not have that number.
    """

    rule: str
    before: str
    after: str
    frames: Frames
    changes: dict[str, float | None]

    @property
    def matters(self) -> bool:
        """Whether any number changes, appears or disappears because of frames or readings of this sequence."""
        return any(change is not None and abs(change) > _SMALLEST_CHANGE for change in self.changes.values())


@dataclass(frozen=True)
class Explanation:
    """One result under several protocols.

    Attributes:
        sequence: its name.
        frames: how many it has.
        views: one per protocol, in the order asked for.
        groups: all frames, grouped, in the order of their first frames.
        remarks: what the numbers depend on and the sequence does not say.
    """

    sequence: str
    frames: int
    views: tuple[ProtocolView, ...]
    groups: tuple[FrameGroup, ...]
    remarks: tuple[str, ...]
    _rescore: partial[ProtocolView]

    def steps(self, first: str, second: str) -> list[Step]:
        """Goes from one protocol to the other, one rule at a time; the changes of all steps add up to the difference.

        What a single step adds can depend on the order, which is that of `describing.RULES`.

        Raises:
            EvaluationError: the explanation has no such protocol.
        """
        current, last = self.view(first), self.view(second)
        steps = []
        for rule, fields in RULES.items():
            changed = {
                field: getattr(last.protocol, field)
                for field in fields
                if getattr(last.protocol, field) != getattr(current.protocol, field)
            }
            if rule == "normalisation" and "normalized_precision_thresholds" in changed:
                del changed["normalized_precision_thresholds"]  # exchanged with the other thresholds
            if not changed or rule == "pooling":  # pooling does nothing to a single sequence
                continue
            following = self._rescore(replace(current.protocol, **changed))
            steps.append(_step(rule, current, following, last.protocol))
            current = following
        return steps

    def view(self, protocol: str) -> ProtocolView:
        """The view of the protocol of that name.

        Raises:
            EvaluationError: the explanation has none.
        """
        for view in self.views:
            if view.protocol.name == protocol:
                return view
        raise EvaluationError(f"no explanation under {protocol!r} was asked for; add it to the protocols")

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON values; frames are numbered from 0, and every protocol is compared with the first."""
        reference = self.views[0].protocol.name
        return {
            "sequence": self.sequence,
            "frames": self.frames,
            "protocols": {
                view.protocol.name: {"scores": json_value(view.score.scores), "frames": view.counts()}
                for view in self.views
            },
            "groups": [
                {"what": group.what, "frames": group.frames.tolist(), "fates": group.fates} for group in self.groups
            ],
            "compared_with": reference,
            "steps": {
                view.protocol.name: [
                    {
                        "rule": step.rule,
                        "from": step.before,
                        "to": step.after,
                        "frames": step.frames.tolist(),
                        "changes": json_value(step.changes),
                    }
                    for step in self.steps(reference, view.protocol.name)
                ]
                for view in self.views[1:]
            },
        }


def explain_result(sequence: Sequence, result: SequenceResult, protocols: Iterable[Protocol]) -> Explanation:
    """Scores one result under one protocol or more and says which frames each counts how; no frame is read.

    Raises:
        EvaluationError: no protocol is given, or the number of boxes is not the number of frames.
    """
    rules = list(protocols)
    if not rules:
        raise EvaluationError("no protocol to explain; name at least one, see `dmtrack eval protocols`")
    if len(result.boxes_xywh) != len(sequence):
        raise EvaluationError(
            f"sequence {sequence.name!r}: {len(result.boxes_xywh)} result boxes for {len(sequence)} frames; give one "
            "box per frame, the first frame included"
        )
    rescore = partial(_view, sequence, result.boxes_xywh)
    views = tuple(rescore(protocol) for protocol in rules)
    remarks = [
        f"{protocol.name} clips to the image, whose size is not known here: nothing is clipped"
        for protocol in rules
        if protocol.clipping and sequence.frame_size_wh is None
    ]
    groups = _groups(sequence, result.boxes_xywh, views)
    return Explanation(sequence.name, len(sequence), views, groups, tuple(remarks), rescore)


def fate_in_words(fate: int) -> str:
    """What a number in `ProtocolView.fates` stands for."""
    if fate == 0:
        return "dropped"
    code = fate - 1
    overlap_miss, distance, normalized = code % 2, code // 2 % 3, code // 6 % 3
    first, replaced, unknown = code // 18 % 2, code // 36 % 2, code // 72 % 2
    if distance == 1 and normalized == 1:
        return "miss for IoU, hit for distances" if overlap_miss else "IoU measured, hit for distances"
    if normalized == 1:
        return "miss, but hit for normalised distance" if overlap_miss else "measured, hit for normalised distance"
    if overlap_miss:
        return "miss" if distance == 2 else "miss for IoU, distances measured"
    if first:
        return "counted with the true box"
    if replaced:
        return "measured with the box before"
    return "miss (no number in the result)" if unknown else "measured"


def _view(sequence: Sequence, results_xywh: ArrayLike, protocol: Protocol) -> ProtocolView:
    truth = sequence.annotated_boxes_xywh
    ruled = apply_rules(protocol, truth, sequence.labelled_present, results_xywh, **sequence_facts(sequence))
    score = score_frames(protocol, sequence.name, ruled)
    distance = ruled.distance_hit + 2 * ruled.distance_miss
    normalized = ruled.normalized_hit + 2 * ruled.normalized_miss
    with_truth = ruled.first & (protocol.first_frame == "truth")
    unknown = np.isnan(ruled.results_xywh).any(axis=1)
    code = ruled.overlap_miss + 2 * distance + 6 * normalized + 18 * with_truth + 36 * ruled.replaced + 72 * unknown
    return ProtocolView(protocol, score, ruled, np.where(ruled.counted, code + 1, 0).astype(np.int64))


def _step(rule: str, before: ProtocolView, after: ProtocolView, last: Protocol) -> Step:
    same = before.fates == after.fates
    for old, new in (
        (before.ruled.truth_xywh, after.ruled.truth_xywh),
        (before.ruled.results_xywh, after.ruled.results_xywh),
    ):
        same &= ((old == new) | (np.isnan(old) & np.isnan(new))).all(axis=1)
    words = _in_words(before, rule), _in_words(replace(after, protocol=last), rule)
    return Step(rule, *words, np.flatnonzero(~same), before.changes_to(after))


def _in_words(view: ProtocolView, rule: str) -> str:
    if rule != "numbers":
        return describe_rule(view.protocol, rule)
    keys = (view.protocol.reported()[0].key, *NUMBERS[1:])
    measures = [measure for measure in view.protocol.reported() if measure.key in keys]
    return "; ".join(f"{measure.title}: {describe_measure(view.protocol, measure)}" for measure in measures)


def _groups(sequence: Sequence, results_xywh: ArrayLike, views: tuple[ProtocolView, ...]) -> tuple[FrameGroup, ...]:
    facts = _facts(sequence, np.asarray(results_xywh, dtype=np.float64))
    kinds = np.stack([sum(flag << place for place, flag in enumerate(facts.values())), *(view.fates for view in views)])
    _, firsts, inverse = np.unique(kinds, axis=1, return_index=True, return_inverse=True)
    groups = []
    for kind in np.argsort(firsts):
        frames = np.flatnonzero(inverse.reshape(-1) == kind)
        true_facts = [fact for fact, flags in facts.items() if flags[frames[0]]]
        fates = {view.protocol.name: fate_in_words(int(view.fates[frames[0]])) for view in views}
        groups.append(FrameGroup(", ".join(true_facts) or "target visible", frames, fates))
    return tuple(groups)


def _facts(sequence: Sequence, results_xywh: NDArray[np.float64]) -> dict[str, NDArray[np.int64]]:
    """What is true of each frame, as 0 or 1."""
    truth = sequence.annotated_boxes_xywh
    about = sequence_facts(sequence)
    missing = np.isnan(truth).any(axis=1)
    absent = ~sequence.labelled_present & about["flagged"]
    with np.errstate(invalid="ignore"):
        empty = ~missing & (truth[:, 2:] <= 0).any(axis=1)
        border = ~missing & (truth[:, :2] + about["first_pixel"] <= 0).any(axis=1)
        no_area = (results_xywh[:, 2:] <= 0).any(axis=1)
    known = np.isfinite(results_xywh).all(axis=1)
    facts = {
        "first frame": np.arange(len(truth)) == 0,
        "target flagged absent": absent & (missing | empty),
        "target flagged absent, yet annotated": absent & ~missing & ~empty,
        "no annotation": ~absent & missing,
        "true box without area": ~absent & empty,
        "true box at the left or top border": border & ~empty,
        "result is no number": ~known,
        "result without area": known & no_area,
    }
    if sequence.cover is not None:
        facts["cover 0"] = np.asarray(sequence.cover) <= 0
    return {fact: flags.astype(np.int64) for fact, flags in facts.items()}
