"""Calls into a device that may never come back: which thread is in one, and when its thread is given up.

Such a call cannot be ended from outside, and a limit within it would cost every launch. So the calling thread waits as
the driver has it wait, and another one, that looks now and then, gives it up and sees to what it did.
"""

from __future__ import annotations

import ctypes
import threading
from threading import get_ident

from aoi_app.core.errors import EngineError

LOOK_S = 0.25
LIMIT_S = 10.0
"""A launch takes milliseconds; a driver that watches its GPU ends what runs for 2 to 5 s, and says so itself."""

_calls: dict[int, tuple[Device]] = {}  # thread -> its call: a new tuple each, so that one is told from the next
_gpus: dict[int, Device] = {}
_silent: set[Device] = set()


class GivenUp(BaseException):
    """Ends a thread that came back after it was given up: its work is another's. Only its first function catches it."""


class Device:
    """A device whose calls are watched: `with device:` around what may hang. Calls of a thread do not nest."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def silent(self) -> bool:
        """Whether it was given up: no call may be made to it any more in this process."""
        return self in _silent

    def __enter__(self) -> None:
        _calls[get_ident()] = (self,)

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        # One pop decides, here or in `Watch`: a thread is either back in time or given up, never both.
        if _calls.pop(get_ident(), None) is None:
            raise GivenUp

    def answered(self) -> None:
        """Say, within the call, that the device has done something: the limit begins anew. Raises GivenUp."""
        me = get_ident()
        if _calls.pop(me, None) is None:
            raise GivenUp
        _calls[me] = (self,)

    def error(self) -> EngineError:
        """Return what is to be said of a silent device."""
        return EngineError(
            f"{self.name} has not answered for {LIMIT_S:.0f} s and is not used any more; what it holds stays taken.",
            "Restart the station; if the same happens again, restart the computer and check the card and its driver.",
        )


class Watch:
    """Looks at one kind of thread, every `LOOK_S`."""

    def __init__(self) -> None:
        self._call: tuple[Device] | None = None
        self._looks = 0

    def gives_up(self, thread: threading.Thread | None) -> EngineError | None:
        """Give the thread up if its call has lasted `LIMIT_S`; return what is to be said, else None.

        Looks are counted, not seconds: a computer that was halted for a while has a GPU that is alive.
        """
        number = None if thread is None else thread.ident
        call = None if number is None else _calls.get(number)
        if number is None or call is None or call is not self._call:
            self._call, self._looks = call, 0
            return None
        self._looks += 1
        if self._looks * LOOK_S < LIMIT_S or _calls.pop(number, None) is None:
            return None
        device, self._call = call[0], None
        _silent.add(device)
        return device.error()


def gpu_device(index: int) -> Device:
    """Return the GPU with this number: the same one to every thread."""
    return _gpus.get(index) or _gpus.setdefault(index, Device(f"GPU {index}"))


def any_silent() -> bool:
    """Whether a device was given up: then the end of the process may hang, too."""
    return bool(_silent)


def leave(thing: object) -> None:
    """Keep a thing for good, also when Python ends: to free it would wait for a device that is silent."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))
