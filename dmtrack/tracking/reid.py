"""DMTrack-ReID: what a global search finds is associated over time, so that look-alikes are reasoned about.

Detecting is `GlobalSearchTracker`'s; deciding is `tracking/association`. It can follow any detector of this package;
one that embeds its candidates (`DMTrackReID`) lets appearance have a say in who is who.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmtrack.association.camera_motion import Affine, CameraMotion
from dmtrack.association.detections import FrameDetections
from dmtrack.association.observations import Decision, Observation
from dmtrack.association.policies.distractor_aware import DistractorAwarePolicy
from dmtrack.association.settings import AssociationSettings
from dmtrack.boxes import Boxes
from dmtrack.errors import ConfigError
from dmtrack.media.images import as_rgb
from dmtrack.models.global_search.base import GlobalSearchModel
from dmtrack.registry import TRACKERS
from dmtrack.tracking.base import Candidates, TrackResult
from dmtrack.tracking.device import Precision
from dmtrack.tracking.global_search import GlobalSearchTracker

MASKED_CANDIDATES = 16
"""So many of a frame's best candidates are no background to the estimate of the camera's motion."""


class AssociatedCandidate:
    """The decision of `ReIDTracker`, from detections alone.

    Args:
        settings: of the association.
        presence_threshold: the target counts as present where its score reaches this, in [0, 1].

    Attributes:
        decision: of the last frame, for those who want to know why.
    """

    def __init__(self, settings: AssociationSettings, presence_threshold: float) -> None:
        self._policy = DistractorAwarePolicy(settings, presence_threshold)
        self.decision: Decision | None = None

    def start(
        self,
        box_xywh: Boxes,
        template_embedding: NDArray[np.float16],
        found: FrameDetections,
        others_xywh: Boxes | None = None,
        others_embeddings: NDArray[np.float16] | None = None,
    ) -> None:
        """The first frame.

        Args:
            box_xywh: (4,) of the target.
            template_embedding: (channels,) of the template, without channels where there is none.
            found: what else was found there.
            others_xywh: (n, 4) boxes of other targets, which are known not to be this one.
            others_embeddings: (n, channels) of them.
        """
        embedding = template_embedding if len(template_embedding) else None
        observation = _observed(found, found.boxes_xywh)
        self.decision = self._policy.start(box_xywh, embedding, observation, others_xywh, others_embeddings)

    def step(self, found: FrameDetections, camera_motion: Affine | None = None) -> TrackResult:
        """The next frame; how the camera moved before it, (2, 3), where that is known."""
        boxes_xywh = found.boxes_xywh
        decision = self._policy.step(_observed(found, boxes_xywh, camera_motion))
        self.decision = decision
        candidates = Candidates(boxes_xywh, found.scores.astype(np.float64))
        return TrackResult(decision.box_xywh, decision.score, decision.present, candidates)


@TRACKERS.register
class ReIDTracker(GlobalSearchTracker):
    """Tracklets of everything that looks like the target, associated by motion and appearance.

    Several targets share one pass through the backbone per frame, and each is a distractor of the others. Memory does
    not grow with the length of the video.

    Args:
        model: the detector.
        name: of the tracker in results and reports.
        association: settings of `AssociationSettings`, by name; what is not named keeps its default.
        presence_threshold: the target counts as present where its score reaches this, in [0, 1].
        device: see `GlobalSearchTracker`.
        precision: see there.
        max_candidates: how many boxes of a frame are associated.
        channels_last: see there.
        fast: see there.
        cuda_graph: see there.
        camera_motion: estimate from the images how the camera moved, and let the tracklets go along; some milliseconds
            per frame. Not with stored detections, which hold no images.

    Raises:
        ConfigError: an unknown device, precision or setting, or a number out of range.
    """

    def __init__(
        self,
        model: GlobalSearchModel,
        name: str = "ReIDTracker",
        association: AssociationSettings | Mapping[str, Any] | None = None,
        presence_threshold: float = 0.3,
        device: str | None = None,
        precision: Precision = "fp32",
        max_candidates: int = 100,
        channels_last: bool = True,
        fast: bool = True,
        cuda_graph: bool = False,
        camera_motion: bool = False,
    ) -> None:
        super().__init__(
            model, name, presence_threshold, device, precision, max_candidates, channels_last, fast, cuda_graph
        )
        self._settings = AssociationSettings.of(association)
        self._policies: list[AssociatedCandidate] = []
        self.camera_motion = camera_motion
        self._camera = CameraMotion()

    def init_targets(self, image: Any, boxes_xywh: ArrayLike | list[NDArray[Any]]) -> None:
        """As `GlobalSearchTracker.init_targets`; the first frame's look-alikes are distractors from now on."""
        prepared, features = self._start(image, boxes_xywh)
        boxes, embeddings = np.array(self._last_boxes_xywh), np.array(self.template_embeddings())
        found = self._search_features(features, prepared)
        self._camera = CameraMotion()
        self._follow_camera(image, found)
        self._policies = [AssociatedCandidate(self._settings, self.presence_threshold) for _ in boxes]
        for row, policy in enumerate(self._policies):
            others = np.arange(len(boxes)) != row
            policy.start(boxes[row], embeddings[row], found[row], boxes[others], embeddings[others])

    def step_targets(self, image: Any) -> list[TrackResult]:
        """As `GlobalSearchTracker.step_targets`."""
        found = self.detect_targets(image)
        motion = self._follow_camera(image, found)
        results = [policy.step(item, motion) for policy, item in zip(self._policies, found, strict=True)]
        self._last_boxes_xywh = [result.box_xywh for result in results]
        return results

    def _follow_camera(self, image: Any, found: list[FrameDetections]) -> Affine | None:
        """How the camera moved since the frame before, where anybody wants to know."""
        if not self.camera_motion:
            return None
        best = [item.boxes_xywh[:MASKED_CANDIDATES] for item in found]
        return self._camera.step(as_rgb(image), np.concatenate([*best, np.array(self._last_boxes_xywh)]))

    @property
    def decisions(self) -> list[Decision]:
        """What was decided of every target in the last frame, and why."""
        return [policy.decision for policy in self._policies if policy.decision is not None]

    @classmethod
    def policy(cls, settings: Mapping[str, Any]) -> AssociatedCandidate:  # type: ignore[override]
        """How this tracker decides, from its settings in a config: see `CandidatePolicy`.

        Raises:
            ConfigError: a setting needs images.
        """
        if settings.get("camera_motion"):
            raise ConfigError(
                "tracker.camera_motion follows the images, and stored detections hold none; leave it out, or track "
                "without stored detections"
            )
        association = AssociationSettings.of(settings.get("association"))
        return AssociatedCandidate(association, float(settings.get("presence_threshold", 0.3)))


def _observed(found: FrameDetections, boxes_xywh: Boxes, camera_motion: Affine | None = None) -> Observation:
    embeddings = found.embeddings if found.embeddings.shape[1] else None
    return Observation.of(boxes_xywh, found.scores, embeddings, camera_motion)
