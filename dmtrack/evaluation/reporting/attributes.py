"""Scores per attribute of the sequences: fast motion, occlusion and what else a benchmark says of its videos."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dmtrack.evaluation.measures.measure import Measure
from dmtrack.evaluation.report import Report
from dmtrack.files import json_value

Tags = Mapping[str, tuple[str, ...]]
"""The attributes of each sequence, by its name."""

FULL_NAMES = {
    "ARC": "Aspect Ratio Change",
    "BC": "Background Clutter",
    "CM": "Camera Motion",
    "DEF": "Deformation",
    "FM": "Fast Motion",
    "FOC": "Full Occlusion",
    "IPR": "In-Plane Rotation",
    "IV": "Illumination Variation",
    "LR": "Low Resolution",
    "MB": "Motion Blur",
    "OCC": "Occlusion",
    "OPR": "Out-of-Plane Rotation",
    "OV": "Out-of-View",
    "POC": "Partial Occlusion",
    "ROT": "Rotation",
    "SOB": "Similar Object",
    "SV": "Scale Variation",
    "VC": "Viewpoint Change",
}
"""The abbreviations of OTB, LaSOT and UAV123."""


@dataclass(frozen=True)
class AttributeScores:
    """One number of each tracker over the sequences that have an attribute.

    Attributes:
        measure: the number.
        sequences: how many counted sequences have each attribute, the most frequent attribute first.
        scores: by tracker and attribute; NaN where no frame counts.
    """

    measure: Measure
    sequences: Mapping[str, int]
    scores: Mapping[str, Mapping[str, float]]

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "metric": self.measure.key,
            "sequences": dict(self.sequences),
            "trackers": json_value(self.scores),
        }


def score_attributes(report: Report, tags: Tags) -> AttributeScores:
    """The primary number of all trackers on the sequences of each attribute, pooled as the protocol says."""
    protocol, measure = report.protocol, report.primary
    counted: dict[str, int] = {}
    for item in report.scores[0].sequences if report.scores else ():
        for tag in tags.get(item.name, ()) if protocol.counts(item) else ():
            counted[tag] = counted.get(tag, 0) + 1
    order = sorted(counted, key=lambda tag: (-counted[tag], tag))
    scores = {
        score.tracker: {
            tag: protocol.read(protocol.pool(item for item in score.sequences if tag in tags.get(item.name, ())))[
                measure.key
            ]
            for tag in order
        }
        for score in report.scores
    }
    return AttributeScores(measure, {tag: counted[tag] for tag in order}, scores)
