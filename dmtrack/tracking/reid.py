"""DMTrack-ReID: what a global search finds is associated over time, so that look-alikes are reasoned about.

Detecting is `GlobalSearchTracker`'s; deciding is that of a policy in `dmtrack.association`. It can follow any detector
of this package; one that embeds its candidates (`DMTrackReID`) lets appearance have a say in who is who.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from dmtrack.association.policies.distractor_aware import DistractorAware
from dmtrack.association.policy import Association
from dmtrack.config import Count, Precision, Share, build, parse_section
from dmtrack.errors import ConfigError
from dmtrack.models.global_search.base import GlobalSearchModel
from dmtrack.registry import ASSOCIATIONS, TRACKERS
from dmtrack.tracking.camera_motion import CameraMotion, check_needs_no_images
from dmtrack.tracking.global_search import GlobalSearchTracker
from dmtrack.tracking.recent_view import RecentView


@TRACKERS.register
class ReIDTracker(GlobalSearchTracker):
    """Tracklets of everything that looks like the target, associated by motion and appearance.

    Several targets share one pass through the backbone per frame, and each is a distractor of the others. Memory does
    not grow with the length of the video.

    Args:
        model: the detector.
        name: of the tracker in results and reports.
        association: settings of `DistractorAware`, by name; what is not named keeps its default.
        presence_threshold: the target counts as present where its score reaches this, in [0, 1].
        device: 'cpu', 'cuda', 'cuda:1', where the model is moved; None leaves it where it is.
        precision: 'fp32', 'bf16' or 'fp16' for convolutions; box distances and decoding are always fp32.
        max_candidates: how many boxes of a frame are associated.
        channels_last: lay out images with the channels innermost, which most devices compute faster.
        fast: track with a copy of the model that is made here for speed (`dmtrack.models.fast`).
        cuda_graph: on a GPU, record the network once per size of frame and replay it.
        policy: another policy with its settings; in a config `policy=dict(type="Sort", max_age=30)`. It takes the place
            of `association`.
        camera_motion: estimate from the images how the camera moved, and let the tracklets go along; some milliseconds
            per frame. Not with stored detections, which hold no images.
        recent_view, correct_borders: as of `GlobalSearchTracker`.

    Raises:
        ConfigError: an unknown device, precision or setting, or a number out of range.
    """

    changing: ClassVar[tuple[str, ...]] = GlobalSearchTracker.changing
    searches_first_frame: ClassVar[bool] = True

    def __init__(
        self,
        model: GlobalSearchModel,
        name: str = "ReIDTracker",
        association: DistractorAware | Mapping[str, Any] | None = None,
        presence_threshold: Share = 0.3,
        device: str | None = None,
        precision: Precision = "fp32",
        max_candidates: Count = 100,
        channels_last: bool = True,
        fast: bool = True,
        cuda_graph: bool = False,
        camera_motion: bool = False,
        policy: Association | None = None,
        recent_view: RecentView | Mapping[str, Any] | None = None,
        correct_borders: Share = 0.0,
    ) -> None:
        network = device, precision, max_candidates, channels_last, fast, cuda_graph
        super().__init__(model, name, presence_threshold, *network, recent_view, correct_borders)
        self.association = _chosen(association, policy)
        self._camera = CameraMotion() if camera_motion else None

    @classmethod
    def association_of(cls, settings: Mapping[str, Any]) -> Association:
        """As `GlobalSearchTracker.association_of`."""
        check_needs_no_images(settings)
        policy = settings.get("policy")
        chosen = build(policy, ASSOCIATIONS) if isinstance(policy, Mapping) else policy
        return _chosen(settings.get("association"), chosen)


def _chosen(association: DistractorAware | Mapping[str, Any] | None, policy: Association | None) -> Association:
    """The policy that two ways of giving it name: flat settings of the usual one, or any policy.

    Raises:
        ConfigError: both are given, or a setting is unknown, of a wrong type or out of range.
    """
    if policy is not None:
        if association:
            raise ConfigError("tracker.policy and tracker.association exclude each other; settings stand in the policy")
        return policy
    if isinstance(association, DistractorAware):
        return association
    return parse_section(association or {}, DistractorAware, "association", source="")
