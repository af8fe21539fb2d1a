"""How fast a large record answers: a million defects, the questions of the history window."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from aoi_app.core.inspection import Verdict, Verification
from aoi_app.storage.database import Place, connect
from aoi_app.storage.history import History
from aoi_app.storage.migrate import prepare
from aoi_app.storage.query import HistoryQuery
from aoi_app.storage.schema import DefectTable, EngineTable, InspectionTable

CLASSES = ("open", "short", "mousebite", "spur", "spurious copper", "pin hole")
RECIPES = ("default", "panel A", "panel B", "panel C")
PAGE = 100
_BATCH = 5_000
_SECONDS_PER_BOARD = 3
_DAY_US = 86_400_000_000

Progress = Callable[[int, int], None]
"""Called with defects written and defects to write."""


@dataclass(frozen=True, slots=True)
class HistoryTiming:
    """How long one question took.

    Attributes
    ----------
    rows
        Boards of the first page.
    first_ms
        The first time it was asked.
    p50_ms, worst_ms
        Over all repetitions, the first one included.
    """

    question: str
    rows: int
    first_ms: float
    p50_ms: float
    worst_ms: float


def fill(folder: Path, defects: int, url: str = "", progress: Progress | None = None, seed: int = 0) -> int:
    """Write boards with `defects` defects in all, without pictures; return the time of the last one.

    Two boards of three pass; a failed one has one to nineteen defects of classes that are not equally frequent.
    """
    place = Place(folder, url)
    prepare(place)
    database = connect(place)
    rng = random.Random(seed)
    start = time.time_ns() // 1000 - defects * _SECONDS_PER_BOARD * 1_000_000 * 31 // 100
    written, key = 0, 0
    try:
        with database.begin() as connection:
            connection.execute(insert(EngineTable), [_engine(n) for n in (1, 2)])
        while written < defects:
            boards, found = [], []
            for _ in range(_BATCH):
                key += 1
                n = min(rng.randint(1, 19), defects - written) if rng.random() < 1 / 3 else 0
                ts_us = start + key * _SECONDS_PER_BOARD * 1_000_000
                boards.append(_board(rng, key, ts_us, n))
                found += list(_defects(rng, key, ts_us, n))
                written += n
            with database.begin() as connection:
                connection.execute(insert(InspectionTable), boards)
                connection.execute(insert(DefectTable), found)
            if progress is not None:
                progress(written, defects)
    finally:
        database.dispose()
    return start + key * _SECONDS_PER_BOARD * 1_000_000


def questions(last_us: int) -> dict[str, HistoryQuery]:
    """Return what the history window is asked, by name; `last_us` is the time of the newest board."""
    day, week = last_us - _DAY_US, last_us - 7 * _DAY_US
    return {
        "newest": HistoryQuery(),
        "last day, failed": HistoryQuery(since_us=day, verdicts=(Verdict.FAILED,)),
        "rare verdict": HistoryQuery(verdicts=(Verdict.ERROR,)),
        "class": HistoryQuery(classes=("short",)),
        "rare class": HistoryQuery(classes=("pin hole",)),
        "two classes, last week": HistoryQuery(since_us=week, classes=("short", "spur")),
        "class and recipe": HistoryQuery(classes=("open",), recipes=("panel B",)),
        "rare class and rare recipe": HistoryQuery(classes=("pin hole",), recipes=("panel C",)),
        "class, failed, recipe, last week": HistoryQuery(
            since_us=week, classes=("spur",), verdicts=(Verdict.FAILED,), recipes=("panel A",)
        ),
        "recipe": HistoryQuery(recipes=("panel C",)),
        "serial number": HistoryQuery(serial="SN00012345"),
        "beginning of serial number": HistoryQuery(serial="SN0001"),
        "any serial number": HistoryQuery(serial="SN"),
        "component": HistoryQuery(places=("R17",)),
        "region": HistoryQuery(places=("edge",)),
        "reviewer": HistoryQuery(reviewers=("kim",)),
        "confirmed": HistoryQuery(verifications=(Verification.DEFECT_CONFIRMED,)),
        "engine": HistoryQuery(engine="2" * 12),
        "to review": HistoryQuery(to_review=True),
    }


def bench_history(
    folder: Path, defects: int = 1_000_000, url: str = "", repeat: int = 7, progress: Progress | None = None
) -> tuple[HistoryTiming, ...]:
    """Measure filter and first page on a record of `defects` defects, made in an empty folder (400 MB, a minute)."""
    last_us = fill(folder, defects, url, progress)
    history = History(folder, url)
    try:
        return tuple(
            _timed(name, partial(history.page, query, limit=PAGE), repeat) for name, query in questions(last_us).items()
        )
    finally:
        history.close()


def _timed(name: str, ask: Callable[[], tuple[Any, ...]], repeat: int) -> HistoryTiming:
    taken, rows = [], 0
    for _ in range(repeat):
        begin = time.perf_counter()
        rows = len(ask())
        taken.append((time.perf_counter() - begin) * 1000)
    return HistoryTiming(name, rows, taken[0], statistics.median(taken), max(taken))


def _engine(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "fingerprint": str(number) * 64,
        "sha256": str(number) * 64,
        "runtime": "onnxruntime",
        "precision": "fp32",
        "model": f"model {number}",
        "device": "cpu",
        "class_names": list(CLASSES),
        "detail": "",
    }


def _board(rng: random.Random, key: int, ts_us: int, defects: int) -> dict[str, Any]:
    verdict = "FAILED" if defects else "ERROR" if rng.random() < 0.0005 else "PASSED"
    return {
        "id": key,
        "board_id": f"bench-{key:08d}",
        "serial": f"SN{key:08d}",
        "station": "",
        "verdict": verdict,
        "final_verdict": verdict,
        "reason": f"{defects} defects" if defects else "",
        "recipe": rng.choices(RECIPES, (70, 20, 9.9, 0.1))[0],
        "recipe_revision": 1,
        "engine_id": 2 if rng.random() < 0.01 else 1,
        "lines": 4096,
        "width": 4096,
        "pixel_format": "Mono8",
        "missing_lines": 0,
        "missing_reasons": [],
        "input_hash": f"{rng.getrandbits(128):032x}",
        "started_us": ts_us - 1_000_000,
        "ts_us": ts_us,
        "latency_ms": {"inference": 800.5, "verdict": 60.25},
        "defect_count": defects,
        "open_defects": defects if rng.random() < 0.01 else 0,
        "preview": f"2026-01-01/bench-{key:08d}/preview.jpg",
        "board_image": None,
    }


def _defects(rng: random.Random, board: int, ts_us: int, count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        x, y = rng.random() * 4000, rng.random() * 4000
        reviewer = rng.choices(("", "kim", "lee"), (60, 1, 39))[0]
        yield {
            "inspection_id": board,
            "number": number,
            "defect_code": rng.choices(CLASSES, (40, 30, 20, 8, 1.99, 0.01))[0],
            "confidence": 0.5 + rng.random() / 2,
            "x1": x,
            "y1": y,
            "x2": x + 20,
            "y2": y + 15,
            "size_um": 200.0,
            "region": rng.choices(("", "edge"), (99, 1))[0],
            "component": rng.choices(("", f"R{rng.randint(1, 400)}"))[0],
            "severity": 1,
            "counts": True,
            "ts_us": ts_us,
            "verification": rng.choice(("DefectConfirmed", "DefectRejected")) if reviewer else "NotVerifiedYet",
            "reviewer": reviewer,
            "verified_us": ts_us + 60_000_000 if reviewer else None,
            "review_s": 2.5 if reviewer else 0.0,
            "crop": f"2026-01-01/bench-{board:08d}/{number:03d}.png",
            "crop_box": [int(x), int(y), int(x) + 96, int(y) + 96],
        }
