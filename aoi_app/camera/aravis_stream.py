"""The stream of a GigE Vision camera through libaravis: buffers in, whole blocks out."""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Callable, Sequence
from ctypes import byref, c_size_t
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aoi_app.camera.aravis_library import (
    FIXED_SOCKET_BUFFER,
    PACKET_SOCKET_DISABLED,
    RESEND_ALWAYS,
    RESEND_NEVER,
    SUCCESS,
    Library,
)
from aoi_app.camera.aravis_socket import prepare
from aoi_app.core.errors import CameraBusy, CameraError, CameraLost

_log = logging.getLogger("aoi")

SOCKET_BUFFER_BYTES = 4 << 20
"""A smaller one loses packets at a few blocks a second, unless they are spread over time."""
RMEM_MAX = Path("/proc/sys/net/core/rmem_max")

LEAST_BUFFERS, MOST_BUFFERS, BUFFERS_BYTES = 32, 256, 64 << 20
LEAST_RETENTION_S, MOST_RETENTION_S = 0.1, 0.5
MOST_BARE_BLOCKS = 32
NEGATIVE = 1 << 63
MOST_CHUNKS = 256
"""Of a block; more are none, but bytes that look like some."""
PACED_SHARE = 0.8
"""Of the time from block to block, over which its packets are spread where the socket's buffer is small."""


@dataclass(frozen=True, slots=True, eq=False)
class Buffer:
    """A block of which every byte came.

    Attributes
    ----------
    data
        (n,) uint8: the image without its chunks. Valid until the callback returns.
    chunks
        Value by name, of those asked for.
    """

    data: NDArray[np.uint8]
    frame_id: int
    timestamp_ns: int
    chunks: dict[str, int]


class AravisStream:
    """Buffers of one acquisition.

    Parameters
    ----------
    library
        libaravis.
    camera
        An ArvCamera.
    buffers
        How many blocks may wait.
    payload
        Bytes of each.
    most_packets
        In which each comes.
    resend
        Ask for lost packets again.
    retention_s
        How long a block waits for packets that were lost.
    chunks
        Names of the chunks to read from each block.
    """

    def __init__(
        self,
        library: Library,
        camera: int,
        *,
        buffers: int,
        payload: int,
        most_packets: int,
        resend: bool,
        retention_s: float,
        chunks: Sequence[str],
    ) -> None:
        self._library = library
        self._chunks = [(name, name.encode()) for name in chunks]
        self._chunks_known = False
        # Given the right to, libaravis reads packets past the sockets, and filters them only from when it has opened
        # that way on: until then those of every other camera of the machine come in, and are taken for this one's.
        library.arv_gv_device_set_stream_options(library.arv_camera_get_device(camera), PACKET_SOCKET_DISABLED)
        self._stream = library.checked("arv_camera_create_stream", camera, None, None, about="The stream")
        if not self._stream:
            raise CameraBusy("The camera gives no stream.", "Close the other program that uses it.")
        library.set_int_property(self._stream, b"socket-buffer", FIXED_SOCKET_BUFFER)
        library.set_int_property(self._stream, b"socket-buffer-size", SOCKET_BUFFER_BYTES)
        address = library.address(library.arv_camera_get_device(camera))
        prepare(library.arv_gv_stream_get_port(self._stream), SOCKET_BUFFER_BYTES, address, most_packets)
        library.set_int_property(self._stream, b"packet-resend", RESEND_ALWAYS if resend else RESEND_NEVER)
        # By default a block is given up after 0.1 s and when a quarter of it is missing: too early on a busy machine.
        library.set_int_property(self._stream, b"frame-retention", int(retention_s * 1e6))
        library.set_int_property(self._stream, b"packet-request-ratio", 1)
        self._parser = library.arv_camera_create_chunk_parser(camera) if chunks else None
        for _ in range(buffers):
            library.arv_stream_push_buffer(self._stream, library.arv_buffer_new_allocate(payload))
        self.incomplete = self._bare = 0
        warning = small_socket_buffer()
        if warning:
            _log.warning(warning)

    def pop(self, timeout_s: float, take: Callable[[Buffer], None], miss: Callable[[], None]) -> bool:
        """Wait for a buffer and hand it to `take` if it is whole; False when none came in time.

        What an incomplete buffer holds, its frame id included, may be that of another block: `miss` hears of it.
        """
        library = self._library
        buffer = library.arv_stream_timeout_pop_buffer(self._stream, int(timeout_s * 1e6))
        if not buffer:
            return False
        try:
            whole = self._whole(buffer) if library.arv_buffer_get_status(buffer) == SUCCESS else None
            if whole is None:
                self.incomplete += 1
                miss()
            else:
                take(whole)
        finally:
            library.arv_stream_push_buffer(self._stream, buffer)
        return True

    def statistics(self) -> dict[str, int]:
        """Return the counters of the stream."""
        names = ("n_completed_buffers", "n_failures", "n_underruns", "n_resent_packets", "n_missing_packets")
        counted = {n: int(self._library.arv_stream_get_info_uint64_by_name(self._stream, n.encode())) for n in names}
        # More packets than a block has leave fewer than none missing.
        return {name: count if count < NEGATIVE else 0 for name, count in counted.items()}

    def close(self) -> None:
        """Give everything back. May be called twice."""
        for name in ("_parser", "_stream"):
            handle, held = getattr(self, name), name
            setattr(self, held, None)
            if handle:
                self._library.g_object_unref(handle)

    def _whole(self, buffer: int) -> Buffer | None:
        """Return what a buffer holds; None where chunks that come with every block are missing from it."""
        library = self._library
        size = c_size_t()
        address = library.arv_buffer_get_data(buffer, byref(size))
        data: NDArray[np.uint8] = np.ctypeslib.as_array((ctypes.c_uint8 * size.value).from_address(address))
        chunks: dict[str, int] = {}
        has_chunks = library.arv_buffer_has_chunks(buffer)
        if has_chunks:
            data = data[: image_bytes(data)]
            if not self._chunks_known:
                # A camera knows more chunks than it has been told to send: the first block shows which come.
                self._chunks = [chunk for chunk in self._chunks if self._chunk(buffer, *chunk) is not None]
                self._chunks_known = True
            for name, code in self._chunks:
                value = self._chunk(buffer, name, code)
                if value is not None:
                    chunks[name] = value
        if self._chunks_known and len(chunks) < len(self._chunks):
            self._count_bare()
            return None
        self._bare = 0
        return Buffer(
            data,
            int(library.arv_buffer_get_frame_id(buffer)),
            int(library.arv_buffer_get_timestamp(buffer)),
            chunks,
        )

    def _count_bare(self) -> None:
        # One of them is a fault of the link, many are settings that somebody changed.
        self._bare += 1
        if self._bare > MOST_BARE_BLOCKS:
            names = ", ".join(name for name, _ in self._chunks)
            raise CameraLost(f"The blocks no longer come with their {names}.", "It is set up anew.")

    def _chunk(self, buffer: int, name: str, code: bytes) -> int | None:
        try:
            return int(
                self._library.checked("arv_chunk_parser_get_integer_value", self._parser, buffer, code, about=name)
            )
        except CameraError:
            return None


def image_bytes(data: NDArray[np.uint8]) -> int:
    """Return how many leading bytes of a payload with chunks are the image.

    Chunks stand at the end, each followed by its number and length (GenICam SFNC, big endian); the image is the first.
    """
    end = int(data.shape[0])
    for _ in range(MOST_CHUNKS):
        if end < 8:
            break
        length = int.from_bytes(data[end - 4 : end].tobytes(), "big")
        start = end - 8 - length
        if start <= 0:
            return length if start == 0 else end
        end = start
    return end


def buffer_count(payload: int) -> int:
    """Return how many blocks of so many bytes may wait: many small ones, some large ones."""
    return min(MOST_BUFFERS, max(LEAST_BUFFERS, BUFFERS_BYTES // max(1, payload)))


def retention_s(resend: bool, buffers: int, block_s: float) -> float:
    """Return how long a block may wait for lost packets while the blocks after it fill at most half of the buffers."""
    return min(MOST_RETENTION_S, max(LEAST_RETENTION_S, buffers * block_s / 2)) if resend else LEAST_RETENTION_S


def packet_pause_s(payload: int, packet_bytes: int, block_s: float) -> float:
    """Return the pause between packets that a small socket buffer needs; 0 where it takes a block in one go."""
    allowed = socket_buffer()
    if allowed is None or allowed >= 2 * payload:
        return 0.0
    return PACED_SHARE * block_s / max(1, -(-payload // max(1, packet_bytes)))


def socket_buffer() -> int | None:
    """Return the bytes of the stream's socket buffer; None where the system does not tell."""
    try:
        return min(SOCKET_BUFFER_BYTES, int(RMEM_MAX.read_text()))
    except (OSError, ValueError):
        return None


def small_socket_buffer() -> str | None:
    """Return a warning when the system allows no socket buffer that is large enough, otherwise None."""
    allowed = socket_buffer()
    if allowed is None or allowed >= SOCKET_BUFFER_BYTES:
        return None
    return (
        f"The system allows socket buffers of {allowed} bytes, {SOCKET_BUFFER_BYTES} are needed, packets may get lost: "
        f"sudo sysctl -w net.core.rmem_max={SOCKET_BUFFER_BYTES}"
    )
