"""What people do at the window stands in the audit, under their names, and nothing that is not theirs."""

from __future__ import annotations

import getpass
import json
from collections.abc import Mapping
from dataclasses import replace

from aoi_app.core.errors import SettingsError
from aoi_app.core.recipe import ClassRule
from aoi_app.gui.settings.dialog import SettingsDialog
from aoi_app.storage.accounts import Account, Accounts, Role
from aoi_app.storage.audit import Audit, AuditEntry
from aoi_app.storage.database import Place
from tests.gui.world import GuiWorld


def entries(world: GuiWorld) -> list[AuditEntry]:
    audit = Audit(Place(world.folder))
    try:
        assert audit.verify().broken is None
        return list(audit.entries())
    finally:
        audit.close()


def acts(world: GuiWorld) -> list[tuple[str, str, str]]:
    return [(e.who, e.act, e.subject) for e in entries(world)]


def opened(world: GuiWorld) -> None:
    accounts = Accounts(world.folder)
    accounts.create_first("Anna", "4711")
    accounts.close()
    world.show()
    world.until(lambda: not world.window.session.open_to_all)
    world.window.session.take(Account("Anna", Role.ADMINISTRATOR))


def test_engine_camera_and_other_settings_are_noted_with_before_and_after(world: GuiWorld) -> None:
    opened(world)
    before = len(acts(world))
    window = world.window
    window.take_settings(
        window.settings.with_changes(
            runtime="tensorrt", precision="fp16", ring_slots=6, camera={"source": "gige:10.0.0.9"}, theme="light"
        )
    )
    world.until(lambda: len(acts(world)) == before + 3)
    found = {e.act: (e.who, e.subject, json.loads(e.detail)) for e in entries(world)[before:]}
    assert set(found) == {"change engine", "change camera", "change settings"}
    who, subject, detail = found["change engine"]
    assert (who, subject) == ("Anna", "runtime, precision")
    assert detail["precision"] == {"before": "fp32", "after": "fp16"}
    assert found["change camera"][2]["camera"]["after"]["source"] == "gige:10.0.0.9"
    assert found["change settings"][2] == {"ring_slots": {"before": 4, "after": 6}}


def test_settings_that_cannot_be_kept_are_in_force_noted_and_told(world: GuiWorld) -> None:
    opened(world)
    before, window = len(acts(world)), world.window

    def full(changes: Mapping[str, object]) -> None:
        raise SettingsError(
            "The settings could not be written to settings.json: No space left on device.", "Free some."
        )

    window.services = replace(window.services, save_settings=full)
    window.take_settings(window.settings.with_changes(ring_slots=6))
    world.until(lambda: len(acts(world)) == before + 1)
    assert world.station.settings.ring_slots == 6 and acts(world)[-1][1] == "change settings"
    assert any("No space left" in toast.event_shown.what for toast in window.toasts.shown)


def test_look_and_language_are_nobodys_business(world: GuiWorld) -> None:
    opened(world)
    before = acts(world)
    world.window.toggle_theme()
    world.window.toggle_language()
    world.spin(0.3)
    assert acts(world) == before


def test_a_recipe_is_saved_and_used_under_the_name_of_who_did_it(world: GuiWorld) -> None:
    opened(world)
    dialog = SettingsDialog(world.window)
    dialog.recipe.width_px.setValue(777)
    assert dialog.apply()
    dialog.done(0)
    revision = world.book.load("default").revision
    world.until(lambda: ("Anna", "use recipe", f"recipe default, revision {revision}") in acts(world))
    assert ("Anna", "save recipe", f"recipe default, revision {revision}") in acts(world)
    assert world.book.history("default")[0].saved_by == "Anna"


def test_a_new_shift_is_noted(world: GuiWorld) -> None:
    opened(world)
    world.window.reset_counters()
    world.until(lambda: ("Anna", "begin a new shift", "counters of the line") in acts(world))


def test_who_was_idle_and_who_closed_the_window_have_left(world: GuiWorld) -> None:
    opened(world)
    session = world.window.session
    session._touched = -1e9
    session.check_idle()
    assert session.account is None
    world.until(lambda: ("Anna", "log out", "") in acts(world))
    assert json.loads(entries(world)[-1].detail) == {"why": "idle"}
    session.take(Account("Anna", Role.ADMINISTRATOR))
    world.window.close()
    assert json.loads(entries(world)[-1].detail) == {"why": "window closed"}


def test_before_there_are_accounts_the_name_is_the_computers(world: GuiWorld) -> None:
    world.show()
    world.spin(0.2)
    world.station.with_recipe(lambda r: r.model_copy(update={"default_rule": ClassRule(min_confidence=0.7)}))
    world.window.save_recipe(world.station.recipe)
    world.window.reset_counters()
    world.until(lambda: any(act == "begin a new shift" for _, act, _ in acts(world)))
    assert {who for who, _, _ in acts(world)[1:]} == {getpass.getuser()}
