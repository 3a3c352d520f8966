from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmtrack.errors import ConfigError, EvaluationError
from dmtrack.running.sweeps.benchmarks import BenchmarkChoice
from dmtrack.search.space import PUBLISHED_GRIDS, Range, Space, changed, parse_range
from dmtrack.search.splits import check_split, divided


def test_published_grids_are_those_of_arange():
    uav = {item.name: item.values() for item in PUBLISHED_GRIDS["uav123"].ranges}
    assert uav["penalty_k"] == (0.01, 0.06, 0.11, 0.16, 0.21)
    assert uav["lr"] == (0.4, 0.45, 0.5, 0.55, 0.6)
    # PySOT's lr range 0.35,0.5,0.05 has four values, because numpy.arange rounds that way there as well as here.
    sizes = {"uav123": 5 * 5 * 5, "otb100": 8 * 5 * 8, "vot2018": 6 * 6 * 7, "pysot": 9 * 14 * 4}
    assert {name: len(space.grid()) for name, space in PUBLISHED_GRIDS.items()} == sizes


@given(low=st.floats(0, 5), length=st.floats(0.01, 3), step=st.floats(0.01, 1))
def test_a_grid_is_arange(low, length, step):
    text = f"{low!r},{low + length!r},{step!r}"
    found = parse_range("--range", "x", text)
    expected = np.arange(low, low + length, step)
    np.testing.assert_allclose(found.values(), expected, atol=1e-9)
    assert all(found.holds(value) for value in found.values())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0.5,0.1", "is reversed: 0.5 lies above 0.1"),
        ("0.5,0.1,0.05", "is reversed"),
        ("0.3,0.3", "is empty"),
        ("0.3,0.3,0.1", "is empty"),
        ("0.1,0.5,0", "the step must be above 0, not 0"),
        ("0.1,0.5,-0.1", "the step must be above 0"),
        ("0.1", "expected LOW,HIGH or"),
        ("0.1,x", "'x' is no number"),
        ("0.1,nan", "'nan' is no number"),
        ("0,1,log", "begins above 0, not at 0"),
    ],
)
def test_a_range_that_is_none_is_one_sentence(text, message):
    with pytest.raises(ConfigError, match="--penalty-k-range") as caught:
        parse_range("--penalty-k-range", "penalty_k", text)
    assert message in str(caught.value)


def test_spaces():
    whole = parse_range("--range", "association.gallery_size", "0,9,2", whole=True)
    assert whole.values() == (0, 2, 4, 6, 8)
    with pytest.raises(ConfigError, match="takes whole numbers"):
        parse_range("--range", "association.gallery_size", "0,9.5", whole=True)
    with pytest.raises(ConfigError, match="a grid needs a step for x: give START,STOP,STEP"):
        Space((Range("x", 0.0, 1.0),)).grid()
    with pytest.raises(ConfigError, match="nothing to search"):
        Space(())
    with pytest.raises(ConfigError, match="two ranges for x"):
        Space((Range("x", 0, 1), Range("x", 0, 2)))
    space = changed(Space((Range("x", 0.0, 1.0), Range("y", 0.0, 1.0))), [Range("y", 0.5, 0.6), Range("z", 1, 2)])
    assert [(item.name, item.low) for item in space.ranges] == [("x", 0.0), ("y", 0.5), ("z", 1)]
    assert [item.holds(value) for item, value in zip(space.ranges, (0.5, 0.7, None), strict=True)] == [
        True,
        False,
        False,
    ]
    assert space.ends() == [{"x": 0.0, "y": 0.5, "z": 1}, {"x": 1.0, "y": 0.6, "z": 2}]


@pytest.mark.parametrize(
    ("name", "split", "is_test"),
    [
        ("lasot", None, True), ("lasot", "train", False), ("otb100", None, True), ("uav123", "all", True),
        ("got10k", None, False), ("got10k", "test", True), ("trackingnet", "TRAIN_3", False), ("oxuva", "dev", False),
        ("synthetic", None, False), ("folder", None, False),
    ],
)  # fmt: skip
def test_what_is_a_test_split(name, split, is_test):
    assert check_split(BenchmarkChoice(name, split=split), allow_test_split=True) == is_test


def test_the_test_split_is_locked():
    with pytest.raises(EvaluationError, match=r"LaSOT's split 'test' .* tune on --split train, or add --allow-test"):
        check_split(BenchmarkChoice("lasot"), False)
    with pytest.raises(EvaluationError, match="tune on another benchmark, which has a training split"):
        check_split(BenchmarkChoice("otb100"), False)
    assert check_split(BenchmarkChoice("lasot"), True) is True
    assert check_split(BenchmarkChoice("lasot", split="train"), True) is False


def test_held_out_sequences_are_no_tuning_sequences():
    names = [f"s{number}" for number in range(10)]
    tuning, held_out = divided(BenchmarkChoice("folder"), names, 0.3, seed=4)
    assert len(held_out.sequences) == 3 and set(tuning.sequences) | set(held_out.sequences) == set(names)
    assert divided(BenchmarkChoice("folder"), names, 0.3, seed=4) == (tuning, held_out)
    for share in (0.0, 1.0, 0.01):
        with pytest.raises(EvaluationError, match="--held-out-share"):
            divided(BenchmarkChoice("folder"), names, share, seed=4)
