"""People: the first administrator, logging in and out, rights, idle log-out; and alarms that are acknowledged."""

from __future__ import annotations

import time

import pytest
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QWidget

from aoi_app.core.inspection import Verification
from aoi_app.gui.review.page import ReviewPage
from aoi_app.gui.users.dialogs import LogInDialog, PeopleDialog
from aoi_app.gui.users.session import Session
from aoi_app.storage.accounts import Account, Accounts, IdleLogout, Right, Role
from aoi_app.storage.alarms import Alarms
from aoi_app.storage.stop_rules import Alarm
from tests.gui.world import GuiWorld


def people(world: GuiWorld) -> Accounts:
    accounts = Accounts(world.folder)
    boss = accounts.create_first("Anna", "4711")
    accounts.create(boss, "Otto", "1234", Role.OPERATOR)
    return accounts


def action(world: GuiWorld, text: str) -> QAction:
    return next(a for a in world.window.findChildren(QAction) if a.text() == text)


def log_in(world: GuiWorld, name: str, secret: str, again: str | None = None) -> LogInDialog:
    dialog = LogInDialog(world.window.session, world.window.desk.book, world.window)
    dialog.show()
    dialog.name.setCurrentText(name)
    dialog.secret.setText(secret)
    dialog.again.setText(secret if again is None else again)
    dialog._on_ok()
    world.until(dialog.buttons.isEnabled)
    return dialog


def test_without_accounts_everything_is_open(world: GuiWorld) -> None:
    world.show()
    world.until(world.window.first.isVisible)
    assert world.window.session.open_to_all
    assert action(world, "Settings…").isEnabled()
    assert action(world, "Name the administrator").isEnabled()


def test_the_first_administrator_is_named_and_in(world: GuiWorld) -> None:
    world.show()
    world.until(world.window.first.isVisible)
    dialog = log_in(world, "Anna", "4711")
    assert not dialog.isVisible()
    session = world.window.session
    assert session.name == "Anna"
    assert world.window.bar.person.text() == "Anna"
    assert session.may(Right.MANAGE_ACCOUNTS)
    world.window.log_in()
    assert not session.open_to_all and session.name != "Anna"
    world.until(lambda: not action(world, "Settings…").isEnabled())


def test_a_mistyped_pin_of_the_only_administrator_is_noticed(world: GuiWorld) -> None:
    world.show()
    world.until(world.window.first.isVisible)
    dialog = log_in(world, "Anna", "4711", "4771")
    assert dialog.isVisible() and dialog.problem.text() == "The two entries differ.\nType the PIN or password twice."
    assert (dialog.secret.text(), dialog.again.text()) == ("", "")
    assert world.window.session.open_to_all
    dialog.close()


def test_a_window_learns_what_another_one_did_with_accounts(world: GuiWorld) -> None:
    world.show()
    session = world.window.session
    world.until(lambda: session.asked)
    accounts = people(world)
    world.window.desk.look()
    world.until(lambda: not session.open_to_all)
    assert not session.may(Right.REVIEW) and not world.window.first.isVisible()
    log_in(world, "Otto", "1234")
    assert session.may(Right.REVIEW)
    boss = accounts.log_in("Anna", "4711")
    accounts.set_active(boss, "Otto", False)
    world.window.desk.look()
    world.until(lambda: session.account is None)
    assert not session.may(Right.REVIEW)
    accounts.close()


def test_an_older_answer_does_not_undo_what_was_learnt_meanwhile(world: GuiWorld) -> None:
    world.show()
    session = world.window.session
    world.until(lambda: session.asked)
    boss = Account("Anna", Role.ADMINISTRATOR)
    world.window.desk.look()
    session.know((boss,))
    session.take(boss)
    world.settle()
    assert session.account == boss and not session.open_to_all


def test_an_operator_may_review_and_not_change_settings(world: GuiWorld) -> None:
    people(world).close()
    world.record(1, lambda k: (3, 3))
    world.show()
    world.until(lambda: not world.window.session.open_to_all)
    world.window.show_page(1)
    page = world.window.page("review")
    assert isinstance(page, ReviewPage)
    world.until(lambda: page.desk.defect is not None)
    first = page.desk.defect
    world.settle()
    page.desk._since = -10.0
    page._shortcuts["reject"].activated.emit()
    assert page.desk.defect is first
    assert "Log in" in page.problem.text()
    log_in(world, "Otto", "1234")
    world.until(lambda: not action(world, "Settings…").isEnabled())
    world.settle()
    assert not action(world, "Users…").isEnabled()
    page._shortcuts["reject"].activated.emit()
    assert page.desk.defect is not first
    world.window.show_page(4)
    recipes = world.window.page("recipes")
    assert recipes.save() is None  # type: ignore[attr-defined]
    world.window.close()
    from aoi_app.storage.history import History

    history = History(world.folder)
    record = history.board("b00001")
    assert record is not None
    assert {d.reviewer for d in record.defects if d.verification is Verification.DEFECT_REJECTED} == {"Otto"}
    history.close()


def test_a_wrong_pin_is_refused_with_a_reason(world: GuiWorld) -> None:
    people(world).close()
    world.show()
    world.until(lambda: not world.window.session.open_to_all)
    dialog = log_in(world, "Otto", "0000")
    assert dialog.isVisible() and dialog.problem.text().startswith("Name or PIN is not right.")
    assert dialog.secret.text() == ""
    assert world.window.session.account is None
    dialog.done(0)


def test_accounts_are_made_changed_and_closed(world: GuiWorld) -> None:
    accounts = people(world)
    world.show()
    world.until(lambda: not world.window.session.open_to_all)
    log_in(world, "Anna", "4711")
    dialog = PeopleDialog(world.window.session, world.window.desk.book, world.window)
    dialog.show()

    def do(slot: object) -> None:
        assert callable(slot)
        slot()
        world.until(dialog.buttons.isEnabled)

    dialog.name.setText("Ida")
    dialog.role.setCurrentIndex(1)
    dialog.secret.setText("9876")
    do(dialog._on_add)
    assert Account("Ida", Role.ENGINEER) in accounts.all()
    dialog.name.setText("Otto")
    dialog.role.setCurrentIndex(1)
    do(dialog._on_role)
    do(dialog._on_active)
    assert Account("Otto", Role.ENGINEER, active=False) in accounts.all()
    dialog.name.setText("Ida")
    dialog.secret.setText("1")
    do(dialog._on_secret)
    assert "at least 4 characters" in dialog.problem.text()
    dialog.name.setText("Anna")
    do(dialog._on_active)
    assert "Nobody would be administrator" in dialog.problem.text()
    dialog.done(0)
    accounts.close()


@pytest.mark.parametrize("board_open", [False, True])
def test_idle_people_are_logged_out_but_never_during_an_open_board(qapp: QWidget, board_open: bool) -> None:
    now = [0.0]
    parent = QWidget()
    session = Session(parent, lambda: board_open, IdleLogout(900), lambda: now[0])
    session.know((Account("Anna", Role.ADMINISTRATOR),))
    session.take(Account("Anna", Role.ADMINISTRATOR))
    now[0] = 899
    session.check_idle()
    assert session.account is not None
    now[0] = 900
    session.check_idle()
    assert (session.account is not None) is board_open


def test_an_account_that_was_closed_is_out_at_once(qapp: QWidget) -> None:
    parent = QWidget()
    session = Session(parent)
    session.take(Account("Otto", Role.OPERATOR))
    session.know((Account("Otto", Role.OPERATOR, active=False),))
    assert session.account is None


def test_an_alarm_stands_until_it_is_acknowledged_with_its_cause(world: GuiWorld) -> None:
    world.record(1)
    alarms = Alarms(world.folder)
    for place in (10, 50):
        alarms.keep(Alarm("in_a_row", f"short at x {place}, y 20 px on 3 boards in a row", time.time_ns() // 1000))
    world.show()
    bar = world.window.alarms
    world.until(lambda: bar.isVisible())
    assert "short at x 10" in bar._what.text() and "1 more alarms stand" in bar._what.text()
    bar.button.click()
    world.until(lambda: "none was given" in bar._problem.text())
    bar.look()
    world.until(lambda: not bar._background.waits_for("look"))
    assert "none was given" in bar._problem.text(), "it is read for longer than until the next look"
    assert len(alarms.standing()) == 2
    bar.cause.setText("squeegee cleaned")
    bar.button.click()
    world.until(lambda: len(alarms.standing()) == 1)
    world.until(lambda: "short at x 50" in bar._what.text())
    bar.cause.setText("stencil changed")
    bar.button.click()
    world.until(lambda: not bar.isVisible())
    alarms.close()
