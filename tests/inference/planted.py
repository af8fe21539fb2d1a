"""Networks with planted weights, built like those of the usual families: they find red cells, and blue ones.

What they find is known exactly, so that a wrong order of colours, a wrong scale or a shifted box shows. Colour c of a
cell of 32 px is scored sigmoid(20 * (c - the other) - 10), values from 0 to 1; the box is the cell itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

STRIDES = (8, 16, 32)
CLASSES = ("red", "blue")
SIDE = 128
BOX = (64, 32, 96, 64)
SCORE = 1 / (1 + np.exp(-2.0))
"""Of a red that stands 0.6 above the blue."""


def board() -> NDArray[np.uint8]:
    """Return a dark board of 160 x 160 px, RGB, with one red cell at `BOX`."""
    pixels = np.full((160, 160, 3), 40, np.uint8)
    x1, y1, x2, y2 = BOX
    pixels[y1:y2, x1:x2, 0] += 153  # 0.6 of 255
    return pixels


class Planted(nn.Module):
    """Looks at cells of each stride; only those of 32 px ever find anything.

    Parameters
    ----------
    white
        Value of a white pixel in the input: 1, or 255 for YOLOX.
    blue_first
        The input is BGR, as YOLOX's.
    """

    def __init__(self, white: float = 1.0, blue_first: bool = False) -> None:
        super().__init__()
        self._factor = 20 / white
        self._red, self._blue = (2, 0) if blue_first else (0, 2)

    def levels(self, image: Tensor) -> list[tuple[Tensor, Tensor, Tensor, int]]:
        """Return logits (batch, 2, cells), x and y of each cell (cells,) in cells, and the stride, by level."""
        found = []
        for stride in STRIDES:
            cells = nn.functional.avg_pool2d(image, stride, stride)
            more_red = (cells[:, self._red] - cells[:, self._blue]).flatten(1) * self._factor
            logits = torch.stack([more_red, -more_red], dim=1) - (10 if stride == 32 else 100)
            rows, columns = (torch.arange(n) for n in cells.shape[2:])
            y, x = torch.meshgrid(rows, columns, indexing="ij")
            found.append((logits, x.flatten().to(image.dtype), y.flatten().to(image.dtype), stride))
        return found


class ByClasses(Planted):
    """YOLOv8, v9, v11: (batch, 4 + classes, anchors); or the end-to-end head of v10 and v26."""

    def __init__(self, end_to_end: bool = False) -> None:
        super().__init__()
        self._end_to_end = end_to_end

    def forward(self, image: Tensor) -> Tensor:
        """Return what the head gives."""
        parts = []
        for logits, x, y, stride in self.levels(image):
            side = torch.full_like(x, stride)
            near, far = torch.stack([x, y]) * stride, torch.stack([x, y]) * stride + stride
            boxes = torch.cat([near, far] if self._end_to_end else [(near + far) / 2, side[None], side[None]])
            parts.append(torch.cat([boxes.expand(len(image), -1, -1), logits.sigmoid()], dim=1))
        output = torch.cat(parts, dim=2)
        if not self._end_to_end:
            return output
        scores, order = output[:, 4:].flatten(1).topk(300)
        cells = output.shape[2]
        boxes = output[:, :4].gather(2, (order % cells)[:, None].expand(-1, 4, -1)).transpose(1, 2)
        return torch.cat([boxes, scores[..., None], (order // cells)[..., None].to(image.dtype)], dim=2)


class ByObjectness(Planted):
    """YOLOv5, v7: (batch, 3 anchors of every cell, 5 + classes); the second anchor finds."""

    def forward(self, image: Tensor) -> Tensor:
        """Return what the head gives."""
        parts = []
        for logits, x, y, stride in self.levels(image):
            for anchor in range(3):
                centre = torch.stack([x + 0.5, y + 0.5]) * stride
                boxes = torch.cat([centre, torch.full_like(centre, stride)]).expand(len(image), -1, -1)
                there = (logits.amax(dim=1, keepdim=True) * 4 if anchor == 1 else logits[:, :1] * 0 - 12).sigmoid()
                parts.append(torch.cat([boxes, there, logits.sigmoid()], dim=1))
        return torch.cat(parts, dim=2).transpose(1, 2)


class Yolox(Planted):
    """YOLOX, BGR from 0 to 255: (batch, anchors, 5 + classes), boxes decoded or in cells; YOLOv6, RGB from 0 to 1."""

    def __init__(self, decoded: bool = False, v6: bool = False) -> None:
        super().__init__(1.0 if v6 else 255.0, blue_first=not v6)
        self._decoded, self._v6 = decoded or v6, v6

    def forward(self, image: Tensor) -> Tensor:
        """Return what the head gives."""
        parts = []
        for logits, x, y, stride in self.levels(image):
            offset = torch.full_like(torch.stack([x, y]), 0.5)
            boxes = torch.cat([offset, offset * 0])
            if self._decoded:
                boxes = torch.cat([(offset + torch.stack([x, y])) * stride, torch.exp(offset * 0) * stride])
            there = logits[:, :1] * 0 + 1
            if not self._v6:
                there = (logits.amax(dim=1, keepdim=True) * 8).sigmoid()
            parts.append(torch.cat([boxes.expand(len(image), -1, -1), there, logits.sigmoid()], dim=1))
        return torch.cat(parts, dim=2).transpose(1, 2)


def export(
    network: nn.Module,
    path: Path,
    *,
    batch: int = 1,
    opset: int = 17,
    half: bool = False,
    dynamic: Mapping[str, Mapping[int, str]] | None = None,
    metadata: Mapping[str, Any] | None = None,
    names: tuple[str, str] = ("images", "output0"),
) -> Path:
    """Write a network as its exporter does."""
    image = torch.zeros(batch, 3, SIDE, SIDE, dtype=torch.float16 if half else torch.float32)
    torch.onnx.export(
        network.eval(),
        (image,),
        str(path),
        opset_version=opset,
        input_names=[names[0]],
        output_names=[names[1]],
        dynamic_axes=dict(dynamic) if dynamic else None,
        dynamo=False,
    )
    proto = onnx.load(str(path))
    onnx.helper.set_model_props(proto, {key: str(value) for key, value in (metadata or {}).items()})
    onnx.save(proto, str(path))
    return path
