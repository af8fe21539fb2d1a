from __future__ import annotations

import json
from pathlib import Path

import pytest

from aoi_app.core.errors import AoiError
from aoi_app.inference.comparison import REFERENCE, Choice
from tests.cli.test_inspect import aoi


def figures(result_file: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads(result_file.read_text())
    return found


def test_the_path_of_a_board(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    size = ("--width", "700", "--lines", "1400", "--boards", "1")
    result = aoi("bench", *size, "--model", model, "--json", out)
    assert result.exit_code == 0, result.output
    found = figures(out)
    assert found["tiles"] == 2 * 3
    assert set(found["tile"]) == {"preprocess", "inference", "postprocess", "merge"}  # type: ignore[call-overload]
    assert len(found["streaming"]) == len(found["finished"]) == 1  # type: ignore[arg-type]


def test_the_comparison_of_runtimes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = (REFERENCE, Choice("onnxruntime", "fp16"))
    monkeypatch.setattr("aoi_app.inference.comparison.choices", lambda batches: few if batches == (1, 9) else ())
    monkeypatch.setattr("aoi_app.cli.benches.compare.BOARDS", 2)
    monkeypatch.setenv("AOI_PLANT_IMAGES", str(tmp_path))
    page, out, recipe = tmp_path / "page.html", tmp_path / "figures.json", tmp_path / "recipe.json"
    recipe.write_text('{"name": "quick", "verdict_budget_ms": 30000, "width_px": 4096}')
    result = aoi(
        "bench",
        "--compare",
        "--boards",
        "1",
        "--report",
        page,
        "--recipe",
        recipe,
        "--json",
        out,
        "--batch",
        "9",
        "--batch",
        "1",
    )
    assert result.exit_code == 0, result.output
    assert figures(out)["budget_ms"] == 30_000 / 8, "eight tiles a row"
    assert "Best here under 3750.0 ms a tile" in " ".join(result.stderr.split())
    rows = figures(out)["figures"]
    assert isinstance(rows, list)
    assert rows[0]["choice"] == {"runtime": "onnxruntime", "precision": "fp32", "batch": 1, "provider": ""}
    assert page.read_text().startswith("<!doctype html>")


def test_a_recipe_without_a_budget_is_told_so(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.json"
    recipe.write_text('{"name": "patient"}')
    with pytest.raises(AoiError, match="patient sets no budget"):
        raise aoi("bench", "--compare", "--recipe", recipe).exception or AssertionError


def test_the_cost_of_the_stages_by_pixel_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aoi_app.camera.stage_bench.ROUNDS", 1)
    out = tmp_path / "figures.json"
    result = aoi("bench", "--stages", "--width", "640", "--json", out)
    assert result.exit_code == 0, result.output
    assert {"Mono8", "Mono12p with flat field", "RGB8", "BayerRG8 with flat field"} < set(figures(out))


def test_the_station_at_full_load_without_its_window(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    result = aoi("bench", "--load", "6", "--headless", "--line-rate", "8000", "--model", model, "--json", out)
    assert result.exit_code == 0, result.output
    found = figures(out)
    assert found["seconds"] >= 5 and found["memory_mib"] > 50 and not found["errors"]  # type: ignore[operator]
    assert "lag_p99_ms" not in found and "memory_flat" not in found


def test_a_load_of_boards_that_cannot_be_inspected_has_no_figures(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aoi_app.cli.benches.load._without_window", lambda *_: {"boards": 7, "errors": 7})
    result = aoi("bench", "--load", "1", "--headless", "--line-rate", "8000", "--model", model)
    assert "7 of 7 boards could not be inspected" in str(result.exception)


def test_a_tile_is_timed_beside_the_yardstick(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aoi_app.cli.benches.yardstick.TURNS_A_ROUND", 2)
    out = tmp_path / "figures.json"
    result = aoi("bench", "--yardstick", "--boards", "1", "--model", model, "--json", out)
    assert result.exit_code == 0, result.output
    found = figures(out)
    assert found["times faster, by the least"] > 0  # type: ignore[operator]
    assert found["YOLOv8n's shape, ms"]["least"] > 0  # type: ignore[index]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--load", "5", "--history"), "choose one"),
        (("--compare", "--yardstick", "--camera"), "choose one"),
        (("--headless",), "--headless says nothing without --load"),
        (("--compare", "--line-rate", "8000"), "--line-rate says nothing without --load, --camera, --stages"),
        (("--images", "boards"), "--images says nothing without --compare"),
        (("--camera", "--report", "page.html"), "--report says nothing without --compare"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: tuple[str, ...], said: str) -> None:
    result = aoi("bench", *options)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.replace("│", " ").split())
