"""Two review windows and a station that inspects, on one record: real windows, a real line, real keys.

`AOI_SOAK_SECONDS=300 pytest -s tests/storage/test_review_windows.py` runs it for five minutes on each database and
prints the figures.
"""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections import Counter
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from typing import Any

import pytest
from sqlalchemy import func, select

from aoi_app.core.inspection import Verdict, Verification
from aoi_app.core.recipe import Recipe
from aoi_app.core.settings import Settings
from aoi_app.storage.accounts import Accounts, Role
from aoi_app.storage.audit import Audit
from aoi_app.storage.checking import check
from aoi_app.storage.database import Place, connect
from aoi_app.storage.following.decisions import VERIFY
from aoi_app.storage.history import BoardRecord, History
from aoi_app.storage.query import HistoryQuery
from aoi_app.storage.schema import ClaimTable, VerificationTable
from tests.storage.places import At
from tests.storage.processes import side_by_side

SECONDS = float(os.environ.get("AOI_SOAK_SECONDS", "4"))
REVIEWERS = {"kim": "4711", "lee": "0815"}
LINE = {"width": 1024, "lines": 768, "px_per_mm": 48.0, "good_share": 0.5, "gap_lines": 700}
BACKLOG_S = 60.0
"""Reviewers need longer for a defect than the line: what waits when it stops is cleared in so many seconds at most."""


def _station(at: At, told: Connection, stopped: Event) -> None:
    from aoi_app.app import build_station

    camera = {"source": "simulated:bare", "line_rate": 1_500.0, "height": 64, "options": LINE}
    settings = Settings().with_changes(
        camera=camera, data_dir=str(at.folder), database_url=at.url, model="pcb-bare.onnx"
    )
    station = build_station(settings, Recipe(name="soak", max_lines=2_000))
    station.start()
    # Not the clock alone: on a busy machine there must be something to review as well.
    enough, deadline = time.monotonic() + SECONDS, time.monotonic() + SECONDS + 90
    while time.monotonic() < enough or (station.status().counters.failed < 4 and time.monotonic() < deadline):
        time.sleep(0.05)
    station.stop()
    while station.status().state.value not in ("IDLE", "FAULT"):
        time.sleep(0.05)
    lost, counters = station.close(), station.status().counters
    stopped.set()
    told.send((counters.boards, lost, [f"{e.what} {e.hint}" for e in station.events(0) if e.level.value == "error"]))


def _window(at: At, told: Connection, stopped: Event, name: str) -> None:
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    from aoi_app.gui.application import make_application
    from aoi_app.gui.review.page import ReviewPage
    from aoi_app.gui.review.window import ReviewWindow
    from aoi_app.gui.texts import use_language
    from aoi_app.gui.theme import apply_theme
    from aoi_app.services import window_services
    from aoi_app.storage.recipes import RecipeBook

    application = make_application(offscreen=True)
    use_language("en")
    apply_theme(application, "dark")
    book = RecipeBook(*at)

    def no_golden(record: Any, recipe: Any) -> None:
        return None

    services = window_services(book, at.folder, at.folder / "settings.json", no_golden, at.url)
    window = ReviewWindow(services, Settings())
    window.show()
    window.begin()
    accounts = Accounts(*at)
    window.session.know(accounts.all())
    window.session.take(accounts.log_in(name, REVIEWERS[name]))
    page = window.page("review")
    assert isinstance(page, ReviewPage)
    decided: list[tuple[int, float]] = []
    page.decided.connect(lambda decision: decided.append((decision.defect.id, decision.seconds)))
    said: Counter[str] = Counter()
    keys = itertools.cycle((Qt.Key.Key_1, Qt.Key.Key_2, Qt.Key.Key_3))
    presses, last, waited_ms = 0, 0, []
    ended, empty_since = 0.0, time.monotonic()
    while True:
        began = time.monotonic()
        application.processEvents()
        waited_ms.append(1e3 * (time.monotonic() - began))
        time.sleep(0.005)
        if page.problem.isVisible():
            said[page.problem.text()] += 1
        said.update(toast.event_shown.what for toast in window.toasts.shown)
        defect = page.desk.defect
        if defect is not None:
            empty_since = time.monotonic()
            # A reviewer looks for half a second, then presses once.
            if defect.id != last and time.monotonic() - page.desk._since > 0.45:
                page.setFocus()
                QTest.keyClick(page, next(keys))
                presses, last = presses + 1, defect.id
        if stopped.is_set():
            ended = ended or time.monotonic()
            # Nothing came for longer than the page takes to look again: all is decided.
            if time.monotonic() - empty_since > 4.5 or time.monotonic() - ended > BACKLOG_S:
                break
    window.close()
    accounts.close()
    book.close()
    waited_ms.sort()
    told.send((decided, presses, dict(said), waited_ms[int(0.99 * len(waited_ms))], waited_ms[-1]))


@pytest.mark.skipif(sys.platform == "win32", reason="needs a fork server")
@pytest.mark.slow
@pytest.mark.timeout(SECONDS * 2 + 300)
def test_two_windows_and_a_station_share_one_record(at: At) -> None:
    accounts = Accounts(*at)
    chief = accounts.create_first("kim", REVIEWERS["kim"])
    accounts.create(chief, "lee", REVIEWERS["lee"], Role.OPERATOR)
    accounts.close()
    jobs = ((_station,), (_window, "kim"), (_window, "lee"))
    (boards, lost, errors), *windows = side_by_side(at, jobs, SECONDS + BACKLOG_S + 120)
    assert (lost, errors) == (0, [])

    history = History(*at)
    records = list(history.records(HistoryQuery()))
    history.close()
    _nothing_lost_or_doubled(records, boards)
    failed = [r for r in records if r.row.verdict is Verdict.FAILED]
    called = {d.id: d for r in failed for d in r.defects if d.defect.counts}
    assert called, "a line without a defect shows nothing"
    for name, (decided, presses, said, p99_ms, most_ms) in zip(REVIEWERS, windows, strict=True):
        assert said == {}, f"{name} was told of what nobody can help: {said}"
        mine = {key: d for key, d in called.items() if d.reviewer == name}
        assert len(decided) == len(mine) == presses, "one key a defect, and each of them counts"
        assert sum(d.review_s for d in mine.values()) == pytest.approx(sum(seconds for _, seconds in decided))
        print(
            f"\n{'server' if at.url else 'embedded'}: {name} decided {len(mine)} of {len(called)} defects with "
            f"{presses} keys, {sum(s for _, s in decided) / max(len(decided), 1):.2f} s each; "
            f"event loop p99 {p99_ms:.0f} ms, most {most_ms:.0f} ms"
        )
    assert all(d.verification is not Verification.NOT_VERIFIED_YET for d in called.values())
    assert sum(len(decided) for decided, *_ in windows) == len(called)
    both = [r.row.board_id for r in failed if len({d.reviewer for d in r.defects if d.defect.counts}) > 1]
    assert both == [], "two people had the same board in hand"
    print(f"{boards} boards, {len(failed)} failed, {len(called)} defects; nothing lost, nothing doubled")
    _record_is_sound(at, len(called))


def _nothing_lost_or_doubled(records: list[BoardRecord], boards: int) -> None:
    assert len({r.row.board_id for r in records}) == len({r.row.serial for r in records}) == len(records) == boards
    for record in records:
        assert [d.number for d in record.defects] == list(range(len(record.inspection.defects)))
        assert record.row.preview is not None and record.row.preview.exists()


def _record_is_sound(at: At, decisions: int) -> None:
    audit = Audit(Place(*at))
    proof, acts = audit.verify(), Counter(entry.act for entry in audit.entries())
    audit.close()
    assert proof.broken is None and acts[VERIFY] == decisions and acts["log in"] == acts["log out"] == 2
    assert list(check(Place(*at))) == []
    engine = connect(Place(*at), read_only=True)
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(VerificationTable)).scalar() == decisions
        assert connection.execute(select(func.count()).select_from(ClaimTable)).scalar() == 0
    engine.dispose()
