"""OpenCV's own trackers under our contract, as baselines for tables; those that the installed OpenCV has.

CSRT and KCF come with the package `opencv-contrib-python`, MIL with every OpenCV. DaSiamRPN, Nano and Vit need network
files (ONNX) that OpenCV does not ship: put them in one folder and name it in the environment variable
`DMTRACK_OPENCV_MODELS`, or give the folder to the class.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import ArrayLike

from dmtrack.boxes import Boxes, check_first_box_xywh, clip_xyxy, xywh_to_xyxy
from dmtrack.errors import ConfigError, DMTrackError
from dmtrack.media.images import Image, as_rgb
from dmtrack.registry import did_you_mean
from dmtrack.tracking.base import Tracker, TrackResult

MODELS_VARIABLE = "DMTRACK_OPENCV_MODELS"

_MIN_SIDE = 8


@dataclass(frozen=True)
class Algorithm:
    """One of OpenCV's trackers.

    Attributes:
        files: names under which each parameter's network file is known; the first that lies in the folder is taken.
        source: where the files come from, for the error.
    """

    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    source: str = ""


ALGORITHMS = {
    "CSRT": Algorithm(),
    "KCF": Algorithm(),
    "MIL": Algorithm(),
    "DaSiamRPN": Algorithm(
        {
            "model": ("dasiamrpn_model.onnx",),
            "kernel_cls1": ("dasiamrpn_kernel_cls1.onnx",),
            "kernel_r1": ("dasiamrpn_kernel_r1.onnx",),
        },
        "OpenCV's sample dasiamrpn_tracker.py names their addresses",
    ),
    "Nano": Algorithm(
        {
            "backbone": ("backbone.onnx", "nanotrack_backbone_sim.onnx"),
            "neckhead": ("neckhead.onnx", "nanotrack_head_sim.onnx"),
        },
        "they are in github.com/HonglinChu/SiamTrackers, NanoTrack/models",
    ),
    "Vit": Algorithm(
        {"net": ("vitTracker.onnx", "object_tracking_vittrack_2023sep.onnx")},
        "it is in github.com/opencv/opencv_zoo, models/object_tracking_vittrack",
    ),
}


def available() -> list[str]:
    """The algorithms that this OpenCV has, whether or not their files are at hand."""
    return [name for name in ALGORITHMS if _factory(name) is not None]


class OpenCVTracker(Tracker):
    """One of OpenCV's trackers.

    OpenCV works with whole pixels, so the first box is rounded and cut to the frame. Targets below 8 pixels are tracked
    with some of what surrounds them, and the answers shrunk back, because MIL never returns from a box of 4 pixels.

    Args:
        algorithm: a key of `ALGORITHMS`.
        models: folder of the network files; None takes the one that DMTRACK_OPENCV_MODELS names.
        name: of the tracker in results and reports.

    Raises:
        ConfigError: an unknown algorithm, one that this OpenCV lacks, or a network file that is missing or broken.
    """

    def __init__(self, algorithm: str, models: str | Path | None = None, name: str | None = None) -> None:
        if algorithm not in ALGORITHMS:
            raise ConfigError(f"OpenCV tracker {algorithm!r} is unknown{did_you_mean(algorithm, ALGORITHMS)}")
        super().__init__(name or f"OpenCV {algorithm}")
        self.algorithm = algorithm
        create = _factory(algorithm)
        if create is None:
            raise ConfigError(_lacking(algorithm))
        self._create = create
        self._files = _find_files(algorithm, models)
        self._make()  # a broken file should be known before the first sequence
        self._tracker: Any = None
        self._last_box_xywh: Boxes = np.zeros(4)
        self._shrink_xywh: Boxes = np.zeros(4)

    def init(self, image: Any, box: ArrayLike) -> None:
        """Takes the target's box (x, y, w, h in pixels) in the first frame.

        Raises:
            BoxError: the box is NaN, empty or outside the image.
            DMTrackError: OpenCV cannot track it.
        """
        frame = as_rgb(image)
        height, width = frame.shape[:2]
        given = check_first_box_xywh(box, width, height)
        self._last_box_xywh = given
        self._tracker = self._make()
        if min(width, height) < _MIN_SIDE:
            raise DMTrackError(
                f"{self.name}: a frame of {width}x{height} pixels; give one of {_MIN_SIDE} or more a side"
            )
        x, y, right, bottom = np.rint(clip_xyxy(xywh_to_xyxy(given), width, height)).astype(int).tolist()
        whole = (x, y, max(right - x, 1), max(bottom - y, 1))
        start = _grown(whole, width, height)
        self._shrink_xywh = np.subtract(whole, start).astype(np.float64)
        self._call(lambda: self._tracker.init(_bgr(frame), start))

    def step(self, image: Any) -> TrackResult:
        """Finds the target in the next frame; where OpenCV says that it is lost, the last box stays.

        Raises:
            DMTrackError: there was no `init`, or OpenCV cannot use the frame.
        """
        if self._tracker is None:
            raise DMTrackError(f"{self.name} has no target yet; call init(first_frame, (x, y, w, h)) first")
        found, box = self._call(lambda: self._tracker.update(_bgr(as_rgb(image))))
        if found and np.isfinite(box).all() and min(box[2:]) > 0:
            answer = np.asarray(box, dtype=np.float64) + self._shrink_xywh
            self._last_box_xywh = np.concatenate([answer[:2], np.maximum(answer[2:], 1.0)])
        return TrackResult(self._last_box_xywh, self._score(bool(found)), bool(found))

    def _score(self, found: bool) -> float:
        """OpenCV's own score where the algorithm has one; it is negative where it has none."""
        measure = getattr(self._tracker, "getTrackingScore", None)
        score = float(measure()) if measure is not None else -1.0
        return float(np.clip(score, 0.0, 1.0)) if score >= 0 else float(found)

    def _make(self) -> Any:
        if not self._files:
            return self._create()
        parameters = _named(f"Tracker{self.algorithm}_Params", f"Tracker{self.algorithm}.Params")()
        for key, path in self._files.items():
            setattr(parameters, key, str(path))
        try:
            return self._create(parameters)
        except cv2.error as error:
            names = ", ".join(str(path) for path in self._files.values())
            raise ConfigError(f"OpenCV cannot use {names}: {_reason(error)}; download the files again") from error

    def _call(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except cv2.error as error:
            raise DMTrackError(f"{self.name} failed: {_reason(error)}; the frames of a video must be alike") from error


class CSRT(OpenCVTracker):
    """Discriminative correlation filter with channel and spatial reliability (Lukezic et al., CVPR 2017)."""

    def __init__(self) -> None:
        super().__init__("CSRT")


class KCF(OpenCVTracker):
    """Kernelised correlation filter (Henriques et al., TPAMI 2015)."""

    def __init__(self) -> None:
        super().__init__("KCF")


class MIL(OpenCVTracker):
    """Online multiple instance learning (Babenko et al., CVPR 2009); OpenCV seeds it anew in every run."""

    is_deterministic: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__("MIL")


class DaSiamRPN(OpenCVTracker):
    """Distractor-aware Siamese network (Zhu et al., ECCV 2018)."""

    def __init__(self, models: str | Path | None = None) -> None:
        super().__init__("DaSiamRPN", models)


class Nano(OpenCVTracker):
    """NanoTrack, a small Siamese network."""

    def __init__(self, models: str | Path | None = None) -> None:
        super().__init__("Nano", models)


class Vit(OpenCVTracker):
    """VitTrack, a small transformer."""

    def __init__(self, models: str | Path | None = None) -> None:
        super().__init__("Vit", models)


def _factory(algorithm: str) -> Callable[..., Any] | None:
    return _named(f"Tracker{algorithm}_create", f"Tracker{algorithm}.create")


def _named(*names: str) -> Any:
    """The first of these that OpenCV has, in its main module or among the legacy ones."""
    for module in (cv2, getattr(cv2, "legacy", None)):
        for name in names:
            found: Any = module
            for part in name.split("."):
                found = getattr(found, part, None)
            if found is not None:
                return found
    return None


def _lacking(algorithm: str) -> str:
    have = ", ".join(available()) or "none"
    text = f"this OpenCV ({cv2.__version__}) has no tracker {algorithm}; it has {have}"
    if algorithm in ("CSRT", "KCF"):
        return f"{text}; install opencv-contrib-python in place of opencv-python for {algorithm}"
    return f"{text}; install another version of opencv-python"


def _grown(box_xywh: tuple[int, int, int, int], width: int, height: int) -> tuple[int, int, int, int]:
    """The box with sides of at least `_MIN_SIDE`, around the same place and inside the frame."""
    x, y, w, h = box_xywh
    new_w, new_h = max(w, _MIN_SIDE), max(h, _MIN_SIDE)
    left = min(max(x - (new_w - w) // 2, 0), width - new_w)
    top = min(max(y - (new_h - h) // 2, 0), height - new_h)
    return left, top, new_w, new_h


def _find_files(algorithm: str, models: str | Path | None) -> dict[str, Path]:
    wanted = ALGORITHMS[algorithm]
    if not wanted.files:
        return {}
    folder = Path(models or os.environ.get(MODELS_VARIABLE, "")).expanduser()
    if not str(models or os.environ.get(MODELS_VARIABLE, "")):
        names = ", ".join(known[0] for known in wanted.files.values())
        raise ConfigError(
            f"OpenCV's {algorithm} needs {names}; put them in a folder and name it in the environment variable "
            f"{MODELS_VARIABLE} ({wanted.source})"
        )
    files = {}
    for key, known in wanted.files.items():
        found = [folder / name for name in known if (folder / name).is_file()]
        if not found:
            raise ConfigError(
                f"OpenCV's {algorithm}: no {' or '.join(known)} in {folder.resolve()}; put it there ({wanted.source})"
            )
        files[key] = found[0]
    return files


def _bgr(frame: Image) -> Any:
    return np.ascontiguousarray(frame[..., ::-1])


def _reason(error: cv2.error) -> str:
    """The heart of OpenCV's message."""
    return " ".join(str(getattr(error, "err", "") or error).split())
