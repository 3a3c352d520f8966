"""What a recipe of adaptation says: the keys of its YAML file, with types, ranges and defaults.

source: {layout: motsynth, root: FOLDER, split: train, every: 20}   # layouts of `dmtrack data convert`, or crowds
target: {layout: mot17, root: FOLDER}                # videos; their truth is read for the final score alone
held_out: {layout: crowds, domain: station, count: 8}              # what is scored; without it the target itself
training: {source: {config: FILE}, mixed: {config: FILE}, tuned: {config: FILE, set: [optimizer.lr=0.001]}}
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from dmtrack.config import Amount, Count, CountOrZero, Share, parse_section
from dmtrack.config.checking import ConfigValueError
from dmtrack.config.loading import apply_override
from dmtrack.config.located import finish
from dmtrack.config.signatures import Positive
from dmtrack.config.yaml_reader import read_yaml
from dmtrack.data.labelled_sets import LABELLED_SETS
from dmtrack.data.synthetic.crowds import DOMAINS
from dmtrack.errors import ConfigError
from dmtrack.files import read_text
from dmtrack.registry import did_you_mean

CROWDS = "crowds"
"""The layout of videos that are generated."""

AugmentationSet = Literal["clahe", "dropout", "downscale", "jpeg", "noise", "motion_blur", "gauss_noise"]
"""The seven published sets, see `dmtrack.data.transforms.degrading`."""


@dataclass(frozen=True, kw_only=True)
class Videos:
    """`source`, `target` and `held_out`.

    Attributes:
        layout: of `dmtrack data convert`, or `crowds`: generated.
        root: folder of the data set; not of crowds.
        split: of the data set; None is the usual one.
        sequences: names of the videos that are taken; all by default.
        every: one frame of so many is trained on.
        least_visibility: what shows less of itself is not trained on.
        domain: of crowds.
        count: of crowds, how many videos.
        frames: of crowds, in each.
        seed: of crowds.
        size_wh: of crowds.
    """

    layout: str
    root: Path | None = None
    split: str | None = None
    sequences: tuple[str, ...] = ()
    every: Count = 1
    least_visibility: Share = 0.0
    domain: str = "street"
    count: Count = 8
    frames: Count = 50
    seed: CountOrZero = 0
    size_wh: tuple[Count, Count] = (576, 320)


@dataclass(frozen=True, kw_only=True)
class Tracking:
    """`tracking`: how the target's videos are tracked.

    Attributes:
        policy: of the association.
        least_score: of the detections that it sees.
        label_scales: factors on the size of the network input at which figures are looked for where the tracks become
            pseudo labels; boxes of several sizes are merged. Scores are always measured at the size itself.
    """

    policy: dict[str, Any] = field(default_factory=lambda: {"type": "ByteTrack"})
    least_score: Share = 0.01
    label_scales: tuple[Positive, ...] = (1.0,)


@dataclass(frozen=True, kw_only=True)
class Interpolation:
    """`interpolation`.

    Attributes:
        method: straight lines through gaps; these and a Gaussian process through every track; or nothing.
        least_rows: tracks with no more rows stay as they are.
        longest_gap: frames below which a gap is filled.
        tau: of the Gaussian process, see `smooth_tracks`.
    """

    method: Literal["linear", "gaussian", "none"] = "linear"
    least_rows: Count = 5
    longest_gap: Count = 20
    tau: Positive = 10.0


@dataclass(frozen=True, kw_only=True)
class Selection:
    """`selection`: which rows of the tracks are pseudo labels.

    Attributes:
        least_score: compared as numbers.
        least_rows: shortest track.
        least_visibility: smallest share of a box that no nearer box covers.
        uncertain_score: what is no pseudo label, but was detected or tracked with at least this score, is a region
            that YOLOX learns neither as a figure nor as background; None takes all of it for background.
    """

    least_score: Share = 0.7
    least_rows: Count = 1
    least_visibility: Share = 0.0
    uncertain_score: Share | None = None


@dataclass(frozen=True, kw_only=True)
class Training:
    """`training.source`, `training.mixed`, `training.tuned` and `training.control`.

    Attributes:
        config: name or file; wherever it draws single images (`ImageClips`), it gets those of the stage.
        set: `key=value` for it.
    """

    config: str
    set_: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Trainings:
    """`training`.

    Attributes:
        source: on the source alone.
        mixed: on source and target, from the weights of `source`.
        tuned: on the target, once for each augmentation set, from the weights of `mixed`.
        control: on the source alone, from the weights of `source`; as long as `mixed` and `tuned` together, it shows
            how much the longer training is worth without the target. None leaves it out.
        oversampling: how often an image of the target is drawn for one of the source.
        restyled: share of the images of the source that get light and noise of images of the target in `mixed`.
        augmentations: of the variants of `tuned`.
    """

    source: Training
    mixed: Training
    tuned: Training
    control: Training | None = None
    oversampling: Positive = 20.0
    restyled: Share = 0.0
    augmentations: tuple[AugmentationSet, ...] = (
        "clahe", "dropout", "downscale", "jpeg", "noise", "motion_blur", "gauss_noise",
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Soup:
    """`soup`: the mean of the fine-tuned variants (Wortsman et al., ICML 2022).

    Attributes:
        kind: all alike; by `shares`; or greedily: a variant joins where the metric does not fall.
        shares: of the variants, in their order, of sum 1.
        metric: key of a measure of `mot17` (HOTA, MOTA, IDF1) or `coco` (AP, AP50, AP75) that greedy soup goes by,
            measured against the pseudo labels of the target.
        validate_on: how many of the target's videos it is measured on.
        batch_norm_batches: so many training batches of the target re-estimate the statistics; 0 keeps their mean.
    """

    kind: Literal["uniform", "weighted", "greedy"] = "uniform"
    shares: tuple[Amount, ...] = ()
    metric: str = "AP"
    validate_on: Count = 4
    batch_norm_batches: CountOrZero = 0


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """`scoring`.

    Attributes:
        protocol: of HOTA, MOTA and IDF1.
        rounds: of the bootstrap.
        seed: of the bootstrap.
    """

    protocol: str = "mot17"
    rounds: Count = 1000
    seed: CountOrZero = 0


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A whole recipe.

    Attributes:
        work_dir: receives a folder for each stage.
        source: domain with labels.
        target: domain without.
        held_out: what is scored; None is the target itself.
        training: the three trainings.
        tracking: of the target.
        interpolation: of its tracks.
        selection: of its pseudo labels.
        soup: of the variants.
        scoring: of the table.
        published: repeat what the winner's scripts do where that differs: pseudo labels are rows of the tracks before
            interpolation whose score is printed as 1.00, each image of the target is drawn as often as one of the
            source but has every box as often as `oversampling` says, augmentation sets are made but not applied, and
            nothing is restyled or uncertain.
        import_: modules of the user's own.
    """

    work_dir: Path
    source: Videos
    target: Videos
    held_out: Videos | None = None
    training: Trainings
    tracking: Tracking = Tracking()
    interpolation: Interpolation = Interpolation()
    selection: Selection = Selection()
    soup: Soup = Soup()
    scoring: Scoring = Scoring()
    published: bool = False
    import_: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """What no annotation says.

        Raises:
            ConfigError: an unknown layout or domain, a folder that is not given, shares that are not of the variants.
        """
        for key in ("source", "target", "held_out"):
            videos = getattr(self, key)
            if videos is None:
                continue
            if videos.layout == CROWDS:
                if videos.domain not in DOMAINS:
                    known = did_you_mean(videos.domain, DOMAINS)
                    raise ConfigValueError(f"{key}.domain: there is no {videos.domain!r}{known}", f"{key}.domain")
            elif videos.layout not in LABELLED_SETS:
                known = did_you_mean(videos.layout, [*LABELLED_SETS, CROWDS])
                raise ConfigValueError(f"{key}.layout: unknown layout {videos.layout!r}{known}", f"{key}.layout")
            elif videos.root is None:
                raise ConfigValueError(f"{key}.root: the folder of {videos.layout} is missing", key)
        if not self.tracking.label_scales:
            raise ConfigValueError("tracking.label_scales: expected at least one factor", "tracking.label_scales")
        variants, soup = len(self.training.augmentations), self.soup
        if not variants:
            raise ConfigValueError("training.augmentations: expected at least one set", "training.augmentations")
        if soup.kind == "weighted" and (len(soup.shares) != variants or abs(sum(soup.shares) - 1) > 1e-6):
            raise ConfigValueError(
                f"soup.shares: {len(soup.shares)} numbers of sum {sum(soup.shares):g}; expected {variants} of sum 1, "
                "one for each of training.augmentations",
                "soup.shares",
            )


def read_recipe(path: str | Path, overrides: tuple[str, ...] = ()) -> Recipe:
    """The recipe of a YAML file, every key and value checked.

    Args:
        path: of the file.
        overrides: `key=value` that replace some of its values.

    Raises:
        ConfigError: it cannot be read, an unknown key, a wrong value; names file and line.
    """
    values = read_yaml(read_text(path, "a recipe of adaptation in YAML", ConfigError), str(path))
    for override in overrides:
        values = apply_override(values, override)
    return parse_section(finish(values, f"recipe {path}"), Recipe, name="a recipe of adaptation")
