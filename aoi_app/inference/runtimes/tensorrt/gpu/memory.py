"""Device memory and pinned host memory: allocated once, freed by name."""

from __future__ import annotations

import bisect
import ctypes
import logging
import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi_app.inference.device_calls import any_silent
from aoi_app.inference.runtimes.tensorrt.gpu.driver import any_context, check, driver

_log = logging.getLogger(__name__)

_MAPPED_PORTABLE = 0x01 | 0x02  # CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP
_DEFAULT_STREAM = 0

# Where pinned memory begins, rising, and where each run of it ends. Changed by single calls of the interpreter, without
# a lock: memory is given back by finalizers, which come in the midst of anything, and a lock could wait for itself.
_starts: list[int] = []
_ends: dict[int, int] = {}


class DeviceBuffer:
    """A run of device memory.

    Parameters
    ----------
    nbytes
        At least one.
    """

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes
        self.address = int(check(driver().cuMemAlloc(max(nbytes, 1)), f"take {nbytes:,} bytes of GPU memory"))

    def fill(self, byte: int) -> None:
        """Set every byte; waits until it is done."""
        check(driver().cuMemsetD8(self.address, byte, max(self.nbytes, 1)), "fill GPU memory")
        _settle()

    def upload(self, data: NDArray[Any]) -> None:
        """Copy a contiguous array to the start of the buffer; waits until it is there."""
        if data.nbytes > self.nbytes or not data.flags.c_contiguous:
            raise ValueError(f"{data.nbytes} bytes (contiguous: {data.flags.c_contiguous}) into {self.nbytes}")
        check(driver().cuMemcpyHtoD(self.address, data.ctypes.data, data.nbytes), "copy to the GPU")
        _settle()

    def download(self, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        """Return the start of the buffer as an array; waits for the device."""
        out = np.empty(shape, dtype)
        if out.nbytes > self.nbytes:
            raise ValueError(f"{out.nbytes} bytes out of {self.nbytes}")
        check(driver().cuMemcpyDtoH(out.ctypes.data, self.address, out.nbytes), "copy from the GPU")
        return out

    def free(self) -> None:
        """Give the memory back; may be called twice."""
        if self.address:
            address, self.address, self.nbytes = self.address, 0, 0
            check(driver().cuMemFree(address), "free GPU memory")


def _settle() -> None:
    """Wait for the default stream: it may still fill or copy when such a call returns, and no other stream waits."""
    check(driver().cuStreamSynchronize(_DEFAULT_STREAM), "wait for the GPU")


def pinned_allocator(nbytes: int) -> NDArray[np.uint8]:
    """Return (nbytes,) uint8 of page-locked host memory that the GPU reads and writes directly.

    It is given back when the last array that looks at it is gone. Any thread, any device: the context that is current
    stays.

    Raises
    ------
    CudaOutOfMemory
        So much memory cannot be locked.
    """
    context = any_context()
    address = int(check(driver().cuMemHostAlloc(max(nbytes, 1), _MAPPED_PORTABLE), f"lock {nbytes:,} bytes of memory"))
    _ends[address] = address + nbytes
    bisect.insort(_starts, address)
    block = (ctypes.c_uint8 * nbytes).from_address(address)
    # Bound now: in a finalizer nobody could act on a failure to find the driver. At exit the process takes it along.
    weakref.finalize(block, _unlock, driver(), context, address).atexit = False
    pinned: NDArray[np.uint8] = np.ctypeslib.as_array(block)
    return pinned


def is_pinned(address: int, nbytes: int) -> bool:
    """Whether `nbytes` from host address on lie in one run of `pinned_allocator`, so that kernels may read them."""
    at = bisect.bisect_right(_starts, address)
    nearest = _starts[max(at - 1, 0) : at]  # of a part there is always one, whatever another thread does meanwhile
    return bool(nearest) and nearest[0] <= address and address + nbytes <= _ends.get(nearest[0], 0)


def _unlock(cuda: Any, context: Any, address: int) -> None:
    """Give pinned memory back, in whichever thread lets go of it last: a window's thread has no context of its own."""
    _starts.remove(address)
    del _ends[address]
    if any_silent():  # it would wait for that GPU; that its memory is left was said
        return
    if not int(cuda.cuCtxGetCurrent()[1]):
        cuda.cuCtxSetCurrent(context)
    (status,) = cuda.cuMemFreeHost(address)
    if status:
        _log.warning("Pinned memory could not be given back: %s", status.name)


def memory_info() -> tuple[int, int]:
    """Return (free, total) bytes of the current device."""
    free, total = check(driver().cuMemGetInfo(), "ask for the GPU's memory")
    return int(free), int(total)
