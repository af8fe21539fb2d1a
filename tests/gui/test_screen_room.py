from __future__ import annotations

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from aoi_app.gui.recipes.new_dialog import NewRecipeDialog
from aoi_app.gui.screen_room import resize_to_fit, room_of
from tests.gui.world import GuiWorld


@pytest.mark.parametrize(
    ("room", "given"),
    [
        (None, (1180, 720)),
        (QSize(1920, 1040), (1180, 720)),
        (QSize(1272, 680), (1180, 680)),
        (QSize(1000, 600), (1000, 600)),
    ],
)
def test_a_window_is_no_larger_than_the_room_for_it(room: QSize | None, given: tuple[int, int], qapp: object) -> None:
    window = QWidget()
    assert resize_to_fit(window, 1180, 720, room) is (given == (1180, 720))
    assert (window.width(), window.height()) == given


def test_a_screen_has_room_and_a_picture_needs_none(qapp: object, monkeypatch: pytest.MonkeyPatch) -> None:
    window = QWidget()
    assert room_of(window) is None
    monkeypatch.setattr(QGuiApplication, "platformName", lambda: "xcb")
    screen, room = window.screen().availableSize(), room_of(window)
    assert room is not None and 0 < room.height() < screen.height()


def test_the_buttons_of_a_dialog_fit_on_a_small_screen(world: GuiWorld) -> None:
    world.show()
    assert world.window.services.goldens is not None
    dialog = NewRecipeDialog(
        world.station.recipe, world.window.services.goldens, world.station, lambda: (), world.window
    )
    resize_to_fit(dialog, 1180, 720, QSize(1272, 650))
    dialog.show()
    assert dialog.height() <= 650, "its smallest size is no larger"
    assert dialog.make_button.isDefault(), "Enter never throws away what was taken"
