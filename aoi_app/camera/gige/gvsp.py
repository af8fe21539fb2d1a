"""GVSP, the stream channel: blocks of lines cut into UDP packets."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from aoi_app.camera.gige.features import CHUNKS

LEADER, TRAILER, PAYLOAD = 1, 2, 3
IMAGE, WITH_CHUNKS = 0x0001, 0x4000
IP_UDP_BYTES, HEADER_BYTES = 28, 8
IMAGE_CHUNK = 0x7FFF_0001
PACKET_UNAVAILABLE = 0x800C

Packet = tuple[bytes, memoryview]
"""Header and body."""


def chunk_tail(image_bytes: int, values: tuple[int, ...]) -> bytes:
    """Return what follows the image: the end of its own chunk, then each value with its number and length."""
    tail = struct.pack(">II", IMAGE_CHUNK, image_bytes)
    for chunk, value in zip(CHUNKS, values, strict=True):
        tail += struct.pack(">qII", value, chunk.chunk_id, 8)
    return tail


@dataclass(slots=True, eq=False)
class StreamBlock:
    """One block on its way to the client.

    Attributes
    ----------
    block_id
        1 to 65535.
    body
        Pixels and, in chunk mode, the tail of chunks.
    width, height
        As the leader tells them: the configured height, even of a block that ends early.
    lines
        Lines that are there.
    """

    block_id: int
    body: bytes
    timestamp_ns: int
    pixel_format: int
    width: int
    height: int
    lines: int
    has_chunks: bool
    packet_size: int
    _view: memoryview = field(init=False)

    def __post_init__(self) -> None:
        self._view = memoryview(self.body)

    @property
    def room(self) -> int:
        """Bytes of the body in each packet."""
        return self.packet_size - IP_UDP_BYTES - HEADER_BYTES

    @property
    def last_packet(self) -> int:
        """Number of the trailer; the leader is packet 0."""
        return 1 + -(-len(self.body) // self.room)

    def packets(self) -> Iterator[Packet]:
        """Yield all packets in order."""
        return (self.packet(n) for n in range(self.last_packet + 1))

    def packet(self, number: int) -> Packet:
        """Return one packet."""
        if number == 0:
            return self._header(LEADER, 0), memoryview(self._leader())
        if number >= self.last_packet:
            return self._header(TRAILER, number), memoryview(self._trailer())
        at = (number - 1) * self.room
        return self._header(PAYLOAD, number), self._view[at : at + self.room]

    def _header(self, kind: int, number: int) -> bytes:
        return struct.pack(">HHI", 0, self.block_id, kind << 24 | number)

    @property
    def _payload_type(self) -> int:
        return IMAGE | (WITH_CHUNKS if self.has_chunks else 0)

    def _leader(self) -> bytes:
        stamp = divmod(self.timestamp_ns, 1 << 32)
        return struct.pack(
            ">HHIIIIIIIHH",
            0, self._payload_type, *stamp, self.pixel_format, self.width, self.height, 0, 0, 0, 0,
        )  # fmt: skip

    def _trailer(self) -> bytes:
        return struct.pack(">HHI", 0, self._payload_type, self.lines)


def unavailable(block_id: int, number: int) -> bytes:
    """Return the answer to a request for a packet that is no longer held."""
    return struct.pack(">HHI", PACKET_UNAVAILABLE, block_id, PAYLOAD << 24 | number)
