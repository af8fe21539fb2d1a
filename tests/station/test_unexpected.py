"""What nobody foresaw: no board is absent or passed for it, and no thread of the station ends without a word."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest

from aoi_app.core.detection import Detections
from aoi_app.core.errors import StoreError
from aoi_app.core.inspection import Defect, EngineInfo, Inspection, Verdict
from aoi_app.core.recipe import Recipe
from aoi_app.core.scan import BoardScan, Completeness, LinesIn, PixelFormat, ScanEnd
from aoi_app.core.settings import Settings
from aoi_app.station import station as station_module
from aoi_app.station.acquisition import Acquisition, Line
from aoi_app.station.changeover import BySerial
from aoi_app.station.display import Display
from aoi_app.station.engines import EngineSpec, Progress
from aoi_app.station.journal import Journal
from aoi_app.station.live import LiveView
from aoi_app.station.recording import Recorder
from aoi_app.station.station import Station
from aoi_app.station.status import Level, State
from tests.station.conftest import WIDTH, SquareCamera, SquareDetector, World, wait_until
from tests.storage.boards import board


def faulted(station: Station) -> bool:
    return station.status().state is State.FAULT


@pytest.fixture
def stations() -> Iterator[list[Station]]:
    opened: list[Station] = []
    yield opened
    for station in opened:
        station.close()


class Stranger(SquareDetector):
    """Speaks of a class that the model has no name for."""

    def finish(self, lines: int) -> Detections:
        return Detections(np.array([[0, 0, 9, 9]], np.float32), np.ones(1, np.float32), np.array([7], np.int32))


def test_a_board_that_cannot_be_judged_is_an_error_and_not_absent(
    world: World, station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.boards, world.block_s = 10_000, 0.001
    monkeypatch.setattr(world, "make", lambda spec, progress: Stranger(world, spec))
    # The station holds the method of before.
    station._engines._make = world.make
    station.start()
    wait_until(lambda: faulted(station) and not station.status().camera_connected)
    wait_until(lambda: len(world.recorded) == world.next_board)
    assert {i.verdict for i in world.recorded} == {Verdict.ERROR}
    assert "IndexError" in station.status().fault
    assert "tuple index out of range" in world.recorded[0].reason


def test_a_board_whose_recipe_cannot_be_looked_up_is_an_error_and_not_absent(
    world: World, stations: list[Station]
) -> None:
    def unreadable() -> Sequence[Recipe]:
        raise StoreError("The record cannot be read.", "Check the disk.")

    parts = replace(world.parts(), changeover=lambda settings: BySerial(unreadable))
    station = Station(parts, Settings(precision="fp16"), Recipe(width_px=WIDTH))
    stations.append(station)
    world.boards, world.block_s = 10_000, 0.001
    station.start()
    wait_until(lambda: faulted(station) and not station.status().camera_connected)
    wait_until(lambda: 0 < len(world.recorded) == world.next_board)
    assert {i.verdict for i in world.recorded} == {Verdict.ERROR}
    assert station.status().fault == "The record cannot be read."
    assert "The record cannot be read" in world.recorded[0].reason


def test_an_engine_that_cannot_say_what_it_is_is_refused(world: World, stations: list[Station]) -> None:
    class Silent(SquareDetector):
        @property
        def info(self) -> EngineInfo:
            if self.spec.precision == "fp16":
                raise RuntimeError("the driver is gone")
            return super().info

    def make(spec: EngineSpec, progress: Progress) -> SquareDetector:
        world.detectors.append(Silent(world, spec))
        return world.detectors[-1]

    station = Station(replace(world.parts(), make_detector=make), Settings(precision="fp16"), Recipe(width_px=WIDTH))
    stations.append(station)
    world.boards = 3
    station.start()
    wait_until(lambda: len(world.recorded) == 3)
    assert all(i.engine is not None and i.engine.precision == "fp32" for i in world.recorded)
    assert world.detectors[0].closed


def test_a_search_for_another_engine_that_fails_ends_in_a_fault(world: World, stations: list[Station]) -> None:
    def fallback(spec: EngineSpec) -> EngineSpec | None:
        raise RuntimeError("no list of engines")

    world.refused.add("fp16")
    station = Station(replace(world.parts(), fallback=fallback), Settings(precision="fp16"), Recipe(width_px=WIDTH))
    stations.append(station)
    station.start()
    wait_until(lambda: faulted(station))


def test_boards_that_come_too_fast_for_a_stuck_inspection_are_all_recorded(
    world: World, stations: list[Station]
) -> None:
    stuck = threading.Event()

    class Stuck(SquareDetector):
        def advance(self, lines: int) -> Detections:
            stuck.wait(60)
            return super().advance(lines)

    def open_line(settings: Settings, recipe: Recipe) -> Line:
        line = world.open_line(settings, recipe)
        assert isinstance(line.camera, SquareCamera)
        line.camera.has_room = lambda: True
        return line

    parts = replace(world.parts(), open_line=open_line, make_detector=lambda spec, progress: Stuck(world, spec))
    station = Station(parts, Settings(precision="fp16", ring_slots=2), Recipe(width_px=WIDTH))
    stations.append(station)
    world.boards, world.block_s = 10_000, 0.0
    station.start()
    wait_until(lambda: faulted(station) and not station.status().camera_connected)
    assert "wait to be inspected" in station.status().fault
    stuck.set()
    wait_until(lambda: len(world.recorded) == world.next_board)
    assert world.serials() == [f"B{n:04d}" for n in range(world.next_board)]
    assert sum(i.verdict is Verdict.ERROR for i in world.recorded) >= world.next_board - 3


def test_a_supervisor_that_meets_an_error_says_so_and_goes_on(
    world: World, station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoThread(Acquisition):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    world.boards = 3
    monkeypatch.setattr(station_module, "Acquisition", NoThread)
    station.start()
    wait_until(lambda: faulted(station))
    assert "can't start new thread" in station.status().fault
    monkeypatch.setattr(station_module, "Acquisition", Acquisition)
    station.start()
    wait_until(lambda: len(world.recorded) == 3)


def test_a_picture_that_cannot_be_drawn_does_not_freeze_the_screen() -> None:
    def seen(number: int) -> LinesIn:
        pixels = np.zeros((64, 64), np.uint8)
        return LinesIn(BoardScan(f"b{number}", f"S{number}", pixels, PixelFormat.MONO8, 0, 0), 64)

    journal, view = Journal(), LiveView()
    names: list[tuple[str, ...]] = [("short",)]

    def class_names() -> tuple[str, ...]:
        return names.pop()  # IndexError from the second time on

    display = Display(view, class_names, journal)
    try:
        display.lines(seen(1))
        wait_until(lambda: (frame := view.frame()) is not None and frame.scan.serial == "S1")
        display.lines(seen(2))
        wait_until(lambda: bool(journal.after(0)))
        names += [("open",)] * 100
        display.lines(seen(3))
        wait_until(lambda: (frame := view.frame()) is not None and frame.scan.serial == "S3")
    finally:
        display.close()
    assert [event.level for event in journal.after(0)] == [Level.ERROR]


def test_a_verdict_whose_pictures_cannot_be_cut_is_shown_without(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise MemoryError("no room for a picture")

    monkeypatch.setattr("aoi_app.station.display.pictures_of", fails)
    journal, view = Journal(), LiveView()
    scan = BoardScan("b1", "S1", np.zeros((64, 64), np.uint8), PixelFormat.MONO8, 0, 0)
    defects = (Defect("short", 0.9, (1.0, 1.0, 9.0, 9.0)), Defect("open", 0.9, (20.0, 1.0, 29.0, 9.0)))
    whole = Completeness(64)
    inspection = Inspection("b1", "S1", Verdict.FAILED, "", defects, "r", 1, None, whole, "", 0, 1, 64, {})
    display = Display(view, lambda: ("short", "open"), journal)
    try:
        display.verdict(inspection, ScanEnd(scan, whole, "", 0))
        wait_until(lambda: view.judged() is not None)
    finally:
        display.close()
    judged = view.judged()
    assert judged is not None and judged.inspection is inspection and judged.pictures == (None, None)
    assert [event.level for event in journal.after(0)] == [Level.ERROR]


def test_a_board_that_a_hanging_record_holds_counts_as_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aoi_app.station.recording.CLOSING_S", 0.1)
    hangs, let_go = threading.Event(), threading.Event()

    class Hanging:
        def record(self, *_: object) -> None:
            hangs.set()
            let_go.wait(60)

        def close(self) -> None:
            pass

    journal = Journal()
    recorder = Recorder(Hanging(), journal, lambda error: None)
    try:
        for number in (1, 2):
            recorder.put(*board(number))
        assert hangs.wait(60)
        assert recorder.close(timeout_s=0.1) == 2
    finally:
        let_go.set()
