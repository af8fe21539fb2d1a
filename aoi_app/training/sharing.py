"""Windows that the processes of a run look at together: their memory is handed over, not copied."""

from __future__ import annotations

import math
import mmap
import os
import sys
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray


class _Memory(mmap.mmap):
    """Memory that other processes can map too, by the number of its file; that lies on no disk and has no name."""

    file: int


def empty(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return an array of uint8 with undefined content, in memory that `Shared` hands over without a copy.

    That is a file in memory: unlike /dev/shm, which containers keep to 64 MB, nothing limits it but the memory itself.
    Only Linux has such files, and only there GPUs train together; elsewhere this is `np.empty`.
    """
    if sys.platform != "linux":
        return np.empty(shape, np.uint8)
    size = max(1, math.prod(shape))
    file = os.memfd_create("windows")
    os.truncate(file, size)
    memory = _Memory(file, size)
    memory.file = file
    weakref.finalize(memory, os.close, file)
    return _array(shape, memory)


class Shared:
    """Images on their way to a process that is being started.

    The process maps the same memory; what it writes there stays its own. An array that is not from `empty` is copied
    into such memory once, for all processes.

    Parameters
    ----------
    images
        uint8, of any shape; not to be changed while a process looks at it.
    """

    def __init__(self, images: NDArray[np.uint8]) -> None:
        memory: object = images.base  # of a part of an array that is the array, and a part is copied
        if sys.platform == "linux" and not isinstance(memory, _Memory):
            images, given = empty(images.shape), images
            images[...] = given
        self.images = images

    def __reduce__(self) -> tuple[Callable[..., Shared], tuple[Any, ...]]:
        memory: object = self.images.base
        if not isinstance(memory, _Memory):
            return Shared, (self.images,)
        from multiprocessing.reduction import DupFd  # which Windows has not

        return _mapped, (DupFd(memory.file), self.images.shape)


def _array(shape: tuple[int, ...], memory: mmap.mmap) -> NDArray[np.uint8]:
    images: NDArray[np.uint8] = np.ndarray(shape, np.uint8, memory)
    return images


def _mapped(file: Any, shape: tuple[int, ...]) -> Shared:
    number = file.detach()
    try:
        memory = mmap.mmap(number, max(1, math.prod(shape)), access=mmap.ACCESS_COPY)
    finally:
        os.close(number)
    shared = Shared.__new__(Shared)
    shared.images = _array(shape, memory)
    return shared
