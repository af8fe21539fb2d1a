"""One station on a data folder at a time."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import BinaryIO

from aoi_app.core.errors import DatabaseLocked
from aoi_app.storage.faults import explained

LOCK_FILE = "station.lock"

if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: BinaryIO) -> None:
        file.seek(1 << 20)  # beyond the text, which must stay readable for the one that is refused
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _try_lock(file: BinaryIO) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


class StationLock:
    """Held from start to stop; the operating system takes it back from a process that was killed.

    Raises
    ------
    DatabaseLocked
        Another station records there; the message names its process.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / LOCK_FILE
        with explained(str(path), folder):
            folder.mkdir(parents=True, exist_ok=True)
            file = path.open("a+b")
        try:
            _try_lock(file)
        except OSError as error:
            file.seek(0)
            holder = file.read(200).decode("utf-8", "replace").strip() or "another process"
            file.close()
            raise DatabaseLocked(
                f"Another station already records in {folder} ({holder}).",
                "Close it, or give this one a data folder of its own; history can be read meanwhile.",
            ) from error
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        file.flush()
        self._file = file

    def release(self) -> None:
        """Let the next one in; may be called twice."""
        self._file.close()
