"""What the network is told: task-aligned assignment, and the losses of class, box and distribution."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from aoi_app.training.boxes import anchors, complete_iou, decode, iou
from aoi_app.training.network import REG_MAX


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights of the three losses, and of the assignment (Feng et al., 2021: score^alpha * overlap^beta)."""

    classify: float = 0.5
    box: float = 7.5
    distribution: float = 1.5
    alpha: float = 0.5
    beta: float = 6.0
    top: int = 10


@dataclass(frozen=True, slots=True)
class Assigned:
    """Which anchor answers for which defect: mask (B, A), index of the defect (B, A), soft target (B, A)."""

    positive: Tensor
    defect: Tensor
    quality: Tensor


@torch.no_grad()
def assign(scores: Tensor, boxes: Tensor, centres: Tensor, truth: Tensor, labels: Tensor, weights: Weights) -> Assigned:
    """Choose for every defect the anchors that already find it best.

    Parameters
    ----------
    scores
        Class probabilities (B, classes, A).
    boxes
        Decoded boxes (B, A, 4), pixels.
    centres
        Anchor centres (A, 2).
    truth, labels
        Boxes (B, M, 4) and classes (B, M) of the defects, class -1 where there is none.
    """
    exists = labels >= 0
    left = centres[None, None] - truth[:, :, None, :2]
    right = truth[:, :, None, 2:] - centres[None, None]
    inside = (torch.cat((left, right), -1).amin(-1) > 1e-6) & exists[..., None]
    overlap = iou(truth[:, :, None], boxes[:, None]) * inside
    score = scores.gather(1, labels.clamp(min=0)[..., None].expand(-1, -1, scores.shape[2]))
    metric = score.pow(weights.alpha) * overlap.pow(weights.beta) * inside
    best, order = metric.topk(min(weights.top, metric.shape[2]), dim=2)
    chosen = torch.zeros_like(inside).scatter_(2, order, best > 0)
    # an anchor that several defects want answers for the one it overlaps most
    owner = (overlap * chosen).argmax(1)
    positive = chosen.any(1)
    chosen &= torch.zeros_like(chosen).scatter_(1, owner[:, None], True)
    metric = metric * chosen
    highest = metric.amax(2, keepdim=True)
    widest = (overlap * chosen).amax(2, keepdim=True)
    quality = (metric / (highest + 1e-9) * widest).amax(1)
    return Assigned(positive, owner, quality)


def detection_loss(
    raw: Tensor, truth: Tensor, labels: Tensor, size: tuple[int, int], classes: int, weights: Weights
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the loss of a batch and its parts.

    Parameters
    ----------
    raw
        The network's output (B, classes + 4 * REG_MAX, A).
    truth, labels
        See `assign`.
    size
        Height and width of the images.
    """
    raw = raw.float()
    centres, strides = anchors(*size, raw.device)
    logits, distributions = raw[:, :classes], raw[:, classes:]
    boxes = decode(distributions, centres, strides)
    assigned = assign(logits.detach().sigmoid(), boxes.detach(), centres, truth, labels, weights)
    batch_index, anchor_index = assigned.positive.nonzero(as_tuple=True)
    defect_index = assigned.defect[batch_index, anchor_index]
    quality = assigned.quality[batch_index, anchor_index]

    target = torch.zeros_like(logits)
    target[batch_index, labels[batch_index, defect_index], anchor_index] = quality
    total = quality.sum().clamp(min=1.0)
    classify = F.binary_cross_entropy_with_logits(logits, target, reduction="sum") / total

    wanted = truth[batch_index, defect_index]
    overlap = complete_iou(boxes[batch_index, anchor_index], wanted)
    box = ((1 - overlap) * quality).sum() / total

    here, stride = centres[anchor_index], strides[anchor_index, None]
    far = torch.cat((here - wanted[:, :2], wanted[:, 2:] - here), 1) / stride
    far = far.clamp(0, REG_MAX - 1.01)
    low = far.floor()
    logit = distributions[batch_index, :, anchor_index].reshape(-1, REG_MAX)
    log_share = F.log_softmax(logit, 1)
    at = low.long().reshape(-1, 1)
    up = (far - low).reshape(-1)
    both = -(log_share.gather(1, at)[:, 0] * (1 - up) + log_share.gather(1, at + 1)[:, 0] * up)
    distribution = (both.reshape(-1, 4).mean(1) * quality).sum() / total

    loss = weights.classify * classify + weights.box * box + weights.distribution * distribution
    parts = {"classify": classify.detach(), "box": box.detach(), "distribution": distribution.detach()}
    return loss, parts
