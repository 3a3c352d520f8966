"""PySOT's experiment files (`experiments/*/config.yaml`) as configs of ours."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

from dmtrack.config import Config
from dmtrack.config.checking import Checker
from dmtrack.config.located import finish
from dmtrack.config.signatures import keys_of
from dmtrack.config.yaml_reader import read_yaml
from dmtrack.errors import ConfigError
from dmtrack.files import read_text
from dmtrack.registry import did_you_mean

Plain = bool | int | float | str | list[Any] | None


def _section(name: str, words: str, **inner: Any) -> Any:
    """The keys of a section; the value of each word is plain."""
    return TypedDict(name, {**dict.fromkeys(words.split(), Plain), **inner}, total=False)  # type: ignore[operator]


_AUGMENTATION = _section("AUGMENTATION", "SHIFT SCALE BLUR FLIP COLOR")
_DATASET = _section("DATASET", "ROOT ANNO FRAME_RANGE NUM_USE")
PYSOT = _section(
    "a PySOT config",
    "META_ARC CUDA",
    TRAIN=_section(
        "TRAIN",
        "THR_HIGH THR_LOW NEG_NUM POS_NUM TOTAL_NUM EXEMPLAR_SIZE SEARCH_SIZE BASE_SIZE OUTPUT_SIZE RESUME PRETRAINED "
        "LOG_DIR SNAPSHOT_DIR EPOCH START_EPOCH BATCH_SIZE NUM_WORKERS MOMENTUM WEIGHT_DECAY CLS_WEIGHT LOC_WEIGHT "
        "MASK_WEIGHT PRINT_FREQ LOG_GRADS GRAD_CLIP BASE_LR",
        LR=_section("LR", "TYPE", KWARGS=Any),
        LR_WARMUP=_section("LR_WARMUP", "WARMUP TYPE EPOCH", KWARGS=Any),
    ),
    DATASET=_section(
        "DATASET",
        "NEG GRAY NAMES VIDEOS_PER_EPOCH",
        **dict.fromkeys(("TEMPLATE", "SEARCH"), _AUGMENTATION),
        **dict.fromkeys(("VID", "YOUTUBEBB", "COCO", "DET"), _DATASET),
    ),
    # LAYERS, CHANNELS, WIDTH_MULT, ADJUST_CHANNEL and WEIGHTED stand in files of early versions, among them the
    # published long-term one, which PySOT's own reader refuses.
    BACKBONE=_section(
        "BACKBONE", "TYPE PRETRAINED TRAIN_LAYERS LAYERS_LR TRAIN_EPOCH LAYERS CHANNELS WIDTH_MULT", KWARGS=Any
    ),
    ADJUST=_section("ADJUST", "ADJUST TYPE ADJUST_CHANNEL", KWARGS=Any),
    RPN=_section("RPN", "TYPE WEIGHTED", KWARGS=Any),
    MASK=_section("MASK", "MASK TYPE", KWARGS=Any),
    REFINE=_section("REFINE", "REFINE TYPE"),
    ANCHOR=_section("ANCHOR", "STRIDE RATIOS SCALES ANCHOR_NUM"),
    TRACK=_section(
        "TRACK",
        "TYPE PENALTY_K WINDOW_INFLUENCE LR EXEMPLAR_SIZE INSTANCE_SIZE BASE_SIZE CONTEXT_AMOUNT LOST_INSTANCE_SIZE "
        "CONFIDENCE_LOW CONFIDENCE_HIGH MASK_THERSHOLD MASK_OUTPUT_SIZE",
    ),
)
"""Every key that PySOT's files may hold."""

_BACKBONES = {
    "resnet50": "SiameseResNet50",
    "mobilenetv2": "SiameseMobileNetV2",
    "mobilenet_v2": "SiameseMobileNetV2",
    "alexnetlegacy": "SiameseAlexNet",
    "alexnet": "SiameseAlexNet",
}


def read_pysot_config(path: str | Path) -> Config:
    """An experiment file as a config with `model` and `tracker`; what only concerns training is left out.

    Raises:
        ConfigError: the file cannot be read, has an unknown key or a wrong value, or describes SiamMask or a network
            that is not known here; names file and line.
    """
    path = Path(path)
    if not path.exists():
        raise ConfigError(f"{path} does not exist; give a config.yaml of PySOT")
    content = finish(read_yaml(read_text(path, "an experiment file", ConfigError), str(path)), str(path))
    known = keys_of(PYSOT)
    assert known is not None
    Checker(str(path), content.locations).keys(content, known, ())
    return _Experiment(content).config()


def _as_yacs_reads(value: Any) -> Any:
    """PySOT's reader takes text such as `(0.33, 0.5, 1)` or `1e-3` for what it means in Python, tuples as lists."""
    if isinstance(value, str):
        with contextlib.suppress(ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            value = ast.literal_eval(value)
    return list(value) if isinstance(value, tuple) else value


class _Experiment:
    """One experiment file, its keys checked."""

    def __init__(self, content: Config) -> None:
        self.content, self.checker = content, Checker(content.source, content.locations)

    def config(self) -> Config:
        """Its `model` and `tracker`."""
        if self.value("MASK.MASK", False, bool):
            raise self.error("MASK.MASK", "SiamMask is not known here; only SiamRPN without a mask branch is")
        levels, backbone = self._backbone()
        model: dict[str, Any] = {"type": "SiamRPN", "flavour": "pysot", "backbone": backbone}
        channels = levels
        if self.value("ADJUST.ADJUST", True, bool):
            channels = self._adjusted(len(levels))
            model["neck"] = {"type": "ChannelMapper", "in_channels": levels, "out_channels": channels}
        ratios = self.numbers("ANCHOR.RATIOS", [0.33, 0.5, 1, 2, 3])
        scales = self.numbers("ANCHOR.SCALES", [8])
        weighted = self.value("RPN.WEIGHTED", self.value("RPN.KWARGS.weighted", False, bool), bool)
        model["head"] = {
            "type": "SiamRPNHead",
            "in_channels": channels,
            "anchors": len(ratios) * len(scales),
            "weighted": weighted,
        }
        model["center_size"] = 7 if "neck" in model else None
        model["preprocessing"] = {
            "exemplar_size": self.value("TRACK.EXEMPLAR_SIZE", 127, int),
            "search_size": self.value("TRACK.INSTANCE_SIZE", 255, int),
            "base_size": self.value("TRACK.BASE_SIZE", 8, int),
            "context_amount": self.value("TRACK.CONTEXT_AMOUNT", 0.5, float),
            "stride": self.value("ANCHOR.STRIDE", 8, int),
            "ratios": ratios,
            "scales": scales,
        }
        return Config({"model": model, "tracker": self._tracker()}, self.content.source)

    def _tracker(self) -> dict[str, Any]:
        kind = str(self.value("TRACK.TYPE", "SiamRPNTracker", str)).rsplit(".", 1)[-1]
        tracker: dict[str, Any] = {
            "type": "SiamRPNTracker",
            "penalty_k": self.value("TRACK.PENALTY_K", 0.04, float),
            "window_influence": self.value("TRACK.WINDOW_INFLUENCE", 0.44, float),
            "lr": self.value("TRACK.LR", 0.4, float),
        }
        if kind == "SiamRPNLTTracker":
            tracker["long_term"] = {
                "confidence_low": self.value("TRACK.CONFIDENCE_LOW", 0.85, float),
                "confidence_high": self.value("TRACK.CONFIDENCE_HIGH", 0.998, float),
                "lost_search_size": self.value("TRACK.LOST_INSTANCE_SIZE", 831, int),
            }
        elif kind != "SiamRPNTracker":
            raise self.error(
                "TRACK.TYPE", f"tracker {kind!r} is not known here; SiamRPNTracker and SiamRPNLTTracker are"
            )
        return tracker

    def _backbone(self) -> tuple[list[int], dict[str, Any]]:
        """Channels of its levels, and its section."""
        name = str(self.value("BACKBONE.TYPE", "resnet50", str)).rsplit(".", 1)[-1]
        kind = _BACKBONES.get(name)
        if kind is None:
            raise self.error("BACKBONE.TYPE", f"backbone {name!r} is not known here{did_you_mean(name, _BACKBONES)}")
        if kind == "SiameseAlexNet":
            width = self.value("BACKBONE.WIDTH_MULT", self.value("BACKBONE.KWARGS.width_mult", 1.0, float), float)
            return [int(256 * width)], {"type": kind, "width_mult": width}
        default = [2, 3, 4] if kind == "SiameseResNet50" else [3, 5, 7]
        stages = self.numbers("BACKBONE.LAYERS", self.numbers("BACKBONE.KWARGS.used_layers", default))
        if kind == "SiameseResNet50":
            return [64 * 2 ** (int(stage) + 1) for stage in stages], {"type": kind, "out_stages": stages}
        width = self.value("BACKBONE.WIDTH_MULT", self.value("BACKBONE.KWARGS.width_mult", 1.0, float), float)
        channels = {1: 16, 2: 24, 3: 32, 4: 64, 5: 96, 6: 160, 7: 320}
        unknown = [stage for stage in stages if stage not in channels]
        if unknown:
            raise self.error("BACKBONE.KWARGS", f"used_layers {stages!r}: expected numbers from 1 to 7")
        return (
            [int(channels[int(stage)] * width) for stage in stages],
            {"type": kind, "width_mult": width, "out_stages": stages},
        )

    def _adjusted(self, levels: int) -> list[int]:
        default = [256] * levels
        channels = self.numbers("ADJUST.ADJUST_CHANNEL", self.numbers("ADJUST.KWARGS.out_channels", default))
        if len(channels) != levels:
            raise self.error("ADJUST", f"{len(channels)} output channels for {levels} levels of the backbone")
        return [int(number) for number in channels]

    def value(self, key: str, default: Any, kind: Any) -> Any:
        """A value of the file, or PySOT's default where it has none.

        Raises:
            ConfigError: it is of another kind.
        """
        found: Any = self.content
        for part in key.split("."):
            if not isinstance(found, Mapping) or part not in found:
                return default
            found = found[part]
        found = _as_yacs_reads(found)
        self.checker.value(found, kind, tuple(key.split(".")))
        return float(found) if kind is float else found

    def numbers(self, key: str, default: list[Any]) -> list[Any]:
        """A list of numbers of the file, or the default.

        Raises:
            ConfigError: it is no such list.
        """
        found = self.value(key, default, list[float])
        if not found:
            raise self.error(key, f"{key} is {found!r}: expected a list of numbers")
        return list(found)

    def error(self, key: str, message: str) -> ConfigError:
        """An error at the line of a key, or of the section around it."""
        return self.checker.error(tuple(key.split(".")), message)
