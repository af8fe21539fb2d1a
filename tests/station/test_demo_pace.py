"""A demonstration runs at what the machine holds and says so; a camera, and a rate that somebody chose, run as set."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi_app.app import build_station
from aoi_app.core.inspection import EngineInfo, Inspection
from aoi_app.core.recipe import Recipe
from aoi_app.core.scan import LineBlock
from aoi_app.core.settings import CameraSettings, Settings
from aoi_app.demo import DEMOS
from aoi_app.demo_pace import BUSY, STEP, USUAL_RATE, DemoPace, line_rate
from aoi_app.station.acquisition import Line
from aoi_app.station.judged import JudgedBoard
from aoi_app.station.status import EventKind, Level
from tests.storage.boards import board

SECONDS = st.lists(st.floats(1e-6, 0.05), max_size=9)
RATES = st.one_of(st.none(), st.floats(10, 10_000).map(lambda rate: rate // STEP * STEP))
DEMO = CameraSettings(source="simulated:bare")


@given(SECONDS, st.floats(20, 100_000), RATES)
def test_a_board_passes_no_faster_than_set_and_its_inspection_has_room(
    busy_s: list[float], wanted: float, before: float | None
) -> None:
    rate = line_rate(busy_s, wanted, before)
    if rate is None:
        assert not busy_s or BUSY / statistics.median(busy_s) >= wanted - STEP or (before or 0) >= wanted
    else:
        assert STEP <= rate < wanted
        assert rate == STEP or rate * statistics.median(busy_s) <= BUSY + 1e-9


@given(st.floats(1e-4, 0.003), st.floats(1.0, 1.1))
def test_a_line_that_is_held_does_not_follow_every_breath(busy_s: float, faster: float) -> None:
    held = line_rate([busy_s], 1e9)
    assert held is not None
    assert line_rate([busy_s / faster], 1e9, held) == held
    raised, slower = line_rate([busy_s / 1.5], 1e9, held), line_rate([busy_s * 1.5], 1e9, held)
    assert raised is not None and slower is not None and slower < held < raised


ENGINE = EngineInfo("onnxruntime", "fp32", "own", "ab" * 32, "CPU", ("open", "short"))


def inspected(ms_a_line: float, engine: EngineInfo = ENGINE) -> Inspection:
    stages = {"preprocess": 20.0 * ms_a_line, "inference": 180.0 * ms_a_line, "verdict": 1e6, "tiles": 24.0}
    return replace(board(lines=200)[0], latency_ms=stages, engine=engine)


class Newest:
    """The inspections of a line, and what was said."""

    def __init__(self) -> None:
        self.inspection: Inspection | None = None
        self.said: list[bool] = []
        self.pace = DemoPace(lambda: self.inspection, lambda held, wanted: self.said.append(held))

    def after(self, *ms_a_line: float, camera: CameraSettings = DEMO, engine: EngineInfo = ENGINE) -> float | None:
        """Return what the line is held to after boards of which a line took so long."""
        rate = None
        for ms in ms_a_line:
            self.inspection = inspected(ms, engine)
            rate = self.pace(camera)
        return rate


def test_what_inspections_took_sets_the_pace() -> None:
    line = Newest()
    assert line.pace(DEMO) is None
    assert line.after(0.1) is None, "this machine holds seven thousand lines"
    assert line.after(0.96, 0.96) == 720
    assert line.after(0.96) == 720 and line.said == [True], "it is said once"
    assert line.after(*[0.1] * 3) is None and line.said == [True, False]


def test_one_board_that_was_held_up_slows_nothing_down() -> None:
    line = Newest()
    assert line.after(0.2, 0.2, 0.2, 50.0, 0.2) is None and line.said == []


def test_a_board_counts_once_and_one_without_times_not_at_all() -> None:
    line = Newest()
    line.after(0.2, 0.2, 1.0)
    assert [line.pace(DEMO) for _ in range(5)] == [None] * 5
    line.inspection = replace(inspected(1.0), latency_ms={})
    assert line.pace(DEMO) is None


def test_another_engine_begins_anew() -> None:
    line = Newest()
    assert line.after(*[0.96] * 5) == 720
    other = EngineInfo("tensorrt", "fp16", "own", "cd" * 32, "GPU", ("open", "short"))
    assert line.after(0.01, engine=other) is None


@pytest.mark.parametrize(
    "camera",
    [
        CameraSettings(source="gige:192.168.0.10"),
        CameraSettings(source="pylon:12345"),
        CameraSettings(source="folder:scans"),
        CameraSettings(source="simulated:scans/board.png"),
        *(CameraSettings(source=demo, line_rate=rate) for demo in DEMOS for rate in (1_999.0, 5_000.0, None)),
    ],
    ids=lambda camera: f"{camera.source} at {camera.line_rate}",
)
def test_a_camera_and_a_rate_that_was_chosen_run_as_they_are_set(camera: CameraSettings) -> None:
    """There boards that come too fast wait, and everybody sees it."""
    line = Newest()
    assert line.after(*[5.0] * 5, camera=camera) is None and line.said == []


# The whole: settings, camera, what is said

OPTIONS: Mapping[str, int | float] = {"width": 640, "lines": 256, "gap_lines": 32}


def rates_of_boards(line: Line, boards: int) -> list[float]:
    """Return the lines per second of the next boards, by the time stamps of their blocks."""
    blocks: list[LineBlock] = []
    while sum(block.ends_board for block in blocks) < boards:
        block = line.camera.fetch(5.0)
        if block is not None:
            blocks.append(block)
    firsts = [k for k, block in enumerate(blocks) if block.starts_board]
    return [1e9 * blocks[k].lines / (blocks[k + 1].timestamp_ns - blocks[k].timestamp_ns) for k in firsts]


@pytest.mark.parametrize(("rate", "held"), [(USUAL_RATE, 1_420.0), (2_500.0, 2_500.0)])
def test_the_simulated_line_goes_as_fast_as_its_boards_are_inspected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rate: float, held: float
) -> None:
    camera = CameraSettings(source="simulated:bare", line_rate=rate, options=dict(OPTIONS))
    settings = Settings(camera=camera, data_dir=str(tmp_path))
    station = build_station(settings, Recipe(max_lines=300))
    try:
        line = station._parts.open_line(settings, station.recipe)
        line.camera.start_acquisition()
        assert rates_of_boards(line, 1) == [pytest.approx(rate, rel=1e-3)]
        monkeypatch.setattr(station, "judged", lambda: JudgedBoard(inspected(0.49), ()))
        assert rates_of_boards(line, 2) == [pytest.approx(held, rel=1e-3)] * 2
        line.camera.stop_acquisition()
        line.camera.close()
    finally:
        station.close()
    said = [event for event in station.events(0) if event.kind is EventKind.PACE]
    if held == rate:
        assert said == []
    else:
        assert [(event.level, event.what) for event in said] == [
            (Level.INFO, "The demonstration runs slower than 2,000 lines/s, so that this machine keeps up with it.")
        ]
