import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dmtrack.models.global_search.head import LevelOutputs
from dmtrack.models.global_search.losses import TrainSettings, assign_locations, average_over_pairs, target_losses

STRIDES = (8, 16, 32)
SHAPES = ((16, 20), (8, 10), (4, 5))
SETTINGS = TrainSettings()


def assign(boxes):
    return assign_locations(
        torch.tensor(boxes, dtype=torch.float32),
        SHAPES,
        STRIDES,
        SETTINGS.regress_ranges,
        SETTINGS.center_sampling_radius,
    )


@settings(max_examples=30)
@given(st.tuples(st.integers(0, 120), st.integers(0, 90), st.floats(1, 150, width=32), st.floats(1, 120, width=32)))
def test_every_location_obeys_the_published_rule(box):
    x1, y1, width, height = box
    x2, y2 = x1 + width, y1 + height
    targets = assign([[[x1, y1, x2, y2]]])
    index = 0
    for (rows, columns), stride, (low, high) in zip(SHAPES, STRIDES, SETTINGS.regress_ranges, strict=True):
        for row in range(rows):
            for column in range(columns):
                x, y = column * stride + stride // 2, row * stride + stride // 2
                left, top, right, bottom = x - x1, y - y1, x2 - x, y2 - y
                centre_x, centre_y, radius = (x1 + x2) / 2, (y1 + y2) / 2, 1.5 * stride
                inside = max(centre_x - radius, x1) < x < min(centre_x + radius, x2) and max(
                    centre_y - radius, y1
                ) < y < min(centre_y + radius, y2)
                expected = inside and low <= max(left, top, right, bottom) <= high
                margin = min(
                    abs(x - centre_x + radius), abs(x - centre_x - radius), abs(y - centre_y + radius),
                    abs(y - centre_y - radius), *(abs(v) for v in (left, top, right, bottom)),
                    *(abs(max(left, top, right, bottom) - limit) for limit in (low, high)),
                )  # fmt: skip
                if margin > 1e-3:
                    assert bool(targets.positive[0, index]) == expected
                if targets.positive[0, index]:
                    ratio = min(left, right) / max(left, right) * min(top, bottom) / max(top, bottom)
                    # Squares: close to zero the root makes much of the last digit.
                    assert math.isclose(float(targets.centerness[0, index]) ** 2, ratio, abs_tol=2e-5, rel_tol=1e-4)
                index += 1
    assert torch.isfinite(targets.centerness).all()


def test_a_distance_on_the_border_of_two_ranges_is_positive_in_both_levels():
    # At (56, 56) of level 1 and (60, 60) of level 0 the largest distance is exactly 64.
    finest = assign([[[60 - 64, 60 - 64, 60 + 64, 60 + 64]]]).positive[0, :320]
    middle = assign([[[56 - 64, 56 - 64, 56 + 64, 56 + 64]]]).positive[0, 320:400]
    assert finest.sum() == 1
    assert middle.any()


def test_the_smallest_box_wins_a_location():
    alone = assign([[[40, 40, 60, 60]]])
    both = assign([[[20, 20, 80, 80], [40, 40, 60, 60]]])
    inner = alone.positive[0]
    assert inner.any()
    assert torch.equal(both.distances[0, inner], alone.distances[0, inner])


def maps(targets, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [
        LevelOutputs(
            torch.randn(targets, 2, *shape, generator=generator).requires_grad_(),
            (20 * torch.rand(targets, 4, *shape, generator=generator)).requires_grad_(),
            torch.randn(targets, 1, *shape, generator=generator).requires_grad_(),
        )
        for shape in SHAPES
    ]


def test_a_target_without_positives_has_only_a_class_loss():
    outputs = maps(2)
    boxes = torch.tensor([[[33.0, 33, 35, 35]], [[30, 30, 90, 90]]])
    losses = target_losses(outputs, boxes, STRIDES, SETTINGS)
    assert losses[0, 0] > 0
    assert losses[0, 1:].tolist() == [0, 0]
    assert (losses[1] > 0).all()
    losses.sum().backward()
    assert all(torch.isfinite(tensor.grad).all() for level in outputs for tensor in level)


def test_average_of_nothing_is_zero_and_attached():
    empty = torch.zeros(0, 3, requires_grad=True)
    averaged = average_over_pairs(empty, torch.zeros(0, dtype=torch.int64))
    assert averaged.tolist() == [0, 0, 0]
    averaged.sum().backward()
