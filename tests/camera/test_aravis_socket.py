"""The socket of a GigE Vision stream, before the first packet comes."""

from __future__ import annotations

import os
import socket

import pytest

from aoi_app.camera import aravis_library, aravis_stream
from aoi_app.camera.aravis import AravisCamera
from aoi_app.camera.aravis_socket import OPEN_FILES, widen
from aoi_app.camera.gige.registers import STREAM_PORT
from aoi_app.core.protocols import AcquisitionConfig
from tests.camera.boards import device, loopback, pictures

needs_files = pytest.mark.skipif(not OPEN_FILES.is_dir(), reason="the system does not list open files")


def buffer_of(found: socket.socket) -> int:
    return found.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)


@needs_files
def test_only_the_socket_of_that_port_is_widened() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mine, socket.socket(socket.AF_INET) as other:
        mine.bind(("127.0.0.1", 0))
        port = mine.getsockname()[1]
        other.bind(("127.0.0.1", port))  # the same number, of TCP
        before = buffer_of(other)
        assert widen(port, 20_000)
        # Linux doubles what it is asked for.
        assert buffer_of(mine) in (20_000, 40_000) and buffer_of(other) == before
    assert not widen(port, 20_000)


@needs_files
@pytest.mark.skipif(aravis_library.missing() is not None, reason=str(aravis_library.missing() or "libaravis is there"))
def test_a_stream_has_its_whole_buffer_before_a_block_has_come() -> None:
    with device(pictures(1), loopback(54), repeat=True) as served:
        served.link.loss = 1.0
        camera = AravisCamera(loopback(54))
        try:
            camera.open()
            camera.configure(AcquisitionConfig(height=64, acquisition_line_rate=4_000.0))
            camera.start_acquisition()
            port = served.registers.number(STREAM_PORT) & 0xFFFF
            allowed = aravis_stream.socket_buffer()
            assert allowed is not None and received_at(port) in (allowed, 2 * allowed)
        finally:
            camera.close()


def received_at(port: int) -> int:
    """Return the receive buffer of the UDP socket of this process that is bound to a port."""
    for entry in list(OPEN_FILES.iterdir()):
        try:
            with socket.socket(fileno=os.dup(int(entry.name))) as found:
                if found.type == socket.SOCK_DGRAM and found.getsockname()[1] == port:
                    return buffer_of(found)
        except (OSError, IndexError):
            continue
    raise AssertionError(f"no socket is bound to {port}")
