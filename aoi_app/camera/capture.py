"""Taking boards and flat fields from a camera, without a station."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol, runtime_checkable

import numpy as np

from aoi_app.camera.assembler import DEFAULT_OPTIONS, BoardAssembler
from aoi_app.camera.board_options import BoardOptions
from aoi_app.camera.flat_field import Conditions, FlatField
from aoi_app.camera.ring import BufferRing
from aoi_app.camera.stages import MOSAIC
from aoi_app.camera.unpack import layout_of
from aoi_app.core.errors import CameraError
from aoi_app.core.protocols import AcquisitionConfig, LineScanCamera
from aoi_app.core.scan import Pixels, ScanEnd

SLOTS = 2


@runtime_checkable
class Calibrated(Protocol):
    """A camera whose driver corrects the flat field."""

    @property
    def conditions(self) -> Conditions:
        """What a correction that is captured now holds for."""


def grab_boards(
    camera: LineScanCamera,
    config: AcquisitionConfig,
    *,
    max_lines: int,
    quiet_s: float,
    options: BoardOptions = DEFAULT_OPTIONS,
) -> Iterator[ScanEnd]:
    """Yield board after board of an open camera, until nothing has come for `quiet_s`."""
    applied = camera.configure(config)
    row = (applied.width or 0) * applied.pixel_format.channels
    ring = BufferRing(SLOTS, max(1, row * max_lines))
    assembler = BoardAssembler(ring, applied.height, max_lines=max_lines, timeout_s=quiet_s, options=options)
    camera.start_acquisition()
    last = time.monotonic()
    try:
        while time.monotonic() - last < quiet_s or assembler.in_board:
            block = camera.fetch(0.2)
            if block is not None:
                last = time.monotonic()
            for event in assembler.tick() if block is None else assembler.feed(block):
                if isinstance(event, ScanEnd):
                    yield event
                    last = time.monotonic()
            if block is None and getattr(camera, "exhausted", False):
                return
    finally:
        camera.stop_acquisition()


def grab_lines(camera: LineScanCamera, config: AcquisitionConfig, lines: int, timeout_s: float) -> Pixels:
    """Return `lines` lines as they come, whatever board they belong to; of a Bayer pattern the mosaic itself.

    Raises
    ------
    CameraError
        They do not come.
    """
    camera.configure(replace(config, extra={**config.extra, MOSAIC: True, "row_offsets": ""}))
    camera.start_acquisition()
    parts: list[Pixels] = []
    deadline = time.monotonic() + timeout_s
    try:
        while sum(len(p) for p in parts) < lines:
            if time.monotonic() > deadline:
                raise CameraError(
                    f"Only {sum(len(p) for p in parts)} of {lines} lines came within {timeout_s:g} s.",
                    "Switch the triggers off, or move the conveyor.",
                )
            block = camera.fetch(0.2)
            if block is not None and not block.is_incomplete:
                # Of a Bayer pattern each block begins with an even line, and must end with an odd one.
                parts.append(block.pixels[: max(1, block.lines // 2 * 2)])
    finally:
        camera.stop_acquisition()
    return np.concatenate(parts)[:lines]


def check_corrects(camera: LineScanCamera) -> None:
    """Raise CameraError where the driver corrects no flat field; the camera need not be open."""
    # Of the class: the property of an object has a value only once the camera is configured.
    if not hasattr(type(camera), "conditions"):
        raise CameraError(
            f"The driver {camera.info.driver} corrects no flat field.", "Use a camera of gige, pylon or gentl."
        )


def flat_field_of(camera: LineScanCamera, dark: Pixels, bright: Pixels) -> FlatField:
    """Make a correction of lines that `grab_lines` took without a window.

    Raises
    ------
    CameraError
        The driver does not correct, or the target is dark or saturated.
    """
    check_corrects(camera)
    assert isinstance(camera, Calibrated)
    conditions = camera.conditions
    field = FlatField.measure(dark, bright, 8, conditions)
    # The mean of many 8-bit lines is finer than 8 bits: it is scaled to the sensor's own samples.
    top = (1 << layout_of(conditions.pixel_format).depth) - 1
    return replace(field, dark=(field.dark * np.float32(top / 255.0)).astype(np.float32))
