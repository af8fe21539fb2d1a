from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from typer.testing import CliRunner, Result

from aoi_app.cli import COMMANDS, build_app
from aoi_app.core.errors import AoiError


def aoi(*arguments: str | Path) -> Result:
    texts = [str(a) for a in arguments]
    return CliRunner().invoke(build_app(texts), texts)


def test_one_object_a_board_and_the_worst_verdict_decides(model: Path, boards: Path, tmp_path: Path) -> None:
    result = aoi("inspect", boards, "--model", model, "--json", "-", "--overlay", tmp_path / "out")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(o["board"], o["verdict"]) for o in lines] == [("a1", "FAILED"), ("a2", "ERROR"), ("a3", "FAILED")]
    assert result.exit_code == 2
    first = lines[0]
    assert first["defects"] == [{"class": "short", "confidence": 0.8, "box": [100.0, 200.0, 140.0, 260.0]}]
    assert first["engine"]["runtime"] == "ONNX Runtime"
    assert first["latency_ms"]["inference"] > 0
    assert "a2.png" in lines[1]["reason"]
    overlay = cv2.imread(str(tmp_path / "out" / "a1.png"))
    assert overlay is not None and overlay.shape == (640, 640, 3)


def test_a_clean_run_exits_with_zero(model: Path, boards: Path) -> None:
    assert aoi("inspect", boards / "a1.png", "--model", model, "--min-confidence", "0.9").exit_code == 0
    assert aoi("inspect", boards / "a1.png", "--model", model, "--min-confidence", "0.7").exit_code == 1


def test_recipe_file_rules(model: Path, boards: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "r.json"
    recipe.write_text('{"name": "strict", "width_px": 641}')
    result = aoi("inspect", boards / "a1.png", "--model", model, "--recipe", recipe, "--json", tmp_path / "out.jsonl")
    assert result.exit_code == 2
    answer = json.loads((tmp_path / "out.jsonl").read_text())
    assert answer["reason"] == "the board is 640 px wide, the recipe expects 641"
    recipe.write_text('{"name": "strict", "pixel_size_um": [-1, 1]}')
    with pytest.raises(AoiError, match="pixel_size_um"):
        raise aoi("inspect", boards, "--model", model, "--recipe", recipe).exception or AssertionError


def test_golden_boards_by_name(model: Path, boards: Path, tmp_path: Path) -> None:
    golden = tmp_path / "golden"
    golden.mkdir()
    (boards / "a2.png").unlink()
    (boards / "a1.png").rename(boards / "a1_test.png")
    shutil.copy(boards / "a3.png", golden / "a1_temp.png")
    result = aoi("inspect", boards, "--model", model, "--golden", golden, "--json", "-")
    first, second = (json.loads(line) for line in result.stdout.splitlines())
    assert (first["verdict"], second["verdict"]) == ("FAILED", "ERROR")
    assert "no golden image for a3" in second["reason"]


def test_a_wrong_model_is_one_message_not_a_traceback(boards: Path) -> None:
    command = [sys.executable, "-m", "aoi_app", "inspect", str(boards), "--model", str(boards / "a1.png")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.startswith("aoi: ") and "Traceback" not in done.stderr


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_help(name: str) -> None:
    result = aoi(name, "--help")
    assert result.exit_code == 0, result.output
    assert len(result.output) > 200
