"""The options of a camera in the settings: rows for what every camera has, JSON for the rest, nothing twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from PySide6.QtWidgets import QLabel, QLineEdit

from aoi_app.core.options import Option
from aoi_app.gui.settings.camera_options import CameraOptions
from aoi_app.gui.settings.dialog import SettingsDialog
from aoi_app.gui.settings.form import ChoiceBox
from tests.gui.world import GuiWorld

Open = Callable[[dict[str, Option]], SettingsDialog]


@pytest.fixture
def opened(world: GuiWorld) -> Iterator[Open]:
    made: list[SettingsDialog] = []

    def open_with(options: dict[str, Option]) -> SettingsDialog:
        camera = world.window.settings.camera.model_copy(update={"options": options})
        world.window.take_settings(world.window.settings.with_changes(camera=camera.model_dump()))
        world.station.calls.clear()
        world.saved.clear()
        made.append(SettingsDialog(world.window))
        made[-1].show()
        return made[-1]

    world.show()
    yield open_with
    for dialog in made:
        dialog.done(0)


def box(options: CameraOptions, name: str) -> ChoiceBox:
    found = options.editors[name]
    assert isinstance(found, ChoiceBox)
    return found


def choose(options: CameraOptions, name: str, value: str) -> None:
    row = box(options, name).findData(value)
    assert row >= 0
    box(options, name).setCurrentIndex(row)


def offsets(options: CameraOptions) -> QLineEdit:
    found = options.editors["row_offsets"]
    assert isinstance(found, QLineEdit)
    return found


def test_what_is_chosen_goes_into_the_options_of_the_camera(world: GuiWorld, opened: Open) -> None:
    dialog = opened({"gap_lines": 50})
    shown = dialog.camera.options
    assert (box(shown, "gap_policy").value, box(shown, "transport").value) == ("fill", "forward")
    choose(shown, "gap_policy", "abort")
    choose(shown, "transport", "reverse")
    offsets(shown).setText(" 0,8,16 ")
    assert dialog.apply()
    expected = {"gap_lines": 50, "gap_policy": "abort", "transport": "reverse", "row_offsets": "0,8,16"}
    assert world.station.settings.camera.options == expected
    assert world.saved[-1].camera.options == expected


def test_an_option_with_a_row_is_not_in_the_json_too(opened: Open) -> None:
    shown = opened({"transport": "reverse", "gap_lines": 50, "row_offsets": "0,8,16"}).camera.options
    assert json.loads(shown.rest.toPlainText()) == {"gap_lines": 50}
    assert box(shown, "transport").value == "reverse" and offsets(shown).text() == "0,8,16"


@pytest.mark.parametrize(
    "options", [{}, {"gap_policy": "fill"}, {"gap_policy": "abort", "ExposureTime": 40.5, "row_offsets": ""}]
)
def test_what_nobody_changed_stays_as_it_was_written(world: GuiWorld, opened: Open, options: dict[str, Option]) -> None:
    dialog = opened(options)
    assert dialog.apply()
    assert world.window.settings.camera.options == options
    assert world.station.calls == [] and world.saved == []


def test_a_choice_is_taken_back(world: GuiWorld, opened: Open) -> None:
    dialog = opened({"gap_policy": "abort", "row_offsets": "0,8,16"})
    choose(dialog.camera.options, "gap_policy", "fill")
    offsets(dialog.camera.options).clear()
    assert dialog.apply()
    assert world.station.settings.camera.options == {"gap_policy": "fill", "row_offsets": ""}


def test_an_option_that_is_written_into_the_json_as_well_is_refused(world: GuiWorld, opened: Open) -> None:
    dialog = opened({})
    dialog.camera.options.rest.setPlainText('{"gap_policy": "abort"}')
    assert not dialog.apply()
    assert "name gap_policy, set above. " in dialog._problem.text().replace("\n", " ")
    assert world.saved == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [("gap_policy", "ignore", "which is none of fill, abort"), ("row_offsets", "0,8", "Give three numbers of lines")],
)
def test_a_value_that_no_camera_takes_is_shown_and_refused(
    world: GuiWorld, opened: Open, name: str, value: str, said: str
) -> None:
    dialog = opened({name: value})
    assert dialog.camera.options.editors[name].property("text" if name == "row_offsets" else "currentText") == value
    assert not dialog.apply()
    assert said in dialog._problem.text()
    assert world.saved == []


def test_rows_are_explained_in_both_languages(world: GuiWorld, opened: Open) -> None:
    dialog = opened({})
    world.window.set_language("zh")
    texts = {label.text() for label in dialog.camera.findChildren(QLabel)}
    assert {"丢行时", "传送方向", "彩色行偏移"} <= texts
    assert box(dialog.camera.options, "gap_policy").currentText() == "以黑行补齐"
    assert box(dialog.camera.options, "gap_policy").accessibleName() == "丢行时"
