import pytest
import torch

from dmtrack.models.global_search.decode import TestSettings as DecodeSettings
from dmtrack.models.global_search.decode import decode_all_classes, suppress
from dmtrack.models.global_search.head import LevelOutputs


def random_level(targets, height, width, seed, size=30.0):
    generator = torch.Generator().manual_seed(seed)
    return LevelOutputs(
        torch.randn(targets, 2, height, width, generator=generator),
        torch.rand(targets, 4, height, width, generator=generator) * size,
        torch.randn(targets, 1, height, width, generator=generator),
    )


@pytest.mark.parametrize("size", [5.0, 30.0, 400.0])
def test_suppression_among_the_best_equals_suppression_among_all(size):
    levels = [random_level(2, 20, 30, 0, size), random_level(2, 10, 15, 1, size)]
    quick = decode_all_classes(levels, (8, 16), (150, 230), 0.7, DecodeSettings())
    exhaustive = decode_all_classes(levels, (8, 16), (150, 230), 0.7, DecodeSettings(), exhaustive=True)
    for ours, expected in zip(quick, exhaustive, strict=True):
        assert torch.equal(ours.boxes_xyxy, expected.boxes_xyxy)
        assert torch.equal(ours.labels, expected.labels)
        assert len(ours.scores) <= 100


def test_a_single_strong_location_is_decoded_to_its_box():
    level = random_level(1, 4, 6, 0)
    level.cls_logits.fill_(-9.0)
    level.cls_logits[0, 1, 2, 3] = 4.0
    level.centerness_logits.fill_(3.0)
    level.distances[0, :, 2, 3] = torch.tensor([10.0, 8.0, 6.0, 4.0])
    found = decode_all_classes([level], (8,), (32, 48), 2.0, DecodeSettings())[0]
    assert found.labels[0] == 1
    # The centre of cell (row 2, column 3) is (28, 20).
    torch.testing.assert_close(found.boxes_xyxy[0], torch.tensor([18.0, 12.0, 34.0, 24.0]) / 2)
    torch.testing.assert_close(found.scores[0], torch.sigmoid(torch.tensor(4.0)) * torch.sigmoid(torch.tensor(3.0)))


def test_classes_do_not_suppress_each_other_and_share_the_slots():
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 10], [50, 50, 60, 60]])
    probabilities = torch.tensor([[0.9, 0.8], [0.7, 0.6], [0.5, 0.4]])
    found = suppress(boxes, probabilities, torch.ones(3), DecodeSettings())
    assert found.labels.tolist() == [0, 1, 0, 1]
    assert found.scores.tolist() == pytest.approx([0.9, 0.8, 0.5, 0.4])
    assert suppress(boxes, probabilities, torch.ones(3), DecodeSettings(max_per_img=1)).labels.tolist() == [0]


def test_nothing_above_the_threshold_is_no_crash():
    found = suppress(torch.zeros(3, 4), torch.zeros(3, 2), torch.ones(3), DecodeSettings())
    assert found.boxes_xyxy.shape == (0, 4)
    assert len(found.scores) == len(found.labels) == 0
