"""`aoi report`: shifts by name, and a PDF where there is no display."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from aoi_app.core.errors import SettingsError, StoreError
from aoi_app.storage.alarms import Alarms
from aoi_app.storage.record_settings import RecordSettings, load_record_settings, save_record_settings
from aoi_app.storage.shifts import Shift, shift_at, shift_before, shift_named
from aoi_app.storage.stop_rules import Alarm
from aoi_app.storage.store import Store
from tests.cli.test_inspect import aoi
from tests.storage.boards import board, changed, defects


def shifts_of_now() -> tuple[Shift, ...]:
    """The shift that runs began an hour ago, the one before eight hours earlier."""
    now = datetime.now()
    return tuple(
        Shift(name=name, begins=(now - timedelta(hours=back)).time().replace(microsecond=0))
        for name, back in (("before", 9), ("now", 1))
    )


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """Three boards of the shift that runs, four of the one before, and an alarm in each."""
    store, alarms = Store(tmp_path), Alarms(tmp_path)
    for number, minutes in enumerate((10, 20, 30, 100, 130, 160, 200)):
        at_ns = time.time_ns() - minutes * 60 * 10**9
        store.record(*changed(board(number, *defects(number % 2)), ended_ns=at_ns))
    for minutes, what in ((15, "now"), (150, "before")):
        alarms.keep(
            Alarm("in_a_row", f"short at {what} on 3 boards in a row", time.time_ns() // 1000 - minutes * 60_000_000)
        )
    store.close()
    alarms.close()
    save_record_settings(RecordSettings(shifts=shifts_of_now()), tmp_path)
    return tmp_path


def told(record: Path, *arguments: str) -> tuple[int, list[str], str]:
    """Return boards, alarms and the shift of a report."""
    answer = json.loads(aoi("report", "--data", record, "--json", "-", *arguments).stdout)
    boards = sum(line["value"] for line in answer["figures"] if line["section"] == "boards")
    return (
        boards,
        [line["name"] for line in answer["figures"] if line["section"] == "alarms"],
        answer["filters"]["shift"],
    )


def test_the_shift_that_runs_and_the_one_before(record: Path) -> None:
    shifts = load_record_settings(record).shifts
    current = shift_at(shifts, time.time_ns() // 1000)
    boards, alarms, name = told(record, "--shift", "current")
    assert (boards, name) == (3, f"now, {current.day}") and "short at now" in alarms[0] and len(alarms) == 1
    boards, alarms, _ = told(record, "--shift", "last")
    assert boards == 4 and "short at before" in alarms[0] and len(alarms) == 1
    before = shift_before(shifts, current)
    assert told(record, "--shift", before.name, "--day", str(before.day))[0] == 4
    assert shift_named(shifts, before.name, before.day) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--shift", "noon"), "there is no shift 'noon'"),
        (("--shift", "current", "--since", "8h"), "A shift and a time"),
        (("--shift", "last", "--day", "2026-11-01"), "--day goes with the name"),
        (("--shift", "now", "--day", "2099-01-01"), "has not begun"),
        (("--lang", "xx", "--pdf", "x.pdf"), "no language 'xx'"),
    ],
)
def test_what_cannot_be_reported_is_said(record: Path, arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        raise aoi("report", "--data", record, *arguments).exception or AssertionError


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_pdf_without_a_display(record: Path, tmp_path: Path, language: str) -> None:
    file = tmp_path / f"shift-{language}.pdf"
    bare = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")}
    command = ["-m", "aoi_app", "report", "--data", str(record), "--shift", "current", "--pdf", str(file)]
    done = subprocess.run(
        [sys.executable, *command, "--lang", language], env=bare, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    pdf = file.read_bytes()
    assert pdf.startswith(b"%PDF") and pdf.rstrip().endswith(b"%%EOF") and len(pdf) > 5_000
    assert "first-pass yield" in done.stdout


def test_a_pdf_that_cannot_be_written_is_said(record: Path) -> None:
    with pytest.raises(StoreError, match="could not be written"):
        raise aoi("report", "--data", record, "--pdf", record / "no" / "x.pdf").exception or AssertionError
