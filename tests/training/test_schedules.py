from __future__ import annotations

import numpy as np
import pytest

from dmtrack.config.top_level import LearningRate
from dmtrack.errors import ConfigError
from dmtrack.training.optimizers import learning_rate_factor, warmup_then_log
from dmtrack.training.settings import read_settings

PUBLISHED = LearningRate("step", "constant", 500, 0.001 / 3, (44, 46))


@pytest.mark.parametrize(
    ("iteration", "factor"),
    [
        (0, 0.001 / 3),
        (499, 0.001 / 3),
        (500, 1),
        (659_999, 1),
        (660_000, 0.1),
        (689_999, 0.1),
        (690_000, 0.01),
        (719_999, 0.01),
    ],
)
def test_the_published_schedule(iteration: int, factor: float) -> None:
    assert learning_rate_factor(PUBLISHED, iteration, 720_000, 48) == pytest.approx(factor)


def test_cosine_with_linear_warmup_rises_then_falls() -> None:
    settings = LearningRate("cosine", "linear", 100, 0.01, min_lr_ratio=0.05)
    factors = [learning_rate_factor(settings, iteration, 1000, 1) for iteration in range(1000)]
    assert factors[0] == pytest.approx(0.01)
    assert factors[50] == pytest.approx(0.505)
    assert factors[100] == 1.0
    assert factors[550] == pytest.approx(0.525)
    assert factors[-1] == pytest.approx(0.05, abs=1e-4)
    assert factors[:101] == sorted(factors[:101])
    assert factors[100:] == sorted(factors[100:], reverse=True)


def config(**changes: object) -> dict:
    base = {"model": {}, "optimizer": {"type": "SGD", "lr": 0.001}, "total_epochs": 48, "samples_per_epoch": 30_000}
    return {**base, **changes}


def test_length_and_learning_rate_follow_the_number_of_processes() -> None:
    settings = read_settings(config(optimizer_config={"autoscale_lr": 8}))
    assert settings.iterations(world_size=2) == 720_000
    assert settings.learning_rate(world_size=2) == pytest.approx(0.00025)
    assert read_settings(config()).learning_rate(world_size=2) == 0.001


def test_length_counts_the_pairs_of_every_stage() -> None:
    stages = [{"until": 0.5, "samples_per_gpu": 8}, {"until": 1.0, "samples_per_gpu": 4}]
    settings = read_settings(
        config(data={"stages": stages}, total_epochs=2, samples_per_epoch=600, optimizer_config={"accumulate": 2})
    )
    assert settings.iterations(world_size=1) == 100


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"samples_per_epoch": None}, "total_iterations"),
        ({"optimizer": None}, "optimizer"),
        ({"optimizer": {"type": "SGD", "lr": 0}}, "optimizer.lr"),
        ({"lr_config": {"policy": "cosine", "warm": 3}}, "lr_config.warm"),
        ({"optimizer_config": {"accumulate": 0}}, "optimizer_config.accumulate"),
        ({"precision": "fp8"}, "precision"),
    ],
)
def test_settings_that_make_no_sense_are_named(changes: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_settings(config(**changes))


def test_the_published_schedule_of_siamrpn():
    factors = warmup_then_log()
    assert len(factors) == 20
    np.testing.assert_allclose(factors[[0, 5, 19]], [0.2, 1.0, 0.1])
    np.testing.assert_allclose(np.diff(np.log(factors[:6])), np.log(5) / 5)
    np.testing.assert_allclose(np.diff(np.log(factors[5:])), -np.log(10) / 14)


def test_siamrpn_without_warm_up_and_impossible_ones():
    assert warmup_then_log(3, 0)[0] == 1
    with pytest.raises(ConfigError, match="expected fewer than the run has"):
        warmup_then_log(5, 5)
    with pytest.raises(ConfigError, match="numbers above 0"):
        warmup_then_log(decay=(1.0, 0.0))


def test_yolox_rises_with_the_square_falls_along_a_cosine_and_ends_flat() -> None:
    settings = LearningRate("yoloxwarmcos", warmup_epochs=1, warmup_ratio=0.0, flat_epochs=2, min_lr_ratio=0.05)
    factors = [learning_rate_factor(settings, iteration, 100, 10) for iteration in range(100)]
    assert factors[0] == 0.0
    assert factors[5] == pytest.approx(0.25)
    assert factors[10] == pytest.approx(1.0)
    assert factors[45] == pytest.approx(0.525)
    assert factors[80:] == pytest.approx([0.05] * 20)
    with pytest.raises(ConfigError, match="'yoloxwarmcos' has a warm-up of its own"):
        LearningRate("yoloxwarmcos", warmup="linear")
