import torch

from dmtrack.models.global_search.parts import PartCorrelation


def test_a_location_that_equals_a_part_has_the_largest_correlation():
    torch.manual_seed(0)
    correlation = PartCorrelation(in_channels=8, embedding_channels=6, grid=3)
    rois = torch.randn(2, 8, 3, 3)
    parts = correlation.encode(rois)
    assert parts.shape == (2, 10, 6)
    torch.testing.assert_close(parts.norm(dim=2), torch.ones(2, 10))
    features = torch.randn(2, 8, 5, 7)
    features[1, :, 2, 3] = 2.5 * rois[1, :, 0, 2]
    maps = correlation(features, parts, torch.tensor([0, 1]))
    assert maps.shape == (2, 10, 5, 7)
    temperature = correlation.log_temperature.exp().item()
    # Row-major: cell (0, 2) is part 2.
    torch.testing.assert_close(maps[1, 2, 2, 3].item(), temperature, atol=1e-4, rtol=0)
    assert maps.abs().max() <= temperature + 1e-4


def test_targets_of_one_image_and_no_target_at_all():
    torch.manual_seed(0)
    correlation = PartCorrelation(in_channels=4, embedding_channels=4, grid=2)
    parts = correlation.encode(torch.randn(3, 4, 2, 2))
    features = torch.randn(1, 4, 5, 7)
    index = torch.zeros(3, dtype=torch.int64)
    together = correlation(features, parts, index)
    apart = correlation(features.repeat(2, 1, 1, 1), parts, index)
    torch.testing.assert_close(together, apart)
    assert correlation(features, parts[:0], index[:0]).shape == (0, 5, 5, 7)
