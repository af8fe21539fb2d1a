"""What a recipe allows an engine goes with the request for it, and the gate holds the engine to it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from aoi_app.core.errors import EngineError
from aoi_app.core.recipe import ClassRule, Recipe
from aoi_app.core.settings import Settings
from aoi_app.detectors import admitted_detector
from aoi_app.inference.yardstick import write_yardstick
from aoi_app.station.engines import GATE_CONFIDENCE, EngineBudget, EngineSpec


def test_the_width_counts_only_where_the_verdict_has_a_limit() -> None:
    assert EngineBudget.of(Recipe(width_px=4096)) == EngineBudget()
    recipe = Recipe(width_px=4096, verdict_budget_ms=50, gpu_memory_budget_mib=800)
    assert EngineBudget.of(recipe) == EngineBudget(50, 4096, 800)


def test_the_gate_looks_as_far_down_as_the_recipe() -> None:
    faint = Recipe(default_rule=ClassRule(min_confidence=0.1))
    assert EngineBudget.of(faint).confidence == 0.1
    assert EngineBudget.of(Recipe(default_rule=ClassRule(min_confidence=0.9))).confidence == GATE_CONFIDENCE


def test_an_engine_too_slow_for_the_recipe_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openvino")
    network = write_yardstick(tmp_path / "net.onnx", "tiny", size=64, classes=3, planes=1)
    plant = tmp_path / "plant"
    plant.mkdir()
    cv2.imwrite(str(plant / "a.png"), np.random.default_rng(0).integers(0, 256, (200, 230), np.uint8))
    monkeypatch.setenv("AOI_PLANT_IMAGES", str(plant))
    monkeypatch.setenv("AOI_CACHE", str(tmp_path / "cache"))
    settings = Settings(tile_overlap=16)
    # In FP32 another runtime loses nothing: only the budget decides.
    spec = EngineSpec(str(network), "openvino", "fp32", 0.25)
    slow = replace(spec, budget=EngineBudget(0.01, 8192))
    with pytest.raises(EngineError, match=r"a tile takes .* \(p99\), the recipe allows 0\.0 ms"):
        admitted_detector(settings, slow, lambda text: None)
    detector, measured = admitted_detector(
        settings, replace(spec, budget=EngineBudget(60_000, 230, 1)), lambda text: None
    )
    detector.close()
    assert "admitted" in measured
