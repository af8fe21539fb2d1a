"""The socket that libaravis receives a stream through: wide enough before the first packet comes."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

OPEN_FILES = Path("/dev/fd")


def widen(port: int, size: int) -> bool:
    """Give the socket of this process that is bound to a UDP port a receive buffer; tell whether there is one.

    libaravis does so itself, but only when the first block has begun to come: what is sent in one go until then is
    lost where it does not fit into the system's default.

    Parameters
    ----------
    size
        Bytes; the system may allow less.
    """
    for entry in list(OPEN_FILES.iterdir()) if OPEN_FILES.is_dir() else ():
        # Other threads open and close files meanwhile.
        with suppress(OSError), _socket(int(entry.name)) as found:
            if found is not None and found.getsockname()[1] == port:
                found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
                return True
    return False


@contextmanager
def _socket(number: int) -> Iterator[socket.socket | None]:
    """Give the UDP socket behind a file number; None for anything else. Raises OSError."""
    if not stat.S_ISSOCK(os.fstat(number).st_mode):
        yield None
        return
    with socket.socket(fileno=os.dup(number)) as found:
        is_udp = found.family == socket.AF_INET and found.type == socket.SOCK_DGRAM
        yield found if is_udp else None
