"""A second look at recorded boards: the same engine finds the same, another recipe something else."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import xxhash

from aoi_app.core.detection import Detections
from aoi_app.core.errors import StoreError
from aoi_app.core.inspection import EngineInfo, Inspection, Verdict
from aoi_app.core.recipe import ClassRule, Recipe
from aoi_app.core.scan import BoardScan, Completeness, PixelFormat, Pixels, ScanEnd, read_only
from aoi_app.station.again import POLITE, SecondLook, kept_image, look_again, stand_back
from aoi_app.station.inspecting import FixedEngine, Inspector
from aoi_app.storage.history import BoardRecord, History
from aoi_app.storage.pictures import PicturePolicy
from aoi_app.storage.store import Store

NAMES = ("dark", "light")
RECIPE = Recipe(name="patches")


class Patches:
    """A detector of squares: dark ones and light ones on grey."""

    def __init__(self, sees: tuple[str, ...] = NAMES) -> None:
        self._sees = sees
        self._scan: BoardScan | None = None

    @property
    def info(self) -> EngineInfo:
        return EngineInfo("patches", "exact", "patches", "ab" * 32, "cpu", NAMES)

    @property
    def latency_ms(self) -> dict[str, float]:
        return {"tiles": 1.0, "inference": 0.5}

    def begin(self, scan: BoardScan, golden: Pixels | None = None) -> None:
        self._scan = scan

    def advance(self, lines: int) -> Detections:
        return Detections.empty()

    def finish(self, lines: int) -> Detections:
        assert self._scan is not None
        boxes, classes = [], []
        for index, name in enumerate(NAMES):
            image = self._scan.pixels[:lines]
            mask = (image < 50) if name == "dark" else (image > 200)
            count, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
            for x, y, w, h, _area in stats[1:count] if name in self._sees else ():
                boxes.append((x, y, x + w, y + h))
                classes.append(index)
        return Detections(
            np.array(boxes, np.float32).reshape(-1, 4),
            np.full(len(boxes), 0.9, np.float32),
            np.array(classes, np.int32),
        )

    def abort(self) -> None: ...

    def close(self) -> None: ...


def scan_of(number: int, colour: bool = False) -> tuple[BoardScan, Pixels]:
    image = np.full((120, 200), 128, np.uint8)
    image[20:30, 40:50] = 10
    image[80:95, 100:115] = 250
    shown = read_only(np.repeat(image[..., None], 3, 2) if colour else image)
    kind = PixelFormat.RGB8 if colour else PixelFormat.MONO8
    return BoardScan(f"board-{number}", f"SN{number}", shown, kind, 0, 1_800_000_000_000_000_000 + number), shown


def inspect(number: int, completeness: Completeness | None = None) -> tuple[Inspection, ScanEnd]:
    scan, image = scan_of(number)
    end = ScanEnd(scan, completeness or Completeness(120), xxhash.xxh3_128_hexdigest(image.data), 0)
    inspection = Inspector(FixedEngine(Patches()), lambda: RECIPE, lambda _scan, _recipe: None).handle(end)
    assert inspection is not None
    return inspection, end


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    store = Store(tmp_path, policy=PicturePolicy(whole_boards=frozenset(Verdict)))
    store.record(*inspect(1))
    store.record(*inspect(2, Completeness(120, 7, ("7 lines were lost",))))
    store.close()
    without = Store(tmp_path)
    without.record(*inspect(3))
    without.close()
    reader = History(tmp_path)
    yield reader
    reader.close()


def record_of(history: History, number: int) -> BoardRecord:
    record = history.board(f"board-{number}")
    assert record is not None
    return record


def again(history: History, number: int = 1, recipe: Recipe = RECIPE, sees: tuple[str, ...] = NAMES) -> SecondLook:
    record = record_of(history, number)
    return look_again(record, kept_image(record), Patches(sees), recipe, lambda _scan, _recipe: None)


def test_the_same_recipe_and_engine_find_the_same(history: History) -> None:
    look = again(history)
    assert look.difference.same and len(look.difference.both) == 2
    assert look.now.verdict is look.record.row.verdict is Verdict.FAILED
    assert look.image.shape == (120, 200)


def test_what_another_engine_does_not_see_is_gone_and_what_it_sees_is_new(history: History) -> None:
    blind = again(history, sees=("dark",)).difference
    assert [d.defect_code for d in blind.gone] == ["light"] and not blind.new
    record = record_of(history, 1)
    half = replace(record.inspection, defects=record.inspection.defects[:1])
    look = look_again(
        replace(record, inspection=half), kept_image(record), Patches(), RECIPE, lambda _scan, _recipe: None
    )
    assert len(look.difference.new) == 1 and not look.difference.gone


def test_todays_recipe_judges(history: History) -> None:
    lenient = Recipe(name="patches", revision=9, rules={code: ClassRule(max_defects=5) for code in NAMES})
    look = again(history, recipe=lenient)
    assert (look.now.verdict, look.now.recipe_revision) == (Verdict.PASSED, 9)
    assert not look.difference.same, "they no longer fail the board"
    assert not look.difference.gone and not look.difference.new


def test_a_board_that_was_not_wholly_seen_stays_an_error(history: History) -> None:
    look = again(history, 2)
    assert look.now.verdict is Verdict.ERROR and "7 lines" in look.now.reason


def test_a_picture_that_was_not_kept_is_said_with_what_to_do(history: History) -> None:
    with pytest.raises(StoreError, match="SN3 was not kept whole") as caught:
        again(history, 3)
    assert "settings" in caught.value.hint


def test_a_picture_that_is_gone_or_changed_is_never_inspected(history: History) -> None:
    file = record_of(history, 1).board_image
    assert file is not None
    image = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    assert image is not None
    image[25, 45] = 128
    cv2.imwrite(str(file), image)
    with pytest.raises(StoreError, match="not the one that was inspected"):
        again(history)
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(StoreError, match="cannot be read"):
        again(history)
    file.unlink()
    with pytest.raises(StoreError, match="cannot be read"):
        again(history)


def test_colour_boards(tmp_path: Path) -> None:
    scan, image = scan_of(7, colour=True)
    end = ScanEnd(scan, Completeness(120), xxhash.xxh3_128_hexdigest(image.data), 0)
    inspection, _ = inspect(7)
    store = Store(tmp_path, policy=PicturePolicy(whole_boards=frozenset(Verdict)))
    store.record(replace(inspection, input_hash=end.input_hash), end)
    store.close()
    history = History(tmp_path)
    record = record_of(history, 7)
    assert record.board_image is not None and record.pixel_format is PixelFormat.RGB8
    assert np.array_equal(kept_image(record), image)
    with pytest.raises(StoreError, match="hash differs"):
        kept_image(replace(record, inspection=replace(record.inspection, input_hash="0" * 32)))
    history.close()


@pytest.mark.skipif(sys.platform != "linux", reason="niceness of a single thread is Linux's own")
def test_only_the_thread_that_looks_again_stands_back() -> None:
    here = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    found: list[int] = []

    def work() -> None:
        stand_back()
        inner = threading.Thread(
            target=lambda: found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        )
        inner.start()
        inner.join()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [max(POLITE, here)]
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == here
