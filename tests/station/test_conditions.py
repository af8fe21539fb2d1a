"""What is not as it should be stands in every snapshot for as long as it is so, and no longer."""

from __future__ import annotations

import pytest

from aoi_app.core.errors import DatabaseLocked
from aoi_app.core.inspection import EngineInfo
from aoi_app.core.recipe import Recipe
from aoi_app.core.settings import Settings
from aoi_app.station.station import Station
from aoi_app.station.status import Condition, Level, State
from tests.station.conftest import SquareDetector, World, wait_until


def sources(station: Station) -> list[str]:
    return [condition.source for condition in station.status().conditions]


def test_a_line_on_which_all_is_well_has_none(world: World, station: Station) -> None:
    world.boards = 4
    station.start()
    wait_until(lambda: len(world.recorded) == 4)
    assert station.status().conditions == ()


def test_a_lost_camera_stands_until_it_is_back(world: World, station: Station) -> None:
    world.boards, world.block_s = 10_000, 0.01
    station.start()
    wait_until(lambda: len(world.recorded) > 1)
    world.gone.set()
    wait_until(lambda: sources(station) == ["camera"])
    (condition,) = station.status().conditions
    assert condition == Condition(
        Level.ERROR,
        "camera",
        "The camera does not answer any more.",
        "It is tried again every few seconds; check its cable and power.",
    )
    world.gone.clear()
    wait_until(lambda: sources(station) == [])
    world.gone.set()
    wait_until(lambda: sources(station) == ["camera"])
    station.stop()
    wait_until(lambda: station.status().state is State.IDLE)
    assert sources(station) == [], "a line that was stopped misses no camera"


def test_a_refused_engine_stands_until_the_one_that_inspects_is_chosen(world: World, station: Station) -> None:
    world.boards, world.block_s = 10_000, 0.01
    world.refused = {"fp16"}
    station.start()
    wait_until(lambda: len(world.recorded) > 1)
    (condition,) = station.status().conditions
    assert (condition.level, condition.source) == (Level.WARNING, "engine")
    assert "fp16" in condition.what and condition.what.endswith("fp32 inspects.")
    station.apply(station.settings.with_changes(precision="fp32"))
    wait_until(lambda: sources(station) == [])


def test_an_engine_that_failed_on_the_line_stands(world: World, station: Station) -> None:
    world.boards = 6
    world.failing = {"fp16"}
    station.start()
    wait_until(lambda: len(world.recorded) == 6)
    assert sources(station) == ["engine"]


def test_a_stand_in_of_the_runtime_stands_with_its_reason(
    world: World, station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    def standing_in(self: SquareDetector) -> EngineInfo:
        detail = "CUDA could not start, so the CPU computes"
        return EngineInfo("ONNX Runtime", "fp32", "squares", "0" * 64, "CPU", ("square",), detail, stand_in=True)

    monkeypatch.setattr(SquareDetector, "info", property(standing_in))
    world.boards = 2
    station.start()
    wait_until(lambda: len(world.recorded) == 2)
    (condition,) = station.status().conditions
    assert condition.what.endswith("in place of what was asked for: CUDA could not start, so the CPU computes.")


def test_a_record_that_cannot_be_written_stands_with_the_number_of_boards(world: World, station: Station) -> None:
    world.boards = 2
    world.store_error = DatabaseLocked("The database is locked.", "Close the other program.")
    station.start()
    wait_until(lambda: "record" in sources(station))
    condition = next(c for c in station.status().conditions if c.source == "record")
    assert "boards wait in memory" in condition.what
    world.store_error = None
    wait_until(lambda: "record" not in sources(station))


def test_a_fault_comes_first_and_goes_with_the_next_start(world: World) -> None:
    world.refused = {"fp16", "fp32"}
    station = Station(world.parts(), Settings(precision="fp16"), Recipe())
    try:
        station.journal.lasts("record", [("The disk of the pictures is getting full.", "Free space.")])
        station.start()
        wait_until(lambda: station.status().state is State.FAULT)
        assert sources(station) == ["station", "record"]
        world.refused = set()
        station.start()
        wait_until(lambda: sources(station) == ["record"])
        station.journal.lasts("record", [])
        assert sources(station) == []
    finally:
        station.close()
