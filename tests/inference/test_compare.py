"""The comparison runs the installed runtimes on the same boards and names the best one that loses nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

from aoi_app.core.errors import EngineError
from aoi_app.inference.compare import compare
from aoi_app.inference.compare_report import COLUMNS, columns, report, rows
from aoi_app.inference.comparison import (
    REFERENCE,
    Choice,
    Comparison,
    Figures,
    advice,
    best_choice,
    choices,
    tile_budget_ms,
)
from aoi_app.inference.frozen import frozen_boards
from aoi_app.inference.gate import GateLimits
from aoi_app.inference.yardstick import write_yardstick


@pytest.fixture
def boards(tmp_path: Path) -> Path:
    folder = tmp_path / "boards"
    folder.mkdir()
    for number in range(2):
        noise = np.random.default_rng(number).integers(0, 255, (30, 40)).astype(np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), cv2.resize(noise, (130, 100)))
    return folder


def test_it_measures_in_turns_and_keeps_what_failed(
    boards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AOI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("aoi_app.inference.compare.WATTS_S", 0.1)
    monkeypatch.setattr("aoi_app.inference.compare._on_gpu", lambda detector: detector.session.batch == 2)
    model = write_yardstick(tmp_path / "tiny.onnx", "tiny", size=64, classes=3)
    wanted = [Choice("onnxruntime", "fp32", 2), Choice("abacus", "fp32"), Choice("onnxruntime", "fp16")]
    heard: list[float] = []
    noted: list[Comparison] = []
    found = compare(
        model,
        frozen_boards([boards]),
        wanted,
        limits=GateLimits(threshold=0.3),
        overlap=16,
        rounds=2,
        watts=lambda: 42.0,
        progress=lambda share, text: heard.append(share),
        note=noted.append,
    )
    by_choice = {figures.choice: figures for figures in found.figures}
    assert set(by_choice) == {REFERENCE, *wanted}
    first = by_choice[REFERENCE]
    assert first.lost_boxes == 0 and first.map50 == pytest.approx(100) and first.reference_boxes > 0
    assert 0 < first.p50_ms <= first.p95_ms <= first.p99_ms and first.tiles_per_second > 0 and first.watts is None
    assert by_choice[wanted[0]].lost_boxes == 0 and by_choice[wanted[0]].watts == 42
    assert "abacus" in by_choice[wanted[1]].error
    assert found.best is not None and found.best.runtime == "onnxruntime"
    assert [(n.rounds, {f.choice for f in n.figures}) for n in noted] == [(1, set(by_choice)), (2, set(by_choice))]
    assert min(heard) >= 0 and max(heard) <= 1
    assert json.loads(json.dumps(found.as_dict()))["boards"] == 2
    page = report(found)
    ElementTree.fromstring(page.split("\n", 1)[1])  # well formed
    assert advice(found).split(";")[0] in page and "abacus" in page
    assert columns(found) == COLUMNS and columns(replace(found, figures=(replace(first, watts=None),))) == COLUMNS[:-1]
    for figures, cells in rows(found):
        assert len(cells) == (2 if figures.error else len(columns(found)))


def test_every_provider_is_a_choice_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "onnxruntime.get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    found = [c for c in choices((1, 4)) if c.runtime == "onnxruntime"]
    assert len(found) == 2 * 3 * 2 and found[0] == REFERENCE and found.count(REFERENCE) == 1
    cuda = next(c for c in found if c.provider and c.batch == 4)
    assert cuda.options == {"batch": 4, "provider": "cuda"} and str(cuda) == "onnxruntime cuda fp32 x4"


def test_a_provider_that_the_cpu_stands_in_for_has_no_figures(
    boards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = write_yardstick(tmp_path / "tiny.onnx", "tiny", size=64, classes=3)
    names = lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]  # noqa: E731
    monkeypatch.setattr("onnxruntime.get_available_providers", names)  # this build has none: it falls back to the CPU
    cuda = Choice("onnxruntime", "fp32", 1, "cuda")
    found = compare(model, frozen_boards([boards]), [cuda], limits=GateLimits(threshold=0.3), overlap=16, rounds=1)
    assert [f.choice for f in found.figures if f.error] == [cuda]
    assert "CUDA could not start here" in found.figures[-1].error


def test_without_boards_there_is_no_comparison(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no boards"):
        compare(tmp_path / "x.onnx", (), choices())


def test_the_best_loses_nothing_and_keeps_to_the_budget() -> None:
    slow = Figures(REFERENCE, p99_ms=20, tiles_per_second=50, map50=98)
    fast = Figures(Choice("openvino", "int8"), p99_ms=5, tiles_per_second=200, map50=98)
    half = Figures(Choice("openvino", "fp16"), p99_ms=8, tiles_per_second=120, map50=98)
    limits = GateLimits(p99_ms=10)
    assert best_choice([slow, fast, half], limits) == fast.choice
    assert best_choice([slow, replace(fast, lost_boxes=1), half], limits) == half.choice
    assert best_choice([slow, replace(fast, map50=97.8), half], limits) == half.choice
    assert best_choice([slow, replace(fast, error="gone"), half], GateLimits(p99_ms=1)) is None
    assert best_choice([slow], GateLimits()) == REFERENCE


def test_advice_names_what_to_choose_and_switches_nothing() -> None:
    slow = Figures(REFERENCE, p99_ms=20, tiles_per_second=50, map50=98)
    fast = Figures(Choice("openvino", "fp32"), p99_ms=8, tiles_per_second=90, map50=98)
    both = Comparison("m", "machine", 1, 1, 10.0, False, (slow, fast), fast.choice)
    said = advice(both)
    assert "OpenVINO in FP32" in said and "1.80 times" in said and "under 10.0 ms" in said
    assert "Nothing was switched" in said and "--runtime openvino --precision fp32 --option batch=1" in said
    assert "which the station starts with" in advice(replace(both, best=REFERENCE))
    assert "Nothing here keeps up" in advice(replace(both, best=None))


def test_the_budget_of_a_tile_is_a_row_s_share_of_the_verdict_s() -> None:
    assert tile_budget_ms(None, 4096, (640, 640), 128) is None
    assert tile_budget_ms(160, 4096, (640, 640), 128) == pytest.approx(20), "eight tiles a row"
    assert tile_budget_ms(160, 500, (640, 640), 128) == pytest.approx(160)


def test_a_report_of_failures_only_is_a_report() -> None:
    broken = Comparison("m", "machine", 1, 1, 5.0, False, (Figures(REFERENCE, error="<no>"),), None)
    page = report(broken)
    assert "&lt;no&gt;" in page and "Nothing here keeps up under 5.0 ms" in page
