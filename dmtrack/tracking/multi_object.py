"""Any detector with any multi-object policy: detections of a frame in, boxes with identities out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from dmtrack.association.detections import Detections, Tracks
from dmtrack.association.policy import Association
from dmtrack.boxes import Boxes
from dmtrack.config import build
from dmtrack.config.loading import apply_override
from dmtrack.config.located import locate
from dmtrack.errors import DMTrackError
from dmtrack.media.images import as_rgb
from dmtrack.registry import ASSOCIATIONS
from dmtrack.tracking.base import MultiTracker
from dmtrack.tracking.camera_motion import CameraMotion

Detector = Callable[[Any], Detections]
"""Finds everything in an image, HxWx3 uint8 RGB."""

Regress = Callable[[Any, Boxes], Detections]
"""Where the things are in an image whose boxes, (n, 4) left, top, width, height, are roughly these: n rows."""


def policy_of(chosen: str | Mapping[str, Any], overrides: Sequence[str] = ()) -> Association:
    """The settings of a policy by its name, in any case, or as a config has them, with some of them changed.

    Args:
        chosen: `ByteTrack`, `bytetrack`, `dict(type="ByteTrack", track_buffer=60)`, ...
        overrides: `policy.max_age=60`.

    Raises:
        ConfigError: no policy of that name, an unknown setting, or a value out of range.
    """
    if isinstance(chosen, str):
        chosen = {"type": {one.lower(): one for one in ASSOCIATIONS}.get(chosen.lower(), chosen)}
    node = locate({"policy": dict(chosen)}, "--policy")
    for override in overrides:
        node = apply_override(node, override)
    settings: Association = build(node["policy"], ASSOCIATIONS)
    return settings


class MultiObjectTracker(MultiTracker):
    """Detects, then associates.

    Args:
        policy: settings of a multi-object policy, such as `Sort(max_age=30)`.
        detector: finds everything in an image. None where detections are given: `step` then takes `Detections` in place
            of images, such as those of a `det.txt` of MOTChallenge.
        name: of the tracker in results and reports.
        camera_motion: estimate from the images how the camera moved, for policies that let tracks go along.
        regressor: for policies that regress boxes (`Tracktor`), which take the nearest detections without; None is the
            detector's `regress`, if it has one.

    Raises:
        ConfigError: the policy follows one target.
        DMTrackError: the camera cannot be followed, or boxes regressed, without images.
    """

    changing = ("_policy", "_camera")

    def __init__(
        self,
        policy: Association,
        detector: Detector | None = None,
        name: str = "",
        camera_motion: bool = False,
        regressor: Regress | None = None,
    ) -> None:
        super().__init__(name or type(policy).__name__)
        if camera_motion and detector is None:
            raise DMTrackError(f"tracker {self.name}: camera_motion follows the images; give a detector that sees them")
        self._policy: Any = policy.multi_object_policy()
        if regressor is not None and detector is None:
            raise DMTrackError(
                f"tracker {self.name}: a regressor sees the images that a detector sees; give a detector as well"
            )
        regressor = regressor or getattr(detector, "regress", None)
        self._detector, self._regressor = detector, regressor if hasattr(self._policy, "regressor") else None
        self._follows_camera, self._camera = camera_motion, CameraMotion()

    def reset(self) -> None:
        """To the state before the first frame of a video."""
        self._policy.reset()
        self._camera = CameraMotion()

    def step(self, image: Any) -> Tracks:
        """The tracks of the next frame.

        Raises:
            DMTrackError: the frame is no image where there is a detector, or no `Detections` where there is none.
        """
        if self._detector is None:
            if not isinstance(image, Detections):
                raise DMTrackError(f"tracker {self.name} has no detector: its frames are Detections, not images")
            given: Tracks = self._policy.step(image)
            return given
        frame = as_rgb(image)
        found = self._detector(frame)
        if self._regressor is not None:
            self._policy.regressor = partial(self._regressor, frame)
        motion = self._camera.step(frame, found.boxes_xywh) if self._follows_camera else None
        tracks: Tracks = self._policy.step(found, motion)
        if self._regressor is not None:
            self._policy.regressor = None  # it is of this frame
        return tracks
