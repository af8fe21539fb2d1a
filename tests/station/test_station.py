from __future__ import annotations

import threading

import numpy as np
import pytest

from aoi_app.core.detection import Detections
from aoi_app.core.errors import DatabaseLocked, DiskFull, FeatureError, RecipeError
from aoi_app.core.inspection import Verdict
from aoi_app.core.protocols import AcquisitionConfig
from aoi_app.core.recipe import ClassRule, Recipe
from aoi_app.core.settings import Settings
from aoi_app.station import acquisition
from aoi_app.station.judged import JudgedBoard
from aoi_app.station.station import Station
from aoi_app.station.status import EventKind, Level, State
from tests.station.conftest import WIDTH, SquareCamera, SquareDetector, World, wait_until


def expected(count: int) -> list[str]:
    return [f"B{n:04d}" for n in range(count)]


def test_every_board_is_judged_and_recorded_once(world: World, station: Station) -> None:
    world.boards = 30
    station.start()
    wait_until(lambda: len(world.recorded) == 30)
    assert world.serials() == expected(30)
    for inspection in world.recorded:
        defects = int(inspection.serial[1:]) % 3
        assert inspection.verdict is (Verdict.FAILED if defects else Verdict.PASSED)
        assert len(inspection.defects) == defects
        assert inspection.latency_ms["verdict"] >= 0
    status = station.status()
    assert status.state is State.RUNNING
    assert (status.counters.boards, status.counters.passed, status.counters.failed) == (30, 10, 20)
    assert status.memory is None or status.memory.label == "test"
    wait_until(lambda: (frame := station.frame()) is not None and frame.inspection is not None)


def test_every_defect_has_its_picture_when_the_inspection_is_boards_behind(
    world: World, station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in view then is a later board; the pictures are those of the board that was judged."""
    world.boards = 9
    finish, seen = SquareDetector.finish, list[JudgedBoard]()

    def up(number: int) -> bool:
        judged, frame = station.judged(), station.frame()
        in_view = frame is not None and frame.scan.serial == "B0008"
        return in_view and judged is not None and judged.inspection.serial == f"B{number:04d}"

    def slow(self: SquareDetector, lines: int) -> Detections:
        wait_until(lambda: station._boards_in == world.boards)
        assert self._scan is not None
        if self._scan.serial != "B0000":
            wait_until(lambda: up(len(seen)))
            judged = station.judged()
            assert judged is not None
            seen.append(judged)
        return finish(self, lines)

    monkeypatch.setattr(SquareDetector, "finish", slow)
    station.apply(station.settings.with_changes(ring_slots=16))
    station.start()
    wait_until(lambda: len(world.recorded) == world.boards, 30)
    assert [judged.inspection.serial for judged in seen] == expected(8)
    for number, judged in enumerate(seen):
        assert len(judged.pictures) == len(judged.inspection.defects) == number % 3
        for picture in judged.pictures:
            assert picture is not None and picture.max() == 255 and np.median(picture) == 40 + number % 7
            assert not picture.flags.writeable
            assert picture.base is None or picture.base.base is None, "it holds no board's buffer"


def test_stop_finishes_what_is_in_and_start_goes_on(world: World, station: Station) -> None:
    world.boards = 10_000
    station.start()
    wait_until(lambda: len(world.recorded) >= 5)
    station.stop()
    wait_until(lambda: station.status().state is State.IDLE)
    stopped_at = len(world.recorded)
    assert world.serials() == expected(stopped_at)
    assert all(i.verdict is not Verdict.ERROR for i in world.recorded[:-1])
    station.start()
    wait_until(lambda: len(world.recorded) >= stopped_at + 5)


def test_pause_lets_the_board_in_hand_end(world: World, station: Station) -> None:
    world.boards, world.block_s = 10_000, 0.004
    station.start()
    wait_until(lambda: len(world.recorded) >= 2)
    station.pause()
    wait_until(lambda: station.status().state is State.PAUSED)
    acquisition = station._acquisition
    assert acquisition is not None
    wait_until(lambda: acquisition.resting)
    station.resume()
    paused_at = len(world.recorded)
    wait_until(lambda: len(world.recorded) >= paused_at + 3)
    assert all(i.verdict is not Verdict.ERROR for i in world.recorded)


def test_a_camera_that_is_lost_while_the_line_rests_is_told_of_at_once_and_taken_back(
    world: World, station: Station
) -> None:
    world.boards = 10_000
    station.start()
    wait_until(lambda: len(world.recorded) >= 2)
    station.pause()
    acquisition = station._acquisition
    assert acquisition is not None
    wait_until(lambda: acquisition.resting)
    world.gone.set()
    wait_until(lambda: not station.status().camera_connected)
    world.gone.clear()
    wait_until(lambda: station.status().camera_connected)
    wait_until(lambda: acquisition.resting)
    assert station.status().state is State.PAUSED
    seen = len(world.recorded)
    station.resume()
    wait_until(lambda: len(world.recorded) >= seen + 3)
    assert all(i.verdict is not Verdict.ERROR for i in world.recorded)
    kinds = [event.kind for event in station.events(0) if event.kind is not EventKind.OTHER]
    assert kinds == [EventKind.CAMERA_LOST, EventKind.RECONNECTED]


@pytest.mark.parametrize(("refusals", "state"), [(2, State.RUNNING), (99, State.FAULT)])
def test_a_camera_that_comes_back_and_refuses_its_settings_gets_some_tries(
    world: World, station: Station, monkeypatch: pytest.MonkeyPatch, refusals: int, state: State
) -> None:
    monkeypatch.setattr(acquisition, "BACK_OFF_S", (0.01, 0.01, 0.01))
    world.boards, world.block_s = 10_000, 0.004
    station.start()
    wait_until(lambda: len(world.recorded) >= 2)
    left = [refusals]

    def configure(camera: SquareCamera, config: AcquisitionConfig) -> AcquisitionConfig:
        left[0] -= 1
        if left[0] >= 0:
            raise FeatureError("Width = 96 is refused.", "Wait.")
        return config

    monkeypatch.setattr(SquareCamera, "configure", configure)
    world.gone.set()
    wait_until(lambda: not station.status().camera_connected)
    world.gone.clear()
    wait_until(lambda: left[0] < refusals - 1 and station.status().state is state)
    if state is State.RUNNING:
        wait_until(lambda: station.status().camera_connected)
    assert left[0] in (-1, 99 - 3)


def test_a_lost_camera_costs_the_board_in_hand_and_no_other(world: World, station: Station) -> None:
    world.boards, world.block_s = 10_000, 0.004
    station.start()
    wait_until(lambda: len(world.recorded) >= 3)
    world.gone.set()
    wait_until(lambda: not station.status().camera_connected)
    world.gone.clear()
    wait_until(lambda: station.status().camera_connected)
    seen = len(world.recorded)
    wait_until(lambda: len(world.recorded) >= seen + 3)
    errors = [i for i in world.recorded if i.verdict is Verdict.ERROR]
    assert len(errors) <= 1
    assert all("camera was lost" in i.reason for i in errors)
    assert world.serials() == expected(len(world.recorded))
    assert station.status().state is State.RUNNING


def test_a_failing_engine_gives_way_and_the_board_is_inspected_again(world: World, station: Station) -> None:
    world.boards, world.block_s = 10_000, 0.002
    station.start()
    wait_until(lambda: len(world.recorded) >= 3)
    world.failing.add("fp16")
    wait_until(lambda: any(i.engine and i.engine.precision == "fp32" for i in world.recorded))
    station.stop()
    wait_until(lambda: station.status().state is State.IDLE)
    assert world.serials() == expected(len(world.recorded))
    assert all(i.verdict is not Verdict.ERROR for i in world.recorded[:-1])
    said = " ".join(e.what for e in station.events(0) if e.level is not Level.INFO)
    assert "illegal address" in said and "fp32" in said


def test_with_no_engine_left_boards_are_errors_never_passes(world: World, station: Station) -> None:
    world.boards, world.block_s = 40, 0.001
    world.failing |= {"fp16", "fp32"}
    station.start()
    wait_until(lambda: len(world.recorded) == 40)
    assert {i.verdict for i in world.recorded} == {Verdict.ERROR}


def test_an_engine_is_swapped_between_boards(world: World, station: Station) -> None:
    world.boards, world.block_s = 10_000, 0.001
    station.start()
    wait_until(lambda: len(world.recorded) >= 5)
    station.apply(station.settings.with_changes(precision="int8"))
    wait_until(lambda: world.recorded[-1].engine is not None and world.recorded[-1].engine.precision == "int8")
    wait_until(lambda: world.detectors[0].closed)
    station.stop()
    wait_until(lambda: station.status().state is State.IDLE)
    assert world.serials() == expected(len(world.recorded))
    assert all(i.verdict is not Verdict.ERROR for i in world.recorded[:-1])


def test_other_options_of_the_runtime_make_another_engine_and_those_of_another_runtime_do_not(
    world: World, station: Station
) -> None:
    world.boards, world.block_s = 10_000, 0.001
    station.start()
    wait_until(lambda: len(world.recorded) >= 3)
    other = {"triton": {"url": "inspection:8001"}}
    station.apply(station.settings.with_changes(runtime_options=other))
    seen = len(world.recorded)
    wait_until(lambda: len(world.recorded) >= seen + 3)
    assert len(world.detectors) == 1
    station.apply(station.settings.with_changes(runtime_options={**other, "onnxruntime": {"threads": 2}}))
    wait_until(lambda: world.detectors[0].closed)
    assert world.detectors[1].spec.options == (("threads", 2),)
    station.stop()
    wait_until(lambda: station.status().state is State.IDLE)
    assert world.serials() == expected(len(world.recorded))
    assert all(i.verdict is not Verdict.ERROR for i in world.recorded[:-1])


def test_a_new_engine_that_fails_its_first_board_gives_way_to_the_old_one(world: World, station: Station) -> None:
    world.boards, world.block_s = 10_000, 0.001
    station.start()
    wait_until(lambda: len(world.recorded) >= 5)
    world.failing.add("int8")
    station.apply(station.settings.with_changes(precision="int8"))
    wait_until(lambda: any("Back to" in e.what for e in station.events(0)))
    seen = len(world.recorded)
    wait_until(lambda: len(world.recorded) >= seen + 5)
    assert all(i.engine is not None and i.engine.precision == "fp16" for i in world.recorded)
    assert all(i.verdict is not Verdict.ERROR for i in world.recorded)


def test_a_refused_engine_leaves_the_old_one_on_the_line(world: World, station: Station) -> None:
    world.boards, world.block_s = 10_000, 0.001
    world.refused.add("int8")
    station.start()
    wait_until(lambda: len(world.recorded) >= 3)
    station.apply(station.settings.with_changes(precision="int8"))
    wait_until(lambda: any("stays" in e.what for e in station.events(0)))
    seen = len(world.recorded)
    wait_until(lambda: len(world.recorded) >= seen + 3)
    assert station.status().state is State.RUNNING


def test_without_any_engine_the_station_faults_with_advice(world: World, station: Station) -> None:
    world.refused |= {"fp16", "fp32"}
    station.start()
    wait_until(lambda: station.status().state is State.FAULT)
    assert station.status().fault_hint
    world.refused.clear()
    world.boards = 3
    station.start()
    wait_until(lambda: len(world.recorded) == 3)


def test_a_full_disk_stops_the_line_and_loses_nothing(world: World, station: Station) -> None:
    world.boards, world.block_s = 10_000, 0.001
    station.start()
    wait_until(lambda: len(world.recorded) >= 3)
    world.store_error = DiskFull("No space is left.", "Free some.")
    wait_until(lambda: station.status().state is State.FAULT)
    assert station.status().fault == "No space is left."
    wait_until(lambda: not station.status().camera_connected)
    world.store_error = None
    wait_until(lambda: station.status().record_queue == 0)
    station.start()
    seen = len(world.recorded)
    wait_until(lambda: len(world.recorded) >= seen + 3)
    assert world.serials() == expected(len(world.recorded))


def test_a_database_that_is_locked_for_a_moment_is_no_fault(world: World, station: Station) -> None:
    world.boards, world.block_s = 10_000, 0.005
    station.start()
    wait_until(lambda: len(world.recorded) >= 3)
    world.store_error = DatabaseLocked("The database is locked.", "Close the other program.")
    wait_until(lambda: station.status().record_queue >= 3)
    world.store_error = None
    seen = len(world.recorded)
    wait_until(lambda: len(world.recorded) >= seen + 10)
    assert station.status().state is State.RUNNING
    assert world.serials() == expected(len(world.recorded))


def test_a_lower_threshold_comes_into_force_with_its_engine(world: World, station: Station) -> None:
    world.boards, world.block_s = 10_000, 0.001
    station.start()
    wait_until(lambda: len(world.recorded) >= 3)
    sensitive = Recipe(name="sensitive", width_px=WIDTH, default_rule=ClassRule(min_confidence=0.01))
    station.use_recipe(sensitive)
    wait_until(lambda: world.recorded[-1].recipe == "sensitive")
    assert len(world.detectors) == 2
    for inspection in world.recorded:
        detector = world.detectors[inspection.recipe == "sensitive"]
        assert detector.spec.min_confidence <= (0.01 if inspection.recipe == "sensitive" else 0.05)


def test_a_missing_golden_board_is_an_error_of_that_board(world: World, station: Station) -> None:
    world.boards = 3
    world.golden_error = RecipeError("golden.png is gone.")
    station.start()
    wait_until(lambda: len(world.recorded) == 3)
    assert {i.verdict for i in world.recorded} == {Verdict.ERROR}
    assert "golden.png is gone" in world.recorded[0].reason


def test_another_camera_setting_reopens_the_camera_and_loses_no_board(world: World, station: Station) -> None:
    world.boards, world.block_s = 10_000, 0.001
    station.start()
    wait_until(lambda: len(world.recorded) >= 3)
    camera = station.settings.camera.model_copy(update={"line_rate": 1_000.0})
    station.apply(station.settings.with_changes(camera=camera.model_dump()))
    wait_until(lambda: world.opened == 2)
    seen = len(world.recorded)
    wait_until(lambda: len(world.recorded) >= seen + 3)
    assert all(i.verdict is not Verdict.ERROR for i in world.recorded)
    assert world.serials() == expected(len(world.recorded))


def test_a_recipe_for_another_width_comes_into_force_with_the_camera(world: World, station: Station) -> None:
    world.boards, world.block_s = 10_000, 0.001
    station.start()
    wait_until(lambda: len(world.recorded) >= 3)
    # Narrower, and so sensitive that it needs another engine: camera, engine and recipe change between two boards.
    narrow = Recipe(name="narrow", width_px=WIDTH // 2, default_rule=ClassRule(min_confidence=0.01))
    station.use_recipe(narrow)
    wait_until(lambda: world.recorded[-1].recipe == "narrow")
    seen = len(world.recorded)
    wait_until(lambda: len(world.recorded) >= seen + 3)
    assert all(i.verdict is not Verdict.ERROR for i in world.recorded)
    assert world.serials() == expected(len(world.recorded))
    assert {i.recipe: i.width for i in world.recorded} == {"default": WIDTH, "narrow": WIDTH // 2}
    assert station.recipe == narrow


def test_a_recipe_whose_model_is_refused_is_not_in_force_and_may_be_tried_again(world: World, station: Station) -> None:
    world.boards, world.block_s = 10_000, 0.001
    station.start()
    wait_until(lambda: len(world.recorded) >= 3)
    world.refused |= {"fp16", "fp32"}
    other = Recipe(name="other", width_px=WIDTH, model="other.onnx")
    station.use_recipe(other)
    wait_until(lambda: any("Recipe other is not in force" in e.what for e in station.events(0)))
    seen = len(world.recorded)
    wait_until(lambda: len(world.recorded) >= seen + 3)
    assert {i.recipe for i in world.recorded} == {"default"}
    world.refused.clear()
    station.use_recipe(other)
    wait_until(lambda: world.recorded[-1].recipe == "other")
    assert {(i.recipe, i.engine.model) for i in world.recorded if i.engine} == {
        ("default", ""),
        ("other", "other.onnx"),
    }
    assert all(i.verdict is not Verdict.ERROR for i in world.recorded)


def test_no_verdict_is_shown_before_the_board_before_is_recorded(world: World, station: Station) -> None:
    world.boards, world.block_s, world.record_s = 15, 0.0, 0.03
    world.verdicts = lambda: station.status().counters.boards
    station.start()
    wait_until(lambda: len(world.recorded) == 15, 30)
    # What a power cut at the worst moment would cost: the board in hand.
    assert world.unrecorded == [1] * 15
    assert world.serials() == expected(15)


def test_a_record_that_is_too_slow_stops_the_line_and_loses_nothing(world: World, station: Station) -> None:
    world.boards, world.block_s = 10_000, 0.0
    world.store_error = DatabaseLocked("The database is locked.", "Close the other program.")
    station.apply(station.settings.with_changes(ring_slots=64))
    station.start()
    wait_until(lambda: station.status().state is State.FAULT, 30)
    assert "wait to be recorded" in station.status().fault
    world.store_error = None
    wait_until(lambda: station.status().record_queue == 0 and station.status().inspect_queue == 0, 30)
    assert len(world.recorded) >= 32
    assert world.serials() == expected(len(world.recorded))


def test_close_frees_everything(world: World) -> None:
    before = set(threading.enumerate())
    station = Station(world.parts(), Settings(), Recipe(width_px=WIDTH))
    world.boards = 5
    station.start()
    wait_until(lambda: len(world.recorded) == 5)
    assert station.close() == 0
    assert world.store_closed
    assert all(d.closed for d in world.detectors)
    assert world.opened == world.closed
    wait_until(lambda: {t for t in threading.enumerate() if t.is_alive()} <= before)
