"""What `aoi bench --load` measures of a window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from aoi_app.gui.load import LoadMeter
from tests.gui.world import GuiWorld


def test_a_window_under_load_is_measured_with_its_station(world: GuiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aoi_app.gui.load.WARM_S", 0.5)
    told: list[Mapping[str, Any]] = []
    world.show()
    meter = LoadMeter(world.window, 3.0, told.append)
    world.station.start()
    world.station.next_board((1, 2))
    while not told:
        world.station.scan(8)
        world.spin(0.05)
    world.station.finish()
    figures = told[0]
    assert figures["view_fps_median"] >= figures["view_fps_p5"] > 0
    assert 0 <= figures["lag_p50_ms"] <= figures["lag_p99_ms"] <= figures["lag_max_ms"]
    assert figures["seconds"] >= 1 and figures["memory_mib"] > 50 and figures["first_frame_s"] > 0
    assert "memory_flat" not in figures, "a run of three seconds tells nothing"
    assert meter._rates.size >= 3
