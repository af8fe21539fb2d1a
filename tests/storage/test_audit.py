from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aoi_app.core.errors import StoreError
from aoi_app.core.inspection import Verification
from aoi_app.storage.audit import Audit, AuditProof, append, require_whole
from aoi_app.storage.database import Place, connect
from aoi_app.storage.history import History
from aoi_app.storage.review import Review
from aoi_app.storage.store import Store
from tests.storage.boards import board, defects

BACKENDS = ("sqlite",)


ENTRIES = 12


@pytest.fixture
def audited(folder: Path, store: Store) -> Path:
    store.record(*board(1, *defects(ENTRIES - 2)))
    review, history = Review(folder), History(folder)
    record = history.board("board-000001")
    assert record is not None
    for row in record.defects:
        review.verify(row.id, Verification.DEFECT_REJECTED, "kim", 1.0)
    with connect(Place(folder)).begin() as connection:
        append(connection, "ana", "use recipe", "recipe panel, revision 2", {"名": "板"})
        append(connection, "ana", "log out", "")
    store.close()
    return folder


def _verify(folder: Path, noted: str = "") -> AuditProof:
    audit = Audit(Place(folder))
    try:
        return audit.verify(noted)
    finally:
        audit.close()


def _by_hand(folder: Path, *statements: str) -> None:
    """Change the file as somebody with the database's own tools can, who also knows how to remove the triggers."""
    with sqlite3.connect(folder / "aoi.db") as raw:
        raw.execute("DROP TRIGGER IF EXISTS audit_no_update")
        raw.execute("DROP TRIGGER IF EXISTS audit_no_delete")
        for statement in statements:
            raw.execute(statement)


def test_an_untouched_chain_is_whole(audited: Path) -> None:
    proof = _verify(audited)
    assert (proof.entries, proof.broken, proof.why) == (ENTRIES, None, "")
    require_whole(proof)
    assert [e.act for e in Audit(Place(audited)).entries()][-2:] == ["use recipe", "log out"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seq=st.integers(1, ENTRIES),
    change=st.sampled_from(
        [
            "UPDATE audit SET who = 'eve' WHERE seq = {0}",
            "UPDATE audit SET at_us = at_us + 1 WHERE seq = {0}",
            "UPDATE audit SET detail = '{{}} ' WHERE seq = {0}",
            "UPDATE audit SET subject = subject || '0' WHERE seq = {0}",
            "UPDATE audit SET hash = replace(hash, substr(hash, 1, 1), 'x') WHERE seq = {0}",
            "UPDATE audit SET previous = 'x' WHERE seq = {0}",
            "DELETE FROM audit WHERE seq = {0}",
            "DELETE FROM audit WHERE seq >= {0}",
        ]
    ),
)
def test_a_change_by_hand_is_found_where_it_was_made(
    audited: Path, tmp_path_factory: pytest.TempPathFactory, seq: int, change: str
) -> None:
    copy = tmp_path_factory.mktemp("copy")
    (copy / "aoi.db").write_bytes((audited / "aoi.db").read_bytes())
    _by_hand(copy, change.format(seq))
    proof = _verify(copy)
    assert proof.broken == seq, proof
    with pytest.raises(StoreError, match=f"broken at entry {seq}"):
        require_whole(proof)


def test_an_entry_put_in_is_found(audited: Path) -> None:
    _by_hand(
        audited,
        "UPDATE audit SET seq = seq + 1000 WHERE seq > 5",
        "UPDATE audit SET seq = seq - 999 WHERE seq > 1000",
        "INSERT INTO audit SELECT 6, at_us, 'eve', act, subject, detail, previous, hash FROM audit WHERE seq = 5",
    )
    assert _verify(audited).broken == 6


def test_an_entry_put_in_at_the_end_is_found(audited: Path) -> None:
    last = list(Audit(Place(audited)).entries())[-1]
    _by_hand(
        audited,
        f"INSERT INTO audit SELECT {ENTRIES + 1}, at_us, 'eve', act, subject, detail, '{last.hash}', 'x' FROM audit "
        f"WHERE seq = {ENTRIES}",
    )
    assert _verify(audited).broken == ENTRIES + 1


def test_a_chain_written_anew_differs_from_the_noted_head(audited: Path) -> None:
    noted = _verify(audited).head
    _by_hand(audited, "DELETE FROM audit", "UPDATE audit_head SET seq = 0, hash = '" + "0" * 64 + "'")
    _by_hand(
        audited,
        "UPDATE defect SET verification = 'NotVerifiedYet', reviewer = '', review_s = 0, verified_us = NULL",
    )
    _by_hand(audited, "DELETE FROM verification")
    assert _verify(audited).broken is None, "alone it is a whole, empty chain"
    assert _verify(audited, noted).broken == 1


def test_a_head_noted_earlier_is_found_on_the_way(audited: Path) -> None:
    noted = _verify(audited).head
    with connect(Place(audited)).begin() as connection:
        append(connection, "ana", "log in", "")
    assert _verify(audited, noted).broken is None


@pytest.mark.parametrize(
    ("change", "seq"),
    [
        ("UPDATE defect SET verification = 'DefectConfirmed' WHERE number = 3", 4),
        ("UPDATE defect SET verification = 'NotVerifiedYet' WHERE number = 0", 1),
    ],
)
def test_a_verification_changed_behind_the_audit_is_found(audited: Path, change: str, seq: int) -> None:
    _by_hand(audited, change)
    proof = _verify(audited)
    assert proof.broken == seq and "changed by hand" in proof.why


@pytest.mark.parametrize("statement", ["UPDATE audit SET who = 'eve'", "DELETE FROM audit WHERE seq = 3"])
def test_the_database_itself_refuses_changes(audited: Path, statement: str) -> None:
    with sqlite3.connect(audited / "aoi.db") as raw, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute(statement)


def test_an_act_that_fails_leaves_no_entry(audited: Path) -> None:
    with pytest.raises(RuntimeError), connect(Place(audited)).begin() as connection:
        append(connection, "ana", "restore", "backup of yesterday")
        raise RuntimeError("no such backup")
    assert _verify(audited).entries == ENTRIES
