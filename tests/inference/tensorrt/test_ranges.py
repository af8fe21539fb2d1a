"""Stages on a profiler's time line, and nothing where nvtx is not installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from aoi_app.inference.runtimes.tensorrt import ranges
from tests.inference.tensorrt.standin_trt import StandInTrt
from tests.inference.tensorrt.test_detector import board, inspect, open_one


@pytest.fixture(autouse=True)
def afresh() -> Iterator[None]:
    ranges.stage.cache_clear()
    ranges._library.cache_clear()
    yield
    ranges.stage.cache_clear()
    ranges._library.cache_clear()


def test_each_stage_of_a_board_is_marked(
    trt: StandInTrt, network: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marked: list[tuple[str, str]] = []

    class Range:
        def __init__(self, name: str, domain: str) -> None:
            self.name, self.domain = name, domain

        def __enter__(self) -> None:
            marked.append((self.domain, self.name))

        def __exit__(self, *error: object) -> None: ...

    monkeypatch.setitem(sys.modules, "nvtx", SimpleNamespace(annotate=Range))
    inspect(open_one(network, store, batch=2), board(200, 150), 50)
    assert {name for domain, name in marked if domain == "aoi"} == {"upload", "launch", "wait", "collect", "merge"}


def test_without_nvtx_nothing_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nvtx", None)
    with ranges.stage("launch"), ranges.stage("launch"):
        assert ranges._library() is None
