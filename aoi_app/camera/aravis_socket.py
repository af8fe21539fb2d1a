"""The socket that libaravis receives a stream through: wide enough before the first packet comes, and for it alone."""

from __future__ import annotations

import ctypes
import os
import socket
import stat
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SO_ATTACH_FILTER = 26
STEP_BYTES = 8
LOAD_WORD, LOAD_HALF, LOAD_BYTE = 0x20, 0x28, 0x30
AND, IS_EQUAL, IS_MORE, HAS_BITS, RETURN = 0x54, 0x15, 0x25, 0x45, 0x06
SOURCE_ADDRESS = 0xFFF0_000C
"""Of the IP header, before the UDP header."""
LEADER, TRAILER, PAYLOAD, EXTENDED_ID = 1, 2, 3, 0x80
KIND_OF_PACKET, PACKET_NUMBER = 0x7F, 0xFF_FFFF
IMAGE, CHUNKS, EXTENDED_CHUNKS = 1, 4, 5
KIND_OF_BLOCK = 0xBFFF
"""All of it but the bit that says that chunks follow."""
WHOLE_PACKET = 0xFFFF_FFFF

OPEN_FILES = Path("/dev/fd")


def prepare(port: int, size: int, camera: bytes, most_packets: int) -> bool:
    """Give the socket of this process that is bound to a UDP port a receive buffer and a filter; False if none is.

    libaravis widens it itself, but only when the first block has begun to come: what is sent in one go until then is
    lost where it does not fit into the system's default. It takes packets from anybody, and of some kinds of block it
    believes lengths that no block has, upon which the process ends.

    Parameters
    ----------
    size
        Bytes; the system may allow less.
    camera
        IPv4 address that the packets come from, packed.
    most_packets
        Of a block.
    """
    for entry in list(OPEN_FILES.iterdir()) if OPEN_FILES.is_dir() else ():
        # Other threads open and close files meanwhile.
        with suppress(OSError), _socket(int(entry.name)) as found:
            if found is not None and found.getsockname()[1] == port:
                found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
                _filter(found, camera, most_packets)
                return True
    return False


def _filter(found: socket.socket, camera: bytes, most_packets: int) -> None:
    """Have the system drop what is not of the camera, or of no block that it sends."""
    if sys.platform != "linux" or not any(camera):
        return
    program = b"".join(struct.pack("HBBI", *step) for step in stream_filter(camera, most_packets))
    memory = ctypes.create_string_buffer(program)
    place = struct.pack("HP", len(program) // STEP_BYTES, ctypes.addressof(memory))
    found.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, place)


Step = tuple[int, int, int, int]
"""Code, steps to skip when true, steps to skip when false, value: an instruction of the system's packet filter."""


def _header(end: int, most_packets: int) -> tuple[tuple[str, int, int, str, str], ...]:
    """Return the lines that judge a packet of a known number by what stands behind a header of `end` bytes."""
    return (
        ("", IS_MORE, most_packets, "drop", ""),
        ("", LOAD_BYTE, 12, "", ""),
        ("", AND, KIND_OF_PACKET, "", ""),
        ("", IS_EQUAL, LEADER, "", "body"),
        ("", LOAD_HALF, end + 2, "", ""),
        ("", AND, KIND_OF_BLOCK, "", ""),
        ("", IS_EQUAL, IMAGE, "", "chunks"),
        ("", LOAD_BYTE, end + 35, "", ""),  # the last byte of an image's leader
        ("", IS_EQUAL, 0, "keep", "keep"),
    )


def stream_filter(camera: bytes, most_packets: int) -> list[Step]:
    """Return the filter's program: packets of the camera, as many as a block has, and leaders of images and of chunks.

    Places count from the UDP header on, which has 8 bytes; a packet that is too short for one is dropped.
    """
    # Label, code, value, where to go when it holds, where when not; nowhere is the next line.
    lines = (
        ("", LOAD_WORD, SOURCE_ADDRESS, "", ""),
        ("", IS_EQUAL, int.from_bytes(camera, "big"), "", "drop"),
        ("", LOAD_BYTE, 12, "", ""),
        ("", HAS_BITS, EXTENDED_ID, "extended", ""),
        ("", LOAD_WORD, 12, "", ""),
        ("", AND, PACKET_NUMBER, "", ""),
        *_header(16, most_packets),
        ("extended", LOAD_WORD, 24, "", ""),
        *_header(28, most_packets),
        ("chunks", IS_EQUAL, CHUNKS, "keep", ""),
        ("", IS_EQUAL, EXTENDED_CHUNKS, "keep", "drop"),
        ("body", IS_EQUAL, TRAILER, "keep", ""),
        ("", IS_EQUAL, PAYLOAD, "keep", "drop"),
        ("keep", RETURN, WHOLE_PACKET, "", ""),
        ("drop", RETURN, 0, "", ""),
    )
    places = {label: place for place, (label, *_) in enumerate(lines) if label}

    def skips(place: int, to: str) -> int:
        return places[to] - place - 1 if to else 0

    return [(code, skips(n, yes), skips(n, no), value) for n, (_, code, value, yes, no) in enumerate(lines)]


@contextmanager
def _socket(number: int) -> Iterator[socket.socket | None]:
    """Give the UDP socket behind a file number; None for anything else. Raises OSError."""
    if not stat.S_ISSOCK(os.fstat(number).st_mode):
        yield None
        return
    with socket.socket(fileno=os.dup(number)) as found:
        is_udp = found.family == socket.AF_INET and found.type == socket.SOCK_DGRAM
        yield found if is_udp else None
