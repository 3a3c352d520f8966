import pydoc
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import dmtrack
from dmtrack.boxes import paired_iou_xyxy, xywh_to_xyxy
from dmtrack.data.sequences import Sequence
from dmtrack.data.synthetic.sequences import SyntheticSequences
from dmtrack.data.writers import WRITERS
from dmtrack.errors import BoxError, ConfigError, DataError, EvaluationError, MediaError, WeightsError
from dmtrack.evaluation.results import ResultStore, SequenceResult
from dmtrack.media.images import write_image
from dmtrack.tracking import GlobalSearchTracker
from dmtrack.tracking.loading import assemble_tracker
from dmtrack.weights import save_weights

sys.path.append(str(Path(__file__).parent / "support"))
from colour_search import ColourSearch, moving_square

CONFIG = {
    "model": {"type": "ColourSearch", "scale": [64, 48]},
    "tracker": {"type": "GlobalSearchTracker", "presence_threshold": 0.5},
}


def square_tracker():
    return GlobalSearchTracker(ColourSearch(), presence_threshold=0.5)


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "square.safetensors"
    save_weights(path, ColourSearch(sharpness=2.0), config=CONFIG)
    return path


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "square.py"
    path.write_text("".join(f"{key} = {value!r}\n" for key, value in CONFIG.items()))
    return path


def test_importing_the_package_is_light():
    code = "import sys, dmtrack; print([name for name in ('torch', 'cv2', 'matplotlib') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_public_names_are_listed_and_explained():
    assert dir(dmtrack) == ["__version__", "evaluate", "load_tracker", "track"]
    text = pydoc.plain(pydoc.render_doc(dmtrack))
    for said in ("dmtrack --help", "load_tracker(config", "evaluate(benchmark", "track(source", dmtrack.__version__):
        assert said in text


def test_track_gives_every_frame_with_its_result(tmp_path):
    images, boxes = moving_square(8, gone=range(4, 5))
    for index, image in enumerate(images):
        write_image(tmp_path / f"{index}.png", image)
    for source in (tmp_path, str(tmp_path), images, iter(images)):
        answers = list(dmtrack.track(source, box_xywh=boxes[0], tracker=square_tracker()))
        assert len(answers) == 8
        np.testing.assert_array_equal(answers[3][0], images[3])
        np.testing.assert_allclose(answers[7][1].box_xywh, boxes[7])
        assert [result.present for _, result in answers] == [True] * 4 + [False] + [True] * 3
        assert answers[0][1].score == 1.0


def test_what_cannot_be_tracked_is_known_at_once(tmp_path):
    write_image(tmp_path / "1.png", np.zeros((48, 64, 3), np.uint8))
    with pytest.raises(MediaError, match="does not exist"):
        dmtrack.track(tmp_path / "none.mp4", (1, 2, 3, 4))
    with pytest.raises(BoxError, match="outside"):
        dmtrack.track(tmp_path, (100, 2, 3, 4))
    with pytest.raises(ConfigError, match="nowhere"):
        dmtrack.track(tmp_path, (1, 2, 3, 4), tracker="nowhere")
    with pytest.raises(MediaError, match="empty"):
        list(dmtrack.track([], (1, 2, 3, 4), tracker=square_tracker()))


def test_a_weights_file_alone_is_enough(weights):
    for arguments in ({"config": weights}, {"weights": weights}):
        loaded = assemble_tracker(**arguments, device="cpu", overrides=["tracker.presence_threshold=0.25"])
        assert (loaded.tracker.name, loaded.tracker.presence_threshold) == ("square", 0.25)
        assert loaded.tracker.model.sharpness.item() == 2.0
        origin = loaded.origin()
        assert (origin["weights"], origin["device"], origin["precision"]) == (str(weights), "cpu", "fp32")
        assert len(origin["weights_sha256"]) == 64 and origin["config_hash"]


def test_config_and_weights_apart(config, weights, monkeypatch):
    tracker = dmtrack.load_tracker(config, weights, precision="bf16")
    assert (tracker.precision, tracker.presence_threshold) == ("bf16", 0.5)
    monkeypatch.setattr("dmtrack.config.choices.ASSETS", weights.parent)
    assert dmtrack.load_tracker(config).model.sharpness.item() == 2.0  # shipped under the config's name


def test_the_name_of_shipped_weights_brings_the_config_of_that_name():
    by_config, by_weights = (
        assemble_tracker(**{how: "dmtrackReID_small"}, device="cpu", precision="fp32") for how in ("config", "weights")
    )
    assert by_config.config == by_weights.config
    assert by_weights.tracker.recent_view.score == 0.95
    sequence = SyntheticSequences(count=1, frames=12, seed=700801, distractors=1, absence=0.0, occlusion=0.0)[0]
    by_weights.tracker.init(sequence.read_frame(0), sequence.boxes_xywh[0])
    found = [by_weights.tracker.step(sequence.read_frame(frame)) for frame in range(1, 12)]
    overlaps = paired_iou_xyxy(
        xywh_to_xyxy(np.stack([one.box_xywh for one in found])), xywh_to_xyxy(sequence.boxes_xywh[1:])
    )
    assert overlaps.mean() > 0.7 and all(one.present for one in found)


def test_a_class_of_ones_own(tmp_path, monkeypatch):
    (tmp_path / "still_tracker.py").write_text(
        "class Still:\n"
        "    def init(self, image, box):\n        self.box = box\n"
        "    def update(self, image):\n        return self.box\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    loaded = assemble_tracker("still_tracker:Still")
    assert (loaded.tracker.name, loaded.config, loaded.weights_path) == ("Still", None, None)
    assert loaded.origin()["config"] == "still_tracker:Still"
    with pytest.raises(ConfigError, match="did you mean 'Still'"):
        dmtrack.load_tracker("still_tracker:Stil")


def test_wrong_configs_and_weights_are_one_clear_error(config, weights, tmp_path):
    with pytest.raises(WeightsError, match="square"):
        dmtrack.load_tracker(config)  # no weights of that name come with dmtrack
    with pytest.raises(WeightsError, match="does not exist"):
        dmtrack.load_tracker(config, tmp_path / "none.safetensors")
    with pytest.raises(ConfigError, match="both weights files"):
        dmtrack.load_tracker(weights, weights)
    save_weights(tmp_path / "anonymous.safetensors", ColourSearch())
    with pytest.raises(WeightsError, match="which config"):
        dmtrack.load_tracker(tmp_path / "anonymous.safetensors")
    weights.write_bytes(weights.read_bytes()[:-2])
    with pytest.raises(WeightsError, match="truncated"):
        dmtrack.load_tracker(config, weights)
    with pytest.raises(ConfigError, match="cuda:42"):
        dmtrack.load_tracker(config, weights, device="cuda:42")
    config.write_text("tracker = dict(type='GlobalSearchTracker')\n")
    with pytest.raises((ConfigError, WeightsError)):
        dmtrack.load_tracker(config)


def test_zip_files_are_scored_as_folders_are(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    boxes = np.concatenate([rng.uniform(5, 20, (6, 2)), np.full((6, 2), 9.0)], axis=1)
    sequence = Sequence("a", boxes, np.ones(6, bool), lambda index: np.zeros((48, 64, 3), np.uint8), (64, 48))
    WRITERS["folder"]([sequence], tmp_path / "lasot")
    ResultStore(tmp_path / "mine").write("a", SequenceResult(boxes + np.array([1, 0, 0, 0])))
    with zipfile.ZipFile(tmp_path / "theirs.zip", "w") as archive:
        archive.write(tmp_path / "mine/a/a_001.txt", "a/a_001.txt")
    report = dmtrack.evaluate(tmp_path / "lasot", [tmp_path / "mine", tmp_path / "theirs.zip"])
    mine, theirs = report.scores
    assert (report.benchmark, report.protocol.name, mine.tracker, theirs.tracker) == (
        "lasot",
        "dmtrack-visible",
        "mine",
        "theirs",
    )
    assert mine.scores == theirs.scores and 0.7 < mine.scores["success"] < 1
    assert dmtrack.evaluate([sequence], tmp_path / "mine").scores[0].scores == pytest.approx(mine.scores)
    # A folder of that name in the working directory is not the benchmark.
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="where does lasot lie"):
        dmtrack.evaluate("lasot", "mine")
    assert dmtrack.evaluate("./lasot", "mine").scores[0].scores == mine.scores
    with pytest.raises(EvaluationError, match="no results to score"):
        dmtrack.evaluate("./lasot", [])
