from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from aoi_app.core.errors import AoiError
from aoi_app.storage import accounts as module
from aoi_app.storage.accounts import AccessDenied, Account, Accounts, IdleLogout, Right, Role, rights_of
from aoi_app.storage.audit import Audit
from aoi_app.storage.clock import now_us
from aoi_app.storage.database import Place, connect
from tests.storage.places import At


@pytest.fixture
def accounts(at: At) -> Iterator[Accounts]:
    accounts = Accounts(*at)
    yield accounts
    accounts.close()


@pytest.fixture
def chief(accounts: Accounts) -> Account:
    return accounts.create_first("Ana", "secret of ana")


def _acts(at: At) -> list[tuple[str, str, str]]:
    audit = Audit(Place(*at))
    assert audit.verify().broken is None
    return [(e.who, e.act, e.subject) for e in audit.entries()]


def test_the_first_start_names_an_administrator_once(accounts: Accounts) -> None:
    assert accounts.all() == ()
    chief = accounts.create_first("Ana", "1234")
    assert chief.role is Role.ADMINISTRATOR and accounts.all() == (chief,)
    with pytest.raises(AccessDenied, match="administrator already"):
        accounts.create_first("Eve", "1234")


def test_log_in_and_its_trace(at: At, accounts: Accounts, chief: Account) -> None:
    accounts.create(chief, "Kim", "4711", Role.OPERATOR)
    kim = accounts.log_in("Kim", "4711")
    accounts.log_out(kim, "idle")
    assert kim == Account("Kim", Role.OPERATOR)
    assert _acts(at) == [
        ("Ana", "create administrator", "account Ana"),
        ("Ana", "create operator", "account Kim"),
        ("Kim", "log in", ""),
        ("Kim", "log out", ""),
    ]


def test_secrets_are_kept_as_argon2_hashes(at: At, chief: Account) -> None:
    with connect(Place(*at)).connect() as connection:
        (kept,) = connection.execute(text("SELECT secret FROM account")).scalars()
    assert kept.startswith("$argon2id$") and "secret of ana" not in kept


@pytest.mark.parametrize(("name", "secret"), [("Ana", "wrong"), ("Nobody", "secret of ana"), ("ana", "")])
def test_a_wrong_name_and_a_wrong_secret_look_alike(accounts: Accounts, chief: Account, name: str, secret: str) -> None:
    with pytest.raises(AccessDenied, match="Name or PIN is not right"):
        accounts.log_in(name, secret)


def test_guessing_is_slowed_down(at: At, accounts: Accounts, chief: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    now = now_us()
    monkeypatch.setattr("aoi_app.storage.accounts.now_us", lambda: now)
    for _ in range(module.MOST_FAILURES):
        with pytest.raises(AccessDenied, match="not right"):
            accounts.log_in("Ana", "guess")
    with pytest.raises(AccessDenied, match="Too many wrong entries"):
        accounts.log_in("Ana", "secret of ana")
    now += module.LOCKED_S * 1_000_000
    assert accounts.log_in("Ana", "secret of ana") == chief
    assert [a for _, a, _ in _acts(at)].count("refused log in") == module.MOST_FAILURES


def test_each_role_may_what_the_one_before_may() -> None:
    operator, engineer, administrator = (rights_of(r) for r in Role)
    assert operator < engineer < administrator == set(Right)
    assert Right.EDIT_RECIPES not in operator and Right.MANAGE_ACCOUNTS not in engineer


def test_what_somebody_may_not_do_is_refused_with_who_may(accounts: Accounts, chief: Account) -> None:
    kim = accounts.create(chief, "Kim", "4711", Role.OPERATOR)
    with pytest.raises(AccessDenied, match=r"Kim may not manage accounts.*administrator"):
        accounts.create(kim, "Eve", "1234", Role.ADMINISTRATOR)
    with pytest.raises(AccessDenied, match=r"Kim may not edit recipes.*engineer"):
        kim.require(Right.EDIT_RECIPES)
    with pytest.raises(AccessDenied):
        accounts.change_secret(kim, "Ana", "9999")
    accounts.change_secret(kim, "Kim", "9999")
    assert accounts.log_in("Kim", "9999") == kim


def test_who_is_deactivated_cannot_log_in_but_stays_known(accounts: Accounts, chief: Account) -> None:
    accounts.create(chief, "Kim", "4711", Role.ENGINEER)
    accounts.set_active(chief, "Kim", False)
    with pytest.raises(AccessDenied, match="not right"):
        accounts.log_in("Kim", "4711")
    assert accounts.all() == (chief, Account("Kim", Role.ENGINEER, active=False))
    assert not accounts.all()[1].may(Right.REVIEW)


def test_somebody_stays_administrator(at: At, accounts: Accounts, chief: Account) -> None:
    with pytest.raises(AccessDenied, match="Nobody would be administrator"):
        accounts.change_role(chief, "Ana", Role.OPERATOR)
    with pytest.raises(AccessDenied, match="Nobody would be administrator"):
        accounts.set_active(chief, "Ana", False)
    assert accounts.all() == (chief,)
    assert len(_acts(at)) == 1, "what was refused leaves no trace of having been done"


@pytest.mark.parametrize(
    ("name", "secret"), [("", "1234"), ("  ", "1234"), ("x" * 81, "1234"), ("Kim", "123"), ("ana", "1234")]
)
def test_names_and_secrets_that_will_not_do(accounts: Accounts, chief: Account, name: str, secret: str) -> None:
    with pytest.raises(AoiError) as caught:
        accounts.create(chief, name, secret, Role.OPERATOR)
    assert caught.value.hint


def test_idle_log_out_never_comes_during_an_open_board() -> None:
    rule = IdleLogout(after_s=900)
    assert not rule.due(899, board_open=False)
    assert rule.due(900, board_open=False)
    assert not rule.due(10_000, board_open=True)
