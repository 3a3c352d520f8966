"""A number of a new kind is one class: table, JSON, CSV, LaTeX, intervals and page show it without any other edit."""

from __future__ import annotations

import csv
import io
import math

import numpy as np
import pytest
from rich.console import Console

from dmtrack.errors import EvaluationError
from dmtrack.evaluation.measures.measure import SequenceMeasure
from dmtrack.evaluation.protocols import PROTOCOLS, MeasuredProtocol, get_protocol, register
from dmtrack.evaluation.reporting.latex import latex_tables
from dmtrack.evaluation.reporting.study import make_study, print_study
from dmtrack.evaluation.results import SequenceResult, TrackerResults
from dmtrack.pages.report.output import write_study


class FalseAlarms(SequenceMeasure):
    """Frames without target in which the tracker is sure, over all sequences per 100 such frames: lower is better."""

    def of_sequence(self, sequence, result):
        absent = ~sequence.present
        return int((result.scores[absent] > 0.5).sum()), int(absent.sum())

    def over_sequences(self, added):
        alarms, frames = np.sum(list(added), axis=0)
        return 100 * alarms / frames if frames else math.nan


class MeanConfidence(SequenceMeasure):
    """How sure a tracker is in frames with target, averaged over sequences."""

    def of_sequence(self, sequence, result):
        return result.scores[sequence.present].mean()


@pytest.fixture
def protocol():
    sure = {"needs": ("confidences",)}
    yield register(
        MeasuredProtocol(
            name="toy",
            description="How sure a tracker is with and without target.",
            measures=(
                FalseAlarms(
                    "alarms", "alarms/100", unit="alarms per 100 frames", higher_is_better=False, range=(0, 100), **sure
                ),
                MeanConfidence("confidence", "sureness", **sure),
            ),
        )
    )
    PROTOCOLS.pop("toy")


def make_tracker(name, sequences, alarms):
    results = {}
    for index, sequence in enumerate(sequences):
        scores = np.where(sequence.present, 0.8, 0.1)
        scores[np.flatnonzero(~sequence.present)[: alarms if index % 2 else 0]] = 0.9
        boxes = np.nan_to_num(sequence.boxes_xywh, nan=30.0)
        results[sequence.name] = SequenceResult(boxes, np.full(len(boxes), 0.02), scores)
    return TrackerResults(name, results)


def test_a_measure_of_a_new_kind_is_seen_everywhere(protocol, sequences, tmp_path):
    trackers = [make_tracker("loud", sequences, 2), make_tracker("quiet", sequences, 1)]
    assert get_protocol("toy") is protocol and protocol.needs == {"confidences"}
    study = make_study("made-up", [get_protocol("toy")], sequences, trackers, rounds=100)
    # Two frames without target in each of eight sequences; alarms in every other sequence.
    assert [score.tracker for score in study.report.ranked()] == ["quiet", "loud"]
    assert study.report.ranked()[1].scores == {"alarms": 50.0, "confidence": pytest.approx(0.8)}
    statement = study.significance.of("alarms")[0].statement()
    assert statement.startswith("quiet is better than loud by 25.0 in alarms/100 (95 % interval ")
    interval = study.significance.intervals["loud"]["alarms"]
    assert 0 <= interval.low < 50 < interval.high <= 100

    text = io.StringIO()
    print_study(study, Console(file=text, width=150))
    assert "alarms/100" in text.getvalue() and "50.000" in text.getvalue() and "0.800" in text.getvalue()
    stored = study.to_dict()
    assert stored["trackers"]["quiet"]["alarms"] == 25.0 and stored["sequences"]["loud"]["s1"]["alarms"] == 100.0
    assert stored["measures"]["alarms"] == {
        "title": "alarms/100",
        "unit": "alarms per 100 frames",
        "higher_is_better": False,
        "range": [0, 100],
        "needs": ["confidences"],
    }
    page = write_study(study, tmp_path, suffixes=(".png",)).read_text()
    assert "with its highest alarms/100" in page and "sureness" in page
    assert {path.stem for path in (tmp_path / "plots").iterdir()} >= {"pair", "speed", "attribute_bars"}
    rows = list(csv.DictReader((tmp_path / "report.csv").open()))
    assert [row["alarms"] for row in rows if row["sequence"] == "*"] == ["50.000000", "25.000000"]
    row = next(line for line in latex_tables([study.report], [study.significance]).splitlines() if "quiet &" in line)
    assert r"\textbf{25.0}" in row and r"\textbf{80.0}" in row


def test_results_that_lack_what_a_measure_needs_are_refused(protocol, sequences):
    plain = TrackerResults("plain", {item.name: SequenceResult(np.nan_to_num(item.boxes_xywh)) for item in sequences})
    with pytest.raises(EvaluationError, match="plain for 's0' hold no confidences, but toy needs them"):
        make_study("made-up", [protocol], sequences, [plain])


def test_every_measure_of_every_protocol_describes_itself():
    for name, protocol in PROTOCOLS.items():
        assert protocol.name == name and protocol.compared in protocol.reported()
        for measure in protocol.reported():
            assert (
                measure.key and measure.title and measure.unit and measure.needs and measure.range[0] < measure.range[1]
            )
            assert measure == protocol.measure(measure.key)
            assert protocol.legend()[measure.title]
    assert "0.952 is perfect" in get_protocol("dmtrack-visible").legend()["success"]
    assert get_protocol("pysot").legend()["P@20px"].endswith("within 20 px of the true one")
    assert {"restarts", "regions", "frame size"} <= get_protocol("vot2018").needs
    assert get_protocol("oxuva").needs == {"boxes", "presence"} and get_protocol("lasot-official").needs == {"boxes"}
    assert not get_protocol("vot2018").measure("lost").higher_is_better
