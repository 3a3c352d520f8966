from __future__ import annotations

import csv
import functools
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from dmtrack.cli.main import app
from dmtrack.config.located import locate
from dmtrack.errors import ConfigError, DataError, EvaluationError, OutputError
from dmtrack.evaluation.protocols import PROTOCOLS
from dmtrack.running.sweeps.reading import read_experiment, split_overrides, with_overrides
from dmtrack.running.sweeps.settings import parse_settings

REPOSITORY = Path(__file__).resolve().parents[2]

TRACKERS = """
import time
from pathlib import Path
import numpy as np

class Still:
    name, is_deterministic = "still", True
    def init(self, image, box):
        self.box, self.frame = box, 0
    def update(self, image):
        return self.box

class Waiting(Still):
    def update(self, image):
        while image.size == (60, 40) and not Path("go").exists():
            time.sleep(0.01)
        return self.box

class Fragile(Still):
    def update(self, image):
        self.frame += 1
        if image.size == (60, 40) and self.frame == 3:
            raise ValueError("no such luck")
        return self.box
"""


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A folder of two sequences, and a module of trackers, in the working folder."""
    for name, size_wh, step in (("first", (64, 48), 0), ("second", (60, 40), 2)):
        folder = tmp_path / "videos" / name
        folder.mkdir(parents=True)
        boxes = [[5 + step * index, 6, 20, 16] for index in range(5)]
        (folder / "groundtruth.txt").write_text("".join(",".join(map(str, box)) + "\n" for box in boxes))
        for index in range(5):
            Image.fromarray(np.full((size_wh[1], size_wh[0], 3), 40 * index, np.uint8)).save(
                folder / f"{index + 1:08d}.jpg"
            )
    (tmp_path / "own_trackers.py").write_text(TRACKERS)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop("own_trackers", None)
    sys.path[:] = [path for path in sys.path if path != str(tmp_path)]


def command(*arguments):
    return CliRunner().invoke(app, ["test", *arguments])


def test_own_tracker_on_own_videos(world):
    arguments = ("--data", "videos", "--tracker", "own_trackers:Still", "--json", "scores.json")
    result = command(*arguments)
    assert result.exit_code == 0, result.output
    assert "protocol dmtrack-visible" in result.output
    scores = json.loads((world / "scores.json").read_text())
    assert (scores["benchmark"], scores["protocol"], scores["stride"]) == ("videos", "dmtrack-visible", 1)
    # "first" never moves: 20 of 21 thresholds; "second" moves by 2 px per frame: IoU 18/22, 16/24, 14/26, 12/28.
    second = np.mean([np.ceil(iou * 20) / 21 for iou in (18 / 22, 16 / 24, 14 / 26, 12 / 28)])
    assert scores["trackers"]["still"]["success"] == pytest.approx((20 / 21 + second) / 2)
    assert (world / "results/videos/still/second/second_001.txt").read_text().splitlines() == [
        "5.000,6.000,20.000,16.000"
    ] * 5
    reports = world / "reports/videos/still"
    expected = {"report.json", "report.csv"} | {
        f"{metric}.{kind}" for metric in ("success", "precision", "normalized_precision") for kind in ("png", "pdf")
    }
    assert {path.name for path in reports.iterdir()} == expected
    rows = list(csv.DictReader((reports / "report.csv").open()))
    assert [row["sequence"] for row in rows] == ["*", "first", "second"]
    assert {row["protocol"] for row in rows} == {"dmtrack-visible"}
    assert "2 of 2 sequences are stored already" in command(*arguments).output


def test_changed_code_is_not_mixed_with_old_results(world):
    arguments = ("--data", "videos", "--tracker", "own_trackers:Still")
    assert command(*arguments).exit_code == 0
    (world / "own_trackers.py").write_text(TRACKERS + "\n# changed\n")
    result = command(*arguments)
    assert isinstance(result.exception, EvaluationError) and "code_sha256" in str(result.exception)
    assert command(*arguments, "--restart").exit_code == 0
    assert command(*arguments, "--name", "other").exit_code == 0


def test_a_failing_sequence_is_reported_and_the_other_scored(world):
    result = command("--data", "videos", "--tracker", "own_trackers:Fragile", "--json", "s.json")
    assert isinstance(result.exception, EvaluationError)
    assert "1 of 2 sequences failed; second: ValueError: no such luck" in str(result.exception)
    scores = json.loads((world / "s.json").read_text())
    assert scores["trackers"]["still"]["sequences"] == 1 and scores["missing"]["still"] == ["second"]


def test_other_results_stand_in_the_same_table(world):
    assert command("--data", "videos", "--tracker", "own_trackers:Still", "--name", "a").exit_code == 0
    result = command(
        "--data",
        "videos",
        "--tracker",
        "own_trackers:Still",
        "--name",
        "b",
        "--compare",
        "results/videos/a",
        "--json",
        "s.json",
    )
    assert result.exit_code == 0, result.output
    assert set(json.loads((world / "s.json").read_text())["trackers"]) == {"a", "b"}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((), EvaluationError, "--data FOLDER, --synthetic plain"),
        (("--data", "nowhere", "--tracker", "own_trackers:Still"), DataError, "no folder nowhere"),
        (("--data", "videos", "--tracker", "own_trackers:Stil"), ConfigError, "Still"),
        (
            ("--data", "videos", "--tracker", "own_trackers:Still", "--weights", "dmtrackGS_tiny"),
            EvaluationError,
            "do not apply",
        ),
        (("--data", "videos", "--compare", "nowhere"), EvaluationError, "--compare nowhere is no folder"),
        (("--data", "videos", "--protocol", "dmtrack"), EvaluationError, "did you mean"),
        (("--synthetic", "plane"), EvaluationError, "known: plain, look-alikes, distractors"),
        (("--data", "videos", "--import", "no_such_module"), ConfigError, "no_such_module"),
        (
            ("--data", "videos", "--tracker", "own_trackers:Still", "--layout", "otb10"),
            EvaluationError,
            "unknown benchmark 'otb10'; did you mean 'otb100'?",
        ),
        (("--data", "videos", "--set", "benchmark.seed=3"), EvaluationError, "give one with --experiment"),
        (("--data", "videos", "--set", "benchmrk.seed=3"), ConfigError, "did you mean 'benchmark'?"),
        (("--data", "videos", "--address", "x:1"), ConfigError, "add --engine ray"),
        (("--data", "videos", "--gpus", "1", "--device", "cuda:1"), ConfigError, "leave the device out"),
        (("--data", "videos", "--cache", "nowhere"), EvaluationError, "nowhere/videos holds no detections; build it"),
    ],
)
def test_bad_input_is_one_sentence(world, arguments, error, message):
    result = command(*arguments)
    assert isinstance(result.exception, error), result.output
    assert message in str(result.exception)


def test_annotations_that_do_not_fit_the_frames_are_named_before_anything_is_tracked(world):
    boxes = world / "videos" / "second" / "groundtruth.txt"
    for text, message in [
        ("1,2,3,4\n" * 4, "groundtruth.txt has 4 boxes but videos/second has 5 frames; expected one line per frame"),
        ("1,2,3,4\n" * 6, "groundtruth.txt has 6 boxes but videos/second has 5 frames"),
        ("1,2,3,4\n1,2,x,4\n", "groundtruth.txt:2: expected 4 numbers separated by commas, got '1,2,x,4'"),
    ]:
        boxes.write_text(text)
        result = command("--data", "videos", "--tracker", "own_trackers:Still")
        assert isinstance(result.exception, DataError) and message in str(result.exception)
    boxes.write_text("".join("nan,nan,nan,nan\n" if index == 0 else "1,2,3,4\n" for index in range(5)))
    result = command("--data", "videos", "--tracker", "own_trackers:Still", "--json", "s.json")
    assert "1 of 2 sequences failed; second: sequence 'second' has no box in its first frame" in str(result.exception)
    assert json.loads((world / "s.json").read_text())["trackers"]["still"]["sequences"] == 1


def test_a_folder_in_the_layout_of_got10k_says_which_option_reads_it(world):
    (world / "val").mkdir()
    (world / "videos").rename(world / "val" / "videos")
    (world / "val" / "list.txt").write_text("videos\n")
    result = command("--data", str(world), "--tracker", "own_trackers:Still")
    assert isinstance(result.exception, DataError) and "add --layout got10k" in str(result.exception)
    result = command("--data", "nowhere", "--layout", "got10k", "--tracker", "own_trackers:Still")
    assert "GOT-10k: no folder nowhere" in str(result.exception) and "list.txt" in str(result.exception)


def test_an_output_that_cannot_be_written_is_one_sentence_and_keeps_the_results(world):
    (world / "file").write_text("")
    arguments = ("--data", "videos", "--tracker", "own_trackers:Still")
    for option in ("--results", "--reports"):
        result = command(*arguments, option, "file/folder")
        assert isinstance(result.exception, OutputError) and "cannot write to folder file/folder" in str(
            result.exception
        )
        assert not list(world.glob("results/**/*_001.txt"))
    result = command(*arguments, "--json", "file/s.json")
    assert isinstance(result.exception, OutputError) and "cannot write file/s.json" in str(result.exception)
    assert len(list(world.glob("results/**/*_001.txt"))) == 2


def test_a_full_disk_keeps_what_was_tracked(world):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))  # too little for a plot
    try:
        result = command("--data", "videos", "--tracker", "own_trackers:Still")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert isinstance(result.exception, OutputError)
    assert "cannot write reports" in str(result.exception) and "free some space" in str(result.exception)
    assert "2 of 2 sequences are stored" in command("--data", "videos", "--tracker", "own_trackers:Still").output


@pytest.mark.skipif(sys.platform == "win32", reason="needs the signal of Ctrl-C")
def test_ctrl_c_and_the_same_command_again(world):
    arguments = ("--data", "videos", "--tracker", "own_trackers:Waiting", "--name", "waiting")
    process = subprocess.Popen(
        [sys.executable, "-m", "dmtrack.cli.main", "test", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Shells start what runs in the background with this signal ignored, and children inherit that.
        preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    try:
        deadline = time.monotonic() + 60
        while not (world / "results/videos/waiting/first/first_001.txt").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, errors) == (130, "loading PyTorch ...\nstopped; what was finished is kept\n")
    (world / "go").touch()
    result = command(*arguments)
    assert result.exit_code == 0 and "1 of 2 sequences are stored already" in result.output


def test_own_protocol(world):
    code = "from dmtrack.evaluation.protocols import *\n"
    code += "register(Protocol('mine', 'coarse', success_thresholds=(0.0, 0.99)))\n"
    (world / "own_protocols.py").write_text(code)
    arguments = ("--data", "videos", "--tracker", "own_trackers:Still", "--json", "s.json")
    result = command(*arguments, "--import", "own_protocols", "--protocol", "mine")
    sys.modules.pop("own_protocols", None)
    assert PROTOCOLS.pop("mine", None) and result.exit_code == 0, (result.output, result.exception)
    assert "protocol mine" in result.output
    assert json.loads((world / "s.json").read_text())["trackers"]["still"]["success"] == pytest.approx((1 + 0.5) / 2)


def test_generated_sequences_in_two_processes(world):
    arguments = ("--synthetic", "distractors", "--count", "2", "--frames", "4", "--seed", "7", "--processes", "2")
    result = command(*arguments, "--tracker", "own_trackers:Still", "--json", "s.json")
    assert result.exit_code == 0, (result.output, result.exception)
    scores = json.loads((world / "s.json").read_text())
    assert scores["benchmark"] == "synthetic-distractors-seed7-2x4" and scores["trackers"]["still"]["sequences"] == 2


EXPERIMENT = """
benchmark: {name: synthetic, kind: plain, seed: 5, count: 1, frames: 4}
trackers: [{tracker: "own_trackers:Still", name: one}, "own_trackers:Still"]
"""


def test_a_sweep_of_an_experiment_file(world):
    (world / "mine.yaml").write_text(EXPERIMENT)
    result = command("--experiment", "mine.yaml", "--set", "benchmark.seed=6", "--frames", "3", "--json", "s.json")
    assert result.exit_code == 0, (result.output, result.exception)
    scores = json.loads((world / "s.json").read_text())
    assert scores["benchmark"] == "synthetic-plain-seed6-1x3"
    assert (scores["protocol"], scores["split"], scores["stride"]) == ("dmtrack-visible", "all", 1)
    assert list(scores["trackers"]) == ["one", "still"]
    assert scores["trackers"]["one"]["success"] == scores["trackers"]["still"]["success"]
    assert (world / "reports/synthetic-plain-seed6-1x3/mine/report.csv").exists()


def test_several_benchmarks_and_every_other_frame(world):
    (world / "mine.yaml").write_text(
        "benchmarks:\n- {name: folder, root: videos, stride: 2, sequences: second}\n"
        "- {name: synthetic, count: 1, frames: 3}\ntrackers: own_trackers:Still\nprotocol: pysot\n"
    )
    result = command("--experiment", "mine.yaml", "--json", "s.json", "--set", "benchmarks.1.seed=4")
    assert result.exit_code == 0, (result.output, result.exception)
    first, second = json.loads((world / "s.json").read_text())
    assert (first["benchmark"], first["stride"], first["protocol"]) == ("videos-stride2", 2, "pysot")
    assert second["benchmark"] == "synthetic-plain-seed4-1x3"
    assert first["sequences"]["still"]["second"]["frames"] == 3 and "first" not in first["sequences"]["still"]


def test_other_sequences_under_the_same_label_are_not_mixed(world):
    arguments = ("--synthetic", "plain", "--count", "1", "--frames", "3", "--tracker", "own_trackers:Still")
    assert command(*arguments, "--benchmark", "mine").exit_code == 0
    result = command(*arguments, "--benchmark", "mine", "--seed", "3")
    assert isinstance(result.exception, EvaluationError) and "(sequences changed" in str(result.exception)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "benchmark: {name: synthetic, sed: 5}\n",
            ":1: unknown key 'benchmark.sed' of BenchmarkEntry; did you mean 'seed'?",
        ),
        (
            "benchmark: {name: synthetic}\nseed: 5\n",
            ":2: unknown key 'seed' of an experiment; did you mean 'benchmark.seed'?",
        ),
        (
            "benchmark: {name: synthetic}\ntracker: x\n",
            ":2: unknown key 'tracker' of an experiment; did you mean 'trackers'?",
        ),
        ("benchmark: {name: lasot, root: x, seed: 5}\n", ":1: 'benchmark.seed': is for `name: synthetic`"),
        ("benchmark:\n  name: synthetic\n  count: none\n", ":3: 'benchmark.count' must be int, got 'none' (str)"),
        (
            "benchmark: {name: synthetic, similarity: 0.5}\n",
            ":1: 'benchmark.similarity' must be (float, float) or None",
        ),
        ("benchmark: {name: synthetic, similarity: [1, 0]}\n", ":1: 'benchmark.similarity': expected the lower number"),
        ("benchmark: {name: synthetic, stride: 0}\n", ":1: benchmark.stride is 0: expected a whole number above 0"),
        ("trackers: [x]\n", "mine.yaml: expected either `benchmark:` or `benchmarks:`"),
        ("benchmark: {}\n", ":1: 'benchmark.name' is missing: BenchmarkEntry needs str there"),
        ("benchmarks: []\n", ":1: 'benchmarks': expected at least one"),
        (
            "benchmark: {name: synthetic}\ntrackers:\n  - {name: x, cfg: y}\n",
            ":3: unknown key 'trackers.0.cfg' of TrackerEntry",
        ),
        (
            "benchmark: {name: synthetic}\nengine: rey\n",
            ":2: 'engine' must be 'local' or 'ray', got 'rey' (str); did you mean 'ray'?",
        ),
        ("- 5\n", "mine.yaml: expected keys with values at the top of the file, got a list"),
        ("a: [", "mine.yaml:1: not valid YAML"),
        ("protocol: a\nprotocol: b\n", ":2: key 'protocol' stands twice"),
    ],
)
def test_a_wrong_experiment_file_is_one_sentence_with_the_line(world, text, complaint):
    path = world / "mine.yaml"
    path.write_text(text)
    result = command("--experiment", str(path))
    assert isinstance(result.exception, ConfigError), result.exception
    assert complaint in str(result.exception) and str(path) in str(result.exception)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("benchmark: {name: lasto}\n", "unknown benchmark 'lasto'; did you mean 'lasot'?"),
        ("benchmark: {name: lasot}\n", "benchmark 'lasot' needs its folder"),
        ("benchmark: {name: synthetic}\ntrackers: [own_trackers:Still, own_trackers:Still]\n", "two trackers"),
    ],
)
def test_an_experiment_that_cannot_run_is_one_sentence(world, text, complaint):
    (world / "mine.yaml").write_text(text)
    result = command("--experiment", "mine.yaml")
    assert isinstance(result.exception, EvaluationError), result.exception
    assert complaint in str(result.exception)


def test_numbers_of_an_experiment_are_those_of_a_config(world):
    (world / "mine.yaml").write_text(
        "benchmark: {name: synthetic, absence: 1e-4, similarity: [1e-1, 5e-1]}\ntrackers: dmtrackGS_tiny\n"
    )
    generated = parse_settings(read_experiment("mine.yaml"), "mine.yaml").benchmarks[0].generated
    assert (generated.absence, generated.similarity) == (1e-4, (0.1, 0.5))
    values = with_overrides(read_experiment("mine.yaml"), ["benchmark.occlusion=2e-3", "trackers.0.weights=~/w"])
    settings = parse_settings(values, "mine.yaml", ("tracker.presence_threshold=4e-1",))
    assert settings.benchmarks[0].generated.occlusion == 2e-3
    assert settings.trackers[0].choice.weights == Path("~/w").expanduser()
    assert settings.trackers[0].choice.overrides == ("tracker.presence_threshold=4e-1",)


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        (
            "benchmark.sed=1",
            "^--set benchmark.sed=1: unknown key 'benchmark.sed' of BenchmarkEntry; did you mean 'seed'",
        ),
        ("benchmark.count=0", "^--set benchmark.count=0: benchmark.count is 0: expected a whole number above 0"),
        ("trackers.2.name=x", "^--set trackers.2.name=x: trackers is a list of 1; expected an index below that"),
        ("engine.x=1", "^--set engine.x=1: there is no key 'engine'"),
        ("protocol", "^--set protocol: expected key.path=value"),
        ("modle.x=1", "^--set modle.x=1: unknown key 'modle'; did you mean 'model'"),
    ],
)
def test_one_mechanism_sets_values_of_experiments_and_configs(override, complaint):
    with pytest.raises(ConfigError, match=complaint):
        own, _ = split_overrides([override])
        parse_settings(with_overrides(locate({"benchmark": "synthetic"}), own), "here")


@pytest.mark.parametrize("path", sorted((REPOSITORY / "experiments").glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_experiments_are_in_order(path):
    settings = parse_settings(read_experiment(path), str(path))
    (benchmark,) = settings.benchmarks
    benchmark.opener()
    protocol = benchmark.protocol(settings.protocol).name
    assert protocol == settings.protocol or (settings.protocol is None and protocol == benchmark.usual_protocol)
    subject = "absence" if settings.absence_scores else benchmark.generated.kind
    name = path.stem.removesuffix("_ablation")
    assert name in (benchmark.name, f"{benchmark.name}_{subject}".replace("-", "_"))
