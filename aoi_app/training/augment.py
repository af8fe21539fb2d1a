"""Augmentation of whole batches on the device: geometry, mosaic, light, JPEG, golden image.

Boxes keep their tightness: turns are by 90 degrees, or so small that a box stays what it was but for its centre.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

_EMPTY = -1


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Chances (0..1) and sizes of what is done to a window.

    Attributes
    ----------
    dihedral
        Chance of a random flip and quarter turn.
    warp, turn, stretch, shift
        Chance of a warp: degrees, share of size, share of the window.
    mosaic
        Chance that a window is put together from parts of four.
    invert
        Chance of negative pictures, with classes swapped as `swaps` says (class of the negative, by class).
    levels, noise, blur, jpeg
        Chances of other grey levels, sensor noise, soft optics, and JPEG's ringing.
    golden_missing
        Chance that the golden channel is absent (`missing`, 0..1, in its place).
    golden_shift
        Largest misregistration of the golden image, pixels.
    golden_slip, golden_slip_px
        Chance of a far larger one, and how large: some pairs were never laid on each other properly.
    twins
        Chance that some of a window's defects are put into its golden image as well. What both show is the board as it
        was designed: no defect, whatever it looks like. Without these a network calls odd shapes of a board it does
        not know, golden image or not.
    margin
        Space that a label leaves around its defect, pixels: it does not grow when the picture is stretched.
    offset
        Where a label's number lies in its pixel: 0.5 where boxes name their first and last pixel (DeepPCB), 0 where
        they name edges. Without it a mirrored box is off by a pixel.
    """

    dihedral: float = 1.0
    warp: float = 0.5
    turn: float = 2.0
    stretch: float = 0.15
    shift: float = 0.25
    mosaic: float = 0.5
    invert: float = 0.0
    swaps: tuple[int, ...] = ()
    levels: float = 0.3
    noise: float = 0.2
    blur: float = 0.2
    jpeg: float = 0.5
    golden: bool = False
    golden_missing: float = 0.4
    golden_shift: float = 1.5
    golden_slip: float = 0.0
    golden_slip_px: float = 10.0
    twins: float = 0.0
    margin: float = 0.0
    offset: float = 0.0
    pad: float = 114 / 255
    missing: float = 128 / 255

    def calm(self) -> Augmentation:
        """Return what the last epochs use: boxes stay exact, for nothing is turned, stretched or softened much.

        Windows are still moved and put together from several: without that a network learns the boards by heart.
        """
        return replace(
            self,
            turn=0.0,
            stretch=0.0,
            mosaic=self.mosaic / 2,
            levels=self.levels / 3,
            noise=self.noise / 3,
            blur=self.blur / 3,
        )


class Augmenter:
    """Makes training batches out of windows.

    Parameters
    ----------
    recipe
        What to do.
    generator
        Source of chance, on the device of the images.
    """

    def __init__(self, recipe: Augmentation, generator: torch.Generator) -> None:
        self.recipe = recipe
        self.generator = generator
        # made once: a constant that is copied to a GPU in every step makes the GPU wait
        device = generator.device
        self._cosine = torch.tensor([1.0, 0.0, -1.0, 0.0], device=device)
        self._sine = torch.tensor([0.0, 1.0, 0.0, -1.0], device=device)
        self._swaps = torch.tensor(recipe.swaps or (0,), device=device)
        self._quanta = _QUANTA.to(device)
        self._turn = _cosines().to(device)
        self._sizes: dict[tuple[int, int], Tensor] = {}

    def __call__(self, images: Tensor, boxes: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return augmented images (B, planes, H, W) float 0..1, boxes (B, M, 4) and labels (B, M).

        Parameters
        ----------
        images
            (B, planes, H, W) uint8.
        """
        plan = self.recipe
        x = images.float().div_(255)
        x, boxes, labels = self._geometry(x, boxes, labels)
        if x.is_cuda:
            x = x.half()  # half the traffic; 11 bits are more than the 8 that a picture has
        if plan.mosaic > 0:
            x, boxes, labels = self._mosaic(x, boxes, labels)
        absent = self._chance(len(x), plan.golden_missing if plan.golden else 0.0)
        if plan.golden and plan.twins > 0:
            x, labels = self._twins(x, boxes, labels, ~absent & self._chance(len(x), plan.twins))
        x = self._light(x)
        if plan.invert > 0 and plan.swaps:
            negative = self._chance(len(x), plan.invert)
            x = torch.where(negative[:, None, None, None], 1 - x, x)
            swapped = self._swaps[labels.clamp(min=0)]
            labels = torch.where(negative[:, None] & (labels >= 0), swapped, labels)
        if plan.jpeg > 0:
            x = self._jpeg(x)
        x = (x.float().clamp_(0, 1) * 255).round_().div_(255)
        if plan.golden and plan.golden_missing > 0:
            x[:, -1].masked_fill_(absent[:, None, None], plan.missing)
        return x, boxes, labels

    def _uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        drawn = torch.rand(*shape, generator=self.generator, device=self.generator.device)
        return drawn * (high - low) + low

    def _chance(self, count: int, chance: float) -> Tensor:
        return self._uniform(count) < chance

    def _size(self, height: int, width: int) -> Tensor:
        if (height, width) not in self._sizes:
            self._sizes[height, width] = torch.tensor([width, height], device=self._turn.device, dtype=torch.float32)
        return self._sizes[height, width]

    def _quarter_turns(self, quarter: Tensor, mirror: Tensor) -> Tensor:
        """Return exact matrices (B, 2, 2) of quarter turns with or without a mirror."""
        cos, sin = self._cosine[quarter], self._sine[quarter]
        return torch.stack((torch.stack((cos * mirror, -sin), 1), torch.stack((sin * mirror, cos), 1)), 1)

    def _geometry(self, x: Tensor, boxes: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        plan, (count, _, height, width) = self.recipe, x.shape
        device = x.device
        quarter = torch.randint(0, 4, (count,), generator=self.generator, device=device)
        mirror = torch.randint(0, 2, (count,), generator=self.generator, device=device) * 2.0 - 1
        plain = ~self._chance(count, plan.dihedral)
        quarter, mirror = quarter.masked_fill(plain, 0), mirror.masked_fill(plain, 1.0)
        warped = self._chance(count, plan.warp).float()
        angle = self._uniform(count, low=-plan.turn, high=plan.turn) * warped * (math.pi / 180)
        stretch = torch.exp(self._uniform(count, 2, low=-plan.stretch, high=plan.stretch) * warped[:, None])
        moved = self._uniform(count, 2, low=-plan.shift, high=plan.shift) * warped[:, None]
        size = self._size(height, width)
        moved = (moved * size).round() / size * 2  # whole pixels, in units of grid_sample
        quarters = self._quarter_turns(quarter, mirror)
        small = _turns(angle) @ torch.diag_embed(stretch)
        forward = small @ quarters  # window coordinates (-1..1) in -> out, square windows
        backward = torch.linalg.inv(forward)
        theta = torch.cat((backward, -(backward @ moved[:, :, None])), 2)
        if plan.golden and plan.golden_shift > 0:
            off = theta.clone()
            far = self._chance(count, plan.golden_slip)[:, None] * (plan.golden_slip_px - plan.golden_shift)
            off[:, :, 2] += self._uniform(count, 2, low=-1.0, high=1.0) * (plan.golden_shift + far) * 2 / size
            some = self._chance(count, 0.7)[:, None, None]
            off = torch.where(some, off, theta)
            scan = _sample(x[:, :-1], theta, plan.pad)
            x = torch.cat((scan, _sample(x[:, -1:], off, plan.pad)), 1)
        else:
            x = _sample(x, theta, plan.pad)
        centre = (boxes[..., :2] + boxes[..., 2:] + 2 * plan.offset) / size - 1
        extent = boxes[..., 2:] - boxes[..., :2]
        centre = torch.einsum("bij,bmj->bmi", forward, centre) + moved[:, None]
        extent = torch.einsum("bij,bmj->bmi", quarters.abs(), extent)
        border = (extent / 2).clamp(max=2 * plan.margin)
        extent = (extent - border) * stretch[:, None] + border
        middle = (centre + 1) * size / 2 - plan.offset
        boxes = torch.cat((middle - extent / 2, middle + extent / 2), -1)
        return x, *_clipped(boxes, labels, torch.zeros(2, device=device), size)

    def _mosaic(self, x: Tensor, boxes: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        count, _, height, width = x.shape
        device = x.device
        size = self._size(height, width)
        cross = (self._uniform(count, 2, low=0.2, high=0.8) * size).round()
        cross = torch.where(self._chance(count, self.recipe.mosaic)[:, None], cross, size)
        right = torch.arange(width, device=device)[None, None] >= cross[:, :1, None]
        below = torch.arange(height, device=device)[None, :, None] >= cross[:, 1:, None]
        result, all_boxes, all_labels = x, [], []
        zero = torch.zeros_like(cross)
        for part in range(4):
            other = torch.randperm(count, generator=self.generator, device=device) if part else None
            source = x if other is None else x[other]
            mine = (right if part & 1 else ~right) & (below if part & 2 else ~below)
            result = source if other is None else torch.where(mine[:, None], source, result)
            low = torch.stack((cross[:, 0] if part & 1 else zero[:, 0], cross[:, 1] if part & 2 else zero[:, 1]), 1)
            ends = size.expand_as(cross)
            high = torch.stack((ends[:, 0] if part & 1 else cross[:, 0], ends[:, 1] if part & 2 else cross[:, 1]), 1)
            kept = _clipped(
                boxes if other is None else boxes[other],
                labels if other is None else labels[other],
                low[:, None],
                high[:, None],
            )
            all_boxes.append(kept[0])
            all_labels.append(kept[1])
        joined, kinds = torch.cat(all_boxes, 1), torch.cat(all_labels, 1)
        order = (kinds >= 0).float().argsort(dim=1, descending=True, stable=True)
        order = order[:, : boxes.shape[1] + 8]  # asking for the true number would make the GPU wait
        return result, joined.gather(1, order[..., None].expand(-1, -1, 4)), kinds.gather(1, order)

    def _twins(self, x: Tensor, boxes: Tensor, labels: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
        """Put about half the defects of the windows `where` (B,) into their golden images, and take their labels off.

        A twin is a pixel wider or narrower at times, as the edges of two boards are.
        """
        height, width = x.shape[2:]
        known = labels >= 0
        chosen = known & where[:, None] & (self._uniform(*labels.shape) < 0.5)
        rows = torch.arange(height, device=x.device)
        columns = torch.arange(width, device=x.device)
        low, high = boxes[..., None, :2], boxes[..., None, 2:]
        across = ((columns[:, None] >= low[..., :1]) & (columns[:, None] < high[..., :1]))[..., 0].to(x.dtype)
        down = ((rows[:, None] >= low[..., 1:]) & (rows[:, None] < high[..., 1:]))[..., 0].to(x.dtype)
        inside = torch.einsum("bmh,bmw->bhw", down * chosen[..., None], across) > 0
        inside &= torch.einsum("bmh,bmw->bhw", down * (known & ~chosen)[..., None], across) < 0.5
        scan = F.pad(x[:, :1], (0, 1, 0, 1), mode="replicate")
        wider, narrower = F.max_pool2d(scan, 2, 1)[:, 0], -F.max_pool2d(-scan, 2, 1)[:, 0]
        draw = self._uniform(len(x), 1, 1)
        ragged = torch.where(draw < 0.3, wider, torch.where(draw < 0.6, narrower, x[:, 0]))
        golden = torch.where(inside, ragged, x[:, -1])
        return torch.cat((x[:, :-1], golden[:, None]), 1), labels.masked_fill(chosen, _EMPTY)

    def _light(self, x: Tensor) -> Tensor:
        plan, (count, planes) = self.recipe, x.shape[:2]
        if plan.blur > 0:
            sigma = self._uniform(count, low=0.4, high=1.6) * self._chance(count, plan.blur)
            x = _blurred(x, sigma.clamp(min=0.05))  # all of them: a fixed shape, and 0.05 px blurs nothing
        if plan.levels > 0:
            some = self._chance(count, plan.levels).float()[:, None]
            shared = self._uniform(count, 1)
            dark = (shared * 0.35 + self._uniform(count, planes, low=-0.05, high=0.1)).clamp(0, 0.45) * some
            bright = 1 - (self._uniform(count, 1) * 0.35 + self._uniform(count, planes, low=-0.05, high=0.1)) * some
            x = torch.addcmul(dark[..., None, None].to(x.dtype), x, (bright - dark)[..., None, None].to(x.dtype))
        if plan.noise > 0:
            sigma = (
                self._uniform(count, 1, 1, 1, high=0.06) * self._chance(count, plan.noise).float()[:, None, None, None]
            )
            drawn = torch.randn(x.shape, generator=self.generator, device=x.device, dtype=x.dtype)
            x = torch.addcmul(x, drawn, sigma.to(x.dtype))
        return x

    def _jpeg(self, x: Tensor) -> Tensor:
        """Quantise the cosine coefficients of 8 x 8 blocks, as JPEG does with a grey picture."""
        count, planes, height, width = x.shape
        some = self._chance(count, self.recipe.jpeg)
        quality = self._uniform(count, low=50, high=96)
        steps = (self._quanta * (200 - 2 * quality)[:, None, None] / 100).round().clamp(min=1) / 255
        blocks = x.reshape(count, planes, height // 8, 8, width // 8, 8).permute(0, 1, 2, 4, 3, 5)
        turn = self._turn.to(x.dtype)
        steps = steps.reshape(count, 1, 1, 1, 64).to(x.dtype)
        turned = (blocks.reshape(count, planes, height // 8, width // 8, 64) - 0.5) @ turn.T
        back = ((turned / steps).round_() * steps) @ turn + 0.5
        back = back.reshape(count, planes, height // 8, width // 8, 8, 8).permute(0, 1, 2, 4, 3, 5).reshape(x.shape)
        return torch.where(some[:, None, None, None], back, x)


def _turns(angle: Tensor) -> Tensor:
    return torch.stack((torch.stack((angle.cos(), -angle.sin()), 1), torch.stack((angle.sin(), angle.cos()), 1)), 1)


def _sample(x: Tensor, theta: Tensor, pad: float) -> Tensor:
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x - pad, grid, align_corners=False) + pad


def _clipped(boxes: Tensor, labels: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Cut boxes at the frame; less than 40 % left, or under 4 px, and the defect is no longer one."""
    cut = torch.cat(
        (
            torch.minimum(torch.maximum(boxes[..., :2], low), high),
            torch.minimum(torch.maximum(boxes[..., 2:], low), high),
        ),
        -1,
    )
    before = (boxes[..., 2:] - boxes[..., :2]).prod(-1).clamp(min=1e-6)
    sides = cut[..., 2:] - cut[..., :2]
    left = (sides.prod(-1) / before > 0.4) & (sides.amin(-1) >= 4)
    return cut, torch.where(left, labels, torch.full_like(labels, _EMPTY))


def _blurred(x: Tensor, sigma: Tensor) -> Tensor:
    count, planes, height, width = x.shape
    at = torch.arange(-3, 4, device=x.device, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (at / sigma[:, None]).square())
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(planes, 0).to(x.dtype)
    flat = x.reshape(1, count * planes, height, width)
    flat = F.conv2d(F.pad(flat, (3, 3, 0, 0), mode="replicate"), kernel[:, None, None], groups=count * planes)
    flat = F.conv2d(F.pad(flat, (0, 0, 3, 3), mode="replicate"), kernel[:, None, :, None], groups=count * planes)
    return flat.reshape(x.shape)


def _cosines() -> Tensor:
    """Return the cosine transform of a whole 8 x 8 block as one matrix, (64, 64)."""
    k = torch.arange(8, dtype=torch.float64)
    matrix = torch.cos(math.pi * (2 * k[None] + 1) * k[:, None] / 16) * 0.5
    matrix[0] *= math.sqrt(0.5)
    return torch.kron(matrix, matrix).float()


_QUANTA = torch.tensor(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    dtype=torch.float32,
)
"""Luminance quantisation of the JPEG standard (ITU-T T.81, table K.1) for quality 50."""
