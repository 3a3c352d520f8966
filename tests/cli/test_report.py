"""`dmtrack report`, from folders of sequences and results to what is printed and written."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from PIL import Image

from dmtrack.cli.main import app, run
from dmtrack.evaluation.results import ResultStore, SequenceResult


@pytest.fixture
def folders(tmp_path):
    """Five sequences, and two trackers in different layouts."""
    random = np.random.default_rng(0)
    stores = [ResultStore(tmp_path / "results" / name) for name in ("near", "far")]
    for store in stores:
        store.start({"tracker": store.folder.name, "weights_sha256": store.folder.name[0] * 64})
    plain = tmp_path / "plain"
    plain.mkdir()
    for index in range(5):
        folder = tmp_path / "data" / f"video{index}"
        folder.mkdir(parents=True)
        boxes = np.concatenate([random.uniform(10, 40, (12, 2)), np.full((12, 2), 20.0)], axis=1).round(2)
        np.savetxt(folder / "groundtruth.txt", boxes, fmt="%.2f", delimiter=",")
        for frame in range(12):
            Image.new("RGB", (90, 70), (10 * frame, 90, 60)).save(folder / f"{frame + 1:08d}.jpg")
        for store, error in zip(stores, (1.0, 6.0), strict=True):
            shifted = boxes + np.array([error, 0, 0, 0])
            shifted[0] = boxes[0]
            store.write(folder.name, SequenceResult(shifted, np.full(12, 0.02 * error)))
        np.savetxt(plain / f"video{index}.txt", shifted + np.array([1, 1, 0, 0]), fmt="%.2f", delimiter="\t")
    return tmp_path


def report(capsys, *arguments):
    code = run(lambda: app(["report", *map(str, arguments)], standalone_mode=False))
    return code, *capsys.readouterr()


def test_results_of_several_layouts_are_compared_and_numbers_are_written(folders, capsys):
    code, out, error = report(
        capsys, folders / "data", folders / "results/near", f"Far={folders / 'results/far'}", folders / "plain",
        "--protocol", "dmtrack-visible", "--protocol", "pysot", "--index-base", "0",
        "--json", folders / "r.json", "--csv", folders / "r.csv", "--latex", folders / "r.tex",
        "--rounds", "50",
    )  # fmt: skip
    assert code == 0, error
    assert "protocol dmtrack-visible" in out and "near is better than Far by" in out and "nnnnnnnn" in out
    stored = json.loads((folders / "r.json").read_text())
    assert set(stored["trackers"]) == {"near", "Far", "plain"} and stored["benchmark"] == "data"
    assert stored["significance"]["rounds"] == 50 and stored["other_protocols"][0]["protocol"] == "pysot"
    assert {row["protocol"] for row in csv.DictReader((folders / "r.csv").open())} == {"dmtrack-visible", "pysot"}
    assert r"\toprule" in (folders / "r.tex").read_text()


def test_a_folder_gets_page_plots_and_tables(folders, capsys):
    code, out, error = report(
        capsys, folders / "data", folders / "results/near", folders / "plain", "--index-base", "0",
        "--out", folders / "out", "--protocol", "dmtrack-paper", "--worst", "2",
    )  # fmt: skip
    assert code == 0, error
    assert str(folders / "out/report.html") in "".join(out.split())
    assert {path.name for path in (folders / "out").iterdir()} == {
        "plots", "report.csv", "report.html", "report.json", "report.tex",
    }  # fmt: skip
    assert {path.suffix for path in (folders / "out/plots").iterdir()} == {".pdf", ".svg", ".png"}
    assert (folders / "out/report.html").read_text().count('class="failure"') == 2


def test_the_page_says_how_all_frames_are_seen_and_links_there(folders, capsys):
    code, _, error = report(capsys, folders / "data", folders / "results/near", "--out", folders / "o", "--worst", "1")
    assert code == 0, error
    page = (folders / "o/report.html").read_text()
    assert f"dmtrack serve --benchmark {folders}/data --results {folders}/results/near</code>" in page
    assert page.count('<a href="http://localhost:8765/#sequence=video') == 1


def test_a_report_that_fails_leaves_no_empty_folder(folders, capsys):
    code, _, error = report(capsys, folders / "data", folders / "nothing", "--out", folders / "new/out")
    assert code == 2 and "nothing" in error and not (folders / "new").exists()


def test_missing_sequences_are_named_or_left_out_on_demand(folders, capsys):
    for path in (folders / "results/far/video2").iterdir():
        path.unlink()
    arguments = (folders / "data", folders / "results/near", folders / "results/far")
    code, _, error = report(capsys, *arguments)
    assert code == 2 and "far lacks video2" in error and "--common" in error
    code, out, _ = report(capsys, *arguments, "--common")
    assert code == 0 and "4 of 5 sequences" in " ".join(out.split())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("lasott", "x"), "lasot"),
        (("lasot", "x"), "--data FOLDER"),
        (("{data}", "{none}"), "none"),
        (("{data}", "{near}", "--protocol", "pysott"), "pysot"),
        (("{data}", "{near}", "--protocol", "vot2018"), "do not say where the tracker was started"),
        (("{data}", "{near}", "{near}"), "two trackers are called 'near'"),
        (("{data}", "{near}", "--align", "add-first", "--align", "a=add-first"), "meant for all sequences"),
        (("{data}", "{near}", "--out", "{near}/manifest.json"), "choose another output folder"),
    ],
)
def test_bad_input_is_one_sentence(folders, capsys, arguments, sentence):
    places = {"data": folders / "data", "near": folders / "results/near", "none": folders / "none"}
    code, _, error = report(capsys, *(argument.format(**places) for argument in arguments))
    assert code == 2 and error.startswith("error: ") and sentence in error and error.count("\n") == 1


def test_long_term_protocols_are_shown_with_their_figures(folders, capsys):
    code, out, error = report(
        capsys, folders / "data", folders / "results/near", folders / "results/far",
        "--protocol", "vot-lt", "--protocol", "oxuva", "--out", folders / "out", "--rounds", "50",
    )  # fmt: skip
    assert code == 0, error
    assert "protocol vot-lt" in out and "near is better than far by" in out and "hold no confidences" in out
    names = {path.stem for path in (folders / "out/plots").iterdir()}
    assert {"precision_recall", "presence@oxuva", "pair"} <= names
    stored = json.loads((folders / "out/report.json").read_text())
    assert set(stored["trackers"]["near"]) >= {"f_score", "precision", "recall"}
    assert stored["precision_recall"]["near"]["thresholds"][0] is None
    assert stored["other_protocols"][0]["sequences"]["near"]["video0"]["true_positives"] == 11
    header = (folders / "out/report.csv").read_text().splitlines()[0]
    assert {"f_score", "max_gm"} <= set(header.split(","))


def test_the_stride_of_the_manifest_is_followed_and_named(folders, capsys):
    for name in ("near", "far"):
        folder = folders / "results" / name
        store = ResultStore(folder)
        every = {f"video{index}": store.read(f"video{index}") for index in range(5)}
        store.start({"tracker": name, "sequences": {"name": "folder", "stride": 3}}, restart=True)
        for video, result in every.items():
            store.write(video, SequenceResult(result.boxes_xywh[::3], result.seconds[::3]))
    code, out, error = report(capsys, folders / "data", folders / "results/near", folders / "results/far")
    assert code == 0, error
    assert "data (all, stride 3)" in out
    store = ResultStore(folders / "results/other")
    store.start({"tracker": "other", "sequences": {"name": "folder", "stride": 2}})
    code, _, error = report(capsys, folders / "data", folders / "results/near", folders / "results/other")
    assert code == 2 and "(near 3, other 2)" in error
