"""Boards and helpers for the tests of cameras."""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from aoi_app.camera import aravis_library
from aoi_app.camera.assembler import DEFAULT_OPTIONS, BoardAssembler
from aoi_app.camera.board_options import BoardOptions
from aoi_app.camera.conveyor import SourceBoard
from aoi_app.camera.fault_plan import FaultPlan
from aoi_app.camera.gige.device import GigeDevice
from aoi_app.camera.gige.link_faults import LinkFaults
from aoi_app.camera.ring import BufferRing
from aoi_app.core.protocols import AcquisitionConfig, LineScanCamera
from aoi_app.core.scan import Pixels, ScanEnd


def loopback(number: int) -> str:
    """Return an address of this machine that no other test worker uses, nor another run of the tests."""
    high, low = divmod(os.getpid(), 250)
    return f"127.{high % 250 + 1}.{low + 1}.{number}"


@contextmanager
def the_loopback() -> Iterator[str]:
    """Lend 127.0.0.1, which is alone in being found by broadcast, to one test of this machine at a time."""
    import fcntl  # where there is libaravis there is this

    lock = Path(tempfile.gettempdir(), "aoi-tests-loopback.lock")
    if not lock.exists():
        lock.touch()
    # Only read: another user may have made it.
    with lock.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield "127.0.0.1"


@contextmanager
def fake_camera() -> Iterator[str]:
    """Run Aravis' own fake camera, an area-scan one; give its address."""
    library = ctypes.CDLL(aravis_library.NAMES["linux"])
    library.arv_gv_fake_camera_new.restype = ctypes.c_void_p
    library.arv_gv_fake_camera_new.argtypes = (ctypes.c_char_p, ctypes.c_char_p)
    library.g_object_unref.argtypes = (ctypes.c_void_p,)
    with the_loopback() as address:
        fake = library.arv_gv_fake_camera_new(address.encode(), b"GV02")
        yield address
        library.g_object_unref(fake)


def become_an_ordinary_user() -> None:
    """Give up raw sockets, and root where others can read what is needed. For a new process, before its program."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_CAPBSET_DROP, CAP_NET_RAW, 0, 0, 0) != 0 and os.getuid() == 0:
        raise OSError(ctypes.get_errno(), "the capability could not be dropped")
    needed = [Path(place).resolve() for place in (__file__, sys.executable, np.__file__)]
    if os.getuid() == 0 and all(place.stat().st_mode & 0o1 for file in needed for place in file.parents):
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


PR_CAPBSET_DROP, CAP_NET_RAW, NOBODY = 24, 13, 65_534


def pictures(count: int, lines: int = 200, width: int = 256) -> list[Pixels]:
    rng = np.random.default_rng(7)
    return [rng.integers(0, 256, (lines, width), dtype=np.uint8) for _ in range(count)]


def source_of(boards: list[Pixels], repeat: bool = False) -> Callable[[int], SourceBoard | None]:
    def source(number: int) -> SourceBoard | None:
        if number >= len(boards) and not repeat:
            return None
        return SourceBoard(boards[number % len(boards)], f"S{number}")

    return source


@contextmanager
def device(
    boards: list[Pixels],
    address: str,
    *,
    loss: float = 0.0,
    can_resend: bool = True,
    faults: str = "",
    repeat: bool = False,
) -> Iterator[GigeDevice]:
    served = GigeDevice(
        source_of(boards, repeat),
        address,
        gap_lines=300,
        board_faults=FaultPlan.parse(faults),
        link=LinkFaults(loss),
        can_resend=can_resend,
    )
    served.start()
    try:
        yield served
    finally:
        served.stop()


def grab(
    camera: LineScanCamera,
    config: AcquisitionConfig,
    count: int,
    *,
    timeout_s: float = 60.0,
    quiet_s: float = 1.0,
    options: BoardOptions = DEFAULT_OPTIONS,
) -> list[ScanEnd]:
    """Run an open camera until `count` boards have ended."""
    applied = camera.configure(config)
    assembler = BoardAssembler(BufferRing(count + 8, 4 << 20), applied.height, timeout_s=quiet_s, options=options)
    camera.start_acquisition()
    ends: list[ScanEnd] = []
    deadline = time.monotonic() + timeout_s
    while len(ends) < count and time.monotonic() < deadline:
        block = camera.fetch(0.2)
        events = assembler.tick() if block is None else assembler.feed(block)
        ends += [event for event in events if isinstance(event, ScanEnd)]
    camera.stop_acquisition()
    return ends
