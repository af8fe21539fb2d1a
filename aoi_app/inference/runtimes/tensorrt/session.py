"""Raw outputs of an engine for a batch that the host prepared: for comparisons and the gate, not for boards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi_app.inference.model import Model
from aoi_app.inference.runtimes.base import SessionInfo
from aoi_app.inference.runtimes.session import BasicSession, freed
from aoi_app.inference.runtimes.tensorrt.engine import Engine
from aoi_app.inference.runtimes.tensorrt.gpu.driver import enter, let_go
from aoi_app.inference.runtimes.tensorrt.gpu.memory import DeviceBuffer
from aoi_app.inference.runtimes.tensorrt.gpu.stream import Stream
from aoi_app.inference.runtimes.tensorrt.layout import MAX_BATCH
from aoi_app.inference.runtimes.tensorrt.library import Library


class EngineSession(BasicSession):
    """Runs an engine on host arrays; every run copies in and out.

    Parameters
    ----------
    plan
        Bytes that have been checked against their manifest.
    device
        Index and name of the GPU.
    """

    def __init__(self, library: Library, plan: bytes, model: Model, device: tuple[int, str], batch: int = 0) -> None:
        enter(device[0])
        self._device = device[0]
        self._model = model
        self._buffers: dict[str, DeviceBuffer] = {}
        self._contexts: dict[int, Any] = {}
        self._stream: Stream | None = None
        self._engine = Engine(library, plan)
        try:
            least, most = self._engine.batches
            self._fixed = least == most
            self._batch = most if self._fixed else min(batch or most, most, MAX_BATCH)
            self._buffers = {p.name: DeviceBuffer(p.nbytes(self._batch)) for p in self._engine.ports}
            self._memory = DeviceBuffer(self._engine.activation_bytes)
            self._stream = Stream()
        except BaseException:
            self.close()
            raise
        self._info = SessionInfo(library.title, str(self._engine.precision), device[1])

    @property
    def fixed_batch(self) -> bool:
        """Whether every run must have exactly `batch` tiles."""
        return self._fixed

    def run(self, batch: NDArray[Any]) -> Sequence[NDArray[Any]]:
        """Return the outputs of `Model.output_names`, copies. Raises EngineError."""
        if self._stream is None:
            raise freed()
        enter(self._device)
        count = len(batch)
        source = self._engine.source
        self._buffers[source.name].upload(np.ascontiguousarray(batch, source.dtype))
        if count not in self._contexts:
            addresses = {name: buffer.address for name, buffer in self._buffers.items()}
            self._contexts[count] = self._engine.context(count, addresses, self._memory.address, self._stream.address)
        self._engine.enqueue(self._contexts[count], self._stream.address)
        self._stream.synchronize()
        outputs = []
        for name in self._model.output_names:
            port = self._engine.port(name)
            outputs.append(self._buffers[name].download((count, *port.shape[1:]), port.dtype))
        return outputs

    def close(self) -> None:
        """Free all that was taken. May be called twice."""
        stream, self._stream = self._stream, None
        steps: list[Callable[[], None]] = [self._contexts.clear]
        if stream is not None:
            steps.append(stream.close)
        buffers, self._buffers = self._buffers, {}
        steps += [b.free for b in buffers.values()]
        if hasattr(self, "_memory"):
            steps.append(self._memory.free)
        let_go(self._device, [*steps, self._engine.close])
