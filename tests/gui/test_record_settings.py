"""Pictures, stop rules and shifts are edited in the window, hold from the next board on, and stand in the audit."""

from __future__ import annotations

import json
from datetime import time

import pytest

from aoi_app.core.errors import SettingsError
from aoi_app.gui.settings.dialog import SettingsDialog
from aoi_app.gui.settings.shift_tab import read_shifts, shifts_text
from aoi_app.storage.audit import Audit
from aoi_app.storage.database import Place
from aoi_app.storage.record_settings import SETTINGS_FILE, RecordSettings, load_record_settings
from aoi_app.storage.shifts import DEFAULT_SHIFTS
from tests.gui.world import GuiWorld


def test_what_is_edited_is_saved_and_noted(world: GuiWorld) -> None:
    world.show()
    dialog = SettingsDialog(world.window)
    dialog.record.whole.setCurrentIndex(1)
    dialog.record.days["passed_days"].setValue(0)
    dialog.shift.least_yield.setValue(85)
    dialog.shift.in_a_row.setValue(0)
    dialog.shift.shifts.setText("night 21:30, day 9:00")
    assert dialog.apply()
    dialog.done(0)
    saved = load_record_settings(world.folder)
    assert saved.whole_boards == "failed" and saved.retention.passed_days is None
    assert (saved.stop_rules.min_first_pass_yield, saved.stop_rules.in_a_row) == (0.85, None)
    assert [(s.name, s.begins) for s in saved.shifts] == [("day", time(9)), ("night", time(21, 30))]
    audit = Audit(Place(world.folder))

    def noted() -> list[str]:
        return [e.detail for e in audit.entries() if e.act == "change record settings"]

    world.until(lambda: bool(noted()))
    assert json.loads(noted()[0])["whole_boards"] == {"before": "none", "after": "failed"}
    audit.close()


def test_nothing_edited_writes_nothing(world: GuiWorld) -> None:
    world.show()
    dialog = SettingsDialog(world.window)
    assert dialog.record_values() == RecordSettings()
    assert dialog.apply()
    dialog.done(0)
    assert not (world.folder / SETTINGS_FILE).exists()


def test_a_file_that_cannot_be_used_is_said_and_can_be_mended(world: GuiWorld) -> None:
    (world.folder / SETTINGS_FILE).write_text("{")
    world.show()
    dialog = SettingsDialog(world.window)
    dialog.show()
    assert "cannot be used" in dialog._problem.text() and dialog._problem.isVisible()
    dialog.record.warn.setValue(20)
    assert dialog.apply()
    dialog.done(0)
    assert load_record_settings(world.folder).warn_free_gib == 20


@pytest.mark.parametrize("text", ["", "early", "early 6", "early 25:00", "a 06:00, a 14:00", "a 06:00, b 06:00"])
def test_shifts_that_cannot_be_are_said(world: GuiWorld, text: str) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read_shifts(text)
    world.show()
    dialog = SettingsDialog(world.window)
    dialog.show()
    dialog.shift.shifts.setText(text)
    assert not dialog.apply() and "cannot be read" in dialog._problem.text()
    dialog.done(0)


def test_shifts_are_written_as_they_are_read() -> None:
    assert read_shifts(shifts_text(DEFAULT_SHIFTS)) == DEFAULT_SHIFTS
