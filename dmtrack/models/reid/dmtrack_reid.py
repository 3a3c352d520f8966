"""DMTrack-ReID: a global-search detector that also says what each of its candidates looks like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from dmtrack.config import Amount, CountOrZero
from dmtrack.data.batches import Batch
from dmtrack.errors import ConfigError
from dmtrack.models.base import build_part
from dmtrack.models.global_search.base import Detections, Features, GlobalSearchModel, concatenate, jittered
from dmtrack.models.reid.embedding_head import EmbeddingHead, TappedMaps
from dmtrack.models.reid.instances import Instances, detected_candidates, relate, things_of
from dmtrack.models.reid.losses import EmbeddingLosses, IdentityClassifier, UncertaintyWeighting, embedding_losses
from dmtrack.registry import HEADS, MODELS

TrainMode = Literal["frozen", "joint"]


@dataclass
class ReIDTemplates:
    """What the first frame says of each target.

    Attributes:
        found_by: the detector's own templates.
        embeddings: (targets, channels) float32 unit vectors.
    """

    found_by: Any
    embeddings: Tensor


@dataclass
class ReIDOutputs:
    """Raw outputs of a search, and what embedding its candidates needs.

    Attributes:
        found: the detector's own outputs.
        maps: that embeddings are taken from.
        image_index: (targets,) int64, the image of each target.
    """

    found: Any
    maps: Features
    image_index: Tensor


@MODELS.register
class DMTrackReID(GlobalSearchModel):
    """A detector and an embedding of its template and candidates, from one pass through the backbone.

    Known of the published model: embeddings come from the backbone's features, and FairMOT is credited. Own design:
    that the detector stays what it is and is wrapped, the training on a frozen detector, its own false candidates as
    negatives, and all numbers that are not FairMOT's.

    Args:
        detector: any global-search model; its weights have the prefix `detector.` here (`load_from_into="detector"`
            starts from those of a detector alone).
        embedding: an `EmbeddingHead` on `maps`.
        maps: what the embedding is taken from: a part of the detector and the number of one of the maps that it
            returns, e.g. "backbone.0" for the stride-8 map of DLA-34, "neck.0" for the small model's fused map.
        train_mode: `frozen` trains the embedding alone: the detector is in evaluation mode, without gradients, its
            batch norms untouched. `joint` trains both, balanced by learned uncertainties as in FairMOT.
        embedding_losses: which losses, see `EmbeddingLosses`.
        n_identities: tracks of the training data, for the identity loss; 0 where it is not used.
        hard_candidates: `frozen` only: so many of the detector's candidates, for one target of each pair, are embedded
            as well; the false ones are the negatives that a tracker meets. 0 for none.
        box_jitter: in training, annotated boxes are shifted and scaled by this share of their size, because those of
            candidates are not exact.

    Raises:
        ConfigError: parts that do not fit each other, an unknown mode, a number out of range.
    """

    def __init__(
        self,
        detector: dict[str, Any] | nn.Module,
        embedding: dict[str, Any] | nn.Module,
        maps: tuple[str, ...] = ("backbone.0",),
        train_mode: TrainMode = "frozen",
        embedding_losses: EmbeddingLosses | None = None,
        n_identities: CountOrZero = 0,
        hard_candidates: CountOrZero = 0,
        box_jitter: Amount = 0.05,
    ) -> None:
        super().__init__()
        if train_mode == "joint" and hard_candidates:
            raise ConfigError("model.hard_candidates needs train_mode='frozen'; set it to 0 for joint training")
        self.detector: GlobalSearchModel = build_part(detector, MODELS, GlobalSearchModel, "DMTrackReID: detector")
        self.embedding: EmbeddingHead = build_part(embedding, HEADS, EmbeddingHead, "DMTrackReID: embedding")
        self.preprocessing = self.detector.preprocessing
        self.maps = tuple(maps)
        if len(self.maps) != len(self.embedding.body.strides):
            raise ConfigError(f"model.maps names {len(self.maps)} maps, the embedding takes other than that; give each")
        TappedMaps(self.detector, self.maps)
        self.losses_settings = embedding_losses or EmbeddingLosses()
        self.classifier: IdentityClassifier | None = None
        if self.losses_settings.identity > 0:
            self.classifier = IdentityClassifier(self.embedding.channels, n_identities)
        self.uncertainty = UncertaintyWeighting() if train_mode == "joint" else None
        self.train_mode, self.hard_candidates, self.box_jitter = train_mode, hard_candidates, box_jitter
        if train_mode == "frozen":
            self.detector.requires_grad_(False)
            self.detector.eval()

    def train(self, mode: bool = True) -> DMTrackReID:
        """As usual, except that a frozen detector stays in evaluation mode."""
        super().train(mode)
        if self.train_mode == "frozen":
            self.detector.eval()
        return self

    def extract(self, images: Tensor) -> Features:
        """The detector's features of (images, 3, H, W), and behind them the maps that embeddings are taken from."""
        with TappedMaps(self.detector, self.maps).recording() as calls:
            features = self.detector.extract(images)
        (maps,) = calls
        return (*features, *maps)

    def encode_templates(self, features: Features, boxes_xyxy: Tensor, image_index: Tensor) -> ReIDTemplates:
        """The detector's templates, and embeddings of the boxes."""
        found_by, maps = self._split(features)
        return ReIDTemplates(
            self.detector.encode_templates(found_by, boxes_xyxy, image_index),
            self.embedding(maps, boxes_xyxy, image_index),
        )

    def search(self, features: Features, templates: ReIDTemplates, image_index: Tensor) -> ReIDOutputs:
        """The detector's outputs, and what embedding its candidates needs."""
        found_by, maps = self._split(features)
        found = self.detector.search(found_by, templates.found_by, image_index)
        return ReIDOutputs(found, maps, image_index)

    def decode(self, outputs: ReIDOutputs, size_hw: tuple[int, int], scale_factor: float) -> list[Detections]:
        """The detector's detections with their embeddings; those of all targets are embedded in one pass."""
        found = self.detector.decode(outputs.found, size_hw, scale_factor)
        if not found:
            return []
        counts = [len(detections.scores) for detections in found]
        target = torch.arange(len(found), device=outputs.image_index.device).repeat_interleave(
            torch.tensor(counts, device=outputs.image_index.device)
        )
        boxes_xyxy = torch.cat([detections.boxes_xyxy for detections in found]) * scale_factor
        embeddings = self.embedding(outputs.maps, boxes_xyxy, outputs.image_index[target])
        return [
            replace(detections, embeddings=own) for detections, own in zip(found, embeddings.split(counts), strict=True)
        ]

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The embedding's losses, with the detector's where both are trained.

        Instances are embedded in query and search image; rows of one pair are different objects, equal identities in
        different pairs are the same.
        """
        instances = self._annotated(batch)
        if self.uncertainty is None:
            return self._embedding_losses(*self._extract_frozen(batch, instances))
        with TappedMaps(self.detector, self.maps).recording() as calls:
            detection = self.detector.losses(batch)
        identification = self._embedding_losses(calls, instances)
        return self.uncertainty(detection, identification if len(instances) else {})

    def _split(self, features: Features) -> tuple[Features, Features]:
        return features[: -len(self.maps)], features[-len(self.maps) :]

    def _annotated(self, batch: Batch) -> Instances:
        """The annotated boxes of the query images, then of the search images."""
        index = batch.query.clip_index
        unknown = torch.full_like(index, -1)
        identities = unknown if batch.query.identities is None else batch.query.identities
        things = things_of(identities)
        boxes_xyxy = torch.cat([batch.query.boxes_xyxy, batch.search.boxes_xyxy])
        if self.training and self.box_jitter:
            boxes_xyxy = jittered(boxes_xyxy, self.box_jitter)
        return Instances(
            boxes_xyxy=boxes_xyxy,
            images=torch.cat([index, index + len(batch.query.images)]),
            scenes=index.repeat(2),
            things=things.repeat(2),
            identities=identities.repeat(2),
        )

    @torch.no_grad()
    def _extract_frozen(self, batch: Batch, instances: Instances) -> tuple[list[Features], Instances]:
        """Maps of both sides and, where they are wanted, the detector's candidates among the instances."""
        sides = [self._split(self.extract(images)) for images in (batch.query.images, batch.search.images)]
        (query_features, query_maps), (search_features, search_maps) = sides
        if self.hard_candidates and len(instances):
            things = instances.things[: len(batch.query.clip_index)]
            candidates = detected_candidates(
                self.detector, query_features, search_features, batch, things, self.hard_candidates
            )
            instances = concatenate(instances, candidates)
        return [query_maps, search_maps], instances

    def _embedding_losses(self, calls: Sequence[Features], instances: Instances) -> dict[str, Tensor]:
        """Losses of instances whose images lie one after the other in the maps of several calls."""
        embeddings = instances.boxes_xyxy.new_zeros(len(instances), self.embedding.channels)
        first = 0
        for maps in calls:
            rows = ((instances.images >= first) & (instances.images < first + len(maps[0]))).nonzero()[:, 0]
            own = self.embedding(maps, instances.boxes_xyxy[rows], instances.images[rows] - first)
            embeddings = embeddings.index_copy(0, rows, own)
            first += len(maps[0])
        # Half precision cannot tell a cosine of .99 from one of .995.
        with torch.autocast(embeddings.device.type, enabled=False):
            return embedding_losses(embeddings, instances, relate(instances), self.losses_settings, self.classifier)
