"""Tuning on the split that trackers are compared on is what the field does and should not: here it is locked.

Where it is asked for all the same, every number and every file that comes from it says so.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dmtrack.data.benchmarks import BENCHMARKS
from dmtrack.errors import ConfigError, EvaluationError
from dmtrack.running.sweeps.benchmarks import BenchmarkChoice

TEST_MARK = "tuned on the test split"
FILE_MARK = "_tuned_on_test_split"
_OWN = ("synthetic", "folder")
_TUNING = ("train", "val", "dev")


def check_split(choice: BenchmarkChoice, allow_test_split: bool) -> bool:
    """Whether the split is a test split that was asked for.

    Test splits, which trackers are compared on, are all but training, validation and development splits. Generated
    sequences and folders of one's own are none.

    Raises:
        EvaluationError: it is one that was not asked for.
    """
    if choice.name in _OWN or choice.shown_split.lower().startswith(_TUNING):
        return False
    if not allow_test_split:
        title = BENCHMARKS[choice.name].title if choice.name in BENCHMARKS else choice.name
        others = [split for split in BENCHMARKS[choice.name].splits if split.lower().startswith(_TUNING)]
        advice = f"tune on --split {others[0]}" if others else "tune on another benchmark, which has a training split"
        raise EvaluationError(
            f"{title}'s split {choice.shown_split!r} is the one that trackers are compared on, so nothing is tuned on "
            f"it; {advice}, or add --allow-test-split, which marks every number that comes from it"
        )
    return True


def hold_out(
    choice: BenchmarkChoice, share: float | None, generated_seed: int | None, seed: int
) -> tuple[BenchmarkChoice, BenchmarkChoice | None]:
    """What is tuned on, and what is held out to measure the gain on, if anything.

    Args:
        choice: what there is to tune on.
        share: of the sequences that is held out.
        generated_seed: of generated sequences that are held out instead.
        seed: decides which share.

    Raises:
        ConfigError: both are given, or the seed does not fit the sequences.
    """
    if share is not None and generated_seed is not None:
        raise ConfigError("--held-out-share and --held-out-seed exclude each other; give one")
    if generated_seed is not None:
        if choice.name != "synthetic":
            raise ConfigError("--held-out-seed is for generated sequences; give --held-out-share for others")
        if generated_seed == choice.generated.seed:
            raise ConfigError(f"--held-out-seed {choice.generated.seed} is the seed that is tuned on; give another")
        return choice, replace(choice, generated=replace(choice.generated, seed=generated_seed))
    if share is not None:
        return divided(choice, [sequence.name for sequence in choice.opener()()], share, seed)
    return choice, None


def divided(
    choice: BenchmarkChoice, names: list[str], share: float, seed: int
) -> tuple[BenchmarkChoice, BenchmarkChoice]:
    """Tuning sequences, and a share of all sequences that is held out; the same for the same seed.

    Args:
        choice: both together.
        names: of its sequences.
        share: that is held out, in (0, 1).
        seed: of the draw.

    Raises:
        EvaluationError: either part would be empty, or the share is none.
    """
    if not 0 < share < 1:
        raise EvaluationError(f"--held-out-share {share:g}: expected a share between 0 and 1, such as 0.3")
    count = round(share * len(names))
    if not 0 < count < len(names):
        raise EvaluationError(
            f"--held-out-share {share:g} of {len(names)} sequences leaves nothing on one side; give another share or "
            "more sequences"
        )
    held_out = {names[index] for index in np.random.default_rng(seed).permutation(len(names))[:count]}
    parts = ([name for name in names if name not in held_out], [name for name in names if name in held_out])
    tuning, held = (replace(choice, sequences=tuple(part)) for part in parts)
    return tuning, held
