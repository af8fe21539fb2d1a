"""kill -9 of the whole program under load: what is on the disk is whole, once, and lacks at most the board in flight.

`AOI_KILLS=20 pytest tests/station/test_kill.py` kills it twenty times.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import cv2
import pytest

from aoi_app.core.settings import Settings, save_settings
from aoi_app.storage.checking import check
from aoi_app.storage.database import Place
from aoi_app.storage.history import History
from aoi_app.storage.query import HistoryQuery

KILLS = int(os.environ.get("AOI_KILLS", "3"))

# The real program with its window, that also says after each verdict how many boards have had one.
PROGRAM = """
import sys, threading, time
from pathlib import Path
from aoi_app.app import open_station
from aoi_app.gui.window import MainWindow

def tell(window):
    station, told = window.station, None
    def watch():
        nonlocal told
        while True:
            last = station.status().last
            if last is not None and last is not told:
                told = last
                print(last.serial, flush=True)
            time.sleep(0.001)
    threading.Thread(target=watch, daemon=True).start()

open_station({}, source="", recipe="", golden=None, data=Path(sys.argv[1]), offscreen=True,
             quit_after=None, screenshot=None, on_shown=tell)
"""


def _run_and_kill(data: Path, seconds: float) -> list[str]:
    """Start the program, kill it so long after its first verdict; return the serial numbers that had a verdict."""
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    log = (data.parent / "log.txt").open("a")
    with (
        log,
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(data)], stdout=subprocess.PIPE, stderr=log, text=True, env=environment
        ) as process,
    ):
        assert process.stdout is not None
        seen: list[str] = []
        first = threading.Event()

        def read() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                seen.append(line.strip())
                first.set()

        reader = threading.Thread(target=read)
        reader.start()
        begun = first.wait(90)
        time.sleep(seconds if begun else 0)
        process.kill()
        process.wait()
        reader.join()
    assert begun, (data.parent / "log.txt").read_text()
    return seen


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.slow
@pytest.mark.timeout(60 + 60 * KILLS)
def test_the_program_is_killed_under_load(tmp_path: Path) -> None:
    data = tmp_path / "data"
    # Small boards with defects come faster than they are inspected: crops and pictures are written all the time.
    board = {"width": 640, "lines": 640, "gap_lines": 10, "good_share": 0.0, "px_per_mm": 24.0}
    camera = {"source": "simulated:bare", "line_rate": 100_000.0, "options": board}
    save_settings(Settings().with_changes(camera=camera, recipe="demo-bare"), data / "settings.json")
    rng = random.Random(7)
    known: dict[str, str] = {}
    for _ in range(KILLS):
        told = _run_and_kill(data, rng.uniform(0.0, 1.5))

        # Pictures that no row refers to may be left of the board in flight, and nothing else.
        assert [p for p in check(Place(data), decode=True) if p.kind != "orphan"] == []
        history = History(data)
        rows = list(history.rows(HistoryQuery()))
        boards = {row.board_id: row.serial for row in rows}
        assert len(boards) == len(rows), "a board is there twice"
        assert known.items() <= boards.items(), "a board of an earlier run has gone"
        new = [row for row in reversed(rows) if row.board_id not in known]
        # Each run numbers its boards from 0.
        assert [int(row.serial.rpartition("-")[2]) for row in new] == list(range(len(new)))
        with_verdict = int(told[-1].rpartition("-")[2]) + 1
        assert with_verdict - len(new) <= 1, f"{with_verdict} boards had a verdict, {len(new)} are recorded"
        for row in new:
            record = history.board(row.board_id)
            assert record is not None and len(record.defects) == record.row.defects
            for file in filter(None, (row.preview, record.board_image, *(d.crop for d in record.defects))):
                assert cv2.imread(str(file), cv2.IMREAD_UNCHANGED) is not None, f"{file} does not decode"
        known = boards
        history.close()
    assert any(row.defects for row in rows), "no run recorded a defect: nothing was shown"
