"""Makes pictures of every screen, in both languages and both themes: `python -m tests.gui.screenshots FOLDER`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from PySide6.QtWidgets import QWidget

from aoi_app.boards.centroid import Part, components_of
from aoi_app.core.components import BoardFrame
from aoi_app.core.recipe import ClassRule, Region
from aoi_app.core.scan import Completeness, PixelFormat
from aoi_app.core.settings import CameraSettings
from aoi_app.gui.about import AboutDialog, KeysDialog
from aoi_app.gui.actions import BAR_ACTIONS, LINE_ACTIONS, MENU_ACTIONS
from aoi_app.gui.camera.page import CameraPage
from aoi_app.gui.recipes.import_dialog import ImportDialog
from aoi_app.gui.recipes.new_dialog import NewRecipeDialog
from aoi_app.gui.recipes.page import RecipePage
from aoi_app.gui.recipes.regions import IGNORE, INSPECT, DrawnRegion
from aoi_app.gui.settings.dialog import SettingsDialog
from aoi_app.gui.users.dialogs import LogInDialog, PeopleDialog
from aoi_app.station.status import Level
from aoi_app.station.taking import TakenBoard
from aoi_app.storage.accounts import Accounts, Role
from aoi_app.storage.alarms import Alarms
from aoi_app.storage.stop_rules import Alarm
from tests.gui.screens_of_record import (
    Screen,
    again,
    again_not_kept,
    first_start,
    history,
    history_more,
    record,
    review,
    review_done,
    review_window,
    statistics,
)
from tests.gui.world import GuiWorld


def line_scanning(world: GuiWorld) -> QWidget:
    world.station.start()
    world.station.next_board((4, 7))
    world.station.finish()
    world.spin(0.3)
    world.station.next_board((5, 8))
    world.station.scan(2000)
    return world.window


def line_pass(world: GuiWorld) -> QWidget:
    world.station.start()
    world.station.next_board((0, 0))
    world.station.finish()
    return world.window


def line_zoomed(world: GuiWorld) -> QWidget:
    world.station.start()
    world.station.next_board((4, 7))
    world.station.finish()
    world.spin(0.3)
    world.window.line.defects.chosen.emit(0)
    return world.window


def line_error(world: GuiWorld) -> QWidget:
    world.station.start()
    world.station.next_board((2, 3))
    world.station.finish(
        Completeness(3000, 120, ("block 12 lost lines: it holds 130, the encoder counted 250",), ((1500, 120),))
    )
    world.station.happen(
        Level.WARNING, "Nothing has come from the camera for 12 s.", "Check cable, power and triggers."
    )
    world.station.fail("The camera CAM-1 no longer answers.", "Check cable and power; it is looked for again.")
    world.window.toggle_log()
    return world.window


def line_waiting(world: GuiWorld) -> QWidget:
    return world.window


def recipes(tab: str) -> Screen:
    def open_page(world: GuiWorld) -> QWidget:
        world.window.show_page(4)
        page = world.window.page("recipes")
        assert isinstance(page, RecipePage)
        world.until(lambda: page.view.picture is not None)
        page._on_drawn(DrawnRegion(IGNORE, Region(name="label", x=1500, y=1900, w=600, h=500)))
        rules = {"short": ClassRule(min_confidence=0.8, severity=4)}
        page._on_drawn(DrawnRegion(INSPECT, Region(name="U1", x=300, y=400, w=900, h=700, rules=rules)))
        if tab == "Components":
            page.components.take(components_of(parts()), BoardFrame(origin_px=(0, 2900), px_per_mm=(50, 50)))
            page.components.table.setCurrentCell(3, 0)
        if tab == "Product":
            page.product.pattern.setText(r"PCB-2026-\d{5}")
            page.product._on_edit()
        if tab == "Trial":
            page.rules.rows["spur"].confidence.setValue(95)
            page.try_draft()
            world.until(lambda: page.trial_panel.trial is not None)
        page.show_tab(tab)
        page.revision_panel.list.setCurrentRow(0)
        return world.window

    return open_page


def parts() -> list[Part]:
    rows, names = 7, ("R0603", "C0805", "SOIC-8", "SOT-23", "QFP-48")
    return [
        Part(f"{'RCUQU'[k % 5]}{k + 1}", names[k % 5], "", 5.0 + 9 * (k % 5), 6.0 + 7 * (k // 5), 90.0 * (k % 2))
        for k in range(5 * rows)
    ]


def new_recipe(world: GuiWorld) -> QWidget:
    world.station.start()
    world.station.next_board((0, 0))
    world.station.finish()
    world.window.show_page(4)
    page = world.window.page("recipes")
    assert isinstance(page, RecipePage) and world.window.services.goldens is not None
    dialog = NewRecipeDialog(
        page.draft, world.window.services.goldens, world.station, lambda: ("default",), world.window
    )
    dialog.show()
    dialog.scan()
    world.spin(0.3)
    golden = world.station.goldens["b00001"]
    assert world.station.asked is not None
    world.station.asked.set_result(TakenBoard(golden, "PCB-1", PixelFormat.MONO8, ""))
    world.until(lambda: dialog.image is not None)
    dialog.name.setText("power-supply")
    return dialog


def import_parts(world: GuiWorld) -> QWidget:
    file = world.folder / "board.pos"
    rows = "\n".join(f"{p.reference} 10k {p.package} {p.x_mm} {p.y_mm} {p.rotation} top" for p in parts())
    file.write_text(f"## Unit = mm\n# Ref Val Package PosX PosY Rot Side\nFID1 x FID 1 1 0 top\n{rows}\n")
    dialog = ImportDialog(world.window)
    dialog.take_file(file)
    dialog.show()
    return dialog


def log_in(world: GuiWorld) -> QWidget:
    dialog = LogInDialog(world.window.session, world.window.desk.book, world.window)
    dialog.show()
    return dialog


def people(world: GuiWorld) -> QWidget:
    accounts = Accounts(world.folder)
    anna = accounts.create_first("Anna", "4711")
    accounts.create(anna, "Otto", "1234", Role.OPERATOR)
    accounts.create(anna, "Ida", "1234", Role.ENGINEER)
    world.window.session.know(accounts.all())
    world.window.session.take(anna)
    accounts.close()
    dialog = PeopleDialog(world.window.session, world.window.desk.book, world.window)
    dialog.show()
    return dialog


def alarm(world: GuiWorld) -> QWidget:
    alarms = Alarms(world.folder)
    alarms.keep(Alarm("in_a_row", "short at x 1204, y 2210 px on 3 boards in a row", time.time_ns() // 1000))
    alarms.close()
    line_scanning(world)
    world.until(lambda: world.window.alarms.isVisible())
    return world.window


def camera(world: GuiWorld) -> QWidget:
    return open_camera(world, world.window.settings.camera)


def camera_held(world: GuiWorld) -> QWidget:
    world.station.start()
    world.window.show_page(5)
    return world.window


def camera_gige(world: GuiWorld) -> QWidget:
    return open_camera(world, CameraSettings(source="gige:127.0.0.1", line_rate=6_000.0))


def camera_flat(world: GuiWorld) -> QWidget:
    window = camera_gige(world)
    page = world.window.page("camera")
    assert isinstance(page, CameraPage)
    page.flat_button.click()
    page.flat_field.lines.setValue(512)
    world.until(lambda: page.flat_field._rows[0][1].isEnabled())
    return window


def open_camera(world: GuiWorld, camera: CameraSettings) -> QWidget:
    world.station.with_recipe(lambda r: r.model_copy(update={"width_px": 2048}))
    world.window.take_settings(world.window.settings.with_changes(camera=camera.model_dump()))
    world.window.show_page(5)
    page = world.window.page("camera")
    assert isinstance(page, CameraPage)
    page.open()
    world.until(lambda: page.live.picture is not None)
    world.spin(2.0)
    return world.window


def settings(tab: int) -> Screen:
    def open_dialog(world: GuiWorld) -> QWidget:
        dialog = SettingsDialog(world.window)
        dialog.tabs.setCurrentIndex(tab)
        dialog.show()
        return dialog

    return open_dialog


def about(world: GuiWorld) -> QWidget:
    dialog = AboutDialog(world.window.services.facts(), world.station.status(), world.window)
    dialog.show()
    return dialog


def keys(world: GuiWorld) -> QWidget:
    dialog = KeysDialog((*LINE_ACTIONS, *MENU_ACTIONS, *BAR_ACTIONS), world.window)
    dialog.show()
    return dialog


SCREENS: dict[str, Screen] = {
    "line-waiting": line_waiting,
    "line-scanning": line_scanning,
    "line-pass": line_pass,
    "line-zoomed": line_zoomed,
    "line-error": line_error,
    "history": history,
    "history-more": history_more,
    "record": record,
    "again": again,
    "again-not-kept": again_not_kept,
    "review": review(0),
    "review-slide": review(2),
    "review-done": review_done,
    "review-window": review_window,
    "first-start": first_start,
    "statistics": statistics,
    "recipes": recipes("Limits"),
    "recipes-regions": recipes("Regions"),
    "recipes-components": recipes("Components"),
    "recipes-product": recipes("Product"),
    "recipes-revisions": recipes("Revisions"),
    "recipes-trial": recipes("Trial"),
    "recipe-new": new_recipe,
    "recipe-import": import_parts,
    "alarm": alarm,
    "log-in": log_in,
    "users": people,
    "camera": camera,
    "camera-held": camera_held,
    "settings-camera": settings(0),
    "settings-model": settings(1),
    "settings-recipe": settings(2),
    "settings-keys": settings(3),
    "settings-record": settings(4),
    "settings-shift": settings(5),
    "settings-look": settings(6),
    "about": about,
    "keys": keys,
}
SERVED: dict[str, Screen] = {"camera-gige": camera_gige, "camera-flat-field": camera_flat}
"""With a camera that `aoi camera serve` is."""
RECORDED = (
    "history",
    "history-more",
    "review-window",
    "record",
    "again",
    "again-not-kept",
    "review",
    "review-slide",
    "statistics",
    *(f"recipes{tab}" for tab in ("", "-regions", "-components", "-product", "-revisions", "-trial")),
)


def often(number: int) -> tuple[int, int]:
    return (1, 4) if number % 4 == 0 or 30 < number < 36 else (0, 0)


def make(folder: Path, names: list[str], looks: list[tuple[str, str]], size: tuple[int, int]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for language, theme in looks:
        for name in names:
            with tempfile.TemporaryDirectory() as record_folder:
                world = GuiWorld(
                    Path(record_folder), language, theme, (800, 1000) if name == "statistics" else (2400, 3000)
                )
                world.whole = name.startswith("again")
                if name in RECORDED:
                    world.record(*((60, often, 420.0) if name == "statistics" else (12,)))
                world.show(*size)
                widget = (SCREENS | SERVED)[name](world)
                world.spin(1.2)
                file = folder / f"{name}-{language}-{theme}.png"
                if not widget.grab().save(str(file)):
                    sys.exit(f"{file} could not be written")
                print(file)
                world.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", default=list(SCREENS), choices=list(SCREENS | SERVED), metavar="SCREEN")
    parser.add_argument("--language", choices=("en", "zh"))
    parser.add_argument("--theme", choices=("dark", "light"))
    parser.add_argument("--size", default="1600x960", help="WIDTHxHEIGHT")
    args = parser.parse_args()
    looks = [(lang, t) for lang in ("en", "zh") for t in ("dark", "light")]
    looks = [(a, b) for a, b in looks if args.language in (None, a) and args.theme in (None, b)]
    width, height = (int(v) for v in args.size.split("x"))
    make(args.folder, args.only, looks, (width, height))


if __name__ == "__main__":
    main()
