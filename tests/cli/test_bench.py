from __future__ import annotations

import json
from pathlib import Path

import pytest

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
    monkeypatch.setattr("aoi_app.cli.benches.compare.BATCHES", (1,))
    monkeypatch.setattr("aoi_app.cli.benches.compare.BOARDS", 2)
    monkeypatch.setenv("AOI_PLANT_IMAGES", str(tmp_path))
    page, out = tmp_path / "page.html", tmp_path / "figures.json"
    result = aoi("bench", "--compare", "--boards", "1", "--report", page, "--json", out)
    assert result.exit_code == 0, result.output
    rows = figures(out)["figures"]
    assert isinstance(rows, list)
    assert rows[0]["choice"] == {"runtime": "onnxruntime", "precision": "fp32", "batch": 1}
    assert page.read_text().startswith("<!doctype html>")
