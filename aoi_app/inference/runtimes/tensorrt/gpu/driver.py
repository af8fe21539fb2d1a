"""The one door to the CUDA driver: loaded on first use, every status checked."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable, Iterable
from typing import Any

from aoi_app.core.errors import BackendMissing, EngineError
from aoi_app.core.install import install_line
from aoi_app.inference.device_calls import any_silent, gpu_device, leave

_log = logging.getLogger(__name__)

INSTALL = f"Install it with: {install_line('tensorrt')} (or rtx for TensorRT for RTX)."


class CudaError(EngineError):
    """A call of the CUDA driver failed."""


class CudaOutOfMemory(CudaError):
    """The device or pinned host memory is exhausted."""


class GpuLost(CudaError):
    """The device does not answer any more, or a kernel broke its context."""


# What no later call can succeed after: the context is dead.
_LOST = {"CUDA_ERROR_ILLEGAL_ADDRESS", "CUDA_ERROR_LAUNCH_FAILED", "CUDA_ERROR_HARDWARE_STACK_ERROR",
         "CUDA_ERROR_ECC_UNCORRECTABLE", "CUDA_ERROR_DEVICE_UNAVAILABLE", "CUDA_ERROR_CONTEXT_IS_DESTROYED",
         "CUDA_ERROR_SYSTEM_NOT_READY", "CUDA_ERROR_ILLEGAL_INSTRUCTION", "CUDA_ERROR_MISALIGNED_ADDRESS",
         "CUDA_ERROR_LAUNCH_TIMEOUT", "CUDA_ERROR_EXTERNAL_DEVICE", "CUDA_ERROR_INVALID_ADDRESS_SPACE",
         "CUDA_ERROR_INVALID_PC", "CUDA_ERROR_ASSERT", "CUDA_ERROR_NVLINK_UNCORRECTABLE", "CUDA_ERROR_CONTAINED",
         "CUDA_ERROR_UNKNOWN", "CUDA_ERROR_NO_DEVICE"}  # fmt: skip


@functools.cache
def driver() -> Any:
    """Return the `cuda.bindings.driver` module, initialised.

    Raises
    ------
    BackendMissing
        cuda-python is not installed.
    EngineError
        No NVIDIA driver, or no device.
    """
    try:
        import cuda.bindings.driver as module
    except ImportError as error:
        raise BackendMissing(f"cuda-python cannot be loaded: {error}.", INSTALL) from error
    # As nvidia-smi counts, and NVML; else the fastest comes first, and a number means another GPU in each of them.
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    try:
        (status,) = module.cuInit(0)
    except Exception as error:  # the loader's own error types differ between releases of cuda-python
        raise EngineError(
            f"The NVIDIA driver cannot be loaded: {str(error).splitlines()[0].rstrip('.')}.",
            "Install the driver of the GPU, or choose the runtime onnxruntime.",
        ) from error
    if status != module.CUresult.CUDA_SUCCESS:
        raise EngineError(
            f"No NVIDIA GPU answers: {status.name}.", "Check `nvidia-smi`, or choose the runtime onnxruntime."
        )
    return module


def check(result: tuple[Any, ...], doing: str) -> Any:
    """Return what a driver call returned beside its status.

    Parameters
    ----------
    result
        The call's tuple; the status first.
    doing
        What was being done, for the message: "copy lines to the GPU".

    Raises
    ------
    CudaOutOfMemory, GpuLost, CudaError
        With the driver's name of the error.
    """
    if result[0]:
        raise error_of(result[0].name, doing)
    return result[1] if len(result) == 2 else result[1:]


def error_of(name: str, doing: str) -> CudaError:
    """Return the error for a status of the driver, by its name."""
    if name == "CUDA_ERROR_OUT_OF_MEMORY":
        return CudaOutOfMemory(
            f"Could not {doing}: GPU or pinned memory is exhausted ({name}).",
            "Close other programs on the GPU, or use a smaller batch or fp16.",
        )
    if name in _LOST:
        return GpuLost(
            f"Could not {doing}: the GPU is lost ({name}).", "Restart the station; if it happens again, check the card."
        )
    return CudaError(f"Could not {doing}: {name}.", "See the log for the call before; restart the station.")


@functools.cache
def _primary_context(index: int) -> Any:
    """Retain the device's primary context, the one that TensorRT uses too; it lives as long as the process."""
    cuda = driver()
    device = check(cuda.cuDeviceGet(index), f"open GPU {index}")
    return check(cuda.cuDevicePrimaryCtxRetain(device), f"make a context on GPU {index}")


def enter(index: int = 0) -> None:
    """Make the device's primary context current in this thread; cheap, call it wherever a thread may be new.

    Raises
    ------
    GpuLost
        The device was given up: a call would hang.
    """
    if any_silent() and gpu_device(index).silent:
        said = gpu_device(index).error()
        raise GpuLost(said.what, said.hint)
    check(driver().cuCtxSetCurrent(_primary_context(index)), f"use GPU {index}")


def any_context() -> Any:
    """Return the context that is current in this thread, the first GPU's where there is none: for what serves all."""
    context = check(driver().cuCtxGetCurrent(), "ask for the GPU in use")
    if int(context):
        return context
    enter()
    return _primary_context(0)


def let_go(index: int, steps: Iterable[Callable[[], None]]) -> None:
    """Run every step of a clean-up, also when one fails: a lost GPU must not keep the rest from being freed.

    A GPU that was given up keeps what it has: to free anything there would hang.
    """
    if gpu_device(index).silent:
        for step in steps:
            leave(step)
        _log.info("GPU %d does not answer: its memory is left until the program ends.", index)
        return
    for step in (lambda: enter(index), *steps):
        with gpu_device(index):
            _try(step)


def _try(step: Callable[[], None]) -> None:
    try:
        step()
    except EngineError as error:
        _log.warning("While freeing GPU memory: %s", error)
