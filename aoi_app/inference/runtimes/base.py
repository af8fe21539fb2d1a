"""What every runtime offers: sessions that turn a batch of tiles into raw outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray

from aoi_app.core.errors import EngineError
from aoi_app.core.options import Option as Option
from aoi_app.core.options import Options as Options
from aoi_app.core.protocols import Detector
from aoi_app.inference.model import Model
from aoi_app.inference.quantise import Progress


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """What really runs, read back from the library.

    Attributes
    ----------
    precision
        In words: "fp32", "FP16 in 61 of 63 layers".
    device
        Such as "CPU, 1 thread" or "NVIDIA H200".
    sha256
        Of the file that runs (FP16 or INT8 model, plan); empty when it is the model's own.
    file_bytes
        Size of that file; 0 where it is not told.
    stand_in
        It computes in place of what was asked for, which may come back.
    fell_back
        What was asked for is not to be had here, so it computes in its place; `detail` says why.
    """

    runtime: str
    precision: str
    device: str
    detail: str = ""
    sha256: str = ""
    file_bytes: int = 0
    stand_in: bool = False
    fell_back: bool = False


@runtime_checkable
class HoldsMemory(Protocol):
    """A detector that knows what it took of the GPU's memory."""

    @property
    def device_bytes(self) -> int:
        """Bytes of device memory, weights included."""


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

    def load(self, model: Model, precision: str, options: Options, progress: Progress) -> Session:
        """Return a session; makes the file in this precision first where it is not there yet.

        Raises EngineError, ModelError, BackendMissing, and what `progress` raises to cancel.
        """


@runtime_checkable
class StreamingRuntime(Protocol):
    """A runtime that also cuts the tiles and decodes on its device: it gives detectors of its own."""

    def open(
        self,
        model: Model,
        precision: str,
        options: Options,
        progress: Progress,
        *,
        min_confidence: float,
        overlap: int,
    ) -> Detector:
        """Return a detector. Raises as `Runtime.load`."""


def chosen_options(title: str, options: Options, defaults: Options) -> dict[str, Option]:
    """Return `defaults` with `options` put over them. Raises EngineError on a name that there is no default for."""
    unknown = sorted(set(options) - set(defaults))
    if unknown:
        raise EngineError(
            f"{title} has no option {', '.join(unknown)}.", f"It knows {', '.join(sorted(defaults)) or 'none'}."
        )
    return {**defaults, **options}


def layers_in_words(layers: Mapping[str, int]) -> str:
    """Return "fp32" where all layers are alike, else such as "FP16 in 61 of 63 layers" for the least precise one."""
    total = sum(layers.values())
    if len(layers) == 1 or not total:
        return next(iter(layers), "fp32")
    least = min(layers, key=lambda kind: _BITS.get(kind, 99))
    return f"{least.upper()} in {layers[least]} of {total} layers"


_BITS = {"int8": 8, "fp16": 16, "bf16": 16, "tf32": 19, "fp32": 32}
