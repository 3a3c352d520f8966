"""FairMOT: what its maps mean, its losses where a batch has little to teach, and training through the one loop."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from dmtrack.association.policies.sort import Sort
from dmtrack.boxes import pairwise_iou_xyxy
from dmtrack.cli.main import app
from dmtrack.config import Config, build, load_config
from dmtrack.data.samples import Clip, Sample
from dmtrack.data.sampling import ImageClips
from dmtrack.data.sources import JDELabels
from dmtrack.errors import ConfigError, DataError, WeightsError
from dmtrack.media.images import write_image
from dmtrack.models.fairmot.decode import Maps, decode, to_image
from dmtrack.models.fairmot.encoding import FairMOTEncoder, LetterboxSettings
from dmtrack.models.fairmot.fairmot import FairMOT
from dmtrack.models.fairmot.losses import FairMOTLoss, FairMOTTraining
from dmtrack.models.fairmot.targets import encode_targets
from dmtrack.models.reid.losses import IdentityClassifier
from dmtrack.registry import MODELS
from dmtrack.tracking.loading import assemble_detector
from dmtrack.tracking.multi_object import MultiObjectTracker
from dmtrack.training.run import train_from_config
from dmtrack.weights import load_into, load_weights
from dmtrack.weights.importers import from_fairmot

sys.path.append(str(Path(__file__).parents[1] / "support"))
from small_fairmot import SMALL as SMALL_SCENES
from small_fairmot import PaintedScenes, small_config

SMALL = {
    "backbone": {"type": "YOLOv5s"},
    "embedding_channels": 8,
    "head_channels": 16,
    "activation": "silu",
    "preprocessing": {"size_wh": (128, 64)},
}


def stacked(*targets):
    return {name: torch.from_numpy(np.stack([getattr(one, name) for one in targets])) for name in vars(targets[0])}


def test_boxes_come_back_from_the_maps_that_their_targets_ask_for():
    boxes_xyxy = np.array([[3.0, 2.5, 9.5, 14.0], [20.2, 4.0, 31.0, 9.9]])
    targets = encode_targets(boxes_xyxy, np.array([4, -1]), (16, 32), most=5)
    heatmap = torch.from_numpy(targets.heatmap)[None].clamp(1e-4, 1 - 1e-4)
    sizes, offsets = torch.zeros(1, 4, 16 * 32), torch.zeros(1, 2, 16 * 32)
    for row, cell in enumerate(targets.cells[:2]):
        sizes[0, :, cell], offsets[0, :, cell] = torch.tensor(targets.sizes[row]), torch.tensor(targets.offsets[row])
    maps = Maps(heatmap.logit(), sizes.view(1, 4, 16, 32), offsets.view(1, 2, 16, 32), torch.ones(1, 3, 16, 32))
    peaks = decode(maps, most=2)
    order = np.argsort(peaks.boxes_xyxy[0, :, 0].numpy())
    assert np.allclose(peaks.boxes_xyxy[0].numpy()[order], boxes_xyxy, atol=1e-5)
    assert targets.identities.tolist() == [4, -1, 0, 0, 0]
    assert targets.valid.tolist() == [True, True, False, False, False]
    # The letterbox of a 320x160 image in 128x64 is 0.4 times as large: a cell of 4 pixels is 10 of the image.
    assert np.allclose(to_image(peaks.boxes_xyxy, (32, 16), (320, 160)), peaks.boxes_xyxy * 10, atol=1e-4)


@pytest.mark.parametrize("identities", [[-1, -1], [], [3, -1]])
@pytest.mark.parametrize("kind", ["cross_entropy", "focal"])
def test_losses_are_finite_where_nobody_is_known_or_nothing_is_there(identities, kind):
    boxes_xyxy = np.array([[2.0, 2.0, 8.0, 9.0], [10.0, 4.0, 16.0, 9.0]])[: len(identities)]
    targets = stacked(encode_targets(boxes_xyxy, np.array(identities, dtype=int), (16, 32), most=4))
    loss = FairMOTLoss(8, FairMOTTraining(identities=5, identity_loss=kind))
    maps = Maps(*(torch.randn(1, channels, 16, 32, requires_grad=True) for channels in (1, 4, 2, 8)))
    losses = loss(maps, targets)
    total = torch.stack(list(losses.values())).sum()
    total.backward()
    assert torch.isfinite(total)
    assert all(torch.isfinite(values.grad).all() for values in (maps.heatmap_logits, maps.sizes, maps.embeddings))
    assert (float(losses["loss_identity"].detach()) != 0) == (3 in identities)
    assert all(parameter.grad is not None for parameter in loss.parameters())


def test_an_identity_that_the_classifier_does_not_have_says_which_setting_to_change():
    targets = stacked(encode_targets(np.array([[2.0, 2.0, 8.0, 9.0]]), np.array([7]), (16, 32), most=4))
    maps = Maps(*(torch.randn(1, channels, 16, 32) for channels in (1, 4, 2, 8)))
    with pytest.raises(ConfigError, match=r"5 identities, but the data has identity 7.*model.train_cfg.identities"):
        FairMOTLoss(8, FairMOTTraining(identities=5))(maps, targets)


def test_images_of_another_size_than_the_network_takes_are_refused():
    encoder = FairMOTEncoder(LetterboxSettings((128, 64)), stride=4, class_names=("any",), most=4)
    clip = Clip((Sample(np.zeros((60, 60, 3), np.uint8), np.zeros((0, 4))),), aligned=False)
    with pytest.raises(ConfigError, match=r"60x60.*LetterboxTo"):
        encoder.encode(clip, np.random.default_rng(0))


def test_a_class_that_the_model_does_not_have_is_named():
    model = build({"type": "FairMOT", **SMALL, "classes": ("person", "car")}, MODELS)
    encoder, image, box = model.clip_encoder(), np.zeros((64, 128, 3), np.uint8), np.array([[2.0, 2, 40, 40]])
    for classes, found in ((None, "has none"), (np.array([2]), "has class 2")):
        clip = Clip((Sample(image, box, classes=classes),), aligned=False)
        with pytest.raises(ConfigError, match=rf"0 to 1 \(person, car\).*{found}"):
            encoder.encode(clip, np.random.default_rng(0))


def test_identities_are_told_apart_within_their_class():
    torch.manual_seed(0)
    classifier = IdentityClassifier(channels=6, identities=4, classes=3)
    embeddings = torch.nn.functional.normalize(torch.randn(5, 6), dim=1)
    identities, classes = torch.tensor([3, 0, -1, 3, 2]), torch.tensor([0, 2, 1, 2, 1])
    by_hand = []
    for row in (0, 1, 3, 4):
        own = slice(4 * int(classes[row]), 4 * int(classes[row]) + 4)
        logits = classifier.classify.weight[own] @ (classifier.scale * embeddings[row]) + classifier.classify.bias[own]
        by_hand.append(-logits.log_softmax(0)[identities[row]])
    assert torch.isclose(classifier(embeddings, identities, classes), torch.stack(by_hand).mean())


def test_two_classes_are_learned_stored_and_tracked_apart(tmp_path):
    model = {**SMALL_SCENES, "classes": ("upright", "lying"), "test_cfg": {"least_score": 0.3}}
    outcome = train_from_config(small_config(450, model=model), tmp_path / "run")
    scene = PaintedScenes().sample(np.random.default_rng(3)).query
    detector, _, origin = assemble_detector(str(outcome.weights))
    assert origin["classes"] == ["upright", "lying"]
    tracker = MultiObjectTracker(Sort(min_hits=0), detector)
    tracks = tracker.step(scene.image)
    overlap = pairwise_iou_xyxy(scene.boxes_xyxy, tracks.boxes_xyxy)
    assert (overlap.max(axis=1) > 0.5).all()
    assert tracks.classes[overlap.argmax(axis=1)].tolist() == scene.classes.tolist()
    for number in range(3):
        write_image(tmp_path / "frames" / f"{number}.png", scene.image)
    named = [str(tmp_path / "frames"), "--config", str(outcome.weights), "--output", str(tmp_path / "tracks")]
    result = CliRunner().invoke(app, ["mot", "track", *named])
    assert result.exit_code == 0, result.output
    rows = np.loadtxt(tmp_path / "tracks" / "tracks.txt", delimiter=",")
    shapes = rows[:, 5] > rows[:, 4]  # higher than wide
    assert (rows[:, 7] == np.where(shapes, 1, 2)).all()  # classes of MOTChallenge's files count from 1
    assert json.loads((tmp_path / "tracks" / "tracks.json").read_text())["classes"] == ["upright", "lying"]
    other = build({**model, "classes": ("lying", "upright")}, MODELS)
    with pytest.raises(WeightsError, match="upright, lying apart, in this order"):
        load_weights(other, outcome.weights)


def test_it_is_the_detector_of_a_multi_object_tracker():
    torch.manual_seed(0)
    model = build({"type": "FairMOT", **SMALL, "test_cfg": {"most": 20, "least_score": 0.0}}, MODELS).eval()
    image = np.random.default_rng(0).integers(0, 255, (90, 200, 3), dtype=np.uint8)
    found = model.detect(image)
    assert found.boxes_xyxy.shape == (20, 4)
    assert np.allclose(np.linalg.norm(found.embeddings, axis=1), 1.0, atol=1e-5)
    assert (np.diff(found.scores) <= 0).all()
    tracks = MultiObjectTracker(Sort(min_hits=0), model.detect).step(image)
    assert len(tracks.ids) > 0


@pytest.fixture
def labels(tmp_path):
    """Two data sets in FairMOT's format: three images with bright people, and one without a label file."""
    rng = np.random.default_rng(1)
    lists = {}
    for name, count in (("first", 3), ("second", 1)):
        (tmp_path / name / "images").mkdir(parents=True)
        (tmp_path / name / "labels_with_ids").mkdir()
        paths = []
        for number in range(count):
            image = rng.integers(0, 60, (100, 200, 3), dtype=np.uint8)
            image[20:80, 40:70] = 230
            path = f"{name}/images/{number}.jpg"
            write_image(tmp_path / path, image)
            rows = "0 1 0.275 0.5 0.15 0.6\n0 -1 0.8 0.5 0.1 0.4\n"
            (tmp_path / name / "labels_with_ids" / f"{number}.txt").write_text(rows)
            paths.append(path)
        lists[name] = f"{name}.txt"
        (tmp_path / f"{name}.txt").write_text("\n".join(paths))
    (tmp_path / "second" / "labels_with_ids" / "0.txt").write_text("0 0 0.5 0.5 0.2 0.2\n")
    (tmp_path / "data.json").write_text(json.dumps({"root": ".", "train": lists}))
    return tmp_path / "data.json"


def test_identities_of_the_sets_are_counted_through(labels):
    source = JDELabels(labels)
    assert len(source) == 4
    assert source.identity_count == 3
    assert [record.identities.tolist() for record in source] == [[1, -1]] * 3 + [[2]]
    assert np.allclose(source[0].boxes_xywh[0], [40, 20, 30, 60])


def test_samples_carry_the_classes_of_the_labels(labels):
    (labels.parent / "first/labels_with_ids/0.txt").write_text("2 1 0.5 0.5 0.1 0.1\n0 -1 0.2 0.2 0 0.1\n")
    clips = ImageClips(JDELabels(labels))
    drawn = [clips.sample(np.random.default_rng(seed)).samples[0] for seed in range(20)]
    assert {tuple(sample.classes.tolist()) for sample in drawn} == {
        (2,),
        (0, 0),
        (0,),
    }  # boxes without area are left out


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("data.json", '{"root": "."}', "'train'"),
        ("data.json", '{"root": ".", "train": {"a": "none.txt"}}', "list none.txt is missing"),
        ("first/labels_with_ids/0.txt", "0 -7 0.5 0.5 0.1 0.1\n", r"0.txt:1: 0 -7 .*from -1"),
        ("first/labels_with_ids/0.txt", "0 99999999999 0.5 0.5 0.1 0.1\n", "0.txt:1"),
        ("first/labels_with_ids/0.txt", "0 1 nan 0.5 0.1 0.1\n", "0.txt:1"),
        ("first/labels_with_ids/0.txt", "0 1 0.5 0.5 0.1\n", "0.txt:1: expected 6 numbers"),
    ],
)
def test_labels_of_another_format_are_named(labels, file, content, message):
    (labels.parent / file).write_text(content)
    with pytest.raises(DataError, match=message):
        JDELabels(labels)


def config_for(labels, **model):
    return Config(
        {
            "model": {"type": "FairMOT", **SMALL, "train_cfg": {"identities": 3}, **model},
            "data": {
                "train": {"type": "ImageClips", "source": {"type": "JDELabels", "data": str(labels)}},
                "recipe": [
                    {"type": "SaturationValueJitter"},
                    {"type": "LetterboxTo", "size_wh": (128, 64)},
                    {"type": "RandomAffine"},
                    {"type": "RandomFlip"},
                ],
                "stages": [{"until": 1.0, "samples_per_gpu": 2}],
            },
            "optimizer": {"type": "Adam", "lr": 0.002},
            "total_iterations": 40,
            "log_config": {"interval": 10, "tensorboard": False},
        },
        "test",
    )


def test_it_trains_through_the_loop_and_the_loss_falls(labels, tmp_path):
    outcome = train_from_config(config_for(labels), tmp_path / "run")
    assert outcome.finished
    records = [json.loads(line) for line in (outcome.folder / "log.jsonl").read_text().splitlines()]
    heatmap = [record["loss_heatmap"] for record in records if "loss_heatmap" in record]
    assert heatmap[-1] < 0.85 * heatmap[0]


def test_published_files_load_without_what_only_training_needs():
    model = build({"type": "FairMOT", **SMALL, "train_cfg": {"identities": 3}}, MODELS)
    published = {
        name: torch.full_like(tensor, 0.5 if tensor.is_floating_point() else 1)
        for name, tensor in model.state_dict().items()
        if not name.startswith("loss.")
    }
    load_into(model, from_fairmot(published, model.state_dict()), "file")
    assert model.hm[2].bias.tolist() == [0.5]
    with pytest.raises(WeightsError, match="no hm"):
        from_fairmot({"conv1.weight": torch.zeros(1)}, model.state_dict())


@pytest.mark.parametrize(
    ("config", "file"),
    [("mix_dla34", "dla34"), ("all_hrnet18", "hrnet18"), ("all_hrnet32", "hrnet32"), ("all_yolov5s", "yolov5s")],
)
def test_the_configs_have_the_published_parameters(config, file, shared_folder):
    published = json.loads((shared_folder / "golden" / "mot" / f"params_fairmot_{file}.json").read_text())
    foreign = {name: torch.empty(shape, device="meta") for name, shape, _ in published}
    with torch.device("meta"):
        model = build(load_config(f"configs/fairmot/{config}.py")["model"], MODELS)
    assert isinstance(model, FairMOT)
    expected = {
        name: tuple(tensor.shape) for name, tensor in model.state_dict().items() if not name.startswith("loss.")
    }
    ours = from_fairmot(foreign, expected)
    assert {name: tuple(tensor.shape) for name, tensor in ours.items()} == expected
