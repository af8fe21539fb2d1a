"""Composition root: settings become a camera, a detector, a record and a running station.

The only place that knows the concrete ones.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from aoi_app.camera.assembler import BoardAssembler
from aoi_app.camera.board_options import BoardOptions
from aoi_app.camera.conveyor import SourceBoard
from aoi_app.camera.drivers import acquisition_config, create_camera, drawn_source, drivers
from aoi_app.camera.folder import ImageSource, folder_camera
from aoi_app.camera.images import list_images, read_board
from aoi_app.camera.ring import Allocate, BufferRing, plain_memory
from aoi_app.camera.simulated import SimulatedCamera
from aoi_app.core.errors import AoiError, SettingsError, StoreError
from aoi_app.core.image_header import image_size
from aoi_app.core.protocols import AcquisitionConfig, Detector, LineScanCamera, ResultStore
from aoi_app.core.recipe import MAX_LENGTH_LINES, MAX_WIDTH_PX, Recipe, load_recipe
from aoi_app.core.scan import BoardScan, PixelFormat, Pixels
from aoi_app.core.settings import CameraSettings, Settings, load_settings
from aoi_app.core.validation import named_fields
from aoi_app.demo import at_source, recipe_of, record_of, source_of
from aoi_app.inference.admission import is_reference, open_admitted
from aoi_app.inference.calibration import IMAGES_VARIABLE
from aoi_app.inference.catalog import find_model
from aoi_app.inference.compare import tile_budget_ms
from aoi_app.inference.frozen import FrozenBoard, frozen_boards
from aoi_app.inference.gate import GateLimits
from aoi_app.inference.model import read_model
from aoi_app.inference.runtimes.board_memory import board_memory
from aoi_app.inference.runtimes.table import open_detector
from aoi_app.inference.trial import trial
from aoi_app.line_recipes import LineRecipes, images_folder
from aoi_app.station.acquisition import Line
from aoi_app.station.again import SecondLook, kept_image, look_again, stand_back
from aoi_app.station.announcing import announce_runtimes
from aoi_app.station.engines import EngineSpec, Progress
from aoi_app.station.golden import GoldenFiles
from aoi_app.station.inspecting import Golden
from aoi_app.station.station import LEAST_CONFIDENCE, Parts, Station
from aoi_app.station.status import Level, State
from aoi_app.station.telemetry_nvml import open_monitor
from aoi_app.storage.folders import data_dir, record_place, settings_file
from aoi_app.storage.history import BoardRecord
from aoi_app.storage.keeper import Keeper
from aoi_app.storage.recipes import RecipeBook

SHIPPED_RECIPES = Path(__file__).resolve().parents[1] / "resources" / "recipes"
FROZEN_FOLDER = "frozen"
"""Of the data folder: the plant's images that engines are compared on."""
GATE_BOARDS = 12
GATE_THRESHOLD = 0.25
BATCH_SLOTS = 3
BATCH_HEIGHT = 256
HEADER_BYTES = 1 << 16
UNKNOWN_SIDE = 8_192
"""Buffers are this large where an image's header does not tell its size."""

FALLBACKS = {"int8": "fp32", "fp16": "fp32"}
"""Precision to try when an engine of another one fails."""


def recipe_book(data: Path | None = None) -> RecipeBook:
    """Return the recipe book of a data folder, of the settings' one when none is named."""
    place = record_place(data)
    return RecipeBook(place.folder, place.url)


def make_detector(settings: Settings, spec: EngineSpec) -> Detector:
    """Load the detector that a specification names."""
    return open_detector(
        find_model(spec.model),
        spec.runtime,
        spec.precision,
        min_confidence=spec.min_confidence,
        overlap=settings.tile_overlap,
        options=dict(spec.options),
    )


def admitted_detector(settings: Settings, spec: EngineSpec, progress: Progress) -> tuple[Detector, str]:
    """Open the detector that a specification names, through the gate; return it and what the gate measured."""
    limits = _gate_limits(settings, spec)
    # Before the candidate is opened: INT8 is calibrated on the same images.
    reference = is_reference(spec.runtime, spec.precision, dict(spec.options))
    boards = () if reference else plant_boards(settings)
    detector, certificate = open_admitted(
        find_model(spec.model),
        spec.runtime,
        spec.precision,
        lambda: boards,
        limits,
        min_confidence=spec.min_confidence,
        overlap=settings.tile_overlap,
        options=dict(spec.options),
        progress=lambda share, text: progress(f"{share:.0%} · {text}"),
    )
    if certificate is not None and spec.runtime.startswith("tensorrt"):
        from aoi_app.inference.commands import keep_certificate
        from aoi_app.inference.runtimes.tensorrt.loader import DEFAULTS, open_store

        keep_certificate(open_store({**DEFAULTS, **dict(spec.options)}), certificate)
    return detector, str(certificate) if certificate else ""


def _gate_limits(settings: Settings, spec: EngineSpec) -> GateLimits:
    """Return what the gate holds an engine to: the recipe's budget, or none where it does not tell the width."""
    budget, tile_ms = spec.budget, None
    if budget.verdict_ms is not None and budget.width_px is not None:
        size = read_model(find_model(spec.model)).size
        tile_ms = tile_budget_ms(budget.verdict_ms, budget.width_px, size, settings.tile_overlap)
    return GateLimits(threshold=GATE_THRESHOLD, p99_ms=tile_ms, memory_mib=budget.memory_mib)


def fallback(spec: EngineSpec) -> EngineSpec | None:
    """Return what to try after an engine failed: FP32 on the same runtime, then ONNX Runtime on the CPU."""
    if spec.precision in FALLBACKS:
        return replace(spec, precision=FALLBACKS[spec.precision])
    if spec.runtime != "onnxruntime" or spec.options:
        return replace(spec, runtime="onnxruntime", precision="fp32", options=())
    return None


class LineOpener:
    """Opens the camera with its whole configuration, and keeps camera and buffers from one opening to the next."""

    def __init__(self) -> None:
        self._ring: BufferRing | None = None
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
            self._camera = (settings, create_camera(settings.source, settings.options, self._has_room))
        return self._camera[1]

    def _has_room(self) -> bool:
        """Tell lines that can wait (MachineReady) whether another board has a buffer."""
        return self._ring is None or self._ring.free > 0

    def _ring_of(self, slots: int, slot_bytes: int, allocate: Allocate) -> BufferRing:
        ring = self._ring
        if ring is None or (ring.slots, ring.slot_bytes) != (slots, slot_bytes):
            self._ring = None  # the old memory goes before the new one is taken
            ring = self._ring = BufferRing(slots, slot_bytes, allocate)
        return ring


def images_of(source: str) -> Sequence[Path]:
    """Return the image files that a source delivers; none for a camera and for a line that draws its boards."""
    name, _, address = source.partition(":")
    if name not in drivers():
        address = source
    elif name not in ("folder", "simulated"):
        address = ""
    return list_images(Path(address)) if address and Path(address).exists() else ()


def plant_boards(settings: Settings) -> Sequence[FrozenBoard]:
    """Return the images that engines are calibrated and compared on: `AOI_PLANT_IMAGES`, or `frozen` in the record.

    A line that draws its boards freezes some of them; a real plant puts its images there.
    """
    folder, camera = Path(os.environ.get(IMAGES_VARIABLE) or data_dir(settings) / FROZEN_FOLDER), settings.camera
    os.environ[IMAGES_VARIABLE] = str(folder)
    if not folder.is_dir() and camera.source.partition(":")[0] == "simulated":
        source = drawn_source(camera.source, camera.options)
        if source is not None:
            source.freeze(folder, GATE_BOARDS)
    return frozen_boards([folder], GATE_BOARDS) if folder.is_dir() else ()


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
    try:
        with path.open("rb") as file:
            size = image_size(file.read(HEADER_BYTES))
    except OSError:
        size = None
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


def build_station(settings: Settings, recipe: Recipe, golden: Path | None = None) -> Station:
    """Put a station together; nothing is opened before it is started."""
    station: list[Station] = []

    def make(spec: EngineSpec, progress: Progress) -> Detector:
        detector, measured = admitted_detector(station[0].settings, spec, progress)
        if measured:
            station[0].journal.add(Level.INFO, "engine", measured)
        return detector

    def open_store(settings: Settings) -> ResultStore:
        journal = station[0].journal
        return Keeper(
            data_dir(settings),
            settings.database_url,
            settings.station,
            record_of(settings.camera.source),
            alarm=lambda alarm: journal.add(Level.WARNING, "record", alarm.what, "Acknowledge it with a reason."),
            tell=lambda what, hint: journal.add(Level.WARNING, "record", what, hint),
        )

    find_golden = LineGolden(lambda: station[0].line_settings, golden)
    recipes = LineRecipes(lambda: station[0].settings)
    parts = Parts(
        LineOpener(),
        make,
        fallback,
        open_store,
        open_monitor,
        find_golden,
        changeover=recipes.changeover,
        note=recipes.note,
    )
    station.append(Station(parts, settings, recipe))
    announce_runtimes(station[0].journal)
    return station[0]


class LineGolden:
    """The golden board of the recipe's file or, on a line that draws its boards, of the drawn product.

    Parameters
    ----------
    recorded
        It is asked for boards of the record, which may be of another demonstration than the one that runs.
    """

    def __init__(self, settings: Callable[[], Settings], path: Path | None, recorded: bool = False) -> None:
        self._settings = settings
        self._path = path
        self._recorded = recorded
        self._files = golden_files(path, lambda: images_folder(settings()))

    def __call__(self, scan: BoardScan, recipe: Recipe) -> Pixels | None:
        """Return the golden board of a scan, or None where there is none."""
        camera, drawn = self._settings().camera, source_of(recipe.name) if self._recorded else ""
        if drawn and drawn != camera.source and not (drawn == "simulated:bare" and camera.source == "simulated"):
            camera = at_source(camera, drawn)
        if self._path is None and not recipe.golden and camera.source.partition(":")[0] == "simulated":
            source = drawn_source(camera.source, camera.options)
            return source.golden if source is not None else None
        return self._files(scan, recipe)


def open_station(
    changes: Mapping[str, Any],
    *,
    source: str,
    recipe: str,
    golden: Path | None,
    data: Path | None,
    offscreen: bool,
    quit_after: float | None,
    screenshot: Path | None,
    on_shown: Callable[[Any], None] | None = None,
    runtime_options: Callable[[str], Mapping[str, int | float | str | bool]] = lambda runtime: {},
) -> int:
    """Open the station with its window; return the exit status.

    Parameters
    ----------
    changes
        Settings that hold for this run only.
    recipe
        Name of a recipe in the book, or a recipe file; empty for the settings' one.
    on_shown
        Called with the window after its first paint.
    runtime_options
        Returns options for the runtime in use that hold for this run only.

    Raises
    ------
    AoiError
        The settings, the recipe or the record cannot be used, boards were lost, or the line of a station without a
        display had stopped.
    """
    from aoi_app.gui.application import NO_DISPLAY_HINT, display_problem, run_window
    from aoi_app.services import window_services

    problem = None if offscreen else display_problem()
    if problem is not None:
        raise AoiError(problem, NO_DISPLAY_HINT)
    path = settings_file(data)
    try:
        settings = load_settings(path).with_changes(**changes)
        used = {**settings.engine_options, **runtime_options(settings.runtime)}
        settings = settings.with_changes(runtime_options={**settings.runtime_options, settings.runtime: used})
    except ValidationError as error:
        raise SettingsError(f"These settings cannot be used: {named_fields(error)}.", "See aoi --help.") from error
    if data is not None:
        settings = settings.with_changes(data_dir=str(data))
    if source:
        settings = settings.with_changes(camera=at_source(settings.camera, source).model_dump())
        recipe = recipe or recipe_of(source)
    folder = data_dir(settings)
    book = RecipeBook(folder, settings.database_url)
    station = build_station(settings, opening_recipe(book, recipe or settings.recipe), golden)
    find_golden = LineGolden(lambda: station.settings, golden, recorded=True)
    services = window_services(
        book,
        folder,
        path,
        find_golden,
        settings.database_url,
        lambda record: second_look(record, station.settings, book, find_golden),
        lambda: record_of(station.settings.camera.source),
        lambda model: trial(find_model(model or station.recipe.model), plant_boards(station.settings)),
    )
    try:
        code = run_window(
            station,
            services,
            offscreen=offscreen,
            quit_after=quit_after,
            screenshot=screenshot,
            on_shown=on_shown,
        )
    finally:
        lost = station.close()
    if lost:
        raise StoreError(f"{lost} inspected boards could not be recorded.", "Inspect them again.")
    status = station.status()
    if offscreen and status.state is State.FAULT:
        # Nobody saw the window: what it said must not go unheard.
        raise AoiError(f"The line had stopped: {status.fault}", status.fault_hint)
    return code


def second_look(record: BoardRecord, settings: Settings, book: RecipeBook, find_golden: Golden) -> SecondLook:
    """Inspect a recorded board again: newest revision of its recipe, model and runtime of the settings.

    For a thread of its own: it stands back behind the line, and has an engine to itself.

    Raises
    ------
    AoiError
        Its image was not kept or is gone, there is no such recipe, or the engine cannot be loaded.
    """
    stand_back()
    image, recipe = kept_image(record), book.load(record.row.recipe)
    least = min(LEAST_CONFIDENCE, recipe.lowest_confidence)
    options = tuple(sorted(settings.engine_options.items()))
    spec = EngineSpec(settings.model or recipe.model, settings.runtime, settings.precision, least, options)
    detector = make_detector(settings, spec)
    try:
        return look_again(record, image, detector, recipe, find_golden)
    finally:
        detector.close()


def opening_recipe(book: RecipeBook, wanted: str) -> Recipe:
    """Return the recipe to start with: a file, one of the book, or the shipped one when the book is empty."""
    if wanted.endswith(".json"):
        return load_recipe(Path(wanted))
    if wanted in book.names():
        return book.load(wanted)
    shipped = SHIPPED_RECIPES / f"{wanted}.json"
    if not shipped.is_file():
        return book.load(wanted)  # says what there is
    return book.save(load_recipe(shipped), comment="shipped with the program")


def golden_files(path: Path | None, archive: Callable[[], Path] | None = None) -> GoldenFiles:
    """Return golden boards from image files; None takes each recipe's own, from the settings' archive by default."""
    return GoldenFiles(path, read_board, archive or (lambda: record_place().images))
