from __future__ import annotations

import json

import numpy as np
import pytest

from dmtrack.errors import EvaluationError
from dmtrack.evaluation.measures.supervised import VotRuns, score_vot
from dmtrack.evaluation.measures.trajectory import Trajectory, write_trajectory
from dmtrack.evaluation.protocols import get_protocol
from dmtrack.evaluation.protocols.challenges import VOT2018, VOT2018_MMTRACKING, VOT2018_UNSUPERVISED
from dmtrack.evaluation.reporting.bootstrap import draw_sequences
from dmtrack.evaluation.reporting.loading import build_report, load_tracker_results
from dmtrack.evaluation.reporting.significance import assess
from dmtrack.evaluation.reporting.study import make_study
from dmtrack.evaluation.results import SequenceResult, TrackerResults
from dmtrack.pages.report.output import write_study


@pytest.fixture
def long_sequences(make_sequence):
    return [make_sequence(index, 200 + 20 * index, absent=False) for index in range(6)]


def make_run(sequence, error, failures, seed):
    random = np.random.default_rng([seed, len(sequence)])
    rows = np.full((len(sequence), 4), np.nan)
    rows[:] = sequence.boxes_xywh + random.normal(0, error, (len(sequence), 4)) * [1, 1, 0, 0]
    rows[0] = [1, np.nan, np.nan, np.nan]
    for failure in random.choice(np.arange(20, len(sequence) - 20, 40), failures, replace=False):
        rows[failure : failure + 6] = [0, np.nan, np.nan, np.nan]
        rows[failure, 0], rows[failure + 5, 0] = 2, 1
    return Trajectory(rows)


@pytest.fixture
def vot_trackers(long_sequences):
    found = []
    for name, error, failures in (("steady", 2.0, 1), ("shaky", 4.0, 3)):
        runs = {item.name: (make_run(item, error, failures, 1), make_run(item, error, 1, 2)) for item in long_sequences}
        boxes = {item.name: SequenceResult(item.boxes_xywh, np.full(len(item), 0.02)) for item in long_sequences}
        found.append(TrackerResults(name, boxes, trajectories=runs))
    return found


def as_runs(sequences, tracker):
    return [VotRuns(s.name, s.boxes_xywh, s.frame_size_wh, tracker.trajectories[s.name]) for s in sequences]


@pytest.mark.parametrize("protocol", [VOT2018, VOT2018_MMTRACKING], ids=lambda item: item.name)
def test_every_round_is_what_scoring_the_drawn_runs_gives(protocol, long_sequences, vot_trackers):
    report = build_report("vot", protocol, long_sequences, vot_trackers)
    significance = assess(report, rounds=12, seed=3)
    draws = next(draw_sequences(6, 12, 3))
    for tracker in vot_trackers:
        runs = as_runs(long_sequences, tracker)
        scored = [
            score_vot(protocol, [one for one, n in zip(runs, row, strict=True) for _ in range(int(n))]).scores
            for row in draws
        ]
        for metric in report.protocol.headings():
            ends = np.quantile([one[metric] for one in scored], [0.025, 0.975])
            interval = significance.intervals[tracker.name][metric]
            assert (interval.low, interval.high) == pytest.approx(tuple(ends), abs=1e-9)
        assert (
            report.scores[0].scores["eao"]
            == score_vot(protocol, as_runs(long_sequences, vot_trackers[0])).scores["eao"]
        )


def test_fewer_failures_are_better_everywhere(long_sequences, vot_trackers, tmp_path):
    study = make_study("vot", [VOT2018, get_protocol("got10k")], long_sequences, vot_trackers[::-1], rounds=100)
    statements = {item.measure.key: item.statement() for item in study.significance.comparisons}
    assert statements["robustness"].startswith("steady is better than shaky by")
    assert "points" not in statements["lost"] and "points in EAO" in statements["eao"]
    page = write_study(study, tmp_path, suffixes=(".png",)).read_text()
    names = {path.stem for path in (tmp_path / "plots").iterdir()}
    assert {"eao_curve", "eao_ranking", "pair", "speed", "success@got10k"} <= names and "success" not in names
    assert 'aria-label="expected overlap by length on vot, protocol vot2018"' in page
    stored = json.loads((tmp_path / "report.json").read_text())
    assert stored["protocol"] == "vot2018" and set(stored["trackers"]["shaky"]) >= {
        "eao",
        "accuracy",
        "robustness",
        "lost",
    }
    row = next(line for line in (tmp_path / "report.tex").read_text().splitlines() if line.strip().startswith("steady"))
    lost = study.report.ranked()[0].scores["lost"]
    assert row.count(r"\textbf") == 4 and f"{lost:.1f}" in row


def test_stored_trajectories_are_read(long_sequences, vot_trackers, tmp_path):
    for name, runs in vot_trackers[0].trajectories.items():
        for number, trajectory in enumerate(runs, start=1):
            (tmp_path / "steady/baseline" / name).mkdir(parents=True, exist_ok=True)
            write_trajectory(tmp_path / "steady/baseline" / name / f"{name}_{number:03d}.txt", trajectory)
    read = load_tracker_results(tmp_path / "steady", long_sequences)
    one, other = (
        build_report("vot", VOT2018, long_sequences, [tracker]).scores[0].scores for tracker in (read, vot_trackers[0])
    )
    assert one == pytest.approx(other, abs=1e-3)


def test_results_without_restarts_are_for_the_unsupervised_protocol_alone(long_sequences, vot_trackers):
    plain = [TrackerResults("plain", vot_trackers[0].results)]
    with pytest.raises(EvaluationError, match="do not say where the tracker was started"):
        build_report("vot", VOT2018, long_sequences, plain)
    report = build_report("vot", VOT2018_UNSUPERVISED, long_sequences, plain)
    assert report.scores[0].scores == {"average_overlap": pytest.approx(1.0)}
    with pytest.raises(EvaluationError, match="needs runs in one go"):
        build_report("vot", VOT2018_UNSUPERVISED, long_sequences, vot_trackers)


def test_short_runs_have_no_eao_and_figures_say_so(make_sequence, tmp_path):
    short = [make_sequence(index, 60, absent=False) for index in range(3)]
    runs = {item.name: (make_run(item, 2.0, 1, 1),) for item in short}
    boxes = {item.name: SequenceResult(item.boxes_xywh) for item in short}
    study = make_study("vot", [VOT2018], short, [TrackerResults("t", boxes, trajectories=runs)], rounds=20)
    assert any("t has no EAO" in remark and "no run here is that long" in remark for remark in study.remarks())
    page = write_study(study, tmp_path, suffixes=(".svg",)).read_text()
    assert {path.stem for path in (tmp_path / "plots").iterdir()} == {"eao_curve"}
    assert "[nan]" not in page and "[no EAO] t" in page
