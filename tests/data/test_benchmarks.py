"""Benchmarks by name, opened in their official layouts with their quirks."""

from __future__ import annotations

import inspect
import pickle
import runpy
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from dmtrack.data.benchmarks import BENCHMARKS, find_benchmark, get_benchmark, open_benchmark
from dmtrack.data.labelled_sets import LABELLED_SETS
from dmtrack.data.sources import SequenceSource
from dmtrack.data.sources.published_lists import published_otb_names, published_uav_parts
from dmtrack.data.writers import WRITERS
from dmtrack.errors import DataError

WRITTEN_AS = {
    "lasot": ("lasot", {}, "cat-1"),
    "otb100": ("otb", {}, "Bolt"),
    "otb2013": ("otb", {}, "Bolt"),
    "uav123": ("uav123", {}, "uav2"),
    "trackingnet": ("trackingnet", {"split": "TEST"}, "a"),
    "got10k": ("got10k", {}, "a"),
    "vot2018": ("vot", {}, "a"),
    "vot2018-lt": ("vot-lt", {}, "a"),
    "oxuva": ("oxuva", {"annotated_every": 1}, "a"),
    "tlp": ("tlp", {}, "a"),
    "folder": ("folder", {}, "a"),
}


@pytest.mark.parametrize("images", [True, False])
@pytest.mark.parametrize("name", WRITTEN_AS)
def test_written_layouts_are_opened(name, images, tmp_path, sequence_maker):
    layout, options, sequence_name = WRITTEN_AS[name]
    hidden = "split" in options
    absent = () if name in ("otb100", "otb2013", "vot2018", "trackingnet") else (2,)
    written = sequence_maker(sequence_name, 5, absent=absent)
    WRITERS[layout]([written], tmp_path, **options)
    (sequence,) = open_benchmark(name, tmp_path, images=images)
    assert sequence.name.startswith(sequence_name)
    assert len(sequence) == (1 if hidden and not images else 5)
    if not hidden:
        np.testing.assert_array_equal(sequence.present, written.present)
        scale = np.tile([64, 48], 2) if sequence.annotation.relative else 1
        tolerance = 0.51 if layout in ("lasot", "otb") else 1e-3
        np.testing.assert_allclose(sequence.boxes_xywh * scale, written.boxes_xywh, atol=tolerance)
        flagged = layout in ("lasot", "got10k", "vot-lt", "oxuva", "tlp", "folder")
        assert sequence.annotation.absence_flagged == flagged
    assert sequence.annotation.first_box_only == hidden
    assert sequence.annotation.index_base == get_benchmark(name).index_base
    assert sequence.annotated_boxes_xywh.shape == (len(sequence), 4)
    if images:
        assert sequence.read_frame(len(sequence) - 1).shape == (48, 64, 3)
    else:
        with pytest.raises(DataError, match=f"sequence {sequence.name}: frame 0 was asked for, but only its annotat"):
            sequence.read_frame(0)
        assert pickle.loads(pickle.dumps(sequence)).name == sequence.name


def test_names_splits_and_protocols():
    pickle.dumps(partial(open_benchmark, "lasot", "data", images=False))
    assert get_benchmark("lasot").splits[0] == "test"
    with pytest.raises(DataError, match=r"unknown benchmark 'lassot'; did you mean 'lasot'\?"):
        get_benchmark("lassot")
    with pytest.raises(DataError, match=r"LaSOT: unknown split 'tests'; did you mean 'test'\?"):
        open_benchmark("lasot", ".", "tests")


@pytest.mark.parametrize("benchmark", BENCHMARKS.values(), ids=lambda item: item.name)
def test_every_entry_of_the_table_is_complete(benchmark):
    from dmtrack.evaluation.protocols import PROTOCOLS
    from dmtrack.evaluation.submission import SubmissionFormat
    from dmtrack.running.experiments import Experiment

    assert benchmark.title and benchmark.summary and benchmark.layout.count("<root>") >= 1
    assert issubclass(benchmark.source, SequenceSource) and benchmark.index_base in (0, 1)
    assert len(set(benchmark.splits)) == len(benchmark.splits) > 0
    assert not [name for name in benchmark.protocols if name not in PROTOCOLS]
    assert len(set(benchmark.protocols)) == len(benchmark.protocols) > 0
    assert benchmark.many_objects or (callable(benchmark.load("writer")) and benchmark.name in WRITERS)
    known = set(inspect.signature(benchmark.source).parameters)
    assert set(benchmark.options) <= known and ("split" in known) == (len(benchmark.splits) > 1)
    assert not benchmark.writer or set(benchmark.writer_options) <= set(
        inspect.signature(benchmark.load("writer")).parameters
    )
    package, experiment = benchmark.load("submission"), benchmark.load("experiment")
    assert package is None or (isinstance(package, SubmissionFormat) and package.name == benchmark.name)
    assert experiment is None or (issubclass(experiment, Experiment) and benchmark.results_folder)
    assert (experiment is None) == (benchmark.name == "folder" or benchmark.many_objects)


def test_what_lies_in_the_working_directory_does_not_change_what_a_name_means(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lasot").mkdir()
    (tmp_path / "mine").mkdir()
    assert [find_benchmark(name)[0].name for name in ("lasot", "./lasot", Path("lasot"), "mine")] == [
        "lasot",
        "folder",
        "folder",
        "folder",
    ]
    assert find_benchmark("lasot", "data")[1:] == (Path("data"), "lasot")
    assert find_benchmark("./lasot")[1:] == (Path("lasot"), "lasot")
    with pytest.raises(DataError, match="unknown benchmark 'lassot'"):
        find_benchmark("lassot")


def test_a_row_makes_a_benchmark_known_everywhere(tmp_path, monkeypatch, sequence_maker):
    """A source and a row are all that a further benchmark needs: it is opened, checked, run and evaluated."""
    import dmtrack
    from dmtrack.data.doctor import examine
    from dmtrack.evaluation.results import ResultStore, SequenceResult
    from dmtrack.running.sweeps.benchmarks import BenchmarkChoice

    row = replace(BENCHMARKS["tlp"], name="mine", title="Mine", protocols=("dmtrack-visible",), results_folder="")
    monkeypatch.setitem(BENCHMARKS, "mine", row)
    written = sequence_maker("a", 5, absent=(2,))
    row.load("writer")([written], tmp_path / "data")
    assert len(examine("mine", tmp_path / "data").problems) == 1  # one of the 50 official sequences
    choice = BenchmarkChoice("mine", tmp_path / "data")
    assert (choice.title, choice.shown_split, choice.usual_protocol) == ("mine", "all", "dmtrack-visible")
    assert [sequence.name for sequence in choice.opener()()] == ["a"]
    ResultStore(tmp_path / "perfect").write("a", SequenceResult(np.nan_to_num(written.boxes_xywh)))
    report = dmtrack.evaluate("mine", tmp_path / "perfect", root=tmp_path / "data")
    assert report.benchmark == "mine" and report.scores[0].scores["success"] > 0.94


def test_the_help_of_the_command_names_every_benchmark():
    from dmtrack.cli.data import NAMES

    single = {name for name, benchmark in BENCHMARKS.items() if not benchmark.many_objects}
    assert set(NAMES.split(", ")) == single | {"coco", "image-folder"} | set(LABELLED_SETS)


def test_the_page_of_the_documentation_is_current():
    repository = Path(__file__).resolve().parents[2]
    page = runpy.run_path(str(repository / "tools/write_benchmarks_page.py"))["page"]
    remedy = "python tools/write_benchmarks_page.py > docs/benchmarks.md"
    assert (repository / "docs/benchmarks.md").read_text() == page(), remedy


def test_published_lists():
    assert len(published_otb_names("otb100")) == 100 and len(published_otb_names("otb2013")) == 51
    assert set(published_otb_names("otb2013")) < set(published_otb_names("otb100"))
    parts, long = published_uav_parts("UAV123"), published_uav_parts("UAV20L")
    assert len(parts) == 123 and len(long) == 20
    assert parts["bird1_2"] == ("bird1", 775, 1477) and long["bird1"] == ("bird1", 1, 2437)
    assert all(video.split("_")[0] == name.split("_")[0] for name, (video, _, _) in parts.items())


def test_only_the_sequences_of_a_published_list_count(tmp_path, sequence_maker):
    WRITERS["otb"]([sequence_maker(name, 2) for name in ("Bolt", "Biker", "mine")], tmp_path)
    source = open_benchmark("otb100", tmp_path)
    assert source.names == ["Biker", "Bolt"] and len(source.missing) == 98
    assert open_benchmark("otb2013", tmp_path).names == ["Bolt"]
    WRITERS["otb"]([sequence_maker("mine", 2)], tmp_path / "other")
    source = open_benchmark("otb100", tmp_path / "other")
    assert source.names == ["mine"] and source.missing == ()


def test_otb_frames_that_have_no_boxes(tmp_path, sequence_maker):
    WRITERS["otb"]([sequence_maker("Tiger1", 354, size_wh=(16, 16)), sequence_maker("Human4", 3)], tmp_path)
    rect = tmp_path / "Tiger1/groundtruth_rect.txt"
    whole = rect.read_text().splitlines(keepends=True)
    assert len(open_benchmark("otb100", tmp_path)["Tiger1"]) == 354
    rect.write_text("".join(whole[5:]))
    assert open_benchmark("otb100", tmp_path)["Tiger1"].read_frame.names[0] == "0006.jpg"
    rect.write_text("".join(whole[:300]))
    with pytest.raises(DataError, match=r"300 boxes but .* 349 frames"):
        open_benchmark("otb100", tmp_path)["Tiger1"]
    human = tmp_path / "Human4"
    (human / "groundtruth_rect.txt").rename(human / "groundtruth_rect.2.txt")
    (human / "groundtruth_rect.1.txt").write_text("")  # as in the official archive
    assert "Human4-2" in open_benchmark("otb100", tmp_path).names
    assert "Human4-1" not in open_benchmark("otb100", tmp_path).names


def test_otb_annotations_in_one_folder(tmp_path):
    for name in ("Jogging-1", "Jogging.2", "Human4.2", "Bolt"):
        (tmp_path / f"{name}.txt").write_text("1,2,3,4\n5\t6\t7\t8\n")
    source = open_benchmark("otb100", tmp_path, images=False)
    assert source.names == ["Bolt", "Human4-2", "Jogging-1", "Jogging-2"]
    np.testing.assert_array_equal(source["Jogging-2"].boxes_xywh, [[0, 1, 3, 4], [4, 5, 7, 8]])


def test_uav_sequences_are_parts_of_videos(tmp_path, sequence_maker):
    WRITERS["uav123"]([sequence_maker("group1", 8)], tmp_path)
    lines = (tmp_path / "anno/UAV123/group1.txt").read_text().splitlines(keepends=True)
    (tmp_path / "anno/UAV123/group1.txt").unlink()
    (tmp_path / "anno/UAV123/group1_1.txt").write_text("".join(lines))
    (tmp_path / "anno/UAV20L").mkdir()
    (tmp_path / "anno/UAV20L/group1.txt").write_text("".join(lines))
    (tmp_path / "anno/UAV123/att").mkdir()
    (tmp_path / "anno/UAV123/att/group1_1.txt").write_text("1,0,0,0,0,0,0,0,0,0,0,1\n")
    sequence = open_benchmark("uav123", tmp_path)["group1_1"]
    assert len(sequence) == 8 and sequence.annotation.tags == ("SV", "SOB")
    assert open_benchmark("uav20l", tmp_path).names == ["group1"]
    assert len(open_benchmark("uav20l", tmp_path)["group1"]) == 8


def test_lasot_flat_folders_toolkit_annotations_and_the_monkey(tmp_path, sequence_maker):
    WRITERS["lasot"]([sequence_maker("monkey-17", 6)], tmp_path)
    flat = tmp_path / "flat"
    flat.mkdir()
    (tmp_path / "monkey/monkey-17").rename(flat / "monkey-17")
    (flat / "testing_set.txt").write_text("monkey-17\n")
    truth = flat / "monkey-17/groundtruth.txt"
    truth.write_text("".join(truth.read_text().splitlines(keepends=True)[:4]))
    for flag in ("full_occlusion", "out_of_view"):
        (flat / f"monkey-17/{flag}.txt").write_text("0,1,0,0\n")
    sequence = open_benchmark("lasot", flat)[0]
    assert len(sequence) == 4 and sequence.present.tolist() == [True, False, True, True]
    assert np.isfinite(sequence.annotated_boxes_xywh).all()

    annos = tmp_path / "annos"
    for folder in ("absent", "att"):
        (annos / folder).mkdir(parents=True)
    (annos / "monkey-17.txt").write_text(truth.read_text())
    (annos / "absent/monkey-17.txt").write_text("0\n0\n1\n0\n")
    (annos / "att/monkey-17.txt").write_text("1,0,0,0,0,0,0,0,0,0,0,0,0,1\n")
    (annos / "testing_set.txt").write_text("monkey-17\n")
    sequence = open_benchmark("lasot", annos, images=False)[0]
    assert sequence.present.tolist() == [True, True, False, True]
    assert sequence.annotation.tags == ("IV", "ARC")


def test_vot_tags_may_end_early(tmp_path, sequence_maker):
    WRITERS["vot"]([sequence_maker("a", 4)], tmp_path)
    (tmp_path / "a/occlusion.tag").write_text("0\n1\n")
    sequence = open_benchmark("vot2018", tmp_path)[0]
    assert sequence.annotation.frame_tags["occlusion"].tolist() == [False, True, False, False]
    assert sequence.annotation.polygons.shape == (4, 8)
    (tmp_path / "a/occlusion.tag").write_text("0\n1\n0\n0\n1\n")
    with pytest.raises(DataError, match=r"occlusion\.tag has 5 flags but the sequence has 4"):
        open_benchmark("vot2018", tmp_path)[0]


def test_oxuva_tasks_begin_in_the_middle_and_frames_may_be_thinned(tmp_path, sequence_maker):
    WRITERS["oxuva"]([sequence_maker("vid1", 9)], tmp_path, annotated_every=2)
    tasks = tmp_path / "tasks/dev.csv"
    tasks.write_text(tasks.read_text().replace(",0,8,", ",2,6,"))
    sequence = open_benchmark("oxuva", tmp_path)[0]
    assert sequence.annotation.frame_numbers.tolist() == [2, 3, 4, 5, 6]
    assert sequence.annotated.tolist() == [True, False, True, False, True]
    for number in (3, 5):
        (tmp_path / f"images/dev/vid1/{number:06d}.jpeg").unlink()
    assert open_benchmark("oxuva", tmp_path)[0].annotation.frame_numbers.tolist() == [2, 4, 6]
    (tmp_path / "images/dev/vid1/000004.jpeg").unlink()
    with pytest.raises(DataError, match="has no frame 000004; complete the download"):
        open_benchmark("oxuva", tmp_path)[0]
    labels = tmp_path / "annotations/dev.csv"
    labels.write_text(labels.read_text().replace("present", "here", 1))
    with pytest.raises(
        DataError, match=r"dev.csv:1: expected .*,present or absent,.* got 'vid1,obj0000,0,object,false,unknown,0,here,"
    ):
        open_benchmark("oxuva", tmp_path)


def test_a_missing_frame_is_one_sentence(tmp_path, sequence_maker):
    WRITERS["tlp"]([sequence_maker("a", 5)], tmp_path)
    (tmp_path / "a/img/00003.jpg").unlink()
    with pytest.raises(DataError, match=r"sequence a: .*groundtruth_rect.txt has 5 boxes but .* has 4 frames"):
        open_benchmark("tlp", tmp_path)[0]


def test_real_annotations_without_images(shared_folder):
    lasot = open_benchmark("lasot", shared_folder / "data/annotations/lasot_test", images=False)
    lengths = [len(sequence) for sequence in lasot]
    assert len(lengths) == 280 and sum(lengths) == 685360
    # Fully occluded or out of view somewhere, so the sequence has one of these two attributes.
    flagged = [sequence for sequence in lasot if not sequence.present.all()]
    agreeing = [item for item in flagged if {"FOC", "OV"} & set(item.annotation.tags)]
    assert len(agreeing) / len(flagged) > 0.95
    otb = open_benchmark("otb100", shared_folder / "data/results/otb_anno", images=False)
    assert len(otb) == 95 and otb.missing == ("Basketball", "Diving", "DragonBaby", "Human3", "Jumping")
