"""What a network does to a stream of packets, on demand."""

from __future__ import annotations

import random
import time


class LinkFaults:
    """Faults of the cable between device and station.

    Parameters
    ----------
    loss
        Share of packets that get lost, 0 to 1.
    seed
        Of the choice which.
    """

    def __init__(self, loss: float = 0.0, seed: int = 1) -> None:
        if not 0 <= loss <= 1:
            raise ValueError(f"loss is {loss}; it must lie between 0 and 1")
        self.loss = loss
        self._random = random.Random(seed)
        self._frozen_until = 0.0

    def freeze(self, seconds: float) -> None:
        """Let nothing through in either direction for a while."""
        self._frozen_until = time.monotonic() + seconds

    @property
    def is_frozen(self) -> bool:
        """Whether nothing gets through."""
        return time.monotonic() < self._frozen_until

    def loses(self) -> bool:
        """Tell whether the next packet gets lost."""
        return self.is_frozen or (self.loss > 0 and self._random.random() < self.loss)
