"""Scores of multi-object trackers: what counts, files as they come, and the numbers of references."""

import json

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from dmtrack.cli.main import app
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.multi_object import combine, mot_protocol, numbers, score_sequence
from dmtrack.evaluation.readers.mot import read_mot_rows
from parity.golden import GoldenFile
from parity.mot_metrics import check_scores


def rows(*given):
    """Rows (frame, identity, left[, mark, class]) of boxes 10x20 at the top."""
    full = np.ones((len(given), 9))
    for row, (frame, identity, left, *more) in zip(full, given, strict=True):
        row[:6] = (frame, identity, left, 0, 10, 20)
        row[6 : 6 + len(more)] = more
    return full


TWO = rows(*((frame, one, 100 * one) for frame in range(1, 11) for one in (1, 2)))


def test_a_perfect_tracker_has_full_marks_and_one_that_swaps_identities_does_not():
    perfect = numbers(score_sequence(TWO, TWO, mot_protocol("mot17")))
    assert [perfect[name] for name in ("HOTA", "MOTA", "IDF1", "IDSW", "FP", "FN")] == [1, 1, 1, 0, 0, 0]
    swapped = TWO.copy()
    late = swapped[:, 0] > 5
    swapped[late, 1] = 3 - swapped[late, 1]
    found = numbers(score_sequence(TWO, swapped, mot_protocol("mot17")))
    assert found["IDSW"] == 2
    assert found["MOTA"] == pytest.approx(1 - 2 / 20)
    assert found["IDF1"] == pytest.approx(0.5)
    assert found["HOTA"] == pytest.approx(np.sqrt(1 / 3))  # each pair is together in 5 of 15 boxes


def test_boxes_on_distractors_are_taken_out_and_uncounted_people_are_not_asked_for():
    truth = np.concatenate([TWO, rows((1, 7, 500, 1, 8), (2, 8, 600, 0, 1))])
    result = np.concatenate([TWO, rows((1, 9, 500), (2, 9, 600))])
    found = numbers(score_sequence(truth, result, mot_protocol("mot17")))
    assert (found["FP"], found["FN"]) == (1, 0)
    assert numbers(score_sequence(truth, result, mot_protocol("no-preprocessing")))["FP"] == 2


@pytest.mark.parametrize("protocol", ["mot15", "mot17", "mot20", "fairmot", "no-preprocessing"])
def test_nothing_found_and_nothing_there_have_scores(protocol):
    nothing = np.zeros((0, 9))
    assert numbers(score_sequence(TWO, nothing, mot_protocol(protocol), frames=10))["IDF1"] == 0
    assert numbers(score_sequence(nothing, TWO, mot_protocol(protocol)))["FP"] == 20
    both = {
        "a": score_sequence(TWO, TWO, mot_protocol(protocol)),
        "b": score_sequence(TWO, nothing, mot_protocol(protocol)),
    }
    assert numbers(combine(both))["IDF1"] == pytest.approx(2 / 3 if protocol != "fairmot" else 1.0)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("1,1,1,1,5\n", "t.txt"),
        ("1,1,nan,1,5,5,1\n", "line 1: expected frame and identity"),
        ("1,1,1,1,5,5,1\n0,1,1,1,5,5,1\n", "line 2"),
        ("1,1.5,1,1,5,5,1\n", "whole numbers"),
        ("1,1,1,1,5,5,1\n2,1,1,1,5,5,1\n1,1,2,2,5,5,1\n", "identity 1 stands twice in frame 1"),
    ],
)
def test_files_of_another_format_are_named(tmp_path, content, says):
    (tmp_path / "t.txt").write_text(content)
    with pytest.raises(EvaluationError, match=says):
        read_mot_rows(tmp_path / "t.txt")


def run(*arguments, columns="250"):
    result = CliRunner().invoke(app, ["mot", "eval", *map(str, arguments)], env={"COLUMNS": columns})
    if result.exception and not isinstance(result.exception, (SystemExit, typer.Exit)):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def write(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(path, values, delimiter=",", fmt="%g")
    return path


def test_the_command_scores_sequences_and_all_of_them_together(tmp_path):
    for name in ("A", "B"):
        write(tmp_path / "data" / name / "gt" / "gt.txt", TWO)
        (tmp_path / "data" / name / "seqinfo.ini").write_text("[Sequence]\nseqLength=10\n")
    write(tmp_path / "mine" / "A.txt", TWO[:, :7])
    with pytest.raises(EvaluationError, match="has no result of B"):
        run(tmp_path / "data", tmp_path / "mine")
    write(tmp_path / "mine" / "B" / "tracks.txt", TWO[:10, :7])
    printed = run(tmp_path / "data", tmp_path / "mine", "--json", tmp_path / "s.json", "--csv", tmp_path / "s.csv")
    assert "protocol mot17" in printed
    assert "…" not in run(tmp_path / "data", tmp_path / "mine", columns="60")
    scores = {one["sequence"]: one for one in json.loads((tmp_path / "s.json").read_text())["scores"]}
    assert scores["A"]["MOTA"] == 1 and scores["B"]["MOTA"] == 0.5 and scores["all"]["MOTA"] == 0.75
    assert (tmp_path / "s.csv").read_text().splitlines()[0].startswith("tracker,sequence,HOTA,DetA")
    write(tmp_path / "mine" / "B" / "tracks.txt", np.concatenate([TWO, rows((11, 1, 5))])[:, :7])
    with pytest.raises(EvaluationError, match="frame 11 of a sequence of 10"):
        run(tmp_path / "data", tmp_path / "mine")
    with pytest.raises(EvaluationError, match="did you mean 'mot17'"):
        run(tmp_path / "data", tmp_path / "mine", "--protocol", "mot1")


@pytest.mark.parametrize("seed", [0, 2])
def test_scores_are_the_reference(seed, shared_folder):
    golden = GoldenFile(shared_folder / "golden" / "mot" / "dev" / f"metrics_s{seed}.npz")
    check_scores(golden)
    checks = golden.finish()
    assert len(checks) >= 40
    assert [check for check in checks if not check.passed] == []


def test_a_published_result_of_a_real_sequence(shared_folder):
    folder = shared_folder / "data" / "mot_text"
    expected = json.loads((folder / "expected.json").read_text())["TUD-Campus"]
    truth = read_mot_rows(folder / "TUD-Campus" / "gt.txt", truth=True)
    found = numbers(score_sequence(truth, read_mot_rows(folder / "TUD-Campus" / "result.txt"), mot_protocol("mot15")))
    for name in ("IDF1", "IDP", "IDR", "MOTA"):
        assert 100 * found[name] == pytest.approx(expected[name], abs=0.05)
    assert 1 - found["MOTP"] == pytest.approx(expected["MOTP_dist"], abs=0.0005)
    for ours, theirs in (("MT", "MT"), ("PT", "PT"), ("ML", "ML"), ("FP", "FP"), ("FN", "FN"), ("IDSW", "IDs")):
        assert found[ours] == expected[theirs]
