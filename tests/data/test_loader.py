from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dmtrack.config.top_level import Stage
from dmtrack.data.batches import ClipEncoder
from dmtrack.data.loader import (
    IterationBatches,
    TrainingClips,
    parse_stages,
    training_loader,
    training_loader_from_config,
)
from dmtrack.data.preprocessing import Preprocessing, prepare_image
from dmtrack.data.samples import Clip
from dmtrack.data.sampling import ImageClips, MosaicClips
from dmtrack.data.sources.coco import Coco
from dmtrack.data.writers.coco import write_coco
from dmtrack.data.writers.sequences import write_got10k
from dmtrack.errors import ConfigError, DataError
from dmtrack.models.yolox.encoding import YOLOXEncoder, YOLOXPreprocessing

ENCODER = ClipEncoder(Preprocessing())
STAGES = [{"until": 0.5, "samples_per_gpu": 3, "image_size_wh": (64, 32)}, {"until": 1.0, "samples_per_gpu": 2}]


class Noise:
    """Images and boxes that show which draws made them; every third pair has no instance."""

    def sample(self, rng, image_size_wh=None):
        width, height = image_size_wh or (40, 50)
        image = rng.integers(0, 255, (height, width, 3)).astype(np.uint8)
        boxes = np.sort(rng.uniform(0, 30, (int(rng.integers(0, 3)), 2, 2)), axis=1).reshape(-1, 4)
        return Clip.pair(image, image, boxes, boxes)


class Broken:
    def sample(self, rng, image_size_wh=None):
        raise DataError("boxes.txt:7: expected 4 numbers")


def batches(**options):
    return list(training_loader(Noise(), ENCODER, seed=3, total_iterations=8, stages=STAGES, **options))


def assert_equal(first, second):
    for frame, other in zip(first.frames, second.frames, strict=True):
        for name, value in vars(frame).items():
            assert value is getattr(other, name) is None or torch.equal(value, getattr(other, name)), name


def test_workers_and_resume_do_not_change_the_batches():
    expected = batches()
    assert len(expected) == 8
    for batch, other in zip(expected, batches(workers=2), strict=True):
        assert_equal(batch, other)
    resumed = batches(start_iteration=5, workers=1)
    assert len(resumed) == 3
    for batch, other in zip(expected[5:], resumed, strict=True):
        assert_equal(batch, other)
    assert expected[0].query.images.shape == (3, 3, 32, 64) and expected[7].query.images.shape == (2, 3, 64, 64)


@given(
    world_size=st.integers(1, 5),
    total=st.integers(1, 60),
    samples=st.lists(st.integers(1, 4), min_size=1, max_size=4),
)
def test_every_pair_of_the_run_is_taken_once(world_size, total, samples):
    stages = [Stage((number + 1) / len(samples), count) for number, count in enumerate(samples)]
    stages[-1] = Stage(1.0, samples[-1])
    ranks = [list(IterationBatches(0, total, stages, rank, world_size)) for rank in range(world_size)]
    indices = [index for iteration in zip(*ranks, strict=True) for tokens in iteration for index, _ in tokens]
    assert indices == list(range(len(indices)))
    start = total // 2
    assert list(IterationBatches(start, total, stages, 0, world_size)) == ranks[0][start:]


def test_one_process_with_twice_the_batch_sees_the_pairs_of_two():
    one = [token for tokens in IterationBatches(0, 6, [Stage(1.0, 4)]) for token in tokens]
    two = [IterationBatches(0, 6, [Stage(1.0, 2)], rank, 2) for rank in range(2)]
    assert one == [token for pair in zip(*two, strict=True) for tokens in pair for token in tokens]


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ([{"until": 0.5}], "ends at 0.5"),
        ([{"until": 0.6}, {"until": 0.4}], "stages.1.until"),
        ([{"until": 1.0, "samples": 3}], "unknown key 'data.stages.0.samples' of Stage"),
        ([{"until": 1.0, "samples_per_gpu": 0}], "samples_per_gpu"),
        ([{"until": 1.0, "image_size_wh": (3,)}], "image_size_wh"),
        ([], "last stage"),
    ],
)
def test_bad_stages(stages, message):
    with pytest.raises(ConfigError, match=message):
        parse_stages(stages)


def test_collate_keeps_pairs_apart_and_pads_with_zeros():
    rng = np.random.default_rng(0)
    small, large = (rng.integers(0, 255, size).astype(np.uint8) for size in ((30, 50, 3), (70, 40, 3)))
    box = np.array([[1.0, 2, 3, 4]])
    pairs = [
        Clip.pair(small, large, np.repeat(box, 2, 0), np.repeat(box + 1, 2, 0)),
        Clip.pair(large, large, np.zeros((0, 4)), np.zeros((0, 4))),
        Clip.pair(small, small, box * 2, box * 3),
    ]
    batch = ENCODER.collate(pairs)
    assert batch.query.images.shape == (3, 3, 96, 64) and batch.search.images.shape == (3, 3, 96, 64)
    assert batch.query.clip_index.tolist() == [0, 0, 2] and batch.query.clip_index.dtype == torch.int64
    assert batch.query.sizes_hw.tolist() == [[30, 50], [70, 40], [30, 50]]
    assert batch.query.boxes_xyxy.dtype == torch.float32
    np.testing.assert_array_equal(batch.search.boxes_xyxy[2], [3, 6, 9, 12])
    assert not batch.query.images[0, :, 30:].any() and not batch.query.images[0, :, :, 50:].any()
    # The same numbers as at tracking time, for an image that needs no resizing.
    tracked = prepare_image(small, Preprocessing(scale=(50, 30)))
    assert torch.equal(batch.query.images[:1, :, :32, :64], tracked.tensor)


def test_pairs_without_instances_are_drawn_again():
    pairs = TrainingClips(Noise(), seed=1)
    assert all(len(pairs[index].query.boxes_xyxy) for index in range(50))
    once = TrainingClips(Noise(), seed=1, redraws=0)
    assert not all(len(once[index].query.boxes_xyxy) for index in range(50))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_users_error_keeps_its_sentence(workers):
    loader = training_loader(Broken(), ENCODER, total_iterations=2, seed=0, stages=STAGES, workers=workers)
    with pytest.raises(DataError, match=r"^boxes.txt:7: expected 4 numbers$"):
        next(iter(loader))


def test_loader_of_a_config(tmp_path, sequence_maker):
    write_got10k([sequence_maker("a", 4), sequence_maker("b", 4)], tmp_path)
    write_coco([sequence_maker("c", 4)], tmp_path)
    video = {"type": "GOT10k", "root": str(tmp_path), "split": "val"}
    data = {
        "train": {
            "type": "RandomConcat",
            "datasets": [
                {"type": "SequencePairs", "source": video, "max_gap": 3},
                {"type": "CocoPairs", "root": str(tmp_path)},
            ],
            "probabilities": [0.5, 0.5],
        },
        "recipe": {"type": "fixed", "scale": (96, 64), "short_side_range": (48, 64)},
        "stages": [{"until": 1.0, "samples_per_gpu": 2}],
    }
    loader = training_loader_from_config(data, ENCODER, total_iterations=3, seed=0)
    assert len(loader) == 3
    for batch in loader:
        assert batch.query.images.shape[0] == 2 and max(batch.query.images.shape[2:]) <= 96
        assert torch.isfinite(batch.query.images).all()
    for train, message in ((None, "data.train is missing"), (video, "GOT10k gives no pairs; wrap it")):
        broken = {"train": train} if train else {}
        with pytest.raises(ConfigError, match=message):
            training_loader_from_config(broken, ENCODER, total_iterations=1, seed=0)


def test_ignored_regions_reach_only_models_whose_losses_spare_them(tmp_path):
    cv2.imwrite(str(tmp_path / "1.png"), np.full((64, 64, 3), 90, np.uint8))
    boxes = {"object": ([4, 4, 20, 30], 0), "crowd": ([30, 10, 30, 40], 1)}
    entries = [
        {"id": place, "image_id": 1, "category_id": 1, "bbox": box, "area": 1.0, "iscrowd": crowd}
        for place, (box, crowd) in enumerate(boxes.values(), start=1)
    ]
    content = {
        "images": [{"id": 1, "file_name": "1.png"}],
        "annotations": entries,
        "categories": [{"id": 1, "name": "p"}],
    }
    (tmp_path / "labels.json").write_text(json.dumps(content))
    source = Coco(annotations=tmp_path / "labels.json", images=tmp_path)
    encoder = YOLOXEncoder(YOLOXPreprocessing(size_wh=(64, 64)))
    rng = np.random.default_rng(0)
    assert len(ImageClips(source).sample(rng).query.boxes_xyxy) == 1
    mosaic = MosaicClips(ImageClips(source, ignored=True), (64, 64), degrees=0.0, shear=0.0, translate=0.0, mixup=1.0)
    for sampler in (ImageClips(source, ignored=True), mosaic):
        batch = encoder.collate([TrainingClips(sampler, seed=3, encoder=encoder)[number] for number in range(4)])
        frame = batch.frames[0]
        assert frame.ignored is not None and len(frame.ignored) == len(frame.boxes_xyxy)
        assert 0 < int(frame.ignored.sum()) < len(frame.ignored)
        # The crowd is 40 pixels high and 30 wide at any scale, the object 30 and 20.
        sides = frame.boxes_xyxy[:, 2:] - frame.boxes_xyxy[:, :2]
        assert ((sides[:, 1] / sides[:, 0] < 1.4) == frame.ignored).all()
        plain = TrainingClips(sampler, seed=3, encoder=ClipEncoder(Preprocessing(divisor=64)))[0]
        assert len(plain.query.boxes_xyxy) == int((frame.clip_index[~frame.ignored] == 0).sum())
