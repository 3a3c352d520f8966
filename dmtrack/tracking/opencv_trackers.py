"""OpenCV's own trackers under our contract, as baselines for tables; those that the installed OpenCV has.

CSRT and KCF come with the package `opencv-contrib-python`, MIL with every OpenCV. DaSiamRPN, Nano and Vit need network
files (ONNX) that OpenCV does not ship: put them in one folder and name it in the environment variable
`DMTRACK_OPENCV_MODELS`, or give the folder to the class.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import ArrayLike

from dmtrack.boxes import Boxes, check_first_box_xywh, clip_xyxy, xywh_to_xyxy
from dmtrack.errors import ConfigError, DMTrackError
from dmtrack.files import at_home
from dmtrack.media.images import as_rgb
from dmtrack.tracking.base import Tracker, TrackResult

MODELS_VARIABLE = "DMTRACK_OPENCV_MODELS"

_MIN_SIDE = 8
_ALIKE = "the frames of a video must be alike"


class OpenCVTracker(Tracker):
    """One of OpenCV's trackers; the classes below say which.

    OpenCV works with whole pixels, so the first box is rounded and cut to the frame. Targets below 8 pixels are tracked
    with some of what surrounds them, and the answers shrunk back, because MIL never returns from a box of 4 pixels.

    Args:
        models: folder of the network files; None takes the one that DMTRACK_OPENCV_MODELS names.

    Attributes:
        files: names under which each parameter's network file is known; the first that lies in the folder is taken.
        files_source: where the files come from, for the error.

    Raises:
        ConfigError: this OpenCV lacks the algorithm, or a network file is missing or broken.
    """

    files: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    files_source: ClassVar[str] = ""

    def __init__(self, models: str | Path | None = None) -> None:
        self.algorithm = type(self).__name__
        super().__init__(f"OpenCV {self.algorithm}")
        if self.algorithm not in available():
            have = ", ".join(available()) or "none"
            package = "another version of opencv-python"
            if self.algorithm in ("CSRT", "KCF"):
                package = f"opencv-contrib-python in place of opencv-python for {self.algorithm}"
            raise ConfigError(
                f"this OpenCV ({cv2.__version__}) has no tracker {self.algorithm}; it has {have}; install {package}"
            )
        self._paths = self._find_files(models) if self.files else {}
        self._make()  # a broken file should be known before the first sequence
        self._tracker: Any = None
        self._last_box_xywh: Boxes = np.zeros(4)
        self._shrink_xywh: Boxes = np.zeros(4)

    def init(self, image: Any, box: ArrayLike) -> None:
        """As of `Tracker`; a `DMTrackError` where OpenCV cannot track the target."""
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
        with _in_our_words(DMTrackError, f"{self.name} failed", _ALIKE):
            self._tracker.init(np.ascontiguousarray(frame[..., ::-1]), start)

    def step(self, image: Any) -> TrackResult:
        """Finds the target in the next frame; where OpenCV says that it is lost, the last box stays.

        Raises:
            DMTrackError: there was no `init`, or OpenCV cannot use the frame.
        """
        if self._tracker is None:
            raise DMTrackError(f"{self.name} has no target yet; call init(first_frame, (x, y, w, h)) first")
        with _in_our_words(DMTrackError, f"{self.name} failed", _ALIKE):
            found, box = self._tracker.update(np.ascontiguousarray(as_rgb(image)[..., ::-1]))
        if found and np.isfinite(box).all() and min(box[2:]) > 0:
            answer = np.asarray(box, dtype=np.float64) + self._shrink_xywh
            self._last_box_xywh = np.concatenate([answer[:2], np.maximum(answer[2:], 1.0)])
        # OpenCV's own score, where the algorithm has one; it is negative where it has none.
        measure = getattr(self._tracker, "getTrackingScore", None)
        score = float(measure()) if measure is not None else -1.0
        score = min(score, 1.0) if score >= 0 else float(found)
        return TrackResult(self._last_box_xywh, score, bool(found))

    def _find_files(self, models: str | Path | None) -> dict[str, Path]:
        """The network file of each parameter."""
        named = str(models or os.environ.get(MODELS_VARIABLE, ""))
        if not named:
            names = ", ".join(known[0] for known in self.files.values())
            raise ConfigError(
                f"OpenCV's {self.algorithm} needs {names}; put them in a folder and name it in the environment "
                f"variable {MODELS_VARIABLE} ({self.files_source})"
            )
        folder = at_home(named)
        paths = {}
        for key, known in self.files.items():
            found = [folder / name for name in known if (folder / name).is_file()]
            if not found:
                raise ConfigError(
                    f"OpenCV's {self.algorithm}: no {' or '.join(known)} in {folder.resolve()}; put it there "
                    f"({self.files_source})"
                )
            paths[key] = found[0]
        return paths

    def _make(self) -> Any:
        create = _named(f"Tracker{self.algorithm}_create", f"Tracker{self.algorithm}.create")
        if not self._paths:
            return create()
        parameters = _named(f"Tracker{self.algorithm}_Params", f"Tracker{self.algorithm}.Params")()
        for key, path in self._paths.items():
            setattr(parameters, key, str(path))
        names = ", ".join(str(path) for path in self._paths.values())
        with _in_our_words(ConfigError, f"OpenCV cannot use {names}", "download the files again"):
            return create(parameters)


class CSRT(OpenCVTracker):
    """Discriminative correlation filter with channel and spatial reliability (Lukezic et al., CVPR 2017)."""


class KCF(OpenCVTracker):
    """Kernelised correlation filter (Henriques et al., TPAMI 2015)."""


class MIL(OpenCVTracker):
    """Online multiple instance learning (Babenko et al., CVPR 2009); OpenCV seeds it anew in every run."""

    is_deterministic: ClassVar[bool] = False


class DaSiamRPN(OpenCVTracker):
    """Distractor-aware Siamese network (Zhu et al., ECCV 2018)."""

    files: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "model": ("dasiamrpn_model.onnx",),
        "kernel_cls1": ("dasiamrpn_kernel_cls1.onnx",),
        "kernel_r1": ("dasiamrpn_kernel_r1.onnx",),
    }
    files_source: ClassVar[str] = "OpenCV's sample dasiamrpn_tracker.py names their addresses"


class Nano(OpenCVTracker):
    """NanoTrack, a small Siamese network."""

    files: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "backbone": ("backbone.onnx", "nanotrack_backbone_sim.onnx"),
        "neckhead": ("neckhead.onnx", "nanotrack_head_sim.onnx"),
    }
    files_source: ClassVar[str] = "they are in github.com/HonglinChu/SiamTrackers, NanoTrack/models"


class Vit(OpenCVTracker):
    """VitTrack, a small transformer."""

    files: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "net": ("vitTracker.onnx", "object_tracking_vittrack_2023sep.onnx")
    }
    files_source: ClassVar[str] = "it is in github.com/opencv/opencv_zoo, models/object_tracking_vittrack"


ALGORITHMS = (CSRT, KCF, MIL, DaSiamRPN, Nano, Vit)


def available() -> list[str]:
    """The algorithms that this OpenCV has, whether or not their files are at hand."""
    names = (kind.__name__ for kind in ALGORITHMS)
    return [name for name in names if _named(f"Tracker{name}_create", f"Tracker{name}.create") is not None]


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


def _grown(box_xywh: tuple[int, int, int, int], width: int, height: int) -> tuple[int, int, int, int]:
    """The box with sides of at least `_MIN_SIDE`, around the same place and inside the frame."""
    x, y, w, h = box_xywh
    new_w, new_h = max(w, _MIN_SIDE), max(h, _MIN_SIDE)
    left = min(max(x - (new_w - w) // 2, 0), width - new_w)
    top = min(max(y - (new_h - h) // 2, 0), height - new_h)
    return left, top, new_w, new_h


@contextlib.contextmanager
def _in_our_words(kind: type[DMTrackError], before: str, advice: str) -> Iterator[None]:
    """An error of OpenCV becomes one of ours, with the heart of its message."""
    try:
        yield
    except cv2.error as error:
        reason = " ".join(str(getattr(error, "err", "") or error).split())
        raise kind(f"{before}: {reason}; {advice}") from error
