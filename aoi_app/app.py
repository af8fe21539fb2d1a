"""Composition root: settings become a camera, a detector, a record and a running station.

The only place that knows the concrete ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from aoi_app.core.errors import AoiError, SettingsError, StoreError
from aoi_app.core.folders import data_dir, settings_file
from aoi_app.core.inspection import Inspection
from aoi_app.core.protocols import Detector, ResultStore
from aoi_app.core.recipe import Recipe, load_recipe
from aoi_app.core.settings import Settings, load_settings
from aoi_app.core.validation import named_fields
from aoi_app.demo import DEMOS, SHIPPED, at_source, recipe_of, record_of
from aoi_app.demo_pace import DemoPace
from aoi_app.detectors import admitted_detector, fallback, make_detector, plant_boards
from aoi_app.golden_boards import LineGolden
from aoi_app.inference.catalog import find_model
from aoi_app.inference.trial import trial
from aoi_app.line_recipes import LineRecipes
from aoi_app.lines import LineOpener
from aoi_app.station.again import SecondLook, kept_image, look_again, stand_back
from aoi_app.station.announcing import announce_warnings
from aoi_app.station.engines import EngineSpec, Progress
from aoi_app.station.inspecting import Golden
from aoi_app.station.station import Parts, Station
from aoi_app.station.status import EventKind, Level, State
from aoi_app.station.telemetry_nvml import open_monitor
from aoi_app.storage.folders import record_place
from aoi_app.storage.history import BoardRecord
from aoi_app.storage.keeper import Keeper
from aoi_app.storage.recipes import RecipeBook

SHIPPED_RECIPES = Path(__file__).resolve().parents[1] / "resources" / "recipes"


def recipe_book(data: Path | None = None) -> RecipeBook:
    """Return the recipe book of a data folder, of the settings' one when none is named."""
    place = record_place(data)
    return RecipeBook(place.folder, place.url)


def build_station(settings: Settings, recipe: Recipe, golden: Path | None = None) -> Station:
    """Put a station together; nothing is opened before it is started."""
    station: list[Station] = []

    def newest() -> Inspection | None:
        judged = station[0].judged()
        return judged.inspection if judged is not None else None

    def tell_pace(held: bool, wanted: float) -> None:
        what = f"The demonstration runs at {wanted:,.0f} lines/s again."
        if held:
            what = f"The demonstration runs slower than {wanted:,.0f} lines/s, so that this machine keeps up with it."
        hint = "Choose another line rate in the settings to have that instead."
        station[0].journal.add(Level.INFO, "camera", what, hint, kind=EventKind.PACE)

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
            lasts=lambda found: journal.lasts("record", found),
        )

    find_golden = LineGolden(lambda: station[0].line_settings, golden)
    recipes = LineRecipes(lambda: station[0].settings)
    parts = Parts(
        LineOpener(DemoPace(newest, tell_pace)),
        make,
        fallback,
        open_store,
        lambda: open_monitor(_gpu_of(station[0].settings)),
        find_golden,
        changeover=recipes.changeover,
        note=recipes.note,
    )
    station.append(Station(parts, settings, recipe))
    announce_warnings(station[0].journal)
    return station[0]


def _gpu_of(settings: Settings) -> int:
    """Return the GPU whose memory the screen shows: the one that inspects, else the first."""
    device = settings.engine_options.get("device", 0)
    return device if isinstance(device, int) else 0


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
    folder = data_dir(settings)
    book = RecipeBook(folder, settings.database_url)
    line = settings.camera.source
    if not recipe and (source in DEMOS or (line not in DEMOS and is_as_shipped(book, settings.recipe))):
        recipe = recipe_of(line, settings.recipe)
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
        lambda source, current: recipe_of_line(book, source, current),
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
    detector = make_detector(settings, EngineSpec.of(settings, recipe))
    try:
        return look_again(record, image, detector, recipe, find_golden)
    finally:
        detector.close()


def recipe_of_line(book: RecipeBook, source: str, current: str) -> Recipe | None:
    """Return the recipe to go on with on another line; None for the one in force, which a plant's own always is."""
    wanted = recipe_of(source, current)
    return opening_recipe(book, wanted) if wanted != current and is_as_shipped(book, current) else None


def is_as_shipped(book: RecipeBook, name: str) -> bool:
    """Tell whether a recipe came with the program and nobody made it their own by editing it."""
    return name in SHIPPED and (name not in book.names() or book.load(name).revision == 1)


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
