"""What the window offers to choose from, gathered from the rooms that know."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from aoi_app.camera.drivers import create_camera, discover, drivers
from aoi_app.core.options import OptionField
from aoi_app.core.protocols import CameraInfo
from aoi_app.core.recipe import Recipe
from aoi_app.core.scan import BoardScan, Pixels, pixel_shape
from aoi_app.core.settings import load_settings, save_settings
from aoi_app.core.version import own_version
from aoi_app.gui.class_colours import know_models
from aoi_app.gui.services import Choice, Services, flat_field_name
from aoi_app.gui.texts import learn_defect_names
from aoi_app.inference.catalog import engines_dir, list_models
from aoi_app.inference.runtimes.ort_providers import missing_providers
from aoi_app.inference.runtimes.table import RUNTIMES
from aoi_app.station.again import SecondLook
from aoi_app.station.golden_boards import GoldenBoards, golden_on_scan
from aoi_app.storage.accounts import Accounts
from aoi_app.storage.alarms import Alarms
from aoi_app.storage.database import Place
from aoi_app.storage.history import BoardRecord, History
from aoi_app.storage.recipes import RecipeBook
from aoi_app.storage.record_settings import RecordSettings, load_record_settings, save_record_settings
from aoi_app.storage.review import Review
from aoi_app.storage.statistics import Statistics

FindGolden = Callable[[BoardScan, Recipe], Pixels | None]
"""Returns the golden board of a scan, or None where there is none."""


def window_services(
    book: RecipeBook,
    data: Path,
    settings_path: Path,
    find_golden: FindGolden,
    url: str = "",
    inspect_again: Callable[[BoardRecord], SecondLook] | None = None,
    usual_record: Callable[[], RecordSettings] = RecordSettings,
    try_runtimes: Callable[[str], str] | None = None,
    recipe_of_line: Callable[[str, str], Recipe | None] = lambda source, current: None,
) -> Services:
    """Return the services of a station.

    Parameters
    ----------
    data, url
        Where its record lies: the folder, and the database server where there is one.
    inspect_again
        Inspects a recorded board with today's recipe and engine.
    usual_record
        Settings of a record that has none of its own.
    try_runtimes
        Measures runtimes on this machine.
    recipe_of_line
        Tells the recipe to go on with where the line changes to another source.
    """
    cards = [entry.card for entry in list_models() if entry.card is not None]
    for card in cards:
        learn_defect_names(card.classes, card.classes_zh)
    know_models(card.classes for card in cards)

    def recorded() -> bool:
        """Tell whether there is a record to open: a server's, or the folder's own."""
        file = Place(data, url).file
        return file is None or file.exists()

    def read_golden(record: BoardRecord) -> Pixels | None:
        recipe = book.load(record.row.recipe, record.row.recipe_revision or None)
        golden, laid = find_golden(_scan_of(record), recipe), record.inspection.registration
        if golden is None or laid is None:
            return golden
        return golden_on_scan(golden, laid, (record.inspection.width, record.inspection.completeness.lines))

    def keep(changes: Mapping[str, Any]) -> None:
        # Onto what the file says: settings of the command line hold for one run only.
        save_settings(load_settings(settings_path).with_changes(**changes), settings_path)

    return Services(
        open_history=lambda: History(data, url) if recorded() else None,
        cameras=_cameras,
        models=_models,
        runtimes=_runtimes,
        runtime_fields=_runtime_fields,
        try_runtimes=try_runtimes,
        recipes=book.names,
        recipe_of_line=recipe_of_line,
        load_recipe=book.load,
        save_recipe=book.save,
        recipe_revisions=book.history,
        load_revision=book.load,
        save_settings=keep,
        open_review=lambda: Review(data, url) if recorded() else None,
        open_statistics=lambda: Statistics(data, url) if recorded() else None,
        open_accounts=lambda: Accounts(data, url),
        open_alarms=lambda: Alarms(data, url) if recorded() else None,
        read_golden=read_golden,
        inspect_again=inspect_again,
        goldens=GoldenBoards(lambda: Place(data, url).images),
        newest_recipes=book.newest,
        load_record=lambda: load_record_settings(data, usual_record()),
        save_record=lambda settings: save_record_settings(settings, data),
        create_camera=lambda camera: create_camera(camera.source, camera.options),
        flat_field_file=lambda info: data / "flat-fields" / flat_field_name(info),
        facts=lambda: _facts(data, settings_path),
    )


def _scan_of(record: BoardRecord) -> BoardScan:
    """Return a board's scan without its pixels: what a golden board is looked up by."""
    shape = pixel_shape(record.inspection.completeness.lines, record.inspection.width, record.pixel_format)
    pixels = np.broadcast_to(np.uint8(0), shape)
    row = record.row
    return BoardScan(row.board_id, row.serial, pixels, record.pixel_format, 0, record.inspection.started_ns)


def _cameras() -> Sequence[Choice]:
    known = drivers()
    found: list[Choice] = []
    for name, answer in discover().items():
        if isinstance(answer, Exception):
            found.append(Choice(name, known[name].title, missing=str(answer)))
        else:
            found += [_camera(info) for info in answer]
    return found


def _camera(info: CameraInfo) -> Choice:
    title = " ".join(part for part in (info.vendor, info.model) if part) or info.id
    detail = ", ".join(part for part in (info.serial, info.address) if part)
    return Choice(f"{info.driver}:{info.id}", title, detail=detail)


def _models() -> Sequence[Choice]:
    found = []
    for entry in list_models():
        card = entry.card
        names_zh = dict(zip(card.classes, card.classes_zh, strict=False)) if card else {}
        found.append(Choice(entry.path.name, entry.name, detail=card.description if card else "", names_zh=names_zh))
    return found


def _runtimes() -> Sequence[Choice]:
    return [
        Choice(entry.name, entry.title, missing="" if entry.available else f"not installed: {entry.install}")
        for entry in RUNTIMES.values()
    ]


def _runtime_fields(name: str) -> Sequence[OptionField]:
    """Return the options of a runtime; execution providers that this ONNX Runtime has not are named as missing."""
    entry = RUNTIMES.get(name)
    fields = entry.fields if entry is not None else ()
    return [replace(one, missing=missing_providers()) if one.name == "provider" else one for one in fields]


def _facts(data: Path, settings_path: Path) -> Sequence[tuple[str, str]]:
    return (
        ("Version", own_version()),
        ("Python", platform.python_version()),
        ("Record", str(data)),
        ("Settings", str(settings_path)),
        ("Engines", str(engines_dir())),
    )
