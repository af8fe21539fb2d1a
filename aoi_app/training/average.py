"""The moving average of the weights: what is validated and shipped."""

from __future__ import annotations

import copy

import torch
from torch import nn


class Average:
    """Exponential moving average of a network's weights and statistics.

    The decay grows to `decay` over the first steps, so that the average forgets the random start.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay
        self.steps = 0
        self._pairs: tuple[list[torch.Tensor], list[torch.Tensor]] | None = None

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Move towards `network`."""
        if self._pairs is None:
            both = list(zip(self.network.state_dict().values(), network.state_dict().values(), strict=True))
            self._pairs = (
                [a for a, _ in both if a.dtype.is_floating_point],
                [b for _, b in both if b.dtype.is_floating_point],
            )
        self.steps += 1
        share = 1 - min(self.decay, (1 + self.steps) / (20 + self.steps))
        torch._foreach_lerp_(*self._pairs, share)
