"""Several stations on one server, which is killed and comes back: every board judged once, as it is judged here.

`AOI_SOAK_SECONDS=300 pytest -s tests/inference/triton/test_stations.py` runs it for five minutes with each kind of
batching and prints the throughput.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest

from aoi_app.core.inspection import Verdict, judge
from aoi_app.core.recipe import ClassRule, Recipe
from aoi_app.core.scan import Completeness, Pixels
from aoi_app.inference.frozen import detect
from aoi_app.inference.model import Model, read_model
from aoi_app.inference.runtimes.table import open_detector
from aoi_app.inference.yardstick import write_yardstick

from .server import Server, environment

pytest.importorskip("tritonclient.grpc", reason="not installed")

SECONDS = float(os.environ.get("AOI_SOAK_SECONDS", "10"))
STATIONS = 4
BOARDS = 6
OVERLAP = 16
RECIPE = Recipe(default_rule=ClassRule(min_confidence=0.45, max_defects=1))


@dataclass
class Station:
    """What one station did."""

    judged: list[tuple[int, Verdict]] = field(default_factory=list)
    on_server: int = 0
    tiles: int = 0
    error: BaseException | None = None


def boards() -> list[Pixels]:
    found = []
    for number in range(BOARDS):
        noise = np.random.default_rng(number).integers(0, 255, (40, 40)).astype(np.uint8)
        found.append(np.asarray(cv2.resize(noise, (250, 250)), np.uint8))
    return found


def work(model: Model, url: str, pictures: list[Pixels], until: float, mine: Station) -> None:
    try:
        options: dict[str, int | float | str | bool] = {"url": url, "batch": 4, "ask_again_s": 0.5, "timeout_s": 3.0}
        detector = open_detector(model.path, "triton", "fp32", min_confidence=0.45, overlap=OVERLAP, options=options)
        while time.monotonic() < until:
            number = len(mine.judged) % len(pictures)
            found = detect(detector, pictures[number])
            complete = Completeness(len(pictures[number]))
            mine.judged.append(
                (number, judge(found, complete, RECIPE, model.class_names, pictures[number].shape[1]).verdict)
            )
            mine.on_server += detector.info.runtime == "Triton"
            mine.tiles += int(detector.latency_ms["tiles"])
        detector.close()
    except BaseException as error:
        mine.error = error


@pytest.mark.parametrize("batching", [True, False], ids=["dynamic batching", "one by one"])
def test_every_board_is_judged_once_and_as_here(batching: bool, tmp_path: Path) -> None:
    model = read_model(write_yardstick(tmp_path / "tiny.onnx", "tiny", size=64, classes=3))
    server = Server(environment(), tmp_path / "server", model, batching=batching)
    pictures = boards()
    local = open_detector(model.path, min_confidence=0.45, overlap=OVERLAP)
    expected = [
        judge(detect(local, p), Completeness(len(p)), RECIPE, model.class_names, p.shape[1]).verdict for p in pictures
    ]
    local.close()
    stations = [Station() for _ in range(STATIONS)]
    try:
        server.start()
        until = time.monotonic() + SECONDS
        threads = [
            threading.Thread(target=work, args=(model, server.url, pictures, until, s), daemon=True) for s in stations
        ]
        for thread in threads:
            thread.start()
        time.sleep(SECONDS * 0.4)
        server.kill()
        time.sleep(min(SECONDS * 0.1, 5))
        server.start()
        for thread in threads:
            thread.join(SECONDS + 60)
    finally:
        server.kill()
    tiles = sum(s.tiles for s in stations)
    judged = sum(len(s.judged) for s in stations)
    print(f"\n{STATIONS} stations, {SECONDS:.0f} s: {judged} boards, {tiles / SECONDS:.0f} tiles/s")
    for station in stations:
        assert station.error is None
        assert [number for number, _ in station.judged] == [i % BOARDS for i in range(len(station.judged))]
        assert all(verdict == expected[number] for number, verdict in station.judged)
        assert 0 < station.on_server < len(station.judged), "the server was used, and missed for a while"
