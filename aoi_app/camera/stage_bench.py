"""What the stages between a camera's buffer and the finished board cost: share of one core at a line rate."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from numpy.typing import NDArray

from aoi_app.camera.assembler import BoardAssembler
from aoi_app.camera.flat_field import FlatField
from aoi_app.camera.intake import Intake
from aoi_app.camera.ring import BufferRing
from aoi_app.camera.unpack import board_format, layout_of, line_bytes
from aoi_app.core.protocols import AcquisitionConfig

FORMATS = ("Mono8", "Mono10", "Mono12", "Mono12p", "Mono16", "BayerRG8", "RGB8")
BLOCKS = 8
"""Of each board."""
ROUNDS = 20
"""Boards of each kind; the fastest one counts: the others were disturbed."""


@dataclass(frozen=True, slots=True)
class StageCost:
    """Cost of one pixel format.

    Attributes
    ----------
    block_ms
        Unpacking, flat field, window, Bayer and gate of one block.
    board_ms
        Line-loss check, copy into the board's buffer, proof and hash of one block.
    core_share
        Of one core, at the line rate, for all of them.
    """

    pixel_format: str
    flat_field: bool
    block_ms: float
    board_ms: float
    core_share: float


def bench_stages(width: int, line_rate: float, height: int = 256) -> Iterator[StageCost]:
    """Yield the cost of each pixel format, without and with a flat field, in one thread."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with TemporaryDirectory() as folder:
            for name in FORMATS:
                for file in ("", str(Path(folder) / "flat.npz")):
                    yield _cost(name, file, width, height, line_rate)
    finally:
        cv2.setNumThreads(threads)


def _cost(name: str, file: str, width: int, height: int, line_rate: float) -> StageCost:
    applied = AcquisitionConfig(width, height, board_format(layout_of(name)), line_rate)
    bare = Intake(applied, name, {"board_lines": BLOCKS * height})
    if file:
        _field(bare, name, width).save(Path(file))
    intake = Intake(applied, name, {"board_lines": BLOCKS * height, "flat_field": file})
    data = _lines(name, width, height)
    ring = BufferRing(2, BLOCKS * height * width * applied.pixel_format.channels)
    block_s = board_s = float("inf")
    for _ in range(ROUNDS):
        intake.restart()
        assembler = BoardAssembler(ring, height, max_lines=BLOCKS * height)
        spent = [0.0, 0.0]
        for number in range(BLOCKS):
            begun = time.perf_counter()
            block = intake.take(data, number + 1, number)
            taken = time.perf_counter()
            assert block is not None
            assembler.feed(block)
            spent[0] += taken - begun
            spent[1] += time.perf_counter() - taken
        block_s, board_s = min(block_s, spent[0] / BLOCKS), min(board_s, spent[1] / BLOCKS)
    share = (block_s + board_s) * line_rate / height
    return StageCost(name, bool(file), 1e3 * block_s, 1e3 * board_s, share)


def _field(intake: Intake, name: str, width: int) -> FlatField:
    layout = layout_of(name)
    column = np.linspace(0.8, 1.2, width, dtype=np.float32)
    ramp = np.stack([column] * 3, axis=1) if layout.channels == 3 else column
    if layout.bayer is not None:
        ramp = np.stack([column] * 2)
    return FlatField(8 * np.ascontiguousarray(ramp), np.ascontiguousarray(ramp), (width // 3,), intake.conditions)


def _lines(name: str, width: int, height: int) -> NDArray[np.uint8]:
    layout = layout_of(name)
    data = np.random.default_rng(1).integers(0, 256, line_bytes(width, layout) * height, dtype=np.uint8)
    if layout.bits == 16:
        data = (data.view("<u2") & ((1 << layout.depth) - 1)).view(np.uint8)
    return data
