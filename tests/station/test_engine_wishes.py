"""Wishes for engines that come while another one is being built: the newest wins, and does not wait for minutes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from aoi_app.core.errors import EngineError
from aoi_app.core.protocols import Detector
from aoi_app.station.engines import Engines, EngineSpec, Progress
from aoi_app.station.journal import Journal
from tests.station.conftest import SquareDetector, World, wait_until

QUICK = EngineSpec("", "onnxruntime", "fp32", 0.25)
LONG = EngineSpec("", "tensorrt", "int8", 0.25)
OTHER = EngineSpec("", "tensorrt", "fp16", 0.25)


class Builder:
    """Builds what runs on TensorRT for as long as `go_on` is not set, and tells of it."""

    def __init__(self) -> None:
        self.world = World()
        self.journal = Journal()
        self.begun: list[EngineSpec] = []
        self.go_on = threading.Event()
        self.refuse_at_once = False
        self.engines = Engines(self.make, lambda spec: None, self.journal)

    def make(self, spec: EngineSpec, progress: Progress) -> Detector:
        self.begun.append(spec)
        if spec.at_once and self.refuse_at_once and spec.runtime == "tensorrt":
            raise EngineError("There is no plan yet.")
        progress("0% · begun")
        while spec.runtime == "tensorrt" and not self.go_on.wait(0.005):
            progress("50% · choosing tactics")
        return SquareDetector(self.world, spec)

    def said(self) -> list[str]:
        return [event.what for event in self.journal.after(0)]


@pytest.fixture
def builder() -> Iterator[Builder]:
    found = Builder()
    yield found
    found.engines.close()


def in_use(builder: Builder, spec: EngineSpec) -> bool:
    builder.engines.take_over()
    return builder.engines.current_spec == spec


def test_a_newer_wish_stops_a_build(builder: Builder) -> None:
    builder.engines.request(QUICK)
    wait_until(lambda: in_use(builder, QUICK))
    builder.engines.request(LONG)
    wait_until(lambda: "tactics" in builder.engines.waiting)
    builder.engines.request(QUICK)
    wait_until(lambda: builder.engines.settled)
    assert builder.begun == [QUICK, LONG, QUICK]
    assert builder.engines.refused is None, "to change one's mind is no error"
    assert any("not wanted any more" in line for line in builder.said())
    assert in_use(builder, QUICK)


def test_the_same_wish_again_does_not_begin_anew(builder: Builder) -> None:
    builder.engines.request(LONG)
    wait_until(lambda: "tactics" in builder.engines.waiting)
    builder.engines.request(LONG)
    builder.go_on.set()
    wait_until(lambda: in_use(builder, LONG))
    wait_until(lambda: builder.engines.settled)
    assert builder.begun == [LONG]


def test_there_and_back_again_ends_with_the_last_wish(builder: Builder) -> None:
    for _ in range(20):
        builder.engines.request(LONG)
        builder.engines.request(OTHER)
        builder.engines.request(LONG)
    builder.go_on.set()
    wait_until(lambda: builder.engines.settled)
    assert in_use(builder, LONG)


def test_a_recipe_that_needs_another_model_does_not_wait_for_a_build(builder: Builder) -> None:
    builder.engines.request(LONG)
    wait_until(lambda: "tactics" in builder.engines.waiting)
    assert builder.engines.change_to(QUICK)


def test_a_board_in_hand_does_not_wait_for_a_build(builder: Builder) -> None:
    """What comes after an engine that failed is there at once, or not at all."""
    instead = {OTHER: LONG, replace(LONG, at_once=True): QUICK}
    builder.engines = Engines(builder.make, instead.get, builder.journal)
    builder.refuse_at_once = True
    builder.go_on.set()
    builder.engines.request(OTHER)
    wait_until(lambda: in_use(builder, OTHER))
    detector = builder.engines.failed(RuntimeError("no numbers"))
    assert detector is builder.engines.current and builder.engines.current_spec == QUICK
    assert builder.begun == [OTHER, replace(LONG, at_once=True), QUICK]


def test_closing_stops_a_build(builder: Builder) -> None:
    builder.engines.request(LONG)
    wait_until(lambda: "tactics" in builder.engines.waiting)
    builder.engines.close()
    assert builder.engines.settled


def test_what_is_built_after_closing_is_freed(builder: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorRT 8.6 says nothing while it builds: nothing can stop it there."""
    made: list[SquareDetector] = []
    begun, go_on = threading.Event(), threading.Event()

    def make(spec: EngineSpec, progress: Progress) -> Detector:
        begun.set()
        go_on.wait(60)
        made.append(SquareDetector(builder.world, spec))
        return made[0]

    engines = Engines(make, lambda spec: None, builder.journal)
    engines.request(LONG)
    assert begun.wait(60)
    closing = threading.Thread(target=engines.close)
    closing.start()
    wait_until(lambda: engines._closed)
    go_on.set()
    closing.join(60)
    wait_until(lambda: bool(made) and made[0].closed)
