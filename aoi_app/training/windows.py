"""Windows on the device: all of them in its memory where they fit, so that no loader stands between."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from aoi_app.training.corpus import Corpus

_SHARE = 0.5  # of the free device memory that windows may take


class Windows:
    """A corpus as tensors.

    On a GPU with room for them the images lie in its memory as bytes; else they stay where they are, which is memory
    that all processes of a run share, and each batch is copied from pinned memory while the last one is computed.
    """

    def __init__(self, corpus: Corpus, device: torch.device) -> None:
        images = torch.from_numpy(corpus.images)
        self.device = device
        self.resident = device.type == "cpu" or images.nbytes < _SHARE * torch.cuda.mem_get_info(device)[0]
        self.images = images.to(device) if self.resident else images
        self.boxes = torch.from_numpy(corpus.boxes).to(device)
        self.labels = torch.from_numpy(corpus.labels).to(device)

    def __len__(self) -> int:
        return len(self.images)

    def take(self, where: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return images (B, planes, H, W) uint8, boxes (B, M, 4) and labels (B, M) at these positions."""
        if self.resident:
            images = self.images[where]
        else:
            images = self.images[where.cpu()].pin_memory().to(self.device, non_blocking=True)
        return images, self.boxes[where], self.labels[where]


class Batches:
    """Which windows go into which batch: real ones in turn, drawn ones by chance.

    Parameters
    ----------
    generator
        Source of chance on the device.
    share
        Share of drawn windows in a batch.
    """

    def __init__(
        self, real: Windows | None, drawn: Windows | None, batch: int, share: float, generator: torch.Generator
    ) -> None:
        self.real, self.drawn, self.generator = real, drawn, generator
        from_drawn = batch if real is None else 0 if drawn is None else round(batch * share)
        self.counts = (batch - from_drawn, from_drawn)
        self._order = self._turns()

    def _turns(self) -> Iterator[Tensor]:
        assert self.real is not None
        left = torch.empty(0, dtype=torch.long, device=self.generator.device)
        while True:
            while len(left) < self.counts[0]:
                again = torch.randperm(len(self.real), generator=self.generator, device=self.generator.device)
                left = torch.cat((left, again))
            yield left[: self.counts[0]]
            left = left[self.counts[0] :]

    def draw(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return the next batch."""
        parts = []
        if self.counts[0] and self.real is not None:
            parts.append(self.real.take(next(self._order)))
        if self.counts[1] and self.drawn is not None:
            where = torch.randint(
                len(self.drawn), (self.counts[1],), generator=self.generator, device=self.generator.device
            )
            parts.append(self.drawn.take(where))
        if len(parts) == 1:
            return parts[0]
        most = max(part[2].shape[1] for part in parts)
        images = torch.cat([part[0] for part in parts])
        boxes = torch.cat([_wide(part[1], most, 0.0) for part in parts])
        labels = torch.cat([_wide(part[2], most, -1) for part in parts])
        return images, boxes, labels


def _wide(values: Tensor, most: int, fill: float) -> Tensor:
    missing = most - values.shape[1]
    return (
        values
        if missing == 0
        else torch.cat((values, values.new_full((len(values), missing, *values.shape[2:]), fill)), 1)
    )
