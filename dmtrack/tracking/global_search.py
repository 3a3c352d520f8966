"""Tracking by searching the whole of every frame: no window around the last box, no motion model, no drift.

Follows the tracking loop of DMTrack-GS (CVPR 2021): the template is taken once from the first frame, every later frame
is searched on its own, and the best box of the frame is the answer.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from dmtrack.association.border_correction import with_drawn_borders
from dmtrack.association.detections import Decision, Detections
from dmtrack.association.policies.best_candidate import BestCandidate
from dmtrack.association.policy import Affine, Association, TargetPolicy
from dmtrack.boxes import (
    Boxes,
    check_distinct_xywh,
    check_first_box_xywh,
    xywh_to_xyxy,
)
from dmtrack.config import Count, Precision, Share, parse_section
from dmtrack.data.preprocessing import PreparedImage, prepare_image, prepare_image_on
from dmtrack.errors import ConfigError, DMTrackError
from dmtrack.media.images import Image, as_rgb
from dmtrack.models.fast.inference_copy import GraphedSearch, inference_copy
from dmtrack.models.global_search.base import GlobalSearchModel, tensors_of
from dmtrack.registry import TRACKERS
from dmtrack.tracking.base import Tracker
from dmtrack.tracking.camera_motion import CameraMotion
from dmtrack.tracking.device import autocast, choose_device, resolve_precision
from dmtrack.tracking.recent_view import RecentView

MASKED_CANDIDATES = 16
"""So many of a frame's best candidates are no background to the estimate of the camera's motion."""


@TRACKERS.register
class GlobalSearchTracker(Tracker):
    """Global top-1 of a one-shot detector, for one target or for several in the same pass.

    Frames are independent of each other and may differ in size. The state is the templates of the first frame and the
    last box of each target, whatever the length of the video.

    Args:
        model: the detector.
        name: of the tracker in results and reports.
        presence_threshold: the target counts as present where the best score reaches this, in [0, 1]. Where it does
            not, the box is still the best of the frame, which is what benchmarks without an absence score want.
        device: 'cpu', 'cuda', 'cuda:1', where the model is moved; None leaves it where it is.
        precision: 'fp32', 'bf16' or 'fp16' for convolutions; box distances and decoding are always fp32.
        max_candidates: how many boxes of a frame a result keeps.
        channels_last: lay out images with the channels innermost, which most devices compute faster.
        fast: track with a copy of the model that is made here for speed (`dmtrack.models.fast`); `self.model` is then
            that copy, the given model stays as it is, and later changes of its weights do not reach the tracker.
            False tracks with the given model itself, which is put in evaluation mode on the device.
        cuda_graph: on a GPU, record the network once per size of frame and replay it.
        recent_view: settings of `RecentView`, by name: each target is also searched as it last looked beyond doubt;
            None searches with the first frame's view alone, in five sixths of the time.
        correct_borders: how far, in [0, 1], boxes are drawn as the first one was, close or loose (`CorrectedBorders`);
            0 gives them as they are found.

    Raises:
        ConfigError: an unknown device, precision or setting, or a number out of range.
    """

    changing: ClassVar[tuple[str, ...]] = ("_last_boxes_xywh", "_policies", "_camera", "_recent")
    searches_first_frame: ClassVar[bool] = False
    """Whether the first frame's look-alikes are found too, for a policy to which they are distractors."""

    def __init__(
        self,
        model: GlobalSearchModel,
        name: str = "GlobalSearchTracker",
        presence_threshold: Share = 0.0,
        device: str | None = None,
        precision: Precision = "fp32",
        max_candidates: Count = 100,
        channels_last: bool = True,
        fast: bool = True,
        cuda_graph: bool = False,
        recent_view: RecentView | Mapping[str, Any] | None = None,
        correct_borders: Share = 0.0,
    ) -> None:
        super().__init__(name)
        if not 0.0 <= presence_threshold <= 1.0:
            raise ConfigError(f"presence_threshold {presence_threshold:g}: expected a number from 0 to 1")
        if max_candidates < 1:
            raise ConfigError(f"max_candidates {max_candidates}: expected 1 or more")
        self.device = model.device if device is None else choose_device(device)
        self.precision = resolve_precision(precision, self.device)
        self.presence_threshold = presence_threshold
        self.max_candidates = max_candidates
        self._layout = torch.channels_last if channels_last else torch.contiguous_format
        self.fast, self._autocast_precision = fast, self.precision
        if fast:
            self.model, needs_autocast = inference_copy(model, self.precision, self.device)
            if not needs_autocast:
                self._autocast_precision = "fp32"
        else:
            self.model = model.to(self.device).eval()
            if channels_last:
                self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if cuda_graph and self.device.type != "cuda":
            raise ConfigError(f"cuda_graph=True needs a GPU, and the device is {str(self.device)!r}; leave it out")
        if isinstance(recent_view, Mapping):
            recent_view = parse_section(recent_view, RecentView, "recent_view", source="")
        self.recent_view: RecentView | None = recent_view
        if not 0.0 <= correct_borders <= 1.0:
            raise ConfigError(f"correct_borders {correct_borders:g}: expected a number from 0 to 1")
        self.correct_borders = correct_borders
        self._wants_graph = cuda_graph
        self._graph: GraphedSearch | None = None
        # OpenCV's rounding is part of the published results, which reduced precision does not promise anyway.
        self._prepare_on_device = fast and self.device.type == "cuda" and self.precision != "fp32"
        self.association: Association = BestCandidate()
        self._camera: CameraMotion | None = None
        self._preprocessing = self.model.preprocessing
        self._templates: Any = None
        self._since_view = np.zeros(0, np.int64)
        self._image_index = torch.zeros(0, dtype=torch.int64)
        self._last_boxes_xywh: list[Boxes] = []
        self._policies: list[TargetPolicy] = []
        self.decisions: list[Decision] = []

    def init(self, image: Any, box: ArrayLike) -> None:
        """Takes the target's box (x, y, w, h in pixels) in the first frame."""
        self.init_targets(image, [np.asarray(box)])

    def step(self, image: Any) -> Decision:
        """Finds the target in the next frame.

        Raises:
            DMTrackError: there was no `init`, or the image is none.
        """
        return self.step_targets(image)[0]

    def init_targets(self, image: Any, boxes_xywh: ArrayLike | list[NDArray[Any]]) -> None:
        """Takes the boxes of several targets in the first frame; they replace those of an earlier call.

        Args:
            image: HxWx3 uint8 RGB array or PIL image.
            boxes_xywh: (targets, 4) pixels of the frame.

        Raises:
            BoxError: a box is NaN, empty or outside the image, or two targets have the same.
            DMTrackError: there are no boxes.
        """
        frame = as_rgb(image)
        height, width = frame.shape[:2]
        boxes = [check_first_box_xywh(box, width, height) for box in boxes_xywh]  # type: ignore[union-attr]
        if not boxes:
            raise DMTrackError("no target to track: expected at least one box x,y,w,h in the first frame")
        check_distinct_xywh(boxes)
        self._last_boxes_xywh, self._graph = boxes, None
        self._preprocessing = self.model.preprocessing.for_targets(np.array(boxes), height, width)
        found = self._take_templates(frame)
        if self._camera is not None:
            self._camera = CameraMotion()
        self._camera_moved(frame, found)
        given, embeddings = np.array(boxes), np.array(self.template_embeddings())
        self._policies = [
            with_drawn_borders(self.association.target_policy(self.presence_threshold), self.correct_borders)
            for _ in boxes
        ]
        self.decisions = []
        for row, policy in enumerate(self._policies):
            others = np.arange(len(boxes)) != row  # each target is no other one's
            target = given[row], embeddings[row], found[row], given[others], embeddings[others]
            self.decisions.append(policy.start(*target))

    @torch.inference_mode()
    def _take_templates(self, frame: Image) -> list[Detections]:
        """Encodes the targets in the first frame, and finds in it what looks like them where a policy wants to know."""
        prepared, images = self._prepare(frame)
        boxes_xyxy = self._network_boxes(np.stack(self._last_boxes_xywh), prepared)
        self._since_view = np.zeros(len(boxes_xyxy), np.int64)
        if self.recent_view is not None:
            # The recent views of all targets stand behind those of the first frame, and begin as the same.
            boxes_xyxy = boxes_xyxy.repeat(2, 1)
        self._image_index = torch.zeros(len(boxes_xyxy), dtype=torch.int64, device=self.device)
        with autocast(self.device, self._autocast_precision):
            features = self.model.extract(images)
            self._templates = self.model.encode_templates(features, boxes_xyxy, self._image_index)
            if not (self.searches_first_frame or self.correct_borders):
                return [Detections.nothing() for _ in self._last_boxes_xywh]
            outputs = self.model.search(features, self._templates, self._image_index)
        return self._found(outputs, prepared)[1]

    def step_targets(self, image: Any) -> list[Decision]:
        """Finds every target of `init_targets` in the next frame, in the order of their boxes.

        Raises:
            DMTrackError: there was no `init_targets`, or the image is none.
        """
        found = self.detect_targets(image)
        motion = self._camera_moved(image, found)
        decided = zip(self._policies, found, strict=True)
        self.decisions = [policy.step(item, motion) for policy, item in decided]
        self._last_boxes_xywh = [decision.box_xywh for decision in self.decisions]
        return self.decisions

    def _camera_moved(self, image: Any, found: list[Detections]) -> Affine | None:
        """How the camera moved since the frame before, where that is asked for."""
        if self._camera is None:
            return None
        # The targets and what looks like them may move by themselves.
        things_xywh = [item.boxes_xywh[:MASKED_CANDIDATES] for item in found]
        things_xywh.append(np.array(self._last_boxes_xywh))
        return self._camera.step(as_rgb(image), np.concatenate(things_xywh))

    @torch.inference_mode()
    def detect_targets(self, image: Any, first: bool = False) -> list[Detections]:
        """What the detector finds of every target of `init_targets` in the next frame; no policy hears of it.

        Args:
            image: HxWx3 uint8 RGB array or PIL image.
            first: the frame is that of `init_targets`, so it shows no recent view.

        Raises:
            DMTrackError: there was no `init_targets`, or the image is none.
        """
        if not self._last_boxes_xywh:
            raise DMTrackError(f"{self.name} has no target yet; call init(first_frame, (x, y, w, h)) first")
        prepared, images = self._prepare(as_rgb(image))
        with autocast(self.device, self._autocast_precision):
            features, outputs = self._search(images)
        by_first_view, found = self._found(outputs, prepared)
        if not first:
            self._take_recent_views(by_first_view, images, features, prepared)
        return found

    def _found(self, outputs: Any, prepared: PreparedImage) -> tuple[list[Detections], list[Detections]]:
        """Of every target what the first frame's view finds, and what that and the recent view find together."""
        found, count = self._decoded(outputs, prepared), len(self._last_boxes_xywh)
        if self.recent_view is None:
            return found, found
        pairs = zip(found[:count], found[count:], strict=True)
        return found[:count], [self.recent_view.join(*pair, self.max_candidates) for pair in pairs]

    def _take_recent_views(
        self, found: list[Detections], images: Tensor, features: Any, prepared: PreparedImage
    ) -> None:
        """Encodes the targets that are beyond doubt in this frame as their recent views."""
        settings = self.recent_view
        if settings is None:
            return
        self._since_view += 1
        due = [row for row in (self._since_view >= settings.interval).nonzero()[0] if settings.takes(found[row])]
        if not due:
            return
        self._since_view[due] = 0
        boxes_xyxy = self._network_boxes(np.stack([found[row].boxes_xywh[0] for row in due]), prepared)
        rows = torch.tensor(due, device=self.device) + len(found)
        with autocast(self.device, self._autocast_precision):
            features = self.model.extract(images) if features is None else features
            fresh = self.model.encode_templates(features, boxes_xyxy, self._image_index[: len(due)])
        for known, new in zip(tensors_of(self._templates), tensors_of(fresh), strict=True):
            known[rows] = new.to(known.dtype)

    @property
    def _recent(self) -> list[NDArray[Any]]:
        """What `_take_recent_views` changes, as arrays."""
        count = len(self._since_view)
        views = tensors_of(self._templates) if self.recent_view is not None else []
        return [self._since_view, *(tensor[count:].float().cpu().numpy() for tensor in views)]

    @_recent.setter
    def _recent(self, stored: list[NDArray[Any]]) -> None:
        count = len(self._since_view)
        self._since_view, *views = stored
        if self.recent_view is not None:
            with torch.inference_mode():
                for tensor, view in zip(tensors_of(self._templates), views, strict=True):
                    tensor[count:] = torch.from_numpy(view).to(tensor)

    def _decoded(self, outputs: Any, prepared: PreparedImage) -> list[Detections]:
        """The best candidates of every target, as they are stored."""
        found, inclusive = [], self.model.preprocessing.inclusive_boxes
        for target in self.model.decode(outputs, prepared.size_hw, prepared.scale_factor):
            boxes_xyxy = target.boxes_xyxy[: self.max_candidates].float().cpu().numpy()
            scores = target.scores[: self.max_candidates].float().cpu().numpy()
            # Half precision can overflow; a box that is no number is no candidate.
            finite = np.isfinite(boxes_xyxy).all(axis=1) & np.isfinite(scores)
            embeddings = None
            if target.embeddings is not None:
                embeddings = target.embeddings[: self.max_candidates].to(torch.float16).cpu().numpy()[finite]
            found.append(Detections(boxes_xyxy[finite], scores[finite], embeddings=embeddings, inclusive=inclusive))
        return found

    def template_embeddings(self) -> list[NDArray[np.float16]]:
        """(channels,) unit vector of every target of `init_targets`; no channels where the model embeds nothing."""
        embeddings = getattr(self._templates, "embeddings", None)
        if embeddings is None:
            return [np.zeros(0, np.float16) for _ in self._last_boxes_xywh]
        return list(embeddings[: len(self._last_boxes_xywh)].to(torch.float16).cpu().numpy())

    @classmethod
    def association_of(cls, settings: Mapping[str, Any]) -> Association:
        """Which policy decides, from the settings in a config (its `tracker` section).

        Raises:
            ConfigError: a setting is unknown or out of range, or needs images.
        """
        return BestCandidate()

    @classmethod
    def policy(cls, settings: Mapping[str, Any]) -> TargetPolicy:
        """What decides, from the same settings, before the first frame; it can run from stored detections.

        Raises:
            ConfigError: see `association_of`.
        """
        usual = inspect.signature(cls).parameters["presence_threshold"].default
        threshold = float(settings.get("presence_threshold", usual))
        policy = cls.association_of(settings).target_policy(threshold)
        return with_drawn_borders(policy, float(settings.get("correct_borders", 0.0)))

    def _prepare(self, frame: Image) -> tuple[PreparedImage, Tensor]:
        if self._prepare_on_device:
            prepared = prepare_image_on(frame, self._preprocessing, self.device)
        else:
            prepared = prepare_image(frame, self._preprocessing)
        return prepared, prepared.tensor.to(self.device).contiguous(memory_format=self._layout)

    def _search(self, images: Tensor) -> tuple[Any, Any]:
        """The frame's features, None where a recorded network keeps them, and the raw outputs of every target."""
        if not self._wants_graph:
            features = self.model.extract(images)
            return features, self.model.search(features, self._templates, self._image_index)
        if self._graph is None or self._graph.shape != images.shape:
            self._graph = GraphedSearch(self.model, self._templates, self._image_index, images)
        return None, self._graph(images)

    def _network_boxes(self, boxes_xywh: Boxes, prepared: PreparedImage) -> Tensor:
        """Frame boxes -> (targets, 4) corners in network-input pixels, clipped as in the reference."""
        inclusive = self.model.preprocessing.inclusive_boxes
        boxes = xywh_to_xyxy(boxes_xywh, inclusive) * prepared.scale_factor
        if inclusive:
            # The reference clips to the padded input, whose last pixel is named by its index.
            height, width = prepared.tensor.shape[-2] - 1, prepared.tensor.shape[-1] - 1
        else:
            height, width = prepared.size_hw
        boxes = np.clip(boxes, 0.0, [width, height, width, height])
        boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2])
        return torch.from_numpy(boxes.astype(np.float32)).to(self.device)
