from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from aoi_app.cli.report import report
from aoi_app.core.errors import AoiError, SettingsError, StoreError
from aoi_app.core.inspection import Verification
from aoi_app.storage import commands_keep
from aoi_app.storage.accounts import AccessDenied, Accounts, Role
from aoi_app.storage.alarms import Alarms
from aoi_app.storage.audit import Audit
from aoi_app.storage.database import Place
from aoi_app.storage.history import History
from aoi_app.storage.review import Review
from aoi_app.storage.stop_rules import Alarm
from aoi_app.storage.store import Store
from tests.storage.boards import START_US, board, defects

BACKENDS = ("sqlite",)
PERIOD = ("--since", "2027-01-15T07:00:00+00:00", "--until", "2027-01-15T10:00:00+00:00")


def _run(command: object, *arguments: str, expect: int = 0) -> Result:
    app = command if isinstance(command, typer.Typer) else typer.Typer()
    if app is not command:
        app.command()(command)  # type: ignore[type-var]
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if isinstance(result.exception, AoiError):
        raise result.exception
    assert result.exit_code == expect, result.output
    return result


@pytest.fixture
def shift(folder: Path, store: Store) -> Path:
    for number in range(10):
        store.record(*board(number, *defects(number % 2)))
    review, history = Review(folder), History(folder)
    for number, state in ((1, Verification.DEFECT_CONFIRMED), (3, Verification.DEFECT_REJECTED)):
        record = history.board(f"board-{number:06d}")
        assert record is not None
        review.verify(record.defects[0].id, state, "Kim", 2.0)
    Alarms(folder).keep(Alarm("in_a_row", "short at R1 on 3 boards in a row", START_US + 1))
    store.close()
    return folder


def test_the_report_on_the_screen(shift: Path) -> None:
    shown = _run(report, "--data", str(shift), *PERIOD, "--opportunities", "100").stdout
    assert re.search(r"first-pass yield\s+60\.00 %\s+10\s+31\.\d+ % to 83\.\d+ %", shown)
    assert re.search(r"DPMO\s+1,000\.0\s+1,000\s+25\.3 to 5,5\d\d\.\d", shown)
    assert re.search(r"of all reviewed calls\s+50\.00 %\s+2", shown)
    assert "short at R1 on 3 boards in a row" in shown and "not acknowledged" in shown


def test_the_report_as_csv_and_json_says_the_same(shift: Path, tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    out = _run(report, "--data", str(shift), *PERIOD, "--csv", "-", "--json", str(target)).stdout
    rows = {(r["section"], r["name"]): r for r in csv.DictReader(io.StringIO(out))}
    told = json.loads(target.read_text(encoding="utf-8"))
    for line in told["figures"]:
        cell = rows[line["section"], line["name"]]["value"]
        assert cell == ("" if line["value"] is None else str(line["value"]))
    assert rows["yield", "first-pass yield"]["n"] == "10"
    assert rows["defects", "DPMO"]["value"] == ""
    assert [(g["boards"], g["not_passed"], g["confirmed"], g["false_calls"]) for g in told["subgroups"]] == [
        (0, 0, 0, 0),
        (10, 4, 1, 1),
        (0, 0, 0, 0),
    ]


def test_a_period_that_ends_before_it_begins(shift: Path) -> None:
    with pytest.raises(SettingsError, match="not after its beginning"):
        _run(report, "--data", str(shift), "--since", "2027-01-02", "--until", "2027-01-01")


def test_audit_verify(shift: Path) -> None:
    whole = _run(commands_keep.audit, "verify", "--data", str(shift)).stdout
    head, seal = (line.split()[-1] for line in whole.splitlines() if "noted elsewhere" in line)
    assert whole.startswith("3 entries, none changed") and "10 boards, none changed" in whole and len(head) == 64
    _run(commands_keep.audit, "verify", "--data", str(shift), "--head", head, "--seal", seal)
    gone = _run(commands_keep.audit, "verify", "--data", str(shift), "--seal", "1" * 64, expect=1)
    assert gone.stdout.startswith("3 entries, none changed") and "10 boards" not in gone.stdout
    assert "nowhere in it" in gone.output
    with sqlite3.connect(shift / "aoi.db") as raw:
        raw.execute("DROP TRIGGER audit_no_update")
        raw.execute("UPDATE audit SET who = 'Eve' WHERE seq = 2")
    broken = _run(commands_keep.audit, "verify", "--data", str(shift), expect=1)
    assert "broken at entry 2" in broken.output and "was changed" in broken.output


def test_audit_check_and_repair(shift: Path) -> None:
    _run(commands_keep.audit, "check", "--data", str(shift), "--decode")
    orphan = shift / "images" / "2027-01-15" / "nobody"
    orphan.mkdir()
    assert "orphan: 2027-01-15/nobody" in _run(commands_keep.audit, "check", "--data", str(shift), expect=1).stdout
    _run(commands_keep.audit, "check", "--data", str(shift), "--repair")
    assert not orphan.exists()
    assert _acts(shift)[-1] == "remove orphans"


def _acts(folder: Path) -> list[str]:
    audit = Audit(Place(folder))
    try:
        assert audit.verify().broken is None
        return [entry.act for entry in audit.entries()]
    finally:
        audit.close()


def test_backup_and_restore(shift: Path, tmp_path: Path) -> None:
    made = _run(commands_keep.backup, str(tmp_path / "copy"), "--data", str(shift)).stdout
    assert "10 boards, 15 pictures" in made
    back = _run(commands_keep.restore, str(tmp_path / "copy"), "--data", str(tmp_path / "new"), "--yes").stdout
    assert "10 boards" in back
    assert History(tmp_path / "new").board("board-000001") is not None
    assert _acts(tmp_path / "new") == [*_acts(shift), "restore backup"]
    # Brought back once more: the entry names the head of what was there before, so that one noted then is found.
    head = Audit(Place(tmp_path / "new")).verify().head
    _run(commands_keep.restore, str(tmp_path / "copy"), "--data", str(tmp_path / "new"), "--yes")
    assert json.loads(list(Audit(Place(tmp_path / "new")).entries())[-1].detail)["replaced"] == head
    assert "1 boards" not in _run(commands_keep.backup, "--data", str(shift), "--no-pictures").stdout
    assert list((shift / "backups").glob("aoi-*/backup.json"))


def test_restore_asks_first(shift: Path, tmp_path: Path) -> None:
    _run(commands_keep.restore, str(tmp_path / "copy"), "--data", str(shift), expect=1)


@pytest.mark.parametrize("command", [report, commands_keep.backup])
def test_a_folder_without_a_record(tmp_path: Path, command: object) -> None:
    with pytest.raises(StoreError, match="no record"):
        _run(command, "--data", str(tmp_path))
    assert not (tmp_path / "aoi.db").exists()


def test_alarms_are_acknowledged_once_with_a_cause(shift: Path) -> None:
    alarms, accounts = Alarms(shift), Accounts(shift)
    ana = accounts.create_first("Ana", "1234")
    (alarm,) = alarms.standing()
    with pytest.raises(StoreError, match="with its cause"):
        alarms.acknowledge(alarm.id, ana, "  ")
    gone = accounts.create(ana, "Kim", "1234", Role.OPERATOR)
    accounts.set_active(ana, "Kim", False)
    with pytest.raises(AccessDenied):
        alarms.acknowledge(alarm.id, next(a for a in accounts.all() if a.name == gone.name), "stencil")
    alarms.acknowledge(alarm.id, ana, "stencil was dirty")
    assert alarms.standing() == ()
    assert alarms.between(START_US, START_US + 10)[0].cause == "stencil was dirty"
    with pytest.raises(StoreError, match="not standing any more"):
        alarms.acknowledge(alarm.id, ana, "again")
