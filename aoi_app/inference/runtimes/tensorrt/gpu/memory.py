"""Device memory and pinned host memory: allocated once, freed by name."""

from __future__ import annotations

import ctypes
import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi_app.inference.runtimes.tensorrt.gpu.driver import check, driver, enter

_MAPPED_PORTABLE = 0x01 | 0x02  # CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP


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
        check(driver().cuMemsetD8(self.address, byte, self.nbytes), "fill GPU memory")

    def upload(self, data: NDArray[Any]) -> None:
        """Copy a contiguous array to the start of the buffer; waits until it is there."""
        if data.nbytes > self.nbytes or not data.flags.c_contiguous:
            raise ValueError(f"{data.nbytes} bytes (contiguous: {data.flags.c_contiguous}) into {self.nbytes}")
        check(driver().cuMemcpyHtoD(self.address, data.ctypes.data, data.nbytes), "copy to the GPU")

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
            address, self.address = self.address, 0
            check(driver().cuMemFree(address), "free GPU memory")


def pinned_allocator(nbytes: int) -> NDArray[np.uint8]:
    """Return (nbytes,) uint8 of page-locked host memory that the GPU reads and writes directly.

    It is given back when the last array that looks at it is gone. Any thread, any device.

    Raises
    ------
    CudaOutOfMemory
        So much memory cannot be locked.
    """
    enter()
    address = int(check(driver().cuMemHostAlloc(max(nbytes, 1), _MAPPED_PORTABLE), f"lock {nbytes:,} bytes of memory"))
    block = (ctypes.c_uint8 * nbytes).from_address(address)
    # Bound now: in a finalizer nobody could act on a failure to find the driver. At exit the process takes it along.
    weakref.finalize(block, driver().cuMemFreeHost, address).atexit = False
    pinned: NDArray[np.uint8] = np.ctypeslib.as_array(block)
    return pinned


def memory_info() -> tuple[int, int]:
    """Return (free, total) bytes of the current device."""
    free, total = check(driver().cuMemGetInfo(), "ask for the GPU's memory")
    return int(free), int(total)
