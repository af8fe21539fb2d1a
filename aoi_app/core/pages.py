"""Memory of board size that goes back to the system when it is free.

An allocator cannot do that for pictures of a few megabytes that come and go all day in several threads: glibc moves
them into its heaps once the first of them was freed, and whatever small thing lands behind one keeps it from going
back. The memory of a station then rises and falls by whole boards, and never again to where it was.
"""

from __future__ import annotations

import contextlib
import math
import mmap
import sys

import numpy as np

from aoi_app.core.scan import Pixels

LEAST_BYTES = 1 << 18
"""What is smaller is left to the allocator, which is quicker there and finds a use for it soon."""

HUGE_BYTES = 1 << 22


def own_pages(shape: tuple[int, ...]) -> Pixels:
    """Return zeroed memory with pages of its own, gone with the last view of it; a page counts once it is written.

    Parameters
    ----------
    shape
        Of the uint8 array.
    """
    nbytes = math.prod(shape)
    if nbytes < LEAST_BYTES:
        return np.zeros(shape, np.uint8)
    return np.frombuffer(_mapped(nbytes), np.uint8, nbytes).reshape(shape)


if sys.platform == "win32":

    def _mapped(nbytes: int) -> mmap.mmap:
        return mmap.mmap(-1, nbytes)

else:

    def _mapped(nbytes: int) -> mmap.mmap:
        # Not shared, which is the default: a child process is to copy pages, not to write into ours.
        pages = mmap.mmap(-1, nbytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        if nbytes >= HUGE_BYTES and hasattr(mmap, "MADV_HUGEPAGE"):
            # As numpy asks for its own: to touch 16 MiB for the first time takes milliseconds less.
            with contextlib.suppress(OSError):  # a kernel without them
                pages.madvise(mmap.MADV_HUGEPAGE)
        return pages
