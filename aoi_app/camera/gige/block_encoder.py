"""From a line block of the simulated line to a block of the stream: pixel format, width and chunks."""

from __future__ import annotations

import numpy as np

from aoi_app.camera.gige.features import PIXEL_FORMATS
from aoi_app.camera.gige.gvsp import StreamBlock, chunk_tail
from aoi_app.camera.gige.registers import Registers
from aoi_app.core.scan import LineBlock, Pixels

MAX_BLOCK_ID = 65_535
BOARD_SENSOR = 1
"""Bit of the board sensor, Line0, in LineStatusAll."""


class BlockEncoder:
    """Encodes the blocks of one acquisition as the registers ask.

    Parameters
    ----------
    registers
        Read once: what shapes the payload is locked while the device acquires.
    """

    def __init__(self, registers: Registers) -> None:
        self._format = int(registers.get("PixelFormat"))
        self._width = int(registers.get("Width"))
        self._height = int(registers.get("Height"))
        self._has_chunks = bool(registers.get("ChunkModeActive"))
        self._packet_size = int(registers.get("GevSCPSPacketSize")) & 0xFFFF
        self._board = -1
        self._part = 0

    def encode(self, block: LineBlock) -> StreamBlock:
        """Return the block as it goes on the wire. An incomplete one is a matter of the link, not of this."""
        if block.starts_board:
            self._board, self._part = self._board + 1, 0
        image = pack(fit_width(block.pixels, self._width), self._format)
        encoder, encoder_end = block.encoder or 0, block.encoder_end or 0
        values = (
            block.frame_id,
            block.timestamp_ns,
            encoder,
            0 if block.ends_board else BOARD_SENSOR,
            self._board,
            self._part,
            encoder_end - encoder,
        )
        self._part += 1
        return StreamBlock(
            block_id=block.frame_id % MAX_BLOCK_ID + 1,
            body=image + chunk_tail(len(image), values) if self._has_chunks else image,
            timestamp_ns=block.timestamp_ns,
            pixel_format=self._format,
            width=self._width,
            height=self._height,
            lines=block.lines,
            has_chunks=self._has_chunks,
            packet_size=self._packet_size,
        )


def fit_width(pixels: Pixels, width: int) -> Pixels:
    """Return lines of `width` pixels: cut, or with black at their end, as beside a board that is narrower."""
    have = pixels.shape[1]
    if have >= width:
        return pixels[:, :width]
    return np.pad(pixels, [(0, 0), (0, width - have), *[(0, 0)] * (pixels.ndim - 2)])


def pack(pixels: Pixels, pixel_format: int) -> bytes:
    """Return 8-bit lines in a PFNC format; the deeper ones spread 0 to 255 over 0 to 4095."""
    if pixel_format in (PIXEL_FORMATS["Mono8"], PIXEL_FORMATS["RGB8"]):
        return pixels.tobytes()
    deep = pixels.astype(np.uint16) << 4 | pixels >> 4
    if pixel_format == PIXEL_FORMATS["Mono12"]:
        return deep.astype("<u2").tobytes()
    flat = deep.reshape(-1)
    if flat.size % 2:
        flat = np.append(flat, np.uint16(0))
    first, second = flat[0::2], flat[1::2]
    packed = np.stack([first & 0xFF, first >> 8 | (second & 0xF) << 4, second >> 4], axis=1)
    return packed.astype(np.uint8).tobytes()
