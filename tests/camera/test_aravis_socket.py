"""The socket of a GigE Vision stream, before the first packet comes."""

from __future__ import annotations

import os
import random
import socket
import struct
import sys
from contextlib import suppress

import pytest

from aoi_app.camera import aravis_library, aravis_stream
from aoi_app.camera.aravis import AravisCamera
from aoi_app.camera.aravis_socket import OPEN_FILES, prepare
from aoi_app.camera.gige.registers import STREAM_ADDRESS, STREAM_PORT
from aoi_app.core.protocols import AcquisitionConfig
from tests.camera.boards import device, loopback, pictures

needs_files = pytest.mark.skipif(not OPEN_FILES.is_dir(), reason="the system does not list open files")

needs_aravis = pytest.mark.skipif(
    aravis_library.missing() is not None, reason=str(aravis_library.missing() or "libaravis is there")
)


def buffer_of(found: socket.socket) -> int:
    return found.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)


@needs_files
def test_only_the_socket_of_that_port_is_widened() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mine, socket.socket(socket.AF_INET) as other:
        mine.bind(("127.0.0.1", 0))
        port = mine.getsockname()[1]
        other.bind(("127.0.0.1", port))  # the same number, of TCP
        before = buffer_of(other)
        assert prepare(port, 20_000, bytes(4), 9)
        # Linux doubles what it is asked for.
        assert buffer_of(mine) in (20_000, 40_000) and buffer_of(other) == before
    assert not prepare(port, 20_000, bytes(4), 9)


@needs_files
@needs_aravis
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


def packet(kind: int, number: int, body: bytes = b"", *, extended: bool = False) -> bytes:
    if extended:
        return struct.pack(">HHIQI", 0, 0, (kind | 0x80) << 24, 7, number) + body
    return struct.pack(">HHI", 0, 7, kind << 24 | number) + body


def leader(kind: int, length: int = 36) -> bytes:
    return struct.pack(">HH", 0, kind).ljust(length, b"\0")


@pytest.mark.parametrize("extended", [False, True])
@pytest.mark.skipif(sys.platform != "linux" or not OPEN_FILES.is_dir(), reason="the filter is Linux's")
def test_only_what_belongs_to_a_block_of_the_camera_gets_through(extended: bool) -> None:
    kept = [packet(1, 0, leader(kind), extended=extended) for kind in (1, 0x4001, 4, 5)]
    kept += [packet(1, 0, leader(4, 12), extended=extended)]
    kept += [packet(kind, 9, bytes(40), extended=extended) for kind in (2, 3)]
    dropped = [packet(1, 0, leader(kind), extended=extended) for kind in (0, 2, 3, 6, 9, 10, 0x8001)]
    dropped += [packet(1, 0, leader(1, 35), extended=extended), packet(1, 0, extended=extended), b"", b"GVSP"]
    dropped += [packet(kind, 10, bytes(40), extended=extended) for kind in (1, 2, 3)]
    dropped += [packet(kind, 1, bytes(40), extended=extended) for kind in (0, 4, 5, 6, 7, 8)]
    assert received(dropped + kept, "127.0.0.9") == kept
    assert received(kept, "127.0.0.10") == []


def received(packets: list[bytes], sender: str) -> list[bytes]:
    """Return what gets through of packets, at a socket that listens to 127.0.0.9 and blocks of ten packets."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mine, socket.socket(type=socket.SOCK_DGRAM) as other:
        mine.bind(("127.0.0.1", 0))
        other.bind((sender, 0))
        assert prepare(mine.getsockname()[1], 1 << 20, socket.inet_aton("127.0.0.9"), 9)
        for each in packets:
            other.sendto(each, mine.getsockname())
        mine.setblocking(False)
        got: list[bytes] = []
        # What is sent over loopback has arrived when it is sent.
        with suppress(BlockingIOError):
            while True:
                got.append(mine.recv(2_048))
        return got


@needs_aravis
def test_packets_of_anybody_else_leave_a_stream_as_it_is() -> None:
    """libaravis believes the lengths in some of these, and ends the process."""
    boards = pictures(3, lines=500)
    rng = random.Random(1)
    with device(boards, loopback(55), repeat=True) as served:
        camera = AravisCamera(loopback(55), {"packet_size": 1_500})
        camera.open()
        camera.configure(AcquisitionConfig(height=64, acquisition_line_rate=8_000.0))
        camera.start_acquisition()
        port = served.registers.number(STREAM_PORT) & 0xFFFF
        host = socket.inet_ntoa(served.registers.number(STREAM_ADDRESS).to_bytes(4, "big"))
        with socket.socket(type=socket.SOCK_DGRAM) as stranger, socket.socket(type=socket.SOCK_DGRAM) as camera_itself:
            camera_itself.bind((loopback(55), 0))
            for _ in range(40):
                for _ in range(20):
                    block, kind = (served.sent_blocks + rng.randrange(-2, 4)) % 65_536, rng.choice((1, 2, 4, 0x82))
                    spoilt = struct.pack(">HHI", 0, block, kind << 24 | rng.randrange(1 << 24)) + rng.randbytes(60)
                    stranger.sendto(spoilt, (host, port))
                    camera_itself.sendto(spoilt, (host, port))
                camera.fetch(0.01)
        assert camera.fetch(60.0) is not None
        camera.close()
