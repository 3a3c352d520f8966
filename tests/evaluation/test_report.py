from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from dmtrack.errors import EvaluationError
from dmtrack.evaluation.protocols import get_protocol
from dmtrack.evaluation.report import Report
from dmtrack.evaluation.reporting.figures.curves import save_plots
from dmtrack.evaluation.results import ResultStore
from dmtrack.evaluation.scoring import score_store
from dmtrack.files import write_json
from dmtrack.running.baselines import StaticBox
from dmtrack.running.one_sequence import tracking_success
from dmtrack.running.runner import run


def evaluate_results(sequences, folders, protocol="dmtrack-visible"):
    rules = get_protocol(protocol)
    scores = [score_store(rules, "set", sequences, ResultStore(path)) for path in folders]
    return Report("set", rules, tuple(scores))


@pytest.fixture
def stores(tmp_path, fakes):
    """Results of two trackers, one with a sequence less."""
    for name, error in (("good", 0.0), ("bad", 9.0)):
        store = ResultStore(tmp_path / "results" / name)
        store.start({"tracker": name, "weights_sha256": name[0] * 64})
        run(store, lambda error=error: fakes.Oracle(error=error), fakes.open_sequences)
    (tmp_path / "results/bad/s3/s3_001.txt").unlink()
    return [tmp_path / "results" / name for name in ("bad", "good")]


def test_stored_results_give_the_scores_of_the_tracker_itself(stores, fakes):
    report = evaluate_results(fakes.open_sequences(), stores)
    good = report.scores[1]
    assert good.scores["success"] == pytest.approx(20 / 21)
    direct = tracking_success(fakes.Oracle(), fakes.open_sequences())
    assert direct == {key: good.scores[key] for key in ("success", "precision", "normalized_precision")}
    assert good.provenance["weights_sha256"] == "g" * 64 and good.frames_per_second is not None


def test_missing_sequences_are_named_and_in_no_average(stores, fakes, tmp_path):
    report = evaluate_results(fakes.open_sequences(), stores)
    assert report.scores[0].missing == ("s3",) and [score.tracker for score in report.ranked()] == ["good", "bad"]
    assert report.remarks() == ["bad has no result for s3; they are in no average"]
    write_json(tmp_path / "r.json", report.to_dict())
    stored = json.loads((tmp_path / "r.json").read_text())
    assert stored["protocol"] == "dmtrack-visible" and stored["trackers"]["bad"]["sequences"] == 3
    assert set(stored["sequences"]["bad"]) == {"s0", "s1", "s2"} and stored["missing"]["bad"] == ["s3"]


def test_the_table_fits_a_narrow_terminal_and_names_the_protocol(stores, fakes):
    console = Console(width=80, record=True, file=None)
    console.print(evaluate_results(fakes.open_sequences(), stores, "dmtrack-paper").table())
    text = console.export_text()
    assert "protocol dmtrack-paper" in text and "0.952" in text and "3/4" in text and "gggggggg" in text
    assert "Pnorm" not in text


def test_plots_are_drawn_for_every_metric_of_the_protocol(stores, fakes, tmp_path):
    report = evaluate_results(fakes.open_sequences(), stores)
    written = save_plots(report, tmp_path / "plots")
    names = [
        f"{metric}{suffix}"
        for metric in ("success", "precision", "normalized_precision")
        for suffix in (".png", ".pdf")
    ]
    assert [path.name for path in written] == names
    pixels = np.asarray(Image.open(written[0]).convert("RGB"))
    assert min(pixels.shape[:2]) > 600
    for colour in ((0xD5, 0x5E, 0x00), (0x00, 0x72, 0xB2)):
        assert (pixels == colour).all(axis=-1).sum() > 500
    paper = evaluate_results(fakes.open_sequences(), stores, "dmtrack-paper")
    assert len(save_plots(paper, tmp_path / "paper", (".png",))) == 2


def test_all_absent_draws_and_prints_nothing_instead_of_failing(tmp_path, fakes):
    sequence = fakes.make("gone", 5, 0)
    sequence.boxes_xywh[1:], sequence.present[1:] = np.nan, False
    store = ResultStore(tmp_path / "still")
    store.start({})
    run(store, StaticBox, lambda: [sequence])
    report = evaluate_results([sequence], [store.folder])
    assert report.scores[0].uncounted == ("gone",)
    assert report.to_dict()["trackers"]["still"]["success"] is None
    Console(quiet=True).print(report.table())
    save_plots(report, tmp_path, (".png",))
    assert np.isnan(tracking_success(StaticBox(), [sequence])["success"])


def test_what_cannot_be_compared_is_said(stores, fakes, tmp_path):
    with pytest.raises(EvaluationError, match="no result for any of the 4 sequences of set"):
        evaluate_results(fakes.open_sequences(), [tmp_path])
    report = evaluate_results(fakes.open_sequences(), stores[:1])
    with pytest.raises(EvaluationError, match="two trackers are called 'bad'"):
        Report("set", report.protocol, report.scores * 2)
    assert dataclasses.replace(report, split="test").to_dict()["split"] == "test"
