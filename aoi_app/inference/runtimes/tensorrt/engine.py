"""A plan brought to life: the engine, its inputs and outputs, and the contexts that run it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from aoi_app.core.errors import EngineError
from aoi_app.inference.runtimes.tensorrt.inspector import PrecisionReport, inspector_text, parse_layers
from aoi_app.inference.runtimes.tensorrt.library import Library

_TYPES = {
    "FLOAT": np.float32,
    "HALF": np.float16,
    "INT32": np.int32,
    "UINT8": np.uint8,
    "INT8": np.int8,
    "INT64": np.int64,
}


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of an engine; the first dimension is -1 where the batch is open."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_input: bool

    def nbytes(self, batch: int) -> int:
        """Return the bytes of `batch` tiles."""
        return int(np.prod((batch, *self.shape[1:]))) * self.dtype.itemsize


class Engine:
    """A deserialised plan. Made, used and closed under one CUDA context.

    Parameters
    ----------
    plan
        Bytes that have been checked against their manifest.

    Raises
    ------
    EngineError
        The library refuses the plan.
    """

    def __init__(self, library: Library, plan: bytes) -> None:
        self.library = library
        trt = library.module
        self._runtime: Any = trt.Runtime(library.logger)
        self._engine: Any = self._runtime.deserialize_cuda_engine(plan)
        if self._engine is None:
            self._runtime = None
            raise library.failure("load the plan")
        self.ports = tuple(self._port(self._engine.get_tensor_name(i)) for i in range(self._engine.num_io_tensors))
        self.precision: PrecisionReport = parse_layers(self.describe())
        self.activation_bytes = library.activation_bytes(self._engine)
        self.layers = int(self._engine.num_layers)
        self.plan_bytes = len(plan)

    def describe(self) -> str:
        """Return what the engine inspector tells of the layers, at the largest batch, as JSON text."""
        context = self.library.context(self._engine)
        if context.active_optimization_profile < 0:
            context.set_optimization_profile_async(0, 0)
        source = self.source
        context.set_input_shape(source.name, (self.batches[1], *source.shape[1:]))
        return inspector_text(self.library.module, self._engine, context)

    def _port(self, name: str) -> Port:
        trt = self.library.module
        kind = self._engine.get_tensor_dtype(name).name
        if kind not in _TYPES:
            raise EngineError(
                f"The engine's tensor {name} is {kind}, which no detector has.", "Export the model again."
            )
        return Port(
            name,
            tuple(self._engine.get_tensor_shape(name)),
            np.dtype(_TYPES[kind]),
            self._engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT,
        )

    @property
    def source(self) -> Port:
        """The image input."""
        return next(p for p in self.ports if p.is_input)

    def port(self, name: str) -> Port:
        """Return an input or output by its name. Raises EngineError."""
        for port in self.ports:
            if port.name == name:
                return port
        raise EngineError(f"The engine has no tensor {name}; it has {', '.join(p.name for p in self.ports)}.")

    @property
    def batches(self) -> tuple[int, int]:
        """Fewest and most tiles of a run."""
        fixed = self.source.shape[0]
        if fixed != -1:
            return fixed, fixed
        if hasattr(self._engine, "get_tensor_profile_shape"):
            least, _, most = self._engine.get_tensor_profile_shape(self.source.name, 0)
        else:
            least, _, most = self._engine.get_profile_shape(0, self.source.name)
        return int(least[0]), int(most[0])

    def context(self, batch: int, addresses: dict[str, int], memory: int, stream: int) -> Any:
        """Return a context for runs of `batch` tiles.

        Parameters
        ----------
        addresses
            Device address of every input and output by name.
        memory
            Device address of `activation_bytes`; contexts that never run at the same time may share it.
        stream
            CUDA stream in which it will run.
        """
        context = self.library.context(self._engine)
        if context.active_optimization_profile < 0:
            # TensorRT 8.6 gives the profile to the first context only; the others ask for it.
            context.set_optimization_profile_async(0, stream)
        self.library.give_memory(context, memory, self.activation_bytes)
        shape = (batch, *self.source.shape[1:])
        if not context.set_input_shape(self.source.name, shape):
            raise self.library.failure(f"take a batch of shape {shape}")
        for name, address in addresses.items():
            if not context.set_tensor_address(name, address):
                raise self.library.failure(f"use the memory of {name}")
        return context

    def enqueue(self, context: Any, stream: int) -> None:
        """Queue one run of `context` in the CUDA stream with this handle. Raises EngineError."""
        if not context.execute_async_v3(stream):
            raise self.library.failure("run the engine")

    def close(self) -> None:
        """Free the engine; its contexts must be gone. May be called twice."""
        self._engine = None
        self._runtime = None
