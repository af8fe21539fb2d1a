"""`aoi review`: a window for review only, on the record of a station."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from aoi_app.core.errors import AoiError, SettingsError, StoreError


def review(
    data: Annotated[
        Path | None, typer.Option(help="Data folder with settings and pictures; this station's own when not given.")
    ] = None,
    database: Annotated[
        str, typer.Option(metavar="URL", help="PostgreSQL server of the record; the settings' when not given.")
    ] = "",
    lang: Annotated[str, typer.Option(metavar="zh|en", help="Language of the window.")] = "",
    offscreen: Annotated[bool, typer.Option("--offscreen", help="Run without a display.")] = False,
    quit_after: Annotated[float | None, typer.Option(metavar="SECONDS", min=0, help="Quit by itself.")] = None,
    screenshot: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Save a picture of the window before quitting.")
    ] = None,
) -> None:
    """Open a window that reviews boards, looks back and counts; it runs no line.

    Any number of them work on one record beside the station: on its own machine from its data folder, on other
    machines from a PostgreSQL server, with the folder of the pictures shared by the network.
    """
    from aoi_app.app import second_look
    from aoi_app.core.folders import data_dir, settings_file
    from aoi_app.core.settings import load_settings
    from aoi_app.core.validation import named_fields
    from aoi_app.demo import record_of
    from aoi_app.golden_boards import LineGolden
    from aoi_app.gui.application import NO_DISPLAY_HINT, display_problem, run_review
    from aoi_app.services import window_services
    from aoi_app.storage.database import Place
    from aoi_app.storage.migrate import prepare
    from aoi_app.storage.recipes import RecipeBook

    problem = None if offscreen else display_problem()
    if problem is not None:
        raise AoiError(problem, NO_DISPLAY_HINT)
    path = settings_file(data)
    changes = {"language": lang, "database_url": database, "data_dir": "" if data is None else str(data)}
    try:
        settings = load_settings(path).with_changes(**{name: value for name, value in changes.items() if value})
    except ValidationError as error:
        raise SettingsError(f"These settings cannot be used: {named_fields(error)}.", "See aoi --help.") from error
    place = Place(data_dir(settings), settings.database_url)
    if place.file is not None and not place.file.exists():
        raise StoreError(f"There is no record in {place.folder}.", "Give the data folder of a station with --data.")
    prepare(place)
    book, find_golden = RecipeBook(place.folder, place.url), LineGolden(lambda: settings, None, recorded=True)
    services = window_services(
        book,
        place.folder,
        path,
        find_golden,
        place.url,
        lambda record: second_look(record, settings, book, find_golden),
        lambda: record_of(settings.camera.source),
    )
    try:
        code = run_review(services, settings, offscreen=offscreen, quit_after=quit_after, screenshot=screenshot)
    finally:
        book.close()
    raise typer.Exit(code)
