"""Losses of the embeddings. All are zero, and still attached to the graph, where a batch has nothing to teach.

Known: FairMOT is credited by the authors; its cross-entropy and its weighting of the two tasks are taken from there.
Own design: the contrastive loss, the triplet on cosine distances, and the preference for negatives of the same scene.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dmtrack.config import Amount, Positive, check_fields
from dmtrack.errors import ConfigError
from dmtrack.models.reid.instances import Instances, Relations

FARTHEST = -2.0
"""Below every cosine."""


@dataclass(frozen=True)
class EmbeddingLosses:
    """`model.embedding_losses`: how much each loss counts, 0 leaves it out, and their settings.

    Attributes:
        contrastive: weight of `contrastive_loss`, which needs pairs only.
        triplet: weight of `triplet_loss`, likewise.
        identity: weight of the cross-entropy over the identities of the data set.
        temperature: of the contrastive loss; cosines are divided by it.
        elsewhere: how much a negative of another scene counts in the contrastive loss, against one of the same scene.
        margin: of the triplet loss, in cosine.
    """

    contrastive: Amount = 1.0
    triplet: Amount = 0.0
    identity: Amount = 0.0
    temperature: Positive = 0.1
    elsewhere: Amount = 0.25
    margin: Amount = 0.3

    def __post_init__(self) -> None:
        check_fields(self, "model.embedding_losses")


def contrastive_loss(
    embeddings: Tensor, relations: Relations, temperature: float = 0.1, elsewhere: float = 0.25
) -> Tensor:
    """InfoNCE (van den Oord et al., 2018): every positive must be nearer than all negatives together.

    Args:
        embeddings: (n, channels) unit vectors.
        relations: between them.
        temperature: cosines are divided by it.
        elsewhere: weight of the negatives of other scenes; those of the same scene have 1.

    Returns:
        Mean over boxes that have a positive and a negative, of the mean over their positives.
    """
    logits = embeddings @ embeddings.t() / temperature
    counting = relations.negative & (relations.near | (elsewhere > 0))
    weights = torch.where(relations.near, 0.0, math.log(elsewhere) if elsewhere > 0 else 0.0)
    against = (logits + weights).masked_fill(~counting, -torch.inf)
    teaches = relations.positive.any(dim=1) & counting.any(dim=1)
    if not teaches.any():
        return embeddings.sum() * 0.0
    positive = relations.positive[teaches]
    # log(1 + sum of negatives / positive)
    each = F.softplus(against[teaches].logsumexp(dim=1, keepdim=True) - logits[teaches])
    return ((each * positive).sum(dim=1) / positive.sum(dim=1)).mean()


def triplet_loss(embeddings: Tensor, relations: Relations, margin: float = 0.3) -> Tensor:
    """Batch-hard triplet (Hermans et al., 2017) on cosines: the farthest positive against the nearest negative.

    The nearest negative is one of the same scene wherever there is any.

    Args:
        embeddings: (n, channels) unit vectors.
        relations: between them.
        margin: by which a positive shall be nearer, in cosine.
    """
    cosines = embeddings @ embeddings.t()
    close = relations.negative & relations.near
    candidates = torch.where(close.any(dim=1, keepdim=True), close, relations.negative)
    teaches = relations.positive.any(dim=1) & candidates.any(dim=1)
    if not teaches.any():
        return embeddings.sum() * 0.0
    farthest = cosines.masked_fill(~relations.positive, -FARTHEST).amin(dim=1)
    nearest = cosines.masked_fill(~candidates, FARTHEST).amax(dim=1)
    return F.relu(margin + nearest - farthest)[teaches].mean()


class IdentityClassifier(nn.Module):
    """Cross-entropy over the identities of the data set, as FairMOT has it; used in training only.

    Embeddings are scaled by sqrt(2) * log(identities - 1) before a linear classifier. Where there are several classes
    of objects, each has a classifier of its own (multi-class FairMOT, github.com/CaptainEven/MCMOT): an object is told
    from those of its class.

    Args:
        channels: of the embeddings.
        identities: how many the data set has, of the class that has most.
        classes: of objects.

    Raises:
        ConfigError: fewer than three identities, for which the scale is not positive.
    """

    def __init__(self, channels: int, identities: int, classes: int = 1) -> None:
        super().__init__()
        if identities < 3:
            raise ConfigError(
                f"model.n_identities is {identities}: the identity loss needs the number of tracks of the training "
                "data, at least 3"
            )
        self.scale, self.identities = math.sqrt(2.0) * math.log(identities - 1), identities
        self.classify = nn.Linear(channels, classes * identities)

    def forward(self, embeddings: Tensor, identities: Tensor, classes: Tensor | None = None) -> Tensor:
        """Mean over the boxes whose identity is known.

        Args:
            embeddings: (n, channels) unit vectors.
            identities: (n,) int64, -1 where unknown.
            classes: (n,) int64; None where there is one.

        Raises:
            ConfigError: an identity that the classifier does not have.
        """
        logits, known = self.logits(embeddings, identities, classes)
        return F.cross_entropy(logits, known) if len(known) else (embeddings.sum() + logits.sum()) * 0.0

    def logits(self, embeddings: Tensor, identities: Tensor, classes: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Logits (known, identities) of the boxes whose identity is known, and those identities; raises likewise."""
        known = identities >= 0
        most = int(identities.max()) if known.any() else -1
        if most >= self.identities:
            raise ConfigError(
                f"the model has {self.identities} identities, but the data has identity {most}; set "
                "model.n_identities (of FairMOT: model.train_cfg.identities) to the number of tracks of all training "
                "sets together"
            )
        logits = self.classify(self.scale * embeddings[known])
        if classes is not None:
            rows = torch.arange(len(logits), device=logits.device)
            logits = logits.unflatten(1, (-1, self.identities))[rows, classes[known]]
        return logits, identities[known]


class UncertaintyWeighting(nn.Module):
    """Learned balance of two tasks (Kendall et al., 2018) with FairMOT's first values.

    0.5 * (exp(-s1) * detection + exp(-s2) * identification + s1 + s2).
    """

    def __init__(self, detection: float = -1.85, identification: float = -1.05) -> None:
        super().__init__()
        self.detection = nn.Parameter(torch.tensor(detection))
        self.identification = nn.Parameter(torch.tensor(identification))

    def forward(self, detection: Mapping[str, Tensor], identification: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """All losses with their weights, and under `loss_uncertainty` what keeps the weights in bounds.

        Args:
            detection: losses by name.
            identification: losses by name; empty where a batch has nothing to identify, which then tells
                nothing about how hard that is.
        """
        weighted = {name: 0.5 * torch.exp(-self.detection) * loss for name, loss in detection.items()}
        weighted |= {name: 0.5 * torch.exp(-self.identification) * loss for name, loss in identification.items()}
        bounds = self.detection + (self.identification if identification else 0.0)
        return weighted | {"loss_uncertainty": 0.5 * bounds}


def embedding_losses(
    embeddings: Tensor,
    instances: Instances,
    relations: Relations,
    settings: EmbeddingLosses,
    classifier: IdentityClassifier | None,
) -> dict[str, Tensor]:
    """The chosen losses by name, weighted.

    Args:
        embeddings: (n, channels) float32 unit vectors of the n instances.
        instances: with the `relations` between them.
        relations: likewise.
        settings: which losses, and how much.
        classifier: for the identity loss.
    """
    losses = {}
    if settings.contrastive > 0:
        loss = contrastive_loss(embeddings, relations, settings.temperature, settings.elsewhere)
        losses["loss_contrastive"] = settings.contrastive * loss
    if settings.triplet > 0:
        losses["loss_triplet"] = settings.triplet * triplet_loss(embeddings, relations, settings.margin)
    if classifier is not None and settings.identity > 0:
        losses["loss_identity"] = settings.identity * classifier(embeddings, instances.identities)
    return losses
