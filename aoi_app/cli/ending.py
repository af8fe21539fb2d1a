"""How the process ends where a device was given up: at once, for the driver's own clean-up would wait for it."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def ending() -> Iterator[None]:
    """End the process with the exit status of what runs within, which has closed all that is its own."""
    try:
        yield
    except BaseException as error:
        from aoi_app.inference.device_calls import any_silent

        if not any_silent():
            raise
        status = _status(error)
        logging.shutdown()
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):  # a reader that has gone, or no stream at all
                stream.flush()
        os._exit(status)


def _status(error: BaseException) -> int:
    """Return the exit status that Python would end with, and say what it would say."""
    if isinstance(error, SystemExit) and (error.code is None or isinstance(error.code, int)):
        return error.code or 0
    sys.excepthook(type(error), error, error.__traceback__)
    return 1
