"""How the small network looks for a target: generated kernels, a channel gate and template-part correlation.

Its losses take every location of every target, on one map.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import generalized_box_iou_loss

from dmtrack.config import Count
from dmtrack.models.global_search.candidates import Proposals
from dmtrack.models.global_search.decode import boxes_from_distances, level_points
from dmtrack.models.global_search.losses import paired_iou, sigmoid_focal_loss
from dmtrack.models.global_search.parts import PartCorrelation, TemplateParts
from dmtrack.registry import HEADS


@dataclass
class TinyTemplates:
    """What the first frame says of each target.

    Attributes:
        gate: (targets, channels) in (0, 2), multiplies the search features channel by channel.
        kernels: (targets, kernels, channels) generated 1x1 convolutions.
        parts: (targets, parts, embedding channels) unit vectors of a grid of template parts and their mean, or None.
        cells: (targets, channels, size, size) what the template's box shows, for a second look, or None.
        refinement_cells: (targets, channels, size, size) the same for the refinement of boxes, or None.
        sizes_wh: (targets, 2) of the template's box in input pixels.
    """

    gate: Tensor
    kernels: Tensor
    parts: Tensor | None
    cells: Tensor | None
    refinement_cells: Tensor | None
    sizes_wh: Tensor

    def select(self, index: Tensor) -> TinyTemplates:
        """Some of the targets."""
        return type(self)(*(None if value is None else value[index] for value in vars(self).values()))  # type: ignore[arg-type]


@dataclass
class TinyOutputs:
    """Raw maps of each target, and what a second look at its candidates needs.

    Attributes:
        logits: (T, h, w).
        ltrb: (T, 4, h, w) in input pixels.
        centerness: (T, h, w).
        searched: the features that were searched, the templates and the image of each target; None: no second look.
    """

    logits: Tensor
    ltrb: Tensor
    centerness: Tensor
    searched: tuple[tuple[Tensor, ...], TinyTemplates, Tensor] | None = None


def _conv_bn_relu(in_channels: int, out_channels: int, kernel: int, dilation: int = 1) -> nn.Sequential:
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel, 1, padding, dilation, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


@HEADS.register
class TinyHead(nn.Module):
    """Conditions one stride-8 map on a template and predicts class, box and centerness.

    Args:
        channels: of the search features and of the head.
        kernels: generated 1x1 kernels per target.
        hidden: width of the perceptron that generates gate and kernels.
        roi_size: the template is pooled to roi_size x roi_size cells.
        template_parts: of the part correlation, or None to do without it.
        stride: input pixels per cell.
    """

    def __init__(
        self,
        channels: Count = 64,
        kernels: Count = 16,
        hidden: Count = 192,
        roi_size: Count = 3,
        template_parts: TemplateParts | None = None,
        stride: Count = 8,
    ) -> None:
        super().__init__()
        self.channels, self.kernel_count, self.roi_size, self.stride = channels, kernels, roi_size, stride
        generated = nn.Linear(hidden, channels + kernels * channels)
        self.generator = nn.Sequential(nn.Linear(channels * roi_size**2 + 2, hidden), nn.ReLU(inplace=True), generated)
        self.parts: PartCorrelation | None = None
        fused_channels = channels + kernels
        if template_parts is not None:
            self.parts = PartCorrelation(channels, template_parts.channels, template_parts.grid)
            fused_channels += template_parts.grid**2 + 1
        self.fuse = _conv_bn_relu(fused_channels, channels, 1)
        self.tower = _conv_bn_relu(channels, channels, 3)
        # Dilated, so that the votes of parts that lie far apart meet at the centre of a large target.
        self.wide_tower = _conv_bn_relu(channels, channels, 3, dilation=2)
        self.class_output = nn.Conv2d(channels, 1, 1)
        self.box_output = nn.Conv2d(channels, 5, 1)
        self._initialise(generated)

    def _initialise(self, generated: nn.Linear) -> None:
        nn.init.normal_(generated.weight, std=1 / math.sqrt(generated.in_features * self.channels))
        # Gates start at 1 and the kernels as ordinary random 1x1 convolutions that the template then bends.
        nn.init.zeros_(generated.bias)
        nn.init.normal_(generated.bias.detach()[self.channels :], std=1 / math.sqrt(self.channels))
        # At first one location in a hundred is a target, and boxes reach e cells from the centre to each side.
        for layer, biases in ((self.class_output, [-math.log(99.0)]), (self.box_output, [1.0, 1.0, 1.0, 1.0, 0.0])):
            nn.init.normal_(layer.weight, std=0.01)
            if layer.bias is not None:
                layer.bias.detach().copy_(torch.tensor(biases))

    def encode(self, roi_features: Tensor, sizes_wh: Tensor) -> TinyTemplates:
        """Templates from (T, channels, roi_size, roi_size) pooled features and (T, 2) box sizes in input pixels."""
        log_sizes = torch.log(sizes_wh.clamp(min=1.0) / 64.0).to(roi_features.dtype)
        generated = self.generator(torch.cat([roi_features.flatten(1), log_sizes], dim=1))
        gate = 2.0 * torch.sigmoid(generated[:, : self.channels])
        kernels = generated[:, self.channels :].unflatten(1, (self.kernel_count, self.channels))
        parts = None if self.parts is None else self.parts.encode(roi_features)
        return TinyTemplates(gate, kernels, parts, None, None, sizes_wh)

    def forward(self, features: Tensor, templates: TinyTemplates, image_index: Tensor) -> TinyOutputs:
        """Looks for every target in the map of its image.

        Args:
            features: (images, channels, h, w).
            templates: one entry per target.
            image_index: (T,) int64, the image of each target.
        """
        searched = features[image_index]
        targets, _, height, width = searched.shape
        responses = torch.bmm(templates.kernels.to(searched.dtype), searched.flatten(2)).view(
            targets, self.kernel_count, height, width
        )
        evidence = [searched * templates.gate.to(searched.dtype)[:, :, None, None], responses]
        if self.parts is not None and templates.parts is not None:
            evidence.append(self.parts(features, templates.parts, image_index).to(searched.dtype))
        return self.predict(self.fuse(torch.cat(evidence, dim=1)))

    def predict(self, fused: Tensor) -> TinyOutputs:
        """Raw maps from the fused evidence (T, channels, h, w) of every target."""
        x = self.wide_tower(self.tower(fused))
        logits = self.class_output(x)[:, 0].float()
        box = self.box_output(x).float()
        ltrb = torch.exp(box[:, :4].clamp(max=6.0)) * self.stride
        return TinyOutputs(logits, ltrb, box[:, 4])


FOCAL_ALPHA, FOCAL_GAMMA = 0.4, 2.0
LOSS_NAMES = ("loss_cls", "loss_bbox", "loss_centerness", "loss_where", "loss_absent")


def centre_targets(boxes_xyxy: Tensor, points_xy: Tensor, minimum_radius: float = 4.0) -> tuple[Tensor, Tensor, Tensor]:
    """Which locations answer for each box: those in its central half, at least `minimum_radius` around the centre.

    Args:
        boxes_xyxy: (T, 4) input pixels.
        points_xy: (locations, 2) input pixels.
        minimum_radius: in input pixels, so that boxes smaller than a cell have a location too.

    Returns:
        positive (T, locations) bool, target distances (T, locations, 4), centerness in [0, 1] (T, locations).
    """
    x, y = points_xy.unbind(1)
    left, top, right, bottom = boxes_xyxy[:, None].unbind(2)
    distances = torch.stack([x - left, y - top, right - x, bottom - y], dim=2)
    radius_x = ((right - left) / 4).clamp(min=minimum_radius)
    radius_y = ((bottom - top) / 4).clamp(min=minimum_radius)
    offset_x, offset_y = (x - (left + right) / 2).abs(), (y - (top + bottom) / 2).abs()
    positive = (offset_x <= radius_x) & (offset_y <= radius_y)
    inside = distances.clamp(min=0)
    horizontal = inside[..., 0::2].amin(2) / inside[..., 0::2].amax(2).clamp(min=1e-6)
    vertical = inside[..., 1::2].amin(2) / inside[..., 1::2].amax(2).clamp(min=1e-6)
    # Locations that answer for a box smaller than a cell may lie outside it; they keep a little weight.
    centerness = torch.sqrt(horizontal * vertical).clamp(min=0.05) * positive
    return positive, distances, centerness


def target_losses(outputs: TinyOutputs, boxes_xyxy: Tensor, stride: int) -> dict[str, Tensor]:
    """Mean losses over targets, those in their search image and those that are not.

    `loss_where` is the cross-entropy of a softmax over all locations: it makes "where" one choice among all places,
    look-alikes included, which the per-location focal loss does not. `loss_absent` is the focal loss where every
    location is background.

    Args:
        outputs: of T targets.
        boxes_xyxy: (P, 4) input pixels of the first P targets; the others are absent.
        stride: input pixels per cell.
    """
    height, width = outputs.logits.shape[1:]
    present = len(boxes_xyxy)
    points_xy = level_points(height, width, stride, boxes_xyxy.device)
    positive, _, centerness = centre_targets(boxes_xyxy, points_xy, stride / 2)
    logits = outputs.logits.flatten(1)
    log_probability = F.log_softmax(logits[:present], dim=1)
    labels = torch.zeros_like(logits)
    labels[:present] = positive.to(logits.dtype)
    focal = sigmoid_focal_loss(logits, labels, FOCAL_ALPHA, FOCAL_GAMMA).sum(1)
    nothing = outputs.logits.sum() + outputs.ltrb.sum() + outputs.centerness.sum()
    losses = dict.fromkeys(LOSS_NAMES, nothing * 0.0)
    if len(logits) > present:
        losses["loss_absent"] = 0.5 * focal[present:].mean()
    if present == 0:
        return losses
    positives = positive.sum(1).clamp(min=1)
    distances = outputs.ltrb[:present].flatten(2).transpose(1, 2)
    predicted_xyxy = boxes_from_distances(points_xy, distances)[positive]
    wanted_xyxy = boxes_xyxy[:, None].expand(-1, len(points_xy), -1)[positive]
    weight = centerness / centerness.sum(1).clamp(min=1e-6)[:, None]
    box_loss = generalized_box_iou_loss(predicted_xyxy, wanted_xyxy, reduction="none")
    said = outputs.centerness[:present].flatten(1)[positive]
    centerness_loss = F.binary_cross_entropy_with_logits(said, centerness[positive], reduction="none")
    per_target_share = (positive / positives[:, None])[positive]
    return losses | {
        "loss_cls": (focal[:present] / positives).mean(),
        "loss_bbox": 1.5 * (box_loss * weight[positive]).sum() / present,
        "loss_centerness": 0.5 * (centerness_loss * per_target_share).sum() / present,
        "loss_where": 0.5 * -(weight * log_probability).sum(1).mean(),
    }


def candidate_losses(logits: Tensor, proposals: Proposals, boxes_xyxy: Tensor) -> dict[str, Tensor]:
    """Losses of the second look: which box shows the target, each for itself and as one choice among all.

    A box is right from IoU 0.5 and wrong below 0.4; those between teach nothing.

    Args:
        logits: (T, count) of the proposals.
        proposals: of T targets.
        boxes_xyxy: (P, 4) true boxes of the first P targets; the others are absent.
    """
    targets, present = len(logits), len(boxes_xyxy)
    if targets == 0:
        return dict.fromkeys(("loss_candidate", "loss_choice"), logits.sum() * 0.0)
    iou = torch.zeros_like(logits)
    iou[:present] = paired_iou(proposals.boxes_xyxy[:present], boxes_xyxy[:, None])
    right = iou > 0.5
    taught = proposals.valid & ~((iou > 0.4) & (iou <= 0.5))
    each = F.binary_cross_entropy_with_logits(logits, right.to(logits.dtype), reduction="none")
    lowest = torch.finfo(logits.dtype).min
    answers = (right & proposals.valid).any(dim=1)
    every = logits.masked_fill(~proposals.valid, lowest).logsumexp(1)
    wanted = logits.masked_fill(~(right & proposals.valid), lowest).logsumexp(1)
    choice = torch.where(answers, every - wanted, 0.0)
    return {"loss_candidate": (each * taught).sum() / targets / 3.0, "loss_choice": choice.sum() / targets}
