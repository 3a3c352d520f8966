from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from dmtrack.data.sequences import Annotation, Sequence
from dmtrack.errors import DataError, EvaluationError
from dmtrack.evaluation.protocols import get_protocol
from dmtrack.evaluation.report import csv_text
from dmtrack.evaluation.reporting.attributes import score_attributes
from dmtrack.evaluation.reporting.figures.attributes import draw_attribute_bars, draw_attribute_radar
from dmtrack.evaluation.reporting.figures.challenges import ExpectedOverlap, draw_eao_curve, draw_eao_ranking
from dmtrack.evaluation.reporting.figures.theme import INLINE, inline_svg, save_figure
from dmtrack.evaluation.reporting.latex import latex_tables
from dmtrack.evaluation.reporting.loading import load_tracker_results
from dmtrack.evaluation.reporting.study import make_study, print_study
from dmtrack.evaluation.results import ResultStore
from dmtrack.evaluation.scoring import pooled_curves
from dmtrack.pages.report.failures import chosen_frames, longest_failure
from dmtrack.pages.report.output import drawings, steps, write_study

PROTOCOL = get_protocol("dmtrack-visible")


def test_different_sequence_sets_are_refused_by_name_unless_the_common_ones_are_wanted(sequences, trackers):
    del trackers[0].results["s2"], trackers[1].results["s5"]
    with pytest.raises(EvaluationError, match=r"mine lacks s2; theirs_1 lacks s5; .* 6 common sequences with --common"):
        make_study("made-up", [PROTOCOL], sequences, trackers)
    study = make_study("made-up", [PROTOCOL], sequences, trackers, common=True, rounds=20)
    assert study.report.left_out == ("s2", "s5") and len(study.report.scores[0].sequences) == 6
    everywhere = "6 of 8 sequences, those common to all trackers"
    console = Console(width=200, record=True, file=io.StringIO())
    print_study(study, console)
    assert everywhere in console.export_text()
    assert everywhere in latex_tables(study.reports, study.significances)
    assert all(row["sequence_set"] == everywhere for row in csv.DictReader(io.StringIO(csv_text(study.reports))))
    assert study.to_dict()["sequence_set"] == everywhere and study.to_dict()["left_out"] == ["s2", "s5"]
    svg = inline_svg(next(drawings(study))[2](INLINE), "x")
    assert everywhere in " ".join(re.findall(r"<text[^>]*>([^<]*)", svg))
    trackers[0].results.clear()
    with pytest.raises(EvaluationError, match="no sequence has a result of every tracker"):
        make_study("made-up", [PROTOCOL], sequences, trackers, common=True)


def test_a_sequence_that_all_lack_is_named_and_no_reason_to_refuse(sequences, trackers):
    for tracker in trackers:
        del tracker.results["s1"]
    study = make_study("made-up", [PROTOCOL], sequences, trackers, rounds=20)
    assert "mine has no result for s1; they are in no average" in study.remarks()


def test_json_has_the_declared_shape(study):
    stored = json.loads(json.dumps(study.to_dict()))
    assert stored["benchmark"] == "made-up" and stored["protocol"] == "dmtrack-visible" and stored["stride"] == 1
    assert stored["trackers"]["mine"]["success"] == study.report.scores[0].scores["success"]
    assert [item["protocol"] for item in stored["other_protocols"]] == ["got10k"]
    assert "ao" in stored["other_protocols"][0]["trackers"]["mine"]
    difference = stored["significance"]["differences"][0]
    assert difference["better"] == "theirs_1" and difference["low"] < difference["difference"] < difference["high"]


def test_latex_marks_best_and_second_and_escapes(study):
    text = latex_tables(study.reports, study.significances)
    rows = {row.split(" & ")[0].strip(): row for row in text.splitlines() if " & " in row}
    assert r"\textbf" in rows[r"theirs\_1"] and r"\underline" in rows["mine"]
    assert r"\textbf" not in rows[r"weak \textless{}b\textgreater{}"]
    assert text.count(r"\toprule") == 2 and text.count("{") == text.count("}")
    assert "tttttttt" in rows[r"theirs\_1"] and "protocol got10k" in text


def test_attribute_scores_are_those_of_the_sequences_that_have_it(study):
    attributes = study.attributes
    fast = [item for item in study.report.scores[0].sequences if "FM" in study.tags[item.name]]
    assert attributes.sequences["FM"] == len(fast) == 4 and attributes.sequences["MB"] == 8
    assert attributes.scores["mine"]["FM"] == pooled_curves(PROTOCOL, fast).scores(PROTOCOL)["success"]
    assert score_attributes(study.report, {}).scores["mine"] == {}


def test_the_longest_failure_is_found_and_told():
    overlaps = np.array([1, 0.8, 0.05, 0.9, 0.6, 0.0, np.nan, 0.0, 0.02, 0.7, 0.0])
    assert longest_failure(overlaps) == (5, 8)
    assert [frame for frame, _ in chosen_frames(overlaps, (5, 8))] == [0, 4, 5, 7, 9]
    assert longest_failure(np.array([0.9, np.nan])) is None
    assert longest_failure(np.zeros(3)) == (0, 2)
    assert chosen_frames(np.zeros(3), (0, 2))[-1] == (2, "end, never found again")


def test_everything_is_written_and_the_page_needs_nothing_else(study, tmp_path):
    seen = []
    page = write_study(study, tmp_path, suffixes=(".png",), on_step=seen.append)
    assert len(seen) == steps(study)
    assert {path.name for path in tmp_path.iterdir()} == {
        "report.html",
        "report.json",
        "report.csv",
        "report.tex",
        "plots",
    }
    names = {path.stem for path in (tmp_path / "plots").iterdir()}
    assert {
        "success",
        "precision",
        "normalized_precision",
        "speed",
        "pair",
        "attribute_bars",
        "attribute_radar",
    } <= names
    text = page.read_text()
    assert not re.search(r"https?://", re.sub(r'xmlns(:xlink)?="[^"]*"', "", text))
    links = re.findall(r'(?:src|href)="?([^"> ]+)', text)
    assert all(link.startswith(("#", "data:image/jpeg")) for link in links)
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)
    assert "weak &lt;b&gt;" in text and "<b>" not in text
    first_number = study.report.first_number_in_words()
    assert first_number in text.partition("<h2")[0] and text.count("P@20px</strong>: share of frames") == 1
    assert text.count("data:image/jpeg") >= 5 and "lost from frame 16 to 30 of 30" in text
    pixels = np.asarray(Image.open(tmp_path / "plots/success.png").convert("RGB"))
    assert (pixels == (0xD5, 0x5E, 0)).all(axis=-1).sum() > 300


def test_annotations_alone_are_enough(sequences, trackers, tmp_path):
    def no_image(index):
        raise DataError("annotations only")

    bare = [Sequence(item.name, item.boxes_xywh, item.present, no_image) for item in sequences]
    study = make_study("made-up", [get_protocol("lasot-official")], bare, trackers[:1], rounds=20)
    text = write_study(study, tmp_path, suffixes=()).read_text()
    assert "data:image" not in text and "The images are not at hand" in text and 'class="timeline"' in text
    assert study.rival() is None and study.attributes is None


def test_the_same_study_gives_the_same_bytes(study, tmp_path):
    name, title, draw = next(drawings(study))
    one = save_figure(draw(INLINE), tmp_path / "a" / name, (".pdf", ".svg"))
    other = save_figure(draw(INLINE), tmp_path / "b" / name, (".pdf", ".svg"))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]
    assert inline_svg(draw(INLINE), title) == inline_svg(draw(INLINE), title)


def test_all_absent_and_one_frame_do_not_break_a_report(tmp_path, trackers, sequences):
    gone = sequences[0]
    gone.present[:] = False
    gone.boxes_xywh[1:] = np.nan
    study = make_study("made-up", [PROTOCOL], [gone], trackers[:2], rounds=20)
    assert np.isnan(study.report.scores[0].scores["success"])
    assert "cannot be compared" in study.significance.comparisons[0].statement()
    assert "data:image" not in write_study(study, tmp_path, suffixes=()).read_text()


def test_stored_results_are_read_with_their_manifest_and_label(tmp_path, sequences, trackers):
    store = ResultStore(tmp_path / "run-7")
    store.start({"tracker": "x", "weights_sha256": "a" * 64}, {"device": "cpu"})
    for sequence in sequences:
        store.write(sequence.name, trackers[1].results[sequence.name])
    read = load_tracker_results(f"Ours={tmp_path / 'run-7'}", sequences)
    assert read.name == "Ours" and read.provenance["weights_sha256"] == "a" * 64 and not read.missing
    assert load_tracker_results(tmp_path / "run-7", sequences).name == "run-7"


def test_results_that_cover_a_part_are_aligned_and_said(tmp_path, sequences, trackers):
    for sequence in sequences:
        rows = trackers[1].results[sequence.name].boxes_xywh[5 if sequence.name == "s0" else 0 :]
        np.savetxt(tmp_path / f"{sequence.name}.txt", rows, delimiter=",")
    read = load_tracker_results(tmp_path, sequences, align={"s0": "drop-first"}, index_base=0)
    assert read.covered(sequences[0]) == range(5, 30)
    study = make_study("made-up", [PROTOCOL], sequences, [read, trackers[0]], rounds=20)
    assert len(study.report.scores[0].sequences[0].counted) == 25
    assert any("drop-first" in remark for remark in study.remarks())
    assert "data:image/jpeg" in write_study(study, tmp_path / "out", suffixes=()).read_text()


def test_how_results_were_read_is_said_once_for_all_trackers(sequences, trackers):
    notes = (("layout: otb", "one"), ("layout: otb",), ("layout: otb", "one"))
    trackers = [replace(tracker, notes=said) for tracker, said in zip(trackers, notes, strict=True)]
    three = make_study("made-up", [PROTOCOL], sequences, trackers[:3], rounds=20).remarks()
    names = [tracker.name for tracker in trackers]
    assert three == ["all trackers: layout: otb", f"{names[0]}, {names[2]}: one"]
    assert make_study("made-up", [PROTOCOL], sequences, trackers[:1], rounds=20).remarks()[0] == "mine: layout: otb"


def test_expected_overlap_is_drawn_in_the_order_of_the_ranking():
    items = [
        ExpectedOverlap(name, np.linspace(0.8, end, 400), eao) for name, end, eao in (("a", 0.2, 0.3), ("b", 0.4, 0.5))
    ]
    for figure in (draw_eao_curve(items, (99, 355), "vot", "note"), draw_eao_ranking(items, "vot", "note")):
        axes = figure.axes[0]
        assert axes.get_legend_handles_labels()[1] == ["[0.500] b", "[0.300] a"]


def test_published_otb_scores_come_out_of_a_report(shared_folder):
    folder = shared_folder / "data" / "results"
    expected = json.loads((folder / "expected.json").read_text())["scores"]
    sequences = []
    for path in sorted((folder / "otb_anno").glob("*.txt")):
        rows = [re.split(r"[,\s]+", line.strip()) for line in path.read_text().splitlines() if line.strip()]
        boxes = np.array(rows, dtype=np.float64) - [1, 1, 0, 0]
        sequences.append(
            Sequence(path.stem, boxes, np.ones(len(boxes), bool), lambda _: 0, annotation=Annotation(index_base=1))
        )
    align = {"Tiger1": "drop-first"}
    trackers = [load_tracker_results(folder / name, sequences, align=align) for name in expected]
    study = make_study("otb100", [get_protocol("otb-official")], sequences, trackers)
    for score in study.report.scores:
        assert round(score.scores["success"], 4) == expected[score.tracker]["auc_21_strict"]
        assert round(score.scores["precision"], 4) == expected[score.tracker]["precision_20px"]
    assert study.significance.of("success")[0].interval.value == pytest.approx(0.6374 - 0.6004, abs=1e-4)


@pytest.mark.parametrize("draw", [draw_attribute_bars, draw_attribute_radar])
@pytest.mark.parametrize(
    ("count", "name"), [(2, "a_tracker_whose_name_goes_on_{}"), (12, "t{}"), (25, "long_{}_of_many")]
)
def test_figures_of_attributes_keep_their_size_whatever_the_names(sequences, trackers, draw, count, name):
    many = [replace(trackers[index % 3], name=name.format(index)) for index in range(count)]
    study = make_study("made-up", [PROTOCOL], sequences, many, rounds=20)
    figure = draw(study.report, study.attributes)
    figure.canvas.draw()
    (axes,), (legend,) = figure.axes, figure.legends
    paper = figure.bbox
    assert figure.get_figwidth() == 6 and axes.get_window_extent().width > 0.45 * paper.width
    box, title = legend.get_window_extent(), axes.title.get_window_extent()
    assert paper.x0 <= box.x0 and box.x1 <= paper.x1 and box.y1 <= paper.y1
    assert title.y1 <= box.y0 + 1, "the legend stands above the title"
    assert len(legend.get_texts()) == count
    for text in axes.get_xticklabels():
        reach = text.get_window_extent()
        assert paper.x0 <= reach.x0 and reach.x1 <= paper.x1
