"""Numbers of configs lie in ranges, which the annotations of settings and constructors declare."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from dmtrack import registry
from dmtrack.config import available_configs, load_config
from dmtrack.config.signatures import keys_of, keys_of_callable, options_of, range_of
from dmtrack.config.top_level import TopLevel
from dmtrack.errors import ConfigError

SHARE, BELOW_ONE, AMOUNT = "a number from 0 to 1", "a number from 0 to below 1", "a number from 0 up"
POSITIVE, COUNT, FROM_ZERO = "a number above 0", "a whole number above 0", "a whole number from 0 up"


@pytest.mark.parametrize(
    ("config", "key", "value", "expected"),
    [
        ("dmtrackGS_tiny", "ema.decay", 1.5, BELOW_ONE),
        ("dmtrackGS_tiny", "ema.decay", 1.0, BELOW_ONE),
        ("dmtrackGS_tiny", "optimizer.lr", 0, POSITIVE),
        ("dmtrackGS_tiny", "optimizer.weight_decay", -0.1, AMOUNT),
        ("dmtrackGS_tiny", "optimizer.eps", -1e-8, AMOUNT),
        ("dmtrackGS_tiny", "optimizer_config.grad_clip.max_norm", -5, POSITIVE),
        ("dmtrackGS_tiny", "lr_config.warmup_iters", -5, FROM_ZERO),
        ("dmtrackGS_tiny", "lr_config.min_lr_ratio", 1.5, SHARE),
        ("dmtrackGS_tiny", "seed", -1, FROM_ZERO),
        ("dmtrackGS_tiny", "checkpoint_config.max_keep", 0, COUNT),
        ("dmtrackGS_tiny", "checkpoint_config.interval_seconds", -3.0, AMOUNT),
        ("dmtrackGS_tiny", "data.train.distractor_share", 1.5, SHARE),
        ("dmtrackGS_tiny", "data.train.max_targets", 0, COUNT),
        ("dmtrackGS_tiny", "model.nms_iou", 2, SHARE),
        ("dmtrackGS_tiny", "model.absent_share", 1.1, SHARE),
        ("dmtrackGS_tiny", "model.bbox_head.kernels", 0, COUNT),
        ("dmtrackGS_tiny", "tracker.presence_threshold", 1.5, SHARE),
        ("dmtrackReID_tiny", "tracker.max_candidates", 0, COUNT),
        ("dmtrackReID_tiny", "model.embedding.context", 0, POSITIVE),
        ("dmtrackGS_dla34_fpn", "optimizer.momentum", 1.2, BELOW_ONE),
        ("dmtrackGS_dla34_fpn", "optimizer.bias_lr_mult", -2, AMOUNT),
        ("dmtrackGS_dla34_fpn", "optimizer_config.grad_clip.norm_type", 0, POSITIVE),
        ("dmtrackGS_dla34_fpn", "lr_config.gamma", 0, POSITIVE),
        ("dmtrackGS_dla34_fpn", "model.bbox_head.prior_probability", 1.0, "a number above 0 and below 1"),
        ("dmtrackGS_dla34_fpn", "model.neck.out_channels", -64, COUNT),
        ("dmtrackGS_dla34_fpn", "model.template.roi_size", 0, COUNT),
        ("dmtrackGS_dla34_fpn", "model.test_cfg.nms_iou", 1.2, SHARE),
        ("dmtrackGS_dla34_fpn", "model.train_cfg.focal_alpha", 2, SHARE),
        ("siamrpn_alex_synthetic", "model.backbone.width_mult", 0, POSITIVE),
        ("siamrpn_alex_synthetic", "model.preprocessing.context_amount", -0.5, AMOUNT),
        ("siamrpn_alex_synthetic", "tracker.window_influence", 1.4, SHARE),
        ("siamese_rpn_r50_20e_lasot", "model.train_cfg.positive_iou", 1.6, SHARE),
    ],
)
def test_a_value_out_of_range_is_refused_with_file_line_key_and_range(
    config: str, key: str, value: float, expected: str, tmp_path: Path
) -> None:
    top, *inner = key.split(".")
    written: Any = repr(value)
    for name in reversed(inner):
        written = f"dict(\n{name}={written})"
    file = tmp_path / "mine.py"
    file.write_text(f"_base_ = {str(available_configs()[config].resolve())!r}\n{top} = {written}\n")
    with pytest.raises(ConfigError) as raised:
        load_config(file)
    assert str(raised.value) == f"{file}:{2 + len(inner)}: {key} is {value!r}: expected {expected}"


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("optimizer.betas=(0.9, 1.0)", r"optimizer\.betas\.1 is 1\.0: expected a number from 0 to below 1"),
        ("model.backbone.widths=(16, 0)", r"model\.backbone\.widths\.1 is 0: expected a whole number above 0"),
        ("lr_config.step=[-1]", r"lr_config\.step\.0 is -1"),
        ("optimizer.lr=1e999", r"optimizer\.lr is inf"),
        ("optimizer=dict(type='SGD', lr=1.0, nesterov=True)", r"optimizer\.nesterov .* set optimizer\.momentum"),
    ],
)
def test_numbers_in_lists_and_numbers_without_end(override: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load_config("dmtrackGS_tiny", [override])


def numbers_without_range(annotation: Any, name: str) -> Iterator[str]:
    """The names of settings below an annotation that may be any number."""
    ranged = range_of(annotation) is not None
    for option in options_of(annotation):
        inner = keys_of(option)
        if option in (int, float):
            if not ranged:
                yield name
        elif inner is not None:
            for key, known in inner.keys.items():
                yield from numbers_without_range(known.annotation, f"{inner.name}.{key}")
        else:
            for argument in get_args(option):
                if argument is not Ellipsis and not isinstance(argument, (str, int)):
                    yield from numbers_without_range(argument, name)


def test_every_number_of_the_schema_models_and_trackers_has_a_range() -> None:
    found = set(numbers_without_range(TopLevel, "config"))
    for kind in (
        *(registry.MODELS, registry.BACKBONES, registry.NECKS, registry.HEADS),
        *(registry.TRACKERS, registry.ASSOCIATIONS),
    ):
        for name in kind:
            entry: Any = kind.get(name)
            if entry.__module__.startswith("dmtrack."):
                for key, known in keys_of_callable(entry).keys.items():
                    found |= set(numbers_without_range(known.annotation, f"{name}.{key}"))
    # Shares that `Data` checks against each other; colours; distances, where -1 stands for none.
    colours = {"FasterRCNNPreprocessing.mean_rgb", "PublishedPreprocessing.mean_rgb"}
    assert found == {"Stage.until", *colours, "TrainSettings.regress_ranges"}
