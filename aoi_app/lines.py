"""Lines: a camera with its whole configuration, and the assembler for what it delivers."""

from __future__ import annotations

import contextlib
import mmap
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from aoi_app.camera.assembler import BoardAssembler
from aoi_app.camera.board_options import BoardOptions
from aoi_app.camera.conveyor import SourceBoard
from aoi_app.camera.drivers import acquisition_config, create_camera, drivers
from aoi_app.camera.folder import ImageSource, folder_camera
from aoi_app.camera.images import list_images
from aoi_app.camera.ring import Allocate, BufferRing, plain_memory
from aoi_app.camera.simulated import SimulatedCamera
from aoi_app.core.image_header import image_size
from aoi_app.core.protocols import AcquisitionConfig, LineScanCamera
from aoi_app.core.recipe import MAX_LENGTH_LINES, MAX_WIDTH_PX, Recipe
from aoi_app.core.scan import PixelFormat, Pixels
from aoi_app.core.settings import CameraSettings, Settings
from aoi_app.inference.runtimes.board_memory import board_memory
from aoi_app.station.acquisition import Line

BATCH_SLOTS = 3
BATCH_HEIGHT = 256
UNKNOWN_SIDE = 8_192
"""Buffers are this large where an image's header does not tell its size."""


class LineOpener:
    """Opens the camera with its whole configuration, and keeps camera and buffers from one opening to the next.

    Parameters
    ----------
    pace
        Returns the lines per second that the next board of a simulated line is held to; None for none.
    """

    def __init__(self, pace: Callable[[CameraSettings], float | None] = lambda camera: None) -> None:
        self._pace = pace
        self._ring: BufferRing | None = None
        self._allocate: Allocate = plain_memory
        self._camera: tuple[CameraSettings, LineScanCamera] | None = None

    def __call__(self, settings: Settings, recipe: Recipe) -> Line:
        """Return an opened, configured line. Raises CameraError."""
        camera = self._camera_of(settings.camera)
        camera.open()
        try:
            wanted = acquisition_config(settings.camera)
            applied = camera.configure(
                replace(wanted, width=recipe.width_px, pixel_format=settings.camera.pixel_format)
            )
            width = applied.width or recipe.width_px or 0
            slot_bytes = width * applied.pixel_format.channels * recipe.max_lines
            # Images come each in a size of its own, and the first one may be the smallest, or broken.
            images = images_of(settings.camera.source)
            if images:
                slot_bytes = max(slot_bytes, *map(_image_bytes, images))
            ring = self._ring_of(settings.ring_slots, slot_bytes, lazy_memory if images else self._allocator(settings))
            options = BoardOptions.among(settings.camera.options)
            return Line(camera, BoardAssembler(ring, applied.height, max_lines=recipe.max_lines, options=options))
        except BaseException:
            camera.close()
            raise

    def _allocator(self, settings: Settings) -> Allocate:
        """Return pinned memory beside a GPU: lines travel from it without a copy in between."""
        pinned = board_memory(settings.runtime)
        return pinned or plain_memory

    def _camera_of(self, settings: CameraSettings) -> LineScanCamera:
        if self._camera is None or self._camera[0] != settings:
            camera = create_camera(settings.source, settings.options, self._has_room)
            if isinstance(camera, SimulatedCamera):
                camera.hold_to(lambda: self._pace(settings))
            self._camera = (settings, camera)
        return self._camera[1]

    def _has_room(self) -> bool:
        """Tell lines that can wait (MachineReady) whether another board has a buffer."""
        return self._ring is None or self._ring.free > 0

    def _ring_of(self, slots: int, slot_bytes: int, allocate: Allocate) -> BufferRing:
        ring = self._ring
        kept = allocate in (self._allocate, plain_memory)  # pinned memory stays where ordinary memory would do
        if ring is None or not kept or (ring.slots, ring.slot_bytes) != (slots, slot_bytes):
            self._ring = ring = None  # the old memory goes before the new one is taken
            ring = self._ring = BufferRing(slots, slot_bytes, allocate)
            self._allocate = allocate
        return ring


def images_of(source: str) -> Sequence[Path]:
    """Return the image files that a source delivers; none for a camera and for a line that draws its boards."""
    name, _, address = source.partition(":")
    if name not in drivers():
        address = source
    elif name not in ("folder", "simulated"):
        address = ""
    return list_images(Path(address)) if address and Path(address).exists() else ()


def image_line(paths: Sequence[Path], recipe: Recipe) -> tuple[Line, int]:
    """Return a line on which each image file is one board, and the number of boards. Raises CameraError."""
    source = ImageSource(paths)
    largest = max(map(_image_bytes, source.files))
    ring = BufferRing(BATCH_SLOTS, largest, lazy_memory)
    camera = folder_camera(source, ready=lambda: ring.free > 0)
    camera.open()
    applied = camera.configure(AcquisitionConfig(height=BATCH_HEIGHT, acquisition_line_rate=None))
    return Line(camera, BoardAssembler(ring, applied.height, max_lines=recipe.max_lines)), len(source.files)


def lazy_memory(nbytes: int) -> Pixels:
    """Allocate memory of which only the pages that a board really fills are taken."""
    return np.zeros(nbytes, np.uint8)


def _image_bytes(path: Path) -> int:
    """Return the most that a board read from this file can take; the least buffer for one that cannot be read."""
    size = None
    # Nothing but a plain file is opened: a pipe would keep waiting for who writes into it.
    with contextlib.suppress(OSError, ValueError):  # an empty file cannot be mapped
        if path.is_file():
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                size = image_size(data)
    width, height = size or (UNKNOWN_SIDE, UNKNOWN_SIDE)
    return 3 * min(width, MAX_WIDTH_PX) * min(height, MAX_LENGTH_LINES)


def bench_line(image: Pixels, line_rate: float) -> Line:
    """Return a line that delivers one board again and again at a line rate."""
    ring = BufferRing(BATCH_SLOTS, image.nbytes)
    camera = SimulatedCamera(
        lambda number: SourceBoard(image, f"bench-{number}"),
        # A board that is inspected when it is whole must be done with before the next one begins.
        gap_lines=len(image),
        ready=lambda: ring.free > 1,
    )
    camera.open()
    pixel_format = PixelFormat.MONO8 if image.ndim == 2 else PixelFormat.RGB8
    wanted = AcquisitionConfig(height=64, pixel_format=pixel_format, acquisition_line_rate=line_rate)
    applied = camera.configure(wanted)
    return Line(camera, BoardAssembler(ring, applied.height, max_lines=image.shape[0]))
