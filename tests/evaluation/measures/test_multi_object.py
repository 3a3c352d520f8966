"""Scores of multi-object trackers: what counts, files as they come, and the numbers of references."""

import json

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from dmtrack.cli.main import app
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.measures.multi_object import (
    counted_boxes,
    numbers,
    pairing_of,
    raw_scores,
    scores_of_sums,
    sums_of,
)
from dmtrack.evaluation.protocols import MultiObjectProtocol, get_protocol
from dmtrack.evaluation.readers.mot import read_mot_rows
from dmtrack.media.images import write_image
from parity.golden import GoldenFile
from parity.mot_metrics import check_scores


def rows(*given):
    """Rows (frame, identity, left[, mark, class]) of boxes 10x20 at the top."""
    full = np.ones((len(given), 9))
    for row, (frame, identity, left, *more) in zip(full, given, strict=True):
        row[:6] = (frame, identity, left, 0, 10, 20)
        row[6 : 6 + len(more)] = more
    return full


def rules(name):
    return get_protocol(name, MultiObjectProtocol)


def scored(*given, **more):
    return raw_scores(counted_boxes(*given, **more))


TWO = rows(*((frame, one, 100 * one) for frame in range(1, 11) for one in (1, 2)))


def test_a_perfect_tracker_has_full_marks_and_one_that_swaps_identities_does_not():
    perfect = numbers(scored(TWO, TWO, rules("mot17")))
    assert [perfect[name] for name in ("HOTA", "MOTA", "IDF1", "IDSW", "FP", "FN")] == [1, 1, 1, 0, 0, 0]
    swapped = TWO.copy()
    late = swapped[:, 0] > 5
    swapped[late, 1] = 3 - swapped[late, 1]
    found = numbers(scored(TWO, swapped, rules("mot17")))
    assert found["IDSW"] == 2
    assert found["MOTA"] == pytest.approx(1 - 2 / 20)
    assert found["IDF1"] == pytest.approx(0.5)
    assert found["HOTA"] == pytest.approx(np.sqrt(1 / 3))  # each pair is together in 5 of 15 boxes


def test_boxes_on_distractors_are_taken_out_and_uncounted_people_are_not_asked_for():
    truth = np.concatenate([TWO, rows((1, 7, 500, 1, 8), (2, 8, 600, 0, 1))])
    result = np.concatenate([TWO, rows((1, 9, 500), (2, 9, 600))])
    found = numbers(scored(truth, result, rules("mot17")))
    assert (found["FP"], found["FN"]) == (1, 0)
    assert numbers(scored(truth, result, rules("mot-no-preprocessing")))["FP"] == 2


@pytest.mark.parametrize("protocol", ["mot15", "mot17", "mot20", "mot-fairmot", "mot-no-preprocessing"])
def test_nothing_found_and_nothing_there_have_scores(protocol):
    nothing = np.zeros((0, 9))
    assert numbers(scored(TWO, nothing, rules(protocol), frames=10))["IDF1"] == 0
    assert numbers(scored(nothing, TWO, rules(protocol)))["FP"] == 20
    both = [scored(TWO, result, rules(protocol)) for result in (TWO, nothing)]
    found, _ = scores_of_sums(np.sum([sums_of(raw) for raw in both], axis=0))
    assert found["IDF1"] == pytest.approx(2 / 3 if protocol != "mot-fairmot" else 1.0)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("1,1,1,1,5\n", "t.txt"),
        ("1,1,nan,1,5,5,1\n", "line 1 holds something that is no finite number"),
        (
            "1,1,1,1,5,5,1\n2,1,1,1,5,5,1,-1,-1,-1\n",
            "line 2 has 10 numbers and line 1 has 7; expected as many on every",
        ),
        ("1,1,1,1,5,5,1\n0,1,1,1,5,5,1\n", "line 2 begins with no frame number"),
        ("1,1,1,1,5,-5,1\n", "line 1 has a negative width or height"),
        ("1,1.5,1,1,5,5,1\n", "line 1 has an identity that is no whole number"),
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
    document = json.loads((tmp_path / "s.json").read_text())
    scores = document["sequences"]["mine"]
    assert scores["A"]["MOTA"] == 1 and scores["B"]["MOTA"] == 0.5 and document["trackers"]["mine"]["MOTA"] == 0.75
    assert document["significance"]["intervals"]["mine"]["MOTA"] == {"value": 0.75, "low": 0.5, "high": 1.0}
    assert np.mean(document["curves_over_overlap"]["mine"]["HOTA"]) == document["trackers"]["mine"]["HOTA"]
    assert "tracker,weights_sha256,sequence,HOTA,DetA" in (tmp_path / "s.csv").read_text().splitlines()[0]
    write(tmp_path / "mine" / "B" / "tracks.txt", np.concatenate([TWO, rows((11, 1, 5))])[:, :7])
    with pytest.raises(EvaluationError, match="frame 11 of a sequence of 10"):
        run(tmp_path / "data", tmp_path / "mine")
    with pytest.raises(EvaluationError, match="did you mean 'mot17'"):
        run(tmp_path / "data", tmp_path / "mine", "--protocol", "mot1")


def made_result(seed, people=6, frames=40):
    """Truth and a result with misses, false positives, noise and swapped identities."""
    rng = np.random.default_rng(seed)
    truth = rows(*((frame, one, 40 * one + frame) for frame in range(1, frames + 1) for one in range(1, people + 1)))
    result = truth[rng.random(len(truth)) > 0.15].copy()
    result[:, 2:6] += rng.normal(0, 1.2, (len(result), 4))
    for at in (12, 25):
        late = result[:, 0] > at
        result[late, 1] = result[late, 1] % people + 1
    false = rows(*((frame, 90 + frame, float(rng.uniform(0, 300))) for frame in range(1, frames, 5)))
    return truth, np.concatenate([result, false])


@pytest.mark.parametrize("protocol", ["mot17", "mot-fairmot"])
def test_the_mistakes_that_are_shown_are_those_that_are_counted(protocol):
    truth, result = made_result(0)
    result = result[result[:, 0] != 7]  # a frame without any box
    found = numbers(scored(truth, result, rules(protocol)))
    pairing = pairing_of(counted_boxes(truth, result, rules(protocol)), 40)
    shown = pairing.per_frame().sum(axis=0)[1:].tolist()
    assert shown == [found["FN"], found["FP"], found["IDSW"]] and min(shown) > 5
    assert pairing.right_share()[6] == (0 if protocol == "mot17" else 1)
    assert pairing.right_share().min() >= 0 and pairing.right_share().max() == 1


def test_scores_of_several_sequences_are_those_of_trackeval():
    families = pytest.importorskip("trackeval.metrics")
    raws = {str(seed): scored(*made_result(seed, people=seed + 2), rules("mot17")) for seed in range(4)}
    raws["none"] = scored(TWO, np.zeros((0, 9)), rules("mot17"))
    together = {
        name: getattr(families, name)({"PRINT_CONFIG": False}).combine_sequences(
            {key: raw[name] for key, raw in raws.items()}
        )
        for name in ("HOTA", "CLEAR", "Identity")
    }
    found, curves = scores_of_sums(np.sum([sums_of(raw) for raw in raws.values()], axis=0))
    assert found == pytest.approx(numbers(together), abs=1e-12)
    assert curves["AssA"] == pytest.approx(together["HOTA"]["AssA"], abs=1e-12)


def test_a_report_shows_mistakes_on_frames_and_over_time(tmp_path):
    truth, result = made_result(1)
    folder = tmp_path / "data" / "A"
    write(folder / "gt" / "gt.txt", truth)
    (folder / "seqinfo.ini").write_text("[Sequence]\nseqLength=40\n")
    for frame in range(1, 41):
        write_image(folder / "img1" / f"{frame:06d}.jpg", np.full((60, 320, 3), 80, np.uint8))
    write(tmp_path / "mine" / "A.txt", result[:, :7])
    write(tmp_path / "best" / "A.txt", truth[:, :7])
    run(tmp_path / "data", tmp_path / "mine", tmp_path / "best", "--out", tmp_path / "out", "--rounds", "20")
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("data:image/jpeg") == 5 and page.count('class="lanes"') == 1
    assert "12 switches" in page and "person 1" in page and "on nobody" in page
    assert {path.stem for path in (tmp_path / "out" / "plots").glob("*.svg")} >= {"hota", "deta", "assa", "loca"}
    assert r"\textbf{100.0}" in (tmp_path / "out" / "report.tex").read_text()


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
    truth = read_mot_rows(folder / "TUD-Campus" / "gt.txt", "truth")
    found = numbers(scored(truth, read_mot_rows(folder / "TUD-Campus" / "result.txt"), rules("mot15")))
    for name in ("IDF1", "IDP", "IDR", "MOTA"):
        assert 100 * found[name] == pytest.approx(expected[name], abs=0.05)
    assert 1 - found["MOTP"] == pytest.approx(expected["MOTP_dist"], abs=0.0005)
    for ours, theirs in (("MT", "MT"), ("PT", "PT"), ("ML", "ML"), ("FP", "FP"), ("FN", "FN"), ("IDSW", "IDs")):
        assert found[ours] == expected[theirs]
