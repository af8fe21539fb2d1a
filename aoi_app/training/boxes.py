"""Boxes on tensors: anchors, decoding, overlap, suppression. No torchvision, which has no CPU build everywhere."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from aoi_app.training.network import REG_MAX, STRIDES


def anchors(height: int, width: int, device: torch.device | str) -> tuple[Tensor, Tensor]:
    """Return centres (anchors, 2) in pixels and strides (anchors,) of an image of that size.

    Cells row by row, smallest stride first: the order of `Family.AOI`.
    """
    centres, strides = [], []
    for stride in STRIDES:
        y, x = torch.meshgrid(
            torch.arange(height // stride, device=device),
            torch.arange(width // stride, device=device),
            indexing="ij",
        )
        cells = (torch.stack((x, y), -1).reshape(-1, 2) + 0.5) * stride
        centres.append(cells)
        strides.append(torch.full((len(cells),), float(stride), device=device))
    return torch.cat(centres), torch.cat(strides)


def decode(distributions: Tensor, centres: Tensor, strides: Tensor) -> Tensor:
    """Return boxes (batch, anchors, 4) in pixels from distribution logits (batch, 4 * REG_MAX, anchors)."""
    batch, _, count = distributions.shape
    bins = torch.arange(REG_MAX, device=distributions.device, dtype=torch.float32)
    share = distributions.float().reshape(batch, 4, REG_MAX, count).softmax(2)
    far = (share * bins[:, None]).sum(2).transpose(1, 2) * strides[:, None]
    return torch.cat((centres - far[..., :2], centres + far[..., 2:]), -1)


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Return the intersection over union of boxes (..., 4), broadcasting."""
    low = torch.maximum(a[..., :2], b[..., :2])
    high = torch.minimum(a[..., 2:], b[..., 2:])
    inter = (high - low).clamp(min=0).prod(-1)
    area_a = (a[..., 2:] - a[..., :2]).clamp(min=0).prod(-1)
    area_b = (b[..., 2:] - b[..., :2]).clamp(min=0).prod(-1)
    return inter / (area_a + area_b - inter + 1e-7)


def complete_iou(a: Tensor, b: Tensor) -> Tensor:
    """Return CIoU (Zheng et al., 2020): overlap less the distance of centres and of aspect ratios."""
    overlap = iou(a, b)
    size_a = (a[..., 2:] - a[..., :2]).clamp(min=1e-3)
    size_b = (b[..., 2:] - b[..., :2]).clamp(min=1e-3)
    hull = torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])
    apart = (a[..., :2] + a[..., 2:] - b[..., :2] - b[..., 2:]).square().sum(-1) / 4
    shape = (torch.atan(size_b[..., 0] / size_b[..., 1]) - torch.atan(size_a[..., 0] / size_a[..., 1])).square()
    shape = shape * (4 / math.pi**2)
    with torch.no_grad():
        weight = shape / (1 - overlap + shape + 1e-7)
    return overlap - apart / (hull.square().sum(-1) + 1e-7) - weight * shape


def suppress(
    raw: Tensor, classes: int, height: int, width: int, confidence: float, overlap: float = 0.6, most: int = 300
) -> list[Tensor]:
    """Turn raw heads into detections, one tensor (found, 6) an image: box in pixels, confidence, class.

    Greedy suppression inside each class, for the whole batch at once: a box is kept if no kept, more confident box
    of its class overlaps it by more than `overlap`; iterating that sentence to its fixed point gives the greedy result.
    """
    centres, strides = anchors(height, width, raw.device)
    scores, labels = raw[:, :classes].float().sigmoid().max(1)
    scores, order = scores.topk(min(most, scores.shape[1]), dim=1)
    labels = labels.gather(1, order)
    boxes = decode(raw[:, classes:], centres, strides).gather(1, order[..., None].expand(-1, -1, 4))
    covers = iou(boxes[:, :, None], boxes[:, None]) > overlap
    covers &= (labels[:, :, None] == labels[:, None]) & (scores > confidence)[:, :, None]
    covers = covers.triu(1)
    kept = scores > confidence
    while True:
        again = (scores > confidence) & ~(covers & kept[:, :, None]).any(1)
        if torch.equal(again, kept):
            break
        kept = again
    rows = torch.cat((boxes, scores[..., None], labels[..., None].float()), -1)
    return [row[keep] for row, keep in zip(rows, kept, strict=True)]
