"""Tracking by detection as configs say it: a model that detects everything, or given detections, and a policy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch

from dmtrack.association.detections import Detections
from dmtrack.association.policies.bytetrack import ByteTrack
from dmtrack.association.policy import Association, MultiObjectPolicy
from dmtrack.boxes import Boxes
from dmtrack.config import Precision, build
from dmtrack.data.sequences import MultiObjectSequence
from dmtrack.errors import ConfigError, EvaluationError
from dmtrack.evaluation.readers.mot import read_mot_detections
from dmtrack.models.fast.inference_copy import inference_copy
from dmtrack.registry import ASSOCIATIONS, TRACKERS
from dmtrack.tracking.camera_motion import check_needs_no_images
from dmtrack.tracking.device import NumberFormat, autocast, choose_device, resolve_precision
from dmtrack.tracking.multi_object import MultiObjectTracker, Regress


@TRACKERS.register
class TrackByDetection(MultiObjectTracker):
    """Everything in sight, by a policy, from a detector of this package or from the detections of a benchmark.

    Args:
        model: detects everything, such as `FairMOT`; None where the videos come with detections (`det/det.txt`).
        name: of the tracker in results and reports.
        policy: gives identities; in a config `policy=dict(type="ByteTrack", track_buffer=60)`.
        device: 'cpu', 'cuda', 'cuda:1'; None is a GPU if there is one.
        precision: 'fp32', 'bf16' or 'fp16' for convolutions.
        camera_motion: estimate from the images how the camera moved. Not with stored or given detections.

    Raises:
        ConfigError: the model searches for one target, or an unknown device, precision or setting.
    """

    def __init__(
        self,
        model: Any = None,
        name: str = "TrackByDetection",
        policy: Association | None = None,
        device: str | None = None,
        precision: Precision = "fp32",
        camera_motion: bool = False,
    ) -> None:
        self.device = choose_device(device)
        self.precision = resolve_precision(precision, self.device)
        if model is None:
            super().__init__(policy or ByteTrack(), None, name, camera_motion)
            self.frames_of = given_detections
        else:
            self._found = detector_of(model, device, self.precision)
            super().__init__(policy or ByteTrack(), self.detect, name, camera_motion, self._found.regress)

    def detect(self, image: Any) -> Detections:
        """What the model finds, in the numbers in which it is stored, so that a replay decides on the very same."""
        found = self._found(image)
        embeddings = None if found.embeddings is None else found.embeddings.astype(np.float16)
        return replace(found, boxes_xyxy=found.boxes_xyxy.astype(np.float32), embeddings=embeddings)

    @classmethod
    def association_of(cls, settings: Mapping[str, Any]) -> Association:
        """Which policy decides, from the settings in a config (its `tracker` section).

        Raises:
            ConfigError: a setting is unknown or out of range, or needs images.
        """
        check_needs_no_images(settings)
        policy = settings.get("policy") or {"type": "ByteTrack"}
        chosen: Association = build(policy, ASSOCIATIONS) if isinstance(policy, Mapping) else policy
        return chosen

    @classmethod
    def policy(cls, settings: Mapping[str, Any]) -> MultiObjectPolicy:
        """What decides, from the same settings, before the first frame; it can run from stored detections."""
        return cls.association_of(settings).multi_object_policy()


class ModelDetector:
    """A model's `detect` as a function of a frame, by a copy of the model that is made for speed.

    Attributes:
        regress: (frame, rough boxes xywh) -> where the things are now, row by row; None for models that cannot.
    """

    def __init__(self, model: Any, device: torch.device, precision: NumberFormat) -> None:
        self._model, needs_autocast = inference_copy(model, precision, device)
        self._autocast = partial(autocast, device, precision if needs_autocast else "fp32")
        self.regress: Regress | None = self._regress if hasattr(model, "regress") else None

    def __call__(self, image: Any) -> Detections:
        """What is in a frame, best first."""
        with self._autocast():
            found: Detections = self._model.detect(image)
        return found

    def _regress(self, image: Any, boxes_xywh: Boxes) -> Detections:
        with self._autocast():
            found: Detections = self._model.regress(image, boxes_xywh)
        return found


def detector_of(model: Any, device: str | None, precision: NumberFormat, name: str = "this config") -> ModelDetector:
    """The detector that a model is.

    Args:
        model: with its weights.
        device: where it runs; None is a GPU if there is one.
        precision: resolved, of convolutions.
        name: of the config, for the error.

    Raises:
        ConfigError: the model searches for one target that it is shown.
    """
    if not hasattr(model, "detect"):
        raise ConfigError(
            f"{name}: a {type(model).__name__} searches for one target that it is shown; give a config whose model "
            "detects everything, such as those of configs/yolox and configs/fairmot"
        )
    return ModelDetector(model, choose_device(device), precision)


def given_detections(sequence: MultiObjectSequence) -> Iterator[Detections]:
    """The detections that come with a video, frame by frame.

    Raises:
        EvaluationError: it comes with none, or its det.txt is malformed.
    """
    if sequence.detections is None:
        raise EvaluationError(
            f"{sequence.name!r} comes without detections (det/det.txt, for every frame); give a config with a model"
        )
    return iter(read_mot_detections(sequence.detections, len(sequence)))
