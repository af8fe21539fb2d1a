"""What every runtime offers: sessions that turn a batch of tiles into raw outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from aoi_app.inference.model import Model

Option = int | float | str | bool
Options = Mapping[str, Option]
"""Settings of one runtime by name; a runtime refuses names that it does not know."""


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """What really runs, read back from the library.

    Attributes
    ----------
    precision
        In words: "fp32", "FP16 in 61 of 63 layers".
    device
        Such as "CPU, 1 thread" or "NVIDIA H200".
    """

    runtime: str
    precision: str
    device: str
    detail: str = ""


class Session(Protocol):
    """A loaded network."""

    @property
    def info(self) -> SessionInfo:
        """What really runs."""

    @property
    def batch(self) -> int:
        """Tiles that go into a run at most; the number that suits this runtime and device."""

    @property
    def fixed_batch(self) -> bool:
        """Whether every run must have exactly `batch` tiles."""

    def run(self, batch: NDArray[Any]) -> Sequence[NDArray[Any]]:
        """Return the outputs of `Model.output_names`, in that order. They are valid until the next run.

        Raises EngineError.
        """

    def close(self) -> None:
        """Free all that was taken. May be called twice."""


class Runtime(Protocol):
    """Loads models."""

    def load(self, model: Model, precision: str, options: Options) -> Session:
        """Return a session. Raises EngineError, ModelError, BackendMissing."""
