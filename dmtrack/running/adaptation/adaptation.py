"""The recipe as stages: source -> pseudo labels -> both domains -> pseudo labels -> variants -> soup -> score."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from dmtrack.config import Config, load_config
from dmtrack.data.sequences import MultiObjectSequence
from dmtrack.errors import EvaluationError
from dmtrack.evaluation.protocols import MultiObjectProtocol, get_protocol
from dmtrack.evaluation.readers.mot import read_mot_rows
from dmtrack.evaluation.reporting.loading import build_report, load_tracker_results
from dmtrack.files import sha256, write_bytes, write_json
from dmtrack.running.adaptation import data, labelling
from dmtrack.running.adaptation.data import LABELS
from dmtrack.running.adaptation.labelling import TRACKS
from dmtrack.running.adaptation.outcome import AP_PROTOCOL, Row, write_outcome
from dmtrack.running.adaptation.recipe import CROWDS, Recipe, Videos
from dmtrack.running.adaptation.stages import Stage, StageRunner, time_of
from dmtrack.running.adaptation.training import (
    config_of_training,
    duplicated_boxes,
    images_of,
    mixed_images,
    reestimate_batch_norm,
    train,
)
from dmtrack.training.devices import Devices
from dmtrack.training.trainer import FINAL_NAME
from dmtrack.weights.importing import average_weights

CONTROL = "control"
LABELLED = "pseudo labels"
"""Title of the row that scores what the weights of the source would give as labels."""
SOURCE_SET, TARGET_SET, HELD_OUT_SET = "source-set", "target-set", "held-out-set"


class Adaptation:
    """All stages of a recipe.

    Args:
        recipe: what to do.
        devices: of the trainings.
        device: of the detector; None is a GPU if there is one.
        console: for progress and the table.
    """

    def __init__(self, recipe: Recipe, devices: Devices, device: str | None, console: Console) -> None:
        self.recipe, self.devices, self.device, self.console = recipe, devices, device, console
        self.folder = recipe.work_dir
        self.variants = [f"tuned-{name}" for name in recipe.training.augmentations]
        # Before the first stage, for the last one begins hours later.
        for training in (recipe.training.source, recipe.training.mixed, recipe.training.tuned):
            load_config(training.config, training.set_)
        protocol_of_metric(recipe.soup.metric, recipe.scoring.protocol)

    def stages(self) -> list[Stage]:
        """The stages, each behind those that it needs."""
        recipe = self.recipe
        listed = [
            Stage(
                SOURCE_SET, "labels of the source",
                lambda folder: data.write_source(recipe.source, folder, self.console),
                settings=_settings(recipe.source), reads=self._hash_of_source,
            ),
            Stage(TARGET_SET, "videos of the target", functools.partial(self._videos, recipe.target),
                  settings=_settings(recipe.target)),
            self._training("source", "training on the source", (SOURCE_SET,)),
            *self._labelling(1, "source"),
            self._training("mixed", "training on both domains", (SOURCE_SET, "target-1", "source")),
            *self._labelling(2, "mixed"),
            *(
                self._training(f"tuned-{name}", f"fine-tuning on the target with {name}", ("target-2", "mixed"))
                for name in recipe.training.augmentations
            ),
        ]  # fmt: skip
        if recipe.training.control is not None:
            title = "training on the source for longer, to compare with"
            listed.append(self._training(CONTROL, title, (SOURCE_SET, "source")))
        tuned = self.variants
        soup = Stage(
            "soup", f"{recipe.soup.kind} mean of {len(tuned)} variants", self._soup,
            (*tuned, TARGET_SET, "labels-2"), {**_settings(recipe.soup), "tracking": _settings(recipe.tracking)},
        )  # fmt: skip
        held_out = (
            []
            if recipe.held_out is None
            else [
                Stage(HELD_OUT_SET, "videos to score on", functools.partial(self._videos, recipe.held_out),
                      settings=_settings(recipe.held_out))
            ]
        )  # fmt: skip
        score = Stage(
            "score", "scores on the held-out videos, the first look at their truth", self._score,
            (*dict.fromkeys(row.stage for row in self.rows()), TARGET_SET if recipe.held_out is None else HELD_OUT_SET),
            {name: _settings(getattr(recipe, name)) for name in ("tracking", "interpolation", "selection", "scoring")},
        )  # fmt: skip
        return [*listed, soup, *held_out, score]

    def rows(self) -> list[Row]:
        """What the table compares, in its order; the first is what the others are better or worse than."""
        rows = [Row("source only", "source")]
        if self.recipe.training.control is not None:
            rows.append(Row("source for longer", CONTROL))
        rows += [Row(LABELLED, "source"), Row("mixed", "mixed")]
        rows += [Row(f"fine-tuned {name.removeprefix('tuned-')}", name) for name in self.variants]
        return [*rows, Row("soup", "soup")]

    def _weights(self, stage: str) -> Path:
        return self.folder / stage / FINAL_NAME

    def _videos_of(self, videos: Videos, truth: bool = False, images: bool = True) -> list[MultiObjectSequence]:
        stage = TARGET_SET if videos is self.recipe.target else HELD_OUT_SET
        return data.open_videos(videos, self.folder / stage, truth, images)

    def _hash_of_source(self) -> str:
        """Of the files with its labels, where the source is not generated."""
        source = self.recipe.source
        if source.layout == CROWDS:
            return ""
        opened = data.open_source(source, self.folder)
        files = sorted({video.file for video in opened})
        return "".join(sha256(path) for path in files)

    def _videos(self, videos: Videos, folder: Path) -> Iterable[Path]:
        """Generates the videos where that is asked for, and lists the frames of all."""
        if videos.layout == CROWDS:
            data.generate(videos, folder, self.console)
        write_json(folder / "frames.json", data.inventory(videos, folder))
        return [folder / "frames.json"]

    def _training(self, name: str, title: str, needs: tuple[str, ...]) -> Stage:
        """A training whose config follows from the recipe; its data are files of the stages that it needs."""
        recipe = self.recipe
        kind = name.split("-")[0]
        training = getattr(recipe.training, kind)

        def config(folder: Path) -> Config:
            source = self.folder / SOURCE_SET / LABELS
            if kind == "source":
                return config_of_training(training, images_of(source))
            if kind == CONTROL:
                return config_of_training(training, images_of(source), self._weights("source"))
            if kind == "tuned":
                worse = {"type": "Degrade", "kind": name.removeprefix("tuned-")}
                images = images_of(self.folder / "target-2" / LABELS, *([] if recipe.published else [worse]))
                return config_of_training(training, images, self._weights("mixed"))
            target = self.folder / "target-1" / LABELS
            times, restyled = recipe.training.oversampling, recipe.training.restyled
            if recipe.published:
                target, times, restyled = duplicated_boxes(target, round(times), folder), 1.0, 0.0
            images = mixed_images(source, target, times, restyled)
            return config_of_training(training, images, self._weights("source"))

        settings = {
            **_settings(training), "published": recipe.published,
            "oversampling": recipe.training.oversampling if kind == "mixed" else None,
            **({"restyled": recipe.training.restyled} if kind == "mixed" else {}),
        }  # fmt: skip
        return Stage(name, title, lambda folder: train(config(folder), folder, self.devices), needs, settings)

    def _labelling(self, number: int, teacher: str) -> list[Stage]:
        """The stages that make pseudo labels with the weights of a training."""
        recipe = self.recipe
        tracks, filled, labels, target = (f"{what}-{number}" for what in ("tracks", "filled", "labels", "target"))
        chosen = tracks if recipe.published else filled

        published = {"published": recipe.published}
        return [
            Stage(
                tracks, f"tracks of the target by the weights of {teacher}",
                lambda folder: labelling.track_videos(
                    self._weights(teacher), self._videos_of(recipe.target), folder, recipe.tracking, self.device,
                    self.console, recipe.tracking.label_scales,
                ),
                (TARGET_SET, teacher), _settings(recipe.tracking),
            ),
            Stage(
                filled, f"gaps filled ({recipe.interpolation.method})",
                lambda folder: labelling.interpolate(self.folder / tracks, folder, recipe.interpolation),
                (tracks,), _settings(recipe.interpolation),
            ),
            Stage(
                labels, "rows that are trusted, and why the others are not",
                lambda folder: labelling.select(
                    self.folder / chosen, self.folder / tracks, self._videos_of(recipe.target), folder,
                    recipe.selection, recipe.published,
                ),
                (*dict.fromkeys((chosen, tracks)), TARGET_SET), {**_settings(recipe.selection), **published},
            ),
            Stage(
                target, "the target with its pseudo labels",
                lambda folder: labelling.build_target(self.folder / labels, self._videos_of(recipe.target), folder),
                (labels, TARGET_SET),
            ),
        ]  # fmt: skip

    def _soup(self, folder: Path) -> list[Path]:
        """The mean of the variants; which of them, greedy soup decides by the pseudo labels."""
        rules = self.recipe.soup
        files = {name: self._weights(name) for name in self.variants}
        taken, shares = list(files), list(rules.shares) if rules.kind == "weighted" else None
        if rules.kind == "greedy":
            taken = self._greedy(folder, files)
        output = folder / FINAL_NAME
        if len(taken) == 1:
            write_bytes(output, files[taken[0]].read_bytes())
        else:
            average_weights([files[name] for name in taken], output, shares)
        if rules.batch_norm_batches:
            reestimate_batch_norm(output, rules.batch_norm_batches, output)
        return [output]

    def _greedy(self, folder: Path, files: dict[str, Path]) -> list[str]:
        """Which variants join (Wortsman et al., ICML 2022, algorithm 1): best first, where the metric does not fall."""
        rules = self.recipe.soup
        videos = self._videos_of(self.recipe.target)
        spread = np.unique(np.linspace(0, len(videos) - 1, min(rules.validate_on, len(videos))).round().astype(int))
        # Pseudo labels stand in the place of the truth, which nobody looks at.
        truth = []
        for video in (videos[number] for number in spread):
            rows = read_mot_rows(self.folder / "labels-2" / video.name / TRACKS)
            rows[:, 6:] = 1.0
            truth.append(dataclasses.replace(video, truth=rows))
        protocol = protocol_of_metric(rules.metric, self.recipe.scoring.protocol)

        def measured(name: str, weights: Path) -> float:
            place = folder / name
            labelling.track_videos(weights, truth, place, self.recipe.tracking, self.device, self.console)
            report = build_report(
                "target", protocol, truth, [load_tracker_results(f"{name}={place}", truth, rows=protocol.rows)]
            )
            return float(report.scores[0].scores[rules.metric])

        alone = {name: measured(name, weights) for name, weights in files.items()}
        order = sorted(alone, key=lambda name: -alone[name])
        taken, best = order[:1], alone[order[0]]
        steps: list[dict[str, Any]] = [{"variant": order[0], rules.metric: best, "joins": True}]
        for name in order[1:]:
            candidate = folder / f"with-{name}.safetensors"
            average_weights([files[one] for one in (*taken, name)], candidate)
            found = measured(f"with-{name}", candidate)
            steps.append({"variant": name, rules.metric: found, "joins": found >= best})
            if found >= best:
                taken, best = [*taken, name], found
        write_json(folder / "greedy.json", {"alone": alone, "steps": steps})
        return taken

    def _score(self, folder: Path) -> list[Path]:
        """Tracks the held-out videos with the weights of every stage, and compares these with the truth."""
        recipe = self.recipe
        chosen = recipe.held_out or recipe.target
        videos = self._videos_of(chosen)
        rows = self.rows()
        for row in rows:
            place = folder / row.folder
            if row.title == LABELLED:
                labelling.label_videos(
                    folder / rows[0].folder, [video.name for video in videos], place, recipe.interpolation,
                    recipe.selection, recipe.published,
                )  # fmt: skip
                continue
            labelling.track_videos(self._weights(row.stage), videos, place, recipe.tracking, self.device, self.console)
        scored = self._videos_of(chosen, truth=True, images=False)
        protocols = [get_protocol(name, MultiObjectProtocol) for name in (recipe.scoring.protocol, AP_PROTOCOL)]
        trackers = {
            protocol: [
                load_tracker_results(f"{row.title}={folder / row.folder}", scored, rows=protocol.rows) for row in rows
            ]
            for protocol in protocols
        }
        label = "target" if recipe.held_out is None else "held-out target"
        runner = StageRunner(self.stages(), self.folder)
        spent = time_of(record for name in runner.stages if (record := runner.record(name)) is not None)
        return write_outcome(folder, label, scored, trackers, recipe.scoring, spent, self.console)


def _settings(section: Any) -> dict[str, Any]:
    """The values of a section as JSON has them."""
    return {key: str(value) if isinstance(value, Path) else value for key, value in dataclasses.asdict(section).items()}


def protocol_of_metric(metric: str, tracking: str) -> MultiObjectProtocol:
    """The protocol that reports a measure: that of tracks, or that of detections.

    Raises:
        EvaluationError: neither does.
    """
    protocols = [get_protocol(name, MultiObjectProtocol) for name in (tracking, AP_PROTOCOL)]
    for protocol in protocols:
        if metric in protocol.headings():
            return protocol
    known = ", ".join(key for protocol in protocols for key in protocol.headings())
    raise EvaluationError(f"soup.metric: there is no {metric!r}; the measures are {known}")
