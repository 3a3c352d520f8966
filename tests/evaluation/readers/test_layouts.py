"""Each layout, as its tool writes it, is found out and read; whatever was decided stands in the notes."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest
from scipy.io import savemat

from dmtrack.errors import EvaluationError
from dmtrack.evaluation.measures.trajectory import Trajectory
from dmtrack.evaluation.readers import LAYOUTS, read_results
from dmtrack.evaluation.results import ResultStore, SequenceResult


def zipped(files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def mat(variables):
    stream = io.BytesIO()
    savemat(stream, variables)
    return stream.getvalue()


def cell(*structs):
    array = np.empty((1, len(structs)), dtype=object)
    for index, struct in enumerate(structs):
        array[0, index] = struct
    return array


def check(found, benchmark, layout):
    assert found.layout == layout and found.missing == ()
    assert found.notes[0] == f"layout: {layout} ({LAYOUTS[layout].description}), detected"
    assert list(found.results) == [sequence.name for sequence in benchmark]
    for sequence in benchmark:
        np.testing.assert_allclose(found.results[sequence.name].boxes_xywh, sequence.boxes_xywh)


def test_our_own_store(tmp_path, benchmark):
    store = ResultStore(tmp_path / "mine")
    store.start({"tracker": "mine"})
    for sequence in benchmark:
        store.write(
            sequence.name,
            SequenceResult(
                sequence.boxes_xywh, np.full(5, 0.1), np.full(5, 0.5), np.array([True, True, False, True, True])
            ),
        )
    (tmp_path / "mine" / "notes").mkdir()
    (tmp_path / "mine" / "notes" / "Basketball.json").write_text("{}")
    found = read_results(tmp_path / "mine", benchmark)
    check(found, benchmark, "dmtrack")
    result = found.results["Jogging-1"]
    assert found.name == "mine" and result.scores[0] == 0.5 and not result.present[2] and result.seconds[0] == 0.1


def test_our_own_store_counts_from_0_whatever_the_benchmark_does(tmp_path, sequence):
    one = sequence("a", index_base=1)
    store = ResultStore(tmp_path / "mine")
    store.start({"tracker": "mine"})
    store.write("a", SequenceResult(one.boxes_xywh))
    store.write_failure("b", "Traceback\nValueError: no such luck")
    found = read_results(tmp_path / "mine", [one, sequence("b")])
    np.testing.assert_array_equal(found.results["a"].boxes_xywh, one.boxes_xywh)
    assert found.missing == ("b",)
    assert any(note.endswith("error.txt says: ValueError: no such luck") for note in found.notes)


def test_got10k_with_repetitions_as_folder_and_as_zip(write, tmp_path, benchmark, lines):
    files = {}
    for one in benchmark:
        files[f"{one.name}/{one.name}_001.txt"] = lines(one)
        files[f"{one.name}/{one.name}_002.txt"] = lines(one, shift=3)
        files[f"{one.name}/{one.name}_time.txt"] = "0.10000000,0.30000000\n" * 5
    (tmp_path / "SiamFC.zip").write_bytes(zipped({f"SiamFC/{name}": text for name, text in files.items()}))
    for path in (write(files), tmp_path / "SiamFC.zip"):
        found = read_results(path, benchmark)
        assert found.results["Basketball"].seconds.tolist() == [0.1] * 5
        assert sum("only the first of 2 repetitions is read" in note for note in found.notes) == 4
    assert found.name == "SiamFC" and " in SiamFC, detected" in found.notes[0]


def test_pytracking(write, benchmark, lines):
    files = {f"{one.name}.txt": lines(one, "\t") for one in benchmark}
    files |= {f"{one.name}_time.txt": "0.050000\n" * 5 for one in benchmark}
    files["Basketball_object_presence_scores.txt"] = "1.0\n0.9\n0.8\n0.7\n-0.1\n"
    found = read_results(write(files), benchmark)
    check(found, benchmark, "pytracking")
    assert found.results["Basketball"].scores[-1] == -0.1 and found.results["Jogging-1"].seconds[0] == 0.05
    assert not any("not read" in note for note in found.notes)


def test_pysot_with_names_and_pixels_of_otb(write, sequence, lines):
    benchmark = [sequence(name, index_base=1) for name in ("Basketball", "Jogging-1", "Human4-2")]
    folder = write(
        {
            f: lines(one, base=1)
            for one, f in zip(benchmark, ("basketball.txt", "jogging_1.txt", "human4_2.txt"), strict=True)
        }
    )
    found = read_results(folder, benchmark)
    check(found, benchmark, "pysot")
    assert "coordinates: 3 files of results count pixels from 1, converted to 0" in found.notes
    assert sum("matched by rule" in note for note in found.notes) == 2


@pytest.mark.parametrize(("separator", "layout"), [(",", "pysot"), ("\t", "pytracking"), (" ", "text"), (";", "text")])
def test_plain_text_of_all_separators_and_line_ends(write, benchmark, lines, separator, layout):
    folder = write({f"{one.name}.txt": lines(one, separator).replace("\n", "\r\n") for one in benchmark})
    check(read_results(folder, benchmark), benchmark, layout)
    check(read_results(write({"Basketball.txt": lines(benchmark[0], "  ")}), benchmark), benchmark, "text")


def test_the_times_of_got10k_lie_in_a_folder_of_their_own(write, benchmark, lines):
    files = {f"{one.name}.txt": lines(one) for one in benchmark}
    found = read_results(write({**files, "times/Basketball_time.txt": "0.2\n" * 5}), benchmark)
    assert found.results["Basketball"].seconds[0] == 0.2 and found.results["Jogging-1"].seconds is None


def test_matlab_structs_cells_and_boxes(write, benchmark):
    boxes = [one.boxes_xywh for one in benchmark]
    contents = [
        {"results": cell({"res": boxes[0], "type": "rect", "len": 5.0, "fps": 20.0, "annoBegin": 1, "startFrame": 1})},
        {"results": {"res": boxes[1], "type": "rect"}},
        {"res": boxes[2]},
        {"results": cell({"res": boxes[3].astype(np.int32), "type": "rect"})},
    ]
    names = ("Basketball", "jogging-1", "jogging-2", "human4-2")
    found = read_results(write({f"{n}_STRUCK.mat": mat(c) for n, c in zip(names, contents, strict=True)}), benchmark)
    check(found, benchmark, "otb-mat")
    np.testing.assert_allclose(found.results["Basketball"].seconds, 0.05)
    assert found.results["Jogging-1"].seconds is None


def test_the_json_of_the_benchmark(write, benchmark):
    files = {
        f"{one.name}.json": json.dumps(
            [{"tracker": "STRUCK", "seqName": one.name, "startFrame": 1, "endFrame": 5, "evalType": "OPE", "fps": 10,
              "resType": "rect", "tmplsize": [0.0, 0.0], "shiftType": None, "res": one.boxes_xywh.tolist()}]
        )
        for one in benchmark
    }  # fmt: skip
    files["scores_tb100/ALL.json"] = json.dumps({"name": "ALL", "overlap": 47.2})
    found = read_results(write(files), benchmark)
    check(found, benchmark, "otb-json")
    assert found.results["Basketball"].seconds[0] == 0.1
    assert "not read: 1 files that belong to none of the sequences: scores_tb100/ALL.json" in found.notes


def test_vot_runs_keep_codes_polygons_and_repetitions(write, sequence):
    one = sequence("ants1", 6)
    first = "1\n30,20,30,40\n50,20,80,20,80,60,50,60\n2\n0\n1\n"
    folder = write({f"baseline/ants1/ants1_{n:03d}.txt": first for n in (1, 2, 3)})
    found = read_results(folder, [one])
    assert found.layout == "vot" and " in baseline, detected" in found.notes[0]
    boxes = found.results["ants1"].boxes_xywh
    np.testing.assert_array_equal(boxes[:3], one.boxes_xywh[:3])
    assert np.isnan(boxes[3:]).all()
    runs = found.trajectories["ants1"]
    assert len(runs) == 3 and all(isinstance(run, Trajectory) for run in runs)
    assert runs[0].codes.tolist() == [1, -1, -1, 2, 0, 1] and runs[0].failures.tolist() == [3]
    assert any("a run with 1 restarts" in note for note in found.notes)


def test_vot_long_term_with_confidences(write, sequence, lines):
    one = sequence("ballet", 4)
    text = "1\n" + "".join(lines(one).splitlines(keepends=True)[1:])
    for place, name in (("longterm/", "ballet_001_confidence.value"), ("", "ballet_001_confidence.value")):
        folder = write(
            {f"{place}ballet/ballet_001.txt": text, f"{place}ballet/{name}": "\n0.9\n0.5\n-3\n"}, f"lt{len(place)}"
        )
        found = read_results(folder, [one])
        assert found.layout == "vot"
        np.testing.assert_array_equal(found.results["ballet"].scores, [np.nan, 0.9, 0.5, -3])
        np.testing.assert_array_equal(found.results["ballet"].boxes_xywh, one.boxes_xywh)


def test_vot_regions_are_moved_to_0_where_the_benchmark_counts_from_1(write, sequence):
    one = sequence("a", 3, index_base=1)
    folder = write({"a/a_001.txt": "1\n31,21,30,40\n51,21,81,21,81,61,51,61\n"})
    found = read_results(folder, [one])
    np.testing.assert_array_equal(found.results["a"].boxes_xywh, one.boxes_xywh)
    regions = found.trajectories["a"][0].regions
    assert regions[1, :4].tolist() == [30, 20, 30, 40] and regions[2].tolist() == [50, 20, 80, 20, 80, 60, 50, 60]


def test_missing_and_unknown_files_are_named(write, benchmark, lines):
    folder = write({"Jogging-1.txt": lines(benchmark[1]), "Girl.txt": "1,2,3,4\n", "readme.md": "hello"})
    found = read_results(folder, benchmark)
    assert found.missing == ("Basketball", "Jogging-2", "Human4-2") and list(found.results) == ["Jogging-1"]
    assert any(note.startswith("missing: 3 sequences have no result and are in no score: Bask") for note in found.notes)
    assert "not read: 2 files that belong to none of the sequences: Girl.txt, readme.md" in found.notes


def test_what_systems_leave_behind_does_not_count(tmp_path, sequence, lines):
    one = sequence("a")
    (tmp_path / "r.zip").write_bytes(zipped({"r/a.txt": lines(one), "__MACOSX/r/._a.txt": b"\0", "r/.DS_Store": b"\0"}))
    found = read_results(tmp_path / "r.zip", [one])
    assert list(found.results) == ["a"] and not any("not read" in note for note in found.notes)


def test_first_boxes_that_speak_for_another_pixel_are_pointed_out(write, sequence, lines):
    benchmark = [sequence(name, index_base=1) for name in ("a", "b", "c")]
    folder = write({f"{one.name}.txt": lines(one, base=0) for one in benchmark})
    found = read_results(folder, benchmark)
    assert any("3 of 3 results start exactly at the given box if their pixels count from 0" in n for n in found.notes)
    right = read_results(folder, benchmark, index_base=0)
    check_boxes = right.results["a"].boxes_xywh
    np.testing.assert_array_equal(check_boxes, benchmark[0].boxes_xywh)
    assert not any("check the coordinates" in note for note in right.notes)


def test_a_named_layout_is_taken_at_its_word(write, benchmark, lines):
    files = {f"{one.name}.txt": lines(one) for one in benchmark}
    files |= {f"{one.name}.mat": mat({"results": {"res": one.boxes_xywh, "type": "rect"}}) for one in benchmark}
    folder = write(files)
    with pytest.raises(
        EvaluationError, match=r"holds results in 2 places: .* \(\w+\), .* give the folder of one tracker"
    ):
        read_results(folder, benchmark)
    assert read_results(folder, benchmark, "otb-mat").notes[0].endswith("code))")
    with pytest.raises(EvaluationError, match=r"tracker holds no results; expected <seq>/<seq>_001\.txt of rectangles"):
        read_results(folder, benchmark, "vot")
    with pytest.raises(EvaluationError, match="unknown layout 'pytrack'; did you mean 'pytracking'"):
        read_results(folder, benchmark, "pytrack")
