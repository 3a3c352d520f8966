"""Rules in words, for people who compare protocols."""

from __future__ import annotations

from dmtrack.evaluation.measures import one_pass
from dmtrack.evaluation.protocols.rules import CurveMeasure, Protocol

RULES: dict[str, tuple[str, ...]] = {
    "first frame": ("first_frame",),
    "absent frames": ("absent_frames", "visibility"),
    "invalid true box": ("truth_condition", "distance_condition", "center_offset", "invalid_truth_frames"),
    "invalid result": ("invalid_results", "negative_sizes"),
    "rounding": ("rounding",),
    "clipping": ("clipping",),
    "normalisation": ("normalization", "normalized_precision_thresholds"),
    "comparison": ("success_strict",),
    "numbers": (
        "success_thresholds",
        "precision_thresholds",
        "normalized_precision_thresholds",
        "precision_at",
        "normalized_precision_at",
        "measures",
    ),
    "pooling": ("pooling",),
}
"""Names of rules, and the fields of `Protocol` that belong to each."""

_TREATMENTS = {
    "dropped": "dropped",
    "miss": "counted, a miss everywhere",
    "distance-hit": "counted, a miss for IoU, a hit for both distances",
    "normalized-hit": "counted, a miss, but a hit for the normalised distance",
    "measured": "measured as it stands",
}
_CONDITIONS = {
    "size": "width, height > 0",
    "coordinates": "left, top, width, height > 0",
    "corners": "all four inclusive corners > 0",
    "center": "centre > 0",
}
_WORDS = {
    "first_frame": {
        "skipped": "not counted",
        "truth": "counted, with the true box as result",
        "given": "counted, with the given result",
    },
    "invalid_results": {
        "miss": "NaN is a miss, other boxes are measured",
        "previous": "NaN or no area: replaced by the box before",
        "previous-if-empty": "a side of 0: replaced by the box before; NaN is a miss",
    },
    "negative_sizes": {"zero": "negative sides count as 0", "kept": "negative sides stay"},
    "normalization": {
        "truth-size": "by the true width and height",
        "truth-size-at-least-1": "by the true width and height, at least 1 px",
    },
    "pooling": {
        "sequences": "mean of sequences",
        "nonzero-sequences": "mean of sequences, without those whose curve is zero everywhere",
        "frames": "all frames of all sequences alike",
    },
}


def describe_rule(protocol: Protocol, rule: str) -> str:
    """One rule of a protocol in a few words; the name is one of `RULES`."""
    if rule == "absent frames":
        if protocol.absent_frames == "measured":
            return "labels are not looked at"
        label = "cover 0" if protocol.visibility == "cover" else "flagged absent"
        return f"{_TREATMENTS[protocol.absent_frames]} ({label})"
    if rule == "invalid true box":
        return _describe_truth(protocol)
    if rule == "invalid result":
        words = _WORDS["invalid_results"][protocol.invalid_results]
        return f"{words}; {_WORDS['negative_sizes'][protocol.negative_sizes]}"
    if rule == "rounding":
        return "to whole pixels" if protocol.rounding else "none"
    if rule == "clipping":
        return "to the image" if protocol.clipping else "none"
    if rule == "normalisation":
        thresholds = protocol.normalized_precision_thresholds
        return _WORDS["normalization"][protocol.normalization] if thresholds else "not reported"
    if rule == "comparison":
        return f"IoU {'>' if protocol.success_strict else '>='} t, distance <= t"
    if rule == "numbers":
        return "; ".join(f"{measure.title}: {describe_measure(protocol, measure)}" for measure in protocol.reported())
    field = RULES[rule][0]
    return _WORDS[field][getattr(protocol, field)]


def describe_measure(protocol: Protocol, measure: CurveMeasure) -> str:
    """How a number is read, in a few words."""
    if measure.reading == "mean-overlap":
        return "mean IoU of counted frames"
    if measure.reading == "longest-run":
        return f"longest run with IoU > 0.5 in {measure.at:.0%} of its frames"
    thresholds = protocol.thresholds(measure.curve)
    what = {"success": "IoU", "precision": "distance", "normalized_precision": "normalised distance"}[measure.curve]
    unit = " px" if measure.curve == "precision" else ""
    if measure.reading == "at":
        return f"{what} at {measure.at:g}{unit}"
    kind = "mean" if measure.reading == "mean" else "trapezoid area"
    return f"{kind} over {len(thresholds)} thresholds of {what}, 0 to {thresholds[-1]:g}{unit}"


def measure_in_words(protocol: Protocol, measure: CurveMeasure) -> str:
    """What a number says, for people who do not know the protocol."""
    if measure.reading == "mean-overlap":
        return "mean overlap (IoU) of box and truth, 1 if all boxes fit exactly"
    if measure.reading == "longest-run":
        return f"longest run of frames of which {measure.at:.0%} have IoU > 0.5, as a share of the sequence"
    last = protocol.thresholds(measure.curve)[-1]
    hit = {
        "success": f"IoU {'>' if protocol.success_strict else '>='} ",
        "precision": "the centre of the box within ",
        "normalized_precision": "the centre of the box, in widths and heights of the target, within ",
    }[measure.curve]
    if measure.reading == "at":
        return f"share of frames with {hit}{measure.at:g}{' px of the true one' * (measure.curve == 'precision')}"
    if measure.curve != "success":
        return f"share of frames with {hit}a threshold, averaged over thresholds of 0 to {last:g}"
    ones = one_pass.success_curve([1.0], protocol.success_thresholds, protocol.success_strict)
    most = one_pass.trapezoid(ones) if measure.reading == "trapezoid" else float(ones.mean())
    text = (
        f"area under the success curve, about the mean overlap (IoU) of box and truth: 0 is the worst, {most:.3g} is "
    )
    published = "; SiamRPN++ (Li et al., CVPR 2019) reports 0.696 on OTB-100 and 0.496 on LaSOT"
    return f"{text}perfect{published if measure == protocol.reported()[0] else ''}"


def _describe_truth(protocol: Protocol) -> str:
    condition = _CONDITIONS[protocol.truth_condition]
    if protocol.distance_condition not in (None, protocol.truth_condition):
        condition += f" (for distances: {_CONDITIONS[protocol.distance_condition or 'size']})"
    if protocol.invalid_truth_frames == "measured":
        return _TREATMENTS["measured"]
    return f"unless {condition}: {_TREATMENTS[protocol.invalid_truth_frames]}"
