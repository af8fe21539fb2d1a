"""What the tests let other processes do: they load this module, and it should load little."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from aoi_app.training.corpus import DataError


def process_of(number: int) -> tuple[int, int, bool]:
    """Return the number, who worked on it, and whether PyTorch is loaded there."""
    time.sleep(0.002 * (number % 3))  # a later one may well be done before
    return number, os.getpid(), "torch" in sys.modules


def refuse(number: int) -> int:
    if number in (40, 41):
        raise DataError(f"{number} cannot be done.", "Do another.")
    return number


def die(number: int) -> int:
    if number == 40:
        os.kill(os.getpid(), signal.SIGTERM)
    return number


def note(folder: Path, number: int) -> int:
    """Leave a file that names the process; once two processes have, another that names the number."""
    (folder / f"process-{os.getpid()}").touch()
    limit = time.monotonic() + 60
    while len(list(folder.glob("process-*"))) < 2 and time.monotonic() < limit:
        time.sleep(0.01)
    (folder / f"done-{number}").touch()
    return number
