"""Several stations on one server, which is killed and comes back: every board judged once, as it is judged here.

`AOI_SOAK_SECONDS=300 pytest -s tests/inference/triton/test_stations.py` runs it for five minutes and prints the
throughput with dynamic batching and without; the two take turns, so that a busy machine favours neither.
`AOI_SOAK_MODEL=pcb-bare` serves that model instead of a tiny one.
"""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest

from aoi_app.core.inspection import Verdict, judge
from aoi_app.core.protocols import Detector
from aoi_app.core.recipe import ClassRule, Recipe
from aoi_app.core.scan import Completeness, Pixels
from aoi_app.inference.catalog import find_model
from aoi_app.inference.frozen import detect
from aoi_app.inference.model import Model, read_model
from aoi_app.inference.runtimes.table import open_detector
from aoi_app.inference.runtimes.triton_export import server_name
from aoi_app.inference.yardstick import write_yardstick

from .server import ONE_BY_ONE, Server, environment

pytest.importorskip("tritonclient.grpc", reason="not installed")

SECONDS = float(os.environ.get("AOI_SOAK_SECONDS", "8"))
TURN_S = max(1.0, SECONDS / 60)
PATIENCE_S = 60.0
STATIONS = 4
BOARDS = 6
RECIPE = Recipe(default_rule=ClassRule(min_confidence=0.45, max_defects=1))
WAYS = ("", ONE_BY_ONE)
"""What follows the model's name on the server: with dynamic batching, without."""


@dataclass
class Work:
    """What was done in one way, by the server only."""

    board_ms: list[float] = field(default_factory=list)
    tiles: int = 0


@dataclass
class Station:
    """What one station did."""

    judged: list[tuple[int, Verdict]] = field(default_factory=list)
    served: dict[str, Work] = field(default_factory=lambda: defaultdict(Work))
    here: int = 0
    returned: bool = False
    error: BaseException | None = None

    @property
    def saw_all(self) -> bool:
        """Whether it used the server in both ways, missed it, and used it again."""
        return self.returned and all(self.served[way].tiles for way in WAYS)


@pytest.fixture
def model(tmp_path: Path) -> Model:
    wanted = os.environ.get("AOI_SOAK_MODEL")
    path = find_model(wanted) if wanted else write_yardstick(tmp_path / "tiny.onnx", "tiny", size=64, classes=3)
    return read_model(path)


def boards(model: Model) -> list[Pixels]:
    side = 4 * model.size[0]
    found = []
    for number in range(BOARDS):
        noise = np.random.default_rng(number).integers(0, 255, (40, 40)).astype(np.uint8)
        found.append(np.asarray(cv2.resize(noise, (side, side)), np.uint8))
    return found


def work(model: Model, url: str, pictures: list[Pixels], start: float, mine: Station) -> None:
    def opened(way: str) -> Detector:
        return open_detector(
            model.path,
            "triton",
            min_confidence=0.45,
            overlap=model.size[0] // 4,
            options={
                "url": url, "model": server_name(model) + way, "batch": 4, "ask_again_s": 0.5, "timeout_s": 5.0
            },
        )  # fmt: skip

    try:
        detectors = {way: opened(way) for way in WAYS}
        # On a busy machine a server takes long to start: it is waited for, however short the run was to be.
        while (now := time.monotonic()) < start + SECONDS or (not mine.saw_all and now < start + SECONDS + PATIENCE_S):
            way = WAYS[int((now - start) / TURN_S) % 2]
            detector = detectors[way]
            number = len(mine.judged) % len(pictures)
            found = detect(detector, pictures[number])
            complete = Completeness(len(pictures[number]))
            verdict = judge(found, complete, RECIPE, model.class_names, pictures[number].shape[1]).verdict
            mine.judged.append((number, verdict))
            if detector.info.runtime == "Triton":
                mine.served[way].board_ms.append((time.monotonic() - now) * 1e3)
                mine.served[way].tiles += int(detector.latency_ms["tiles"])
                mine.returned |= mine.here > 0
            else:
                mine.here += 1
        for detector in detectors.values():
            detector.close()
    except BaseException as error:
        mine.error = error


@pytest.mark.timeout(SECONDS + 240)
def test_every_board_is_judged_once_and_as_here(model: Model, tmp_path: Path) -> None:
    server = Server(environment(), tmp_path / "server", model, one_by_one=True)
    pictures = boards(model)
    local = open_detector(model.path, min_confidence=0.45, overlap=model.size[0] // 4)
    expected = [
        judge(detect(local, p), Completeness(len(p)), RECIPE, model.class_names, p.shape[1]).verdict for p in pictures
    ]
    local.close()
    stations = [Station() for _ in range(STATIONS)]
    try:
        server.start()
        start = time.monotonic()
        threads = [
            threading.Thread(target=work, args=(model, server.url, pictures, start, s), daemon=True) for s in stations
        ]
        for thread in threads:
            thread.start()
        time.sleep(SECONDS * 0.4)
        server.kill()
        time.sleep(min(SECONDS * 0.1, 5))
        server.start()
        for thread in threads:
            thread.join(SECONDS + PATIENCE_S + 30)
    finally:
        server.kill()
    report(model, stations)
    for station in stations:
        assert station.error is None
        assert [number for number, _ in station.judged] == [i % BOARDS for i in range(len(station.judged))]
        assert all(verdict == expected[number] for number, verdict in station.judged)
        assert station.here > 0, "the server was missed for a while"
        assert station.saw_all, "and used again when it was back"


def report(model: Model, stations: list[Station]) -> None:
    judged, here = sum(len(s.judged) for s in stations), sum(s.here for s in stations)
    print(f"\n{model.path.name}, {STATIONS} stations, {SECONDS:.0f} s: {judged} boards, {here} of them without server")
    rates = []
    for way in WAYS:
        spent = np.array([ms for s in stations for ms in s.served[way].board_ms])
        tiles = sum(s.served[way].tiles for s in stations)
        rates.append(STATIONS * tiles / spent.sum() * 1e3)
        p50, p99 = np.percentile(spent, [50, 99])
        what = "one by one" if way else "dynamic batching"
        print(f"{what}: {rates[-1]:.0f} tiles/s, a board p50 {p50:.1f} ms, p99 {p99:.1f} ms ({len(spent)} boards)")
    print(f"ratio {rates[0] / rates[1]:.2f}")
