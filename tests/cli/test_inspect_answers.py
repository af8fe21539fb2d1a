"""What `aoi inspect` answers, line by line, and what it leaves alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from aoi_app.cli import build_app
from aoi_app.core.errors import CameraNotFound, StoreError
from aoi_app.station.overlay import write_overlay

PROMISED = {
    "board": str,
    "verdict": str,
    "reason": str,
    "defects": list,
    "latency_ms": dict,
    "engine": dict,
    "lines": int,
    "missing_lines": int,
    "width": int,
    "input_hash": str,
    "recipe": dict,
}


def aoi(*arguments: str | Path) -> Result:
    texts = [str(a) for a in arguments]
    return CliRunner().invoke(build_app(texts), texts)


def answers(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_every_line_keeps_its_promise(model: Path, boards: Path) -> None:
    missing = boards / "none.png"
    objects = answers(aoi("inspect", boards, missing, "--model", model, "--json", "-"))
    assert [o["board"] for o in objects] == ["a1", "a2", "a3", "none"]
    for answer in objects:
        assert {name: type(value) for name, value in answer.items()} == PROMISED
        assert answer["verdict"] in ("PASSED", "FAILED", "ERROR")
        assert (answer["reason"] == "") == (answer["verdict"] == "PASSED")
        assert all(isinstance(ms, float) and ms >= 0 for ms in answer["latency_ms"].values())
        for defect in answer["defects"]:
            assert set(defect) == {"class", "confidence", "box"}
            assert isinstance(defect["class"], str) and 0 < defect["confidence"] <= 1
            x1, y1, x2, y2 = defect["box"]
            assert 0 <= x1 < x2 <= answer["width"] and 0 <= y1 < y2 <= answer["lines"]
    seen, unseen = objects[0], objects[1]
    assert {"runtime", "precision", "model", "sha256", "device"} <= set(seen["engine"])
    assert (unseen["width"], unseen["lines"], unseen["engine"]) == (0, 0, {})


def test_boards_are_never_replaced_by_their_pictures(model: Path, boards: Path) -> None:
    before = (boards / "a1.png").read_bytes()
    result = aoi("inspect", boards, "--model", model, "--overlay", boards)
    assert isinstance(result.exception, StoreError) and "a1.png" in result.exception.what and result.exception.hint
    result = aoi("inspect", boards, "--model", model, "--json", boards / "a1.png")
    assert isinstance(result.exception, StoreError)
    assert (boards / "a1.png").read_bytes() == before
    assert isinstance(aoi("inspect", boards, "--model", model, "--json", model).exception, StoreError)


def test_pictures_find_names_of_their_own(model: Path, boards: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(boards, other)
    shutil.copy(boards / "a1.png", boards / "a1-2.png")
    places = (boards / "a1.png", boards / "a1-2.png", other / "a1.png")
    aoi("inspect", *places, "--model", model, "--overlay", tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a1-2.png", "a1-3.png", "a1.png"]


def test_a_folder_without_images_is_named(model: Path, boards: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    result = aoi("inspect", boards, empty, "--model", model)
    assert isinstance(result.exception, CameraNotFound)
    assert result.exception.what == f"There is no image in {empty}."


def test_a_board_may_be_long_where_no_recipe_says_how_long(model: Path, tmp_path: Path) -> None:
    board = tmp_path / "long.png"
    cv2.imwrite(str(board), np.full((16_500, 300), 90, np.uint8))
    (answer,) = answers(aoi("inspect", board, "--model", model, "--json", "-"))
    assert (answer["verdict"], answer["lines"], answer["missing_lines"]) == ("FAILED", 16_500, 0)
    recipe = tmp_path / "short.json"
    recipe.write_text('{"max_lines": 16000}')
    (answer,) = answers(aoi("inspect", board, "--model", model, "--json", "-", "--recipe", recipe))
    assert answer["verdict"] == "ERROR" and answer["missing_lines"] == 500
    assert answer["reason"].startswith("the board is longer than 16000 lines, the most that the recipe allows")


def test_classes_that_the_network_does_not_know_are_said(model: Path, boards: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "r.json"
    recipe.write_text('{"rules": {"shrot": {"min_confidence": 0.9}, "short": {}}}')
    result = aoi("inspect", boards / "a1.png", "--model", model, "--recipe", recipe)
    assert "does not know: shrot. It knows open, short." in result.stderr


def test_sizes_without_a_pixel_size_are_said(model: Path, boards: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "r.json"
    for pixel, said in (("null", True), ("[20, 20]", False)):
        recipe.write_text(f'{{"rules": {{"short": {{"min_size_um": 9}}}}, "pixel_size_um": {pixel}}}')
        result = aoi("inspect", boards / "a1.png", "--model", model, "--recipe", recipe)
        assert result.exit_code == 1 and ("gives no pixel size" in result.stderr) is said


def test_min_confidence_holds_in_regions_too(model: Path, boards: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "r.json"
    region = {"x": 0, "y": 0, "w": 640, "h": 640, "rules": {"short": {"min_confidence": 0.9}}}
    recipe.write_text(json.dumps({"regions": [region]}))
    command = ("inspect", boards / "a1.png", "--model", model, "--recipe", recipe)
    assert aoi(*command).exit_code == 0
    assert aoi(*command, "--min-confidence", "0.7").exit_code == 1


def test_names_are_no_markup_and_a_line_is_a_line(model: Path, tmp_path: Path) -> None:
    boards = tmp_path / ("boards " + "of a long name " * 10)
    boards.mkdir()
    cv2.imwrite(str(boards / "[red]b[1].png"), np.full((640, 640), 90, np.uint8))
    (boards / "x[bold].png").write_bytes(b"no image")
    result = aoi("inspect", boards, "--model", model)
    shown = [line for line in result.stderr.splitlines() if line.startswith(("FAILED", "ERROR"))]
    assert len(shown) == 2
    assert shown[0].startswith("FAILED  [red]b[1]  1 x short") and "x[bold]" in shown[1] and shown[1].endswith("ms")


@pytest.mark.parametrize("ending", [".PNG", ".JPG", ".bmp", ".pgm"])
def test_golden_boards_of_any_usual_ending(ending: str, model: Path, boards: Path, tmp_path: Path) -> None:
    golden = tmp_path / "golden"
    golden.mkdir()
    (golden / f"a1_temp{ending}").write_bytes((boards / "a3.png").read_bytes())
    (boards / "a1.png").rename(boards / "a1_test.png")
    command = ("inspect", boards / "a1_test.png", "--model", model, "--golden", golden, "--json", "-")
    (answer,) = answers(aoi(*command))
    assert answer["verdict"] == "FAILED", answer["reason"]


def test_a_code_with_odd_characters_names_a_picture_in_the_folder(tmp_path: Path) -> None:
    board = np.zeros((64, 64), np.uint8)
    file = write_overlay(tmp_path / "out", '../MB/12:3"*-then', board, [])
    assert file == tmp_path / "out" / ".._MB_12_3__-then.png" and file.is_file()
