from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from dmtrack.errors import ConfigError
from dmtrack.models.fast.reid import FULL_PRECISION
from dmtrack.models.fast.rewriting import prepare_layers
from dmtrack.models.reid.embedding_head import EmbeddingHead, TappedMaps, neighbours

MAPS = tuple(torch.randn(2, channels, 96 // stride, 128 // stride) for channels, stride in ((6, 4), (10, 8)))
BOXES = torch.tensor([[10.0, 20, 42, 52], [0, 0, 128, 96], [100, 60, 140, 110], [-30, -30, -10, -10], [5, 5, 5, 5]])
INDEX = torch.tensor([0, 1, 1, 0, 1])


@pytest.mark.parametrize("kind", ["location", "roi"])
def test_embeddings_are_unit_vectors_of_each_box_alone(kind):
    torch.manual_seed(0)
    head = EmbeddingHead((6, 10), (4, 8), kind, hidden=12, channels=7)
    together = head(MAPS, BOXES, INDEX)
    assert together.shape == (5, 7) and together.dtype == torch.float32
    torch.testing.assert_close(together.norm(dim=1), torch.ones(5))
    for row in range(5):
        own = tuple(level[INDEX[row] : INDEX[row] + 1] for level in MAPS)
        alone = head(own, BOXES[row : row + 1], torch.zeros(1, dtype=torch.int64))
        torch.testing.assert_close(alone[0], together[row], atol=1e-5, rtol=1e-4)
    assert head(MAPS, BOXES[:0], INDEX[:0]).shape == (0, 7)


@torch.no_grad()
@pytest.mark.parametrize("kind", ["location", "roi"])
@pytest.mark.parametrize(("precision", "allowed"), [("fp32", 1e-5), ("bf16", 0.05)])
def test_the_inference_copy_gives_the_same_embeddings(kind, precision, allowed):
    torch.manual_seed(0)
    head = EmbeddingHead((6, 10), (4, 8), kind, hidden=12, channels=7)
    maps = [level.contiguous(memory_format=torch.channels_last) for level in MAPS]
    expected = head(maps, BOXES, INDEX)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    found = prepare_layers(head, precision, FULL_PRECISION)([level.to(dtype) for level in maps], BOXES, INDEX)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, atol=allowed, rtol=0)
    assert prepare_layers(head, precision, FULL_PRECISION)(maps, BOXES[:0], INDEX[:0]).shape == (0, 7)


@torch.no_grad()
def test_a_location_is_the_dense_map_at_the_centre_of_the_box():
    torch.manual_seed(0)
    head = EmbeddingHead((10,), (8,), "location", hidden=12, channels=7)
    level = MAPS[1][:1]
    dense = head.body.reduce(functional.relu(head.body.around(level)))
    # The centre of cell (row 3, column 5) is at ((5 + .5) * 8, (3 + .5) * 8); half a cell further right lies between.
    boxes = torch.tensor([[34.0, 18, 54, 38], [38, 18, 58, 38]])
    found = head((level,), boxes, torch.zeros(2, dtype=torch.int64))
    torch.testing.assert_close(found[0], functional.normalize(dense[0, :, 3, 5], dim=0))
    torch.testing.assert_close(found[1], functional.normalize(dense[0, :, 3, 5] + dense[0, :, 3, 6], dim=0))


def test_weights_of_neighbours_sum_to_one_and_the_border_is_repeated():
    points = torch.tensor([[0.0, 0], [2.25, 1.5], [-4, 9], [15, 11]])
    columns, rows, weights = neighbours(points, (12, 16))
    torch.testing.assert_close(weights.sum(1), torch.ones(4))
    torch.testing.assert_close((columns * weights).sum(1), torch.tensor([0, 2.25, 0, 15]))
    torch.testing.assert_close((rows * weights).sum(1), torch.tensor([0, 1.5, 9, 11]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "roy"}, "expected 'location' or 'roi'"),
        ({"strides": (8, 16)}, "one of each per map"),
        ({"in_channels": (6, 10), "strides": (8, 12)}, "must divide the largest"),
        ({"kind": "roi", "roi_size": 4}, "at least 5"),
    ],
)
def test_a_head_that_cannot_be_is_one_clear_error(settings, message):
    with pytest.raises(ConfigError, match=message):
        EmbeddingHead(**settings)


def test_maps_are_read_along_by_name():
    model = nn.Sequential()
    model.add_module("backbone", nn.Conv2d(3, 4, 1))
    model.add_module("neck", nn.Conv2d(4, 5, 1))
    images = torch.randn(1, 3, 2, 2)
    with TappedMaps(model, ("backbone.0", "neck.-1")).recording() as calls:
        first, second = model(images), model(images + 1)
    model(images)
    assert [len(one) for one in calls] == [2, 2] and calls[0][0].shape[1] == 4
    assert torch.equal(calls[0][1], first) and torch.equal(calls[1][1], second)
    for name in ("nack.0", "backbone", "backbone.x"):
        with pytest.raises(ConfigError, match=r"backbone\.0, neck\.0"):
            TappedMaps(model, (name,))
    with pytest.raises(ConfigError, match="returns 1"), TappedMaps(model, ("neck.1",)).recording():
        model(images)
