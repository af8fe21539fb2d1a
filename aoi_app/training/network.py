"""The network: one-stage, anchor-free, dense 3 x 3 and 1 x 1 convolutions with ReLU, which CPUs and INT8 like.

The scan and the golden image enter as channels of one image, so that the very first convolution already compares
them. A 4 x 4 patch convolution brings 640 x 640 to 160 x 160 at once; two heads, at strides 8 and 16, give class
logits and the distributions of the four distances (generalised focal loss, Li et al., 2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

STRIDES = (8, 16)
REG_MAX = 16


@dataclass(frozen=True, slots=True)
class Size:
    """Widths at strides 4, 8, 16 and 32, residuals at 8, 16 and 32, width of the heads, and whether `Fine` is there."""

    widths: tuple[int, int, int, int]
    blocks: tuple[int, int, int]
    head: int
    fine: bool = True


SIZES = {
    "nano": Size(widths=(32, 64, 96, 128), blocks=(1, 2, 1), head=32, fine=False),
    "small": Size(widths=(48, 96, 160, 224), blocks=(3, 3, 2), head=80),
    "tiny": Size(widths=(16, 16, 16, 16), blocks=(1, 1, 1), head=16),
}
"""`nano` is what ships; `small` for a GPU; `tiny` for tries and tests."""


class Conv(nn.Sequential):
    """Convolution, batch normalisation, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1) -> None:
        padding = 0 if kernel == stride else kernel // 2
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False),
            nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.03),
            nn.ReLU(inplace=True),
        )


class Residual(nn.Module):
    """Two 3 x 3 convolutions beside the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(Conv(width, width, 3), Conv(width, width, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the same shape."""
        return x + self.body(x)


class Fine(nn.Module):
    """Depthwise 3 x 3 and pointwise convolution beside the identity: cheap work at stride 4, where edges are sharp."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False),
            nn.BatchNorm2d(width, eps=1e-3, momentum=0.03),
            Conv(width, width),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the same shape."""
        return x + self.body(x)


class Stage(nn.Module):
    """Cross-stage partial block: half the channels go through the residuals, all intermediate ones are kept."""

    def __init__(self, inputs: int, outputs: int, blocks: int) -> None:
        super().__init__()
        half = -(-outputs // 32) * 16  # whole vectors of 16 channels
        self.beside = Conv(inputs, half)  # two convolutions, not one and a Split: CPU runtimes block their channels
        self.enter = Conv(inputs, half)
        self.blocks = nn.ModuleList(Residual(half) for _ in range(blocks))
        self.join = Conv((2 + blocks) * half, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, outputs, H, W)."""
        kept = [self.beside(x), self.enter(x)]
        for block in self.blocks:
            kept.append(block(kept[-1]))
        return self.join(torch.cat(kept, 1))


class Head(nn.Module):
    """Class logits and distance distributions of one stride: (batch, classes + 4 * reg_max, cells)."""

    def __init__(self, inputs: int, width: int, classes: int) -> None:
        super().__init__()
        self.classify = nn.Sequential(Conv(inputs, width, 3), Conv(width, width), nn.Conv2d(width, classes, 1))
        self.locate = nn.Sequential(Conv(inputs, width, 3), Conv(width, width), nn.Conv2d(width, 4 * REG_MAX, 1))
        # at first hardly any anchor is a defect: else the first steps are spent on saying so
        nn.init.constant_(self.classify[-1].bias, -6.0)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, classes + 4 * REG_MAX, H * W)."""
        both = torch.cat((self.classify(x), self.locate(x)), 1)
        # plain numbers, so that the exported graph reshapes without asking for shapes
        channels, rows, columns = (int(side) for side in both.shape[1:])
        return both.reshape(-1, channels, rows * columns)


class Network(nn.Module):
    """The detector.

    Parameters
    ----------
    planes
        Input channels, 0..1: grey, grey and golden, or RGB.
    classes
        Number of classes.
    size
        Key of `SIZES`.
    """

    def __init__(self, planes: int, classes: int, size: str = "nano") -> None:
        super().__init__()
        shape = SIZES[size]
        c4, c8, c16, c32 = shape.widths
        self.classes = classes
        self.stem = nn.Sequential(Conv(planes, c4, 4, 4), Fine(c4) if shape.fine else nn.Identity())
        self.s8 = nn.Sequential(Conv(c4, c8, 3, 2), Stage(c8, c8, shape.blocks[0]))
        self.s16 = nn.Sequential(Conv(c8, c16, 3, 2), Stage(c16, c16, shape.blocks[1]))
        self.s32 = nn.Sequential(Conv(c16, c32, 3, 2), Stage(c32, c32, shape.blocks[2]))
        self.up = nn.Upsample(scale_factor=2.0, mode="nearest")
        self.from32 = Conv(c32, c16)
        self.mix16 = Stage(c16, c16, 1)
        self.from16 = Conv(c16, c8)
        self.mix8 = Stage(c8, c8, 1)
        self.heads = nn.ModuleList(Head(c, shape.head, classes) for c in (c8, c16))

    def forward(self, x: Tensor) -> Tensor:
        """Return the raw head (batch, classes + 4 * REG_MAX, anchors) of an image (batch, planes, H, W)."""
        x8 = self.s8(self.stem(x))
        x16 = self.s16(x8)
        x32 = self.s32(x16)
        x16 = self.mix16(x16 + self.up(self.from32(x32)))
        x8 = self.mix8(x8 + self.up(self.from16(x16)))
        return torch.cat([head(f) for head, f in zip(self.heads, (x8, x16), strict=True)], 2)
