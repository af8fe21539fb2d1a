"""Memory for the board ring: page-locked where a GPU reads it, so that copies run beside the work."""

from __future__ import annotations

import logging
from collections.abc import Callable

from aoi_app.core.errors import AoiError
from aoi_app.core.scan import Pixels

_ON_GPU = ("tensorrt", "tensorrt_rtx")
_log = logging.getLogger(__name__)


def board_memory(runtime: str) -> Callable[[int], Pixels] | None:
    """Return how to allocate board buffers for a runtime, or None for ordinary memory.

    Pinned memory serves every other runtime too: a station may go from one to the other and keep its ring.
    """
    if runtime not in _ON_GPU:
        return None
    try:
        from aoi_app.inference.runtimes.tensorrt.gpu.memory import pinned_allocator
        from aoi_app.inference.runtimes.tensorrt.hardware import query_gpu

        query_gpu()
    except AoiError as error:  # opening the engine will say it to the person; the ring only stays where it was
        _log.info("The board ring stays in ordinary memory: %s", error)
        return None
    return pinned_allocator
