"""What somebody changed by hand in a table of which the audit speaks is found, at the entry that says otherwise."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy import text

from aoi_app.core.inspection import Verification
from aoi_app.core.recipe import Recipe
from aoi_app.storage.accounts import Accounts, Role
from aoi_app.storage.alarms import Alarms
from aoi_app.storage.audit import Audit, append
from aoi_app.storage.database import Place, connect
from aoi_app.storage.history import DefectRow, History
from aoi_app.storage.recipes import RecipeBook
from aoi_app.storage.review import Review
from aoi_app.storage.stop_rules import Alarm
from aoi_app.storage.store import Store
from tests.storage.boards import board, defects
from tests.storage.places import At

BACKENDS = ("sqlite", "postgresql")

CHANGES = {
    "state": ("UPDATE defect SET verification = 'DefectAccepted' WHERE number = 0", 4, "defect 1 is DefectAccepted"),
    "reviewer": ("UPDATE defect SET reviewer = 'eve' WHERE number = 0", 4, "DefectConfirmed by eve"),
    "review time": ("UPDATE defect SET review_s = 0.5 WHERE number = 0", 4, "0.500 s under review"),
    "state of nobody's defect": ("UPDATE defect SET verification = 'DefectClosed' WHERE number = 2", 14, "defect 3"),
    "defect gone": ("DELETE FROM verification; DELETE FROM defect WHERE number = 0", 4, "not in the record any more"),
    "decision": ("UPDATE verification SET after = 'DefectAccepted' WHERE id = 1", 4, "verification 1 of defect 1"),
    "who decided": ("UPDATE verification SET reviewer = 'eve' WHERE id = 1", 4, "DefectConfirmed by eve"),
    "undone": ("UPDATE verification SET undone = true WHERE id = 1", 4, "undone"),
    "not undone": ("UPDATE verification SET undone = false WHERE id = 2", 5, "undone"),
    "decision gone": ("DELETE FROM verification WHERE id = 2", 5, "a verification of defect 2"),
    "decision put in": (
        "INSERT INTO verification SELECT 99, 3, at_us, reviewer, before, before_reviewer, before_us, after, seconds, "
        "undone FROM verification WHERE id = 1",
        14,
        "put in by hand",
    ),
    "when": ("UPDATE defect SET verified_us = verified_us + 1 WHERE number = 0", 4, "defect 1 is decided 20"),
    "when it was decided": ("UPDATE verification SET at_us = 5 WHERE id = 1", 4, "at_us 5"),
    "seconds": ("UPDATE verification SET seconds = 0.5 WHERE id = 1", 4, "seconds 0.5 in the record and seconds 2.0"),
    "state before": ("UPDATE verification SET before = 'DefectRejected' WHERE id = 2", 5, "before DefectRejected"),
    "who was before": ("UPDATE verification SET before_reviewer = 'eve' WHERE id = 1", 4, "before_reviewer eve"),
    "recipe in place": ("UPDATE recipe SET body = replace(body, 'panel', 'Panel') WHERE revision = 1", 7, "revision 1"),
    "recipe with its hash": (
        "UPDATE recipe SET body = (SELECT r.body FROM recipe r WHERE r.revision = 2), "
        "sha256 = (SELECT r.sha256 FROM recipe r WHERE r.revision = 2) WHERE revision = 1",
        7,
        "revision 1 of recipe 'panel' is not what was saved",
    ),
    "recipe gone": ("DELETE FROM recipe WHERE revision = 2", 8, "revision 2 of recipe 'panel' was saved"),
    "recipe put in": (
        "INSERT INTO recipe SELECT 99, name, 3, sha256, body, saved_us, saved_by, comment FROM recipe WHERE id = 1",
        14,
        "put in by hand",
    ),
    "who saved": ("UPDATE recipe SET saved_by = 'eve' WHERE revision = 2", 8, "saved_by eve"),
    "when it was saved": ("UPDATE recipe SET saved_us = 5 WHERE revision = 2", 8, "saved_us 5"),
    "why it was saved": ("UPDATE recipe SET comment = 'asked for by Ana' WHERE revision = 2", 8, "comment asked"),
    "role": ("UPDATE account SET role = 'administrator' WHERE name = 'kim'", 12, "role administrator"),
    "let in again": ("UPDATE account SET active = true WHERE name = 'kim'", 13, "active True"),
    "secret": (
        "UPDATE account SET secret = (SELECT a.secret FROM account a WHERE a.name = 'kim') WHERE name = 'Ana'",
        1,
        "another PIN or password",
    ),
    "account gone": ("DELETE FROM account WHERE name = 'kim'", 2, "'kim' is not in the record"),
    "account put in": (
        "INSERT INTO account SELECT 99, 'eve', role, secret, active, created_us, 0, 0 FROM account WHERE name = 'Ana'",
        14,
        "'eve' is in the record and not in the audit",
    ),
    "cause": ("UPDATE alarm SET cause = 'nothing' WHERE id = 1", 11, "cause 'nothing'"),
    "who answered": ("UPDATE alarm SET acknowledged_by = 'eve' WHERE id = 1", 11, "acknowledged_by 'eve'"),
    "when it was answered": ("UPDATE alarm SET acknowledged_us = 5 WHERE id = 1", 11, "acknowledged_us 5"),
    "answered alarm": ("UPDATE alarm SET what = 'open at R2' WHERE id = 1", 11, "what 'open at R2'"),
    "alarm never answered": ("UPDATE alarm SET acknowledged_us = 5, cause = 'x' WHERE id = 2", 10, "alarm 2"),
    "standing alarm": ("UPDATE alarm SET at_us = 5 WHERE id = 2", 10, "at_us 5"),
    "answered alarm gone": ("DELETE FROM alarm WHERE id = 1", 11, "alarm 1"),
    "standing alarm gone": ("DELETE FROM alarm WHERE id = 2", 10, "alarm 2"),
}


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A record with something of all that the audit speaks of; entry 13 is the last."""
    folder = tmp_path_factory.mktemp("lived")
    live(At(folder))
    return folder


def live(at: At) -> None:
    store = Store(*at)
    store.record(*board(1, *defects(3)))
    store.close()
    accounts, review, book, alarms = Accounts(*at), Review(*at), RecipeBook(*at), Alarms(*at)
    ana = accounts.create_first("Ana", "1234")  # 1
    accounts.create(ana, "kim", "5678", Role.OPERATOR)  # 2
    accounts.log_in("kim", "5678")  # 3
    first, second, _ = (row.id for row in _defects(at))
    review.verify(first, Verification.DEFECT_CONFIRMED, "kim", 2.0)  # 4
    review.verify(second, Verification.DEFECT_REJECTED, "kim", 1.0)  # 5
    review.undo("kim", 0.5)  # 6
    book.save(Recipe(name="panel"), "Ana")  # 7
    book.save(Recipe(name="panel", product="P2"), "Ana")  # 8
    for number in range(2):
        alarms.keep(Alarm("in_a_row", "short at R1", 1_000_000 + number), "line 1")  # 9, 10
    alarms.acknowledge(1, ana, "paste ran out")  # 11
    accounts.change_role(ana, "kim", Role.ENGINEER)  # 12
    accounts.set_active(ana, "kim", False)  # 13
    for one in (accounts, review, book, alarms):
        one.close()


def _defects(at: At) -> list[DefectRow]:
    history = History(*at)
    try:
        record = history.board("board-000001")
        assert record is not None
        return list(record.defects)
    finally:
        history.close()


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_by_hand_is_found_at_its_entry(lived: Path, tmp_path: Path, change: str) -> None:
    statements, seq, says = CHANGES[change]
    shutil.copyfile(lived / "aoi.db", tmp_path / "aoi.db")
    place = Place(tmp_path)
    with connect(place, foreign_keys=False).begin() as connection:
        for statement in statements.split("; "):
            assert connection.execute(text(statement)).rowcount > 0
    proof = Audit(place).verify()
    assert proof.broken == seq and says in proof.why, proof


def test_what_nobody_changed_fits(at: At) -> None:
    live(at)
    proof = Audit(Place(*at)).verify()
    assert (proof.entries, proof.broken, proof.why) == (13, None, "")
    # Another decision on the one that was taken back, by somebody else.
    Review(*at).verify(_defects(at)[1].id, Verification.DEFECT_ACCEPTED, "Ana", 1.25)
    Accounts(*at).change_secret(Accounts(*at).log_in("Ana", "1234"), "Ana", "4321")
    assert Audit(Place(*at)).verify().broken is None


@pytest.mark.parametrize(
    ("act", "subject", "detail"),
    [
        ("verify defect", "defect", {"after": "DefectConfirmed"}),
        ("verify defect", "defect 1", {}),
        ("verify defect", "defect x", {"after": "DefectConfirmed"}),
        ("save recipe", "recipe panel", {"sha256": "x"}),
        ("acknowledge alarm", "alarm 2", {}),
    ],
)
def test_an_entry_that_fits_the_chain_and_says_nothing_that_can_be_read_is_named(
    lived: Path, tmp_path: Path, act: str, subject: str, detail: dict[str, str]
) -> None:
    shutil.copyfile(lived / "aoi.db", tmp_path / "aoi.db")
    with connect(Place(tmp_path)).begin() as connection:
        append(connection, "eve", act, subject, detail)
    proof = Audit(Place(tmp_path)).verify()
    assert proof.broken == 14 and "not as this program writes it" in proof.why


def test_entries_of_an_older_program_say_less_and_fit(tmp_path: Path) -> None:
    """They have neither seconds nor the mark of a secret, and no alarm is told before it is answered."""
    old = At(tmp_path / "old")
    store = Store(*old)
    store.record(*board(1, *defects(1)))
    store.close()
    with connect(Place(*old)).begin() as connection:
        connection.execute(text("UPDATE defect SET verification = 'DefectConfirmed', reviewer = 'kim', review_s = 3"))
        connection.execute(
            text(
                "INSERT INTO verification (defect_id, at_us, reviewer, before, before_reviewer, after, seconds, undone)"
                " VALUES (1, 5, 'kim', 'NotVerifiedYet', '', 'DefectConfirmed', 3, false)"
            )
        )
        connection.execute(
            text(
                "INSERT INTO account (name, role, secret, active, created_us, failures, locked_until_us) "
                "VALUES ('Ana', 'administrator', 'x', true, 5, 0, 0)"
            )
        )
        append(connection, "Ana", "create administrator", "account Ana")
        append(connection, "Ana", "change secret", "account Ana")
        append(connection, "kim", "verify defect", "defect 1", {"before": "NotVerifiedYet", "after": "DefectConfirmed"})
        for answer in ("NULL, '', ''", "6, 'Ana', 'paste'"):
            connection.execute(
                text(
                    "INSERT INTO alarm (at_us, station, rule, what, acknowledged_us, acknowledged_by, cause) "
                    f"VALUES (5, '', 'in_a_row', 'x', {answer})"
                )
            )
        append(connection, "Ana", "acknowledge alarm", "alarm 2", {"cause": "paste"})
    assert Audit(Place(*old)).verify().why == ""
