"""TensorRT 8.6, 10, 11 and TensorRT for RTX behind one face, told apart by what they can do, not by their number."""

from __future__ import annotations

import functools
import importlib
import logging
from dataclasses import dataclass
from typing import Any

from aoi_app.core.errors import BackendMissing, EngineError
from aoi_app.core.install import install_line

_log = logging.getLogger(__name__)

INSTALL = {
    "tensorrt": install_line("tensorrt"),
    "tensorrt_rtx": install_line("rtx"),
}
TITLES = {"tensorrt": "TensorRT", "tensorrt_rtx": "TensorRT for RTX"}


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a release can do; asked of the library once.

    Attributes
    ----------
    strong_typing
        Networks whose types the ONNX file alone decides (10 and later, RTX).
    precision_flags
        Builder flags FP16 and INT8 (8.6, 10).
    explicit_batch
        The flag must be given when a network is made (8.6); later releases know nothing else.
    progress
        A build reports its steps and can be stopped in between (10 and later, RTX).
    user_memory
        Contexts are made without memory by a strategy (10 and later), not by a call of its own (8.6).
    specialises
        Kernels are compiled for a shape when it is first used, beside others that take any (RTX).
    """

    strong_typing: bool
    precision_flags: bool
    explicit_batch: bool
    progress: bool
    user_memory: bool
    specialises: bool


def abilities(module: Any) -> Abilities:
    """Return what the library `module` can do."""
    flags = module.NetworkDefinitionCreationFlag
    return Abilities(
        strong_typing=hasattr(flags, "STRONGLY_TYPED"),
        precision_flags=hasattr(module.BuilderFlag, "FP16"),
        explicit_batch=hasattr(flags, "EXPLICIT_BATCH") and not hasattr(flags, "STRONGLY_TYPED"),
        progress=hasattr(module, "IProgressMonitor"),
        user_memory=hasattr(module, "ExecutionContextAllocationStrategy"),
        specialises=hasattr(module, "DynamicShapesKernelSpecializationStrategy"),
    )


class Library:
    """A loaded TensorRT.

    Parameters
    ----------
    name
        "tensorrt" or "tensorrt_rtx".
    """

    def __init__(self, name: str, module: Any) -> None:
        self.name = name
        self.module = module
        self.version: str = module.__version__
        self.can = abilities(module)
        self.logger = _make_logger(module)
        # Layers of the plugin library, such as EfficientNMS; TensorRT for RTX has none.
        register = getattr(module, "init_libnvinfer_plugins", None)
        if register is not None:
            register(self.logger, "")

    @property
    def title(self) -> str:
        """Name and version for people: "TensorRT 8.6.0"."""
        return f"{TITLES[self.name]} {self.version}"

    @property
    def portable(self) -> bool:
        """Whether plans are finished on the GPU that runs them: bound to none, built without timing anything."""
        return self.name == "tensorrt_rtx"

    def network_flags(self) -> int:
        """Return the flags with which a network is made: strongly typed wherever that exists."""
        flags = self.module.NetworkDefinitionCreationFlag
        if self.can.strong_typing:
            return 1 << int(flags.STRONGLY_TYPED)
        return 1 << int(flags.EXPLICIT_BATCH) if self.can.explicit_batch else 0

    def context(self, engine: Any) -> Any:
        """Return an execution context that owns no activation memory. Raises EngineError."""
        if self.can.specialises:
            # Else what a graph records may be the kernels for any shape, and not those compiled for this one.
            config = engine.create_runtime_config()
            config.set_execution_context_allocation_strategy(
                self.module.ExecutionContextAllocationStrategy.USER_MANAGED
            )
            config.dynamic_shapes_kernel_specialization_strategy = (
                self.module.DynamicShapesKernelSpecializationStrategy.EAGER
            )
            context = engine.create_execution_context(config)
        elif self.can.user_memory:
            context = engine.create_execution_context(self.module.ExecutionContextAllocationStrategy.USER_MANAGED)
        else:
            context = engine.create_execution_context_without_device_memory()
        if context is None:
            raise self.failure("make an execution context")
        return context

    def give_memory(self, context: Any, address: int, nbytes: int) -> None:
        """Let `context` keep its activations in `nbytes` of device memory at `address`."""
        if hasattr(context, "set_device_memory"):
            context.set_device_memory(address, nbytes)
        else:
            context.device_memory = address

    def activation_bytes(self, engine: Any) -> int:
        """Return the device memory that one context of `engine` needs, bytes."""
        newer = getattr(engine, "device_memory_size_v2", None)
        return int(engine.device_memory_size if newer is None else newer)

    def failure(self, doing: str) -> EngineError:
        """Return the error for a call that answered nothing, with what the library last said."""
        said = getattr(self.logger, "last_error", "") or "it gave no reason"
        return EngineError(f"{self.title} could not {doing}: {said}.", "Build the engine again, or choose fp32.")


@functools.cache
def open_library(name: str) -> Library:
    """Load a library by its module's name.

    Raises
    ------
    BackendMissing
        Not installed, or it cannot be loaded; the hint is the command that installs it.
    """
    try:
        module = importlib.import_module(name)
    except (ImportError, OSError, RuntimeError) as error:  # a missing libcudart or driver shows in different ways
        raise BackendMissing(
            f"{TITLES[name]} cannot be loaded: {(str(error).splitlines() or [''])[0]}.",
            f"Install it with: {INSTALL[name]}",
        ) from error
    return Library(name, module)


def _make_logger(module: Any) -> Any:
    severity = module.ILogger.Severity
    levels = {
        severity.INTERNAL_ERROR: logging.ERROR,
        severity.ERROR: logging.ERROR,
        severity.WARNING: logging.DEBUG,  # TensorRT warns of its own defaults at every start
    }

    class Logger(module.ILogger):
        """Hands the library's words to Python's log and keeps the last error."""

        def __init__(self) -> None:
            module.ILogger.__init__(self)
            self.last_error = ""
            self.trying = False
            """Whether what is being done may fail: its errors are kept, and told to nobody."""

        def log(self, level: Any, message: str) -> None:
            if levels.get(level) == logging.ERROR:
                self.last_error = message.strip().rstrip(".")
            if level in levels:
                told = logging.DEBUG if self.trying else levels[level]
                _log.log(told, "%s: %s", module.__name__, message)

    return Logger()
