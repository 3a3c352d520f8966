import numpy as np
import pytest

from dmtrack.errors import ConfigError
from dmtrack.training.schedules import warmup_then_log


def test_the_published_schedule():
    factors = warmup_then_log()
    assert len(factors) == 20
    np.testing.assert_allclose(factors[[0, 5, 19]], [0.2, 1.0, 0.1])
    np.testing.assert_allclose(np.diff(np.log(factors[:6])), np.log(5) / 5)
    np.testing.assert_allclose(np.diff(np.log(factors[5:])), -np.log(10) / 14)


def test_without_warm_up_and_impossible_ones():
    assert warmup_then_log(3, 0)[0] == 1
    with pytest.raises(ConfigError, match="expected fewer than the run has"):
        warmup_then_log(5, 5)
    with pytest.raises(ConfigError, match="numbers above 0"):
        warmup_then_log(decay=(1.0, 0.0))
