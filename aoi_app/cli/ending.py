"""How the process ends where a device hangs: at once, for the driver's own clean-up would wait for it."""

from __future__ import annotations

import logging
import os
import sys
import threading
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
        _exit(_status(error))


@contextmanager
def end_when_silent() -> Iterator[None]:
    """End the process with status 2 and a message where this thread's call into a device does not come back.

    A station gives such a call up and goes on without the device. A command has nothing to go on with.
    """
    from aoi_app.inference.device_calls import LOOK_S, Watch

    thread, over = threading.current_thread(), threading.Event()

    def look() -> None:
        watch = Watch()
        while not over.wait(LOOK_S):
            said = watch.gives_up(thread)
            if said is not None:
                print(f"aoi: {said}", file=sys.stderr)
                _exit(2)
                return

    threading.Thread(target=look, name="device watch", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _exit(status: int) -> None:
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
