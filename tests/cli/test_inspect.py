from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from aoi_app.cli import COMMANDS, build_app
from aoi_app.core.errors import AoiError, StoreError


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


@pytest.mark.parametrize(("lines", "exit_code"), [(320, 2), (638, 1), (700, 1), (1_000, 2)])
def test_a_golden_board_and_a_board_of_other_lengths(
    model: Path, boards: Path, tmp_path: Path, lines: int, exit_code: int
) -> None:
    golden = tmp_path / "golden.png"
    cv2.imwrite(str(golden), np.full((lines, 640), 90, np.uint8))
    result = aoi("inspect", boards / "a1.png", "--model", model, "--golden", golden, "--json", "-")
    assert result.exit_code == exit_code
    if exit_code == 2:
        assert json.loads(result.stdout)["reason"] == f"its golden board has {lines} lines, the board has 640"
    # A recipe that says how short a board may be is believed.
    recipe = tmp_path / "recipe.json"
    recipe.write_text('{"name": "short", "min_lines": 600}')
    result = aoi("inspect", boards / "a1.png", "--model", model, "--golden", golden, "--recipe", recipe)
    assert result.exit_code == (2 if lines == 320 else 1)


def test_a_wrong_model_is_one_message_not_a_traceback(boards: Path) -> None:
    command = [sys.executable, "-m", "aoi_app", "inspect", str(boards), "--model", str(boards / "a1.png")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 2
    assert done.stderr.startswith("aoi: ") and "Traceback" not in done.stderr


def aoi_process(*arguments: str | Path, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "aoi_app", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def test_a_place_that_cannot_be_written_is_one_message(model: Path, boards: Path, tmp_path: Path) -> None:
    places = [("--json", tmp_path / "none" / "out.jsonl"), ("--json", tmp_path), ("--overlay", boards / "a1.png")]
    for place in places:
        result = aoi("inspect", boards / "a1.png", "--model", model, *place)
        assert isinstance(result.exception, StoreError), place
        assert str(place[1]) in result.exception.what and result.exception.hint


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no device that is always full")
def test_a_full_disk_under_the_answers_is_one_message(model: Path, boards: Path) -> None:
    process = aoi_process("inspect", boards / "a1.png", "--model", model, "--json", "/dev/full")
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 2
    assert "aoi: /dev/full cannot be written: No space left on device" in errors and "Traceback" not in errors


@pytest.mark.skipif(sys.platform == "win32", reason="pipes and interrupts are others there")
@pytest.mark.parametrize(("leave", "status"), [("close", 2), ("interrupt", 130)])
def test_a_reader_that_goes_away_and_an_interrupt_are_no_crash(
    model: Path, boards: Path, leave: str, status: int
) -> None:
    # A test run in the background has interrupts ignored, and so would the program.
    heed = partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    process = aoi_process("inspect", *[boards] * 200, "--model", model, "--json", "-", preexec_fn=heed)
    assert process.stdout is not None and process.stderr is not None
    assert json.loads(process.stdout.readline())["board"] == "a1"
    if leave == "close":
        process.stdout.close()
    else:
        process.send_signal(signal.SIGINT)
    errors = process.stderr.read()
    assert process.wait(200) == status
    assert "Traceback" not in errors and "Exception" not in errors


@pytest.mark.skipif(sys.platform != "linux", reason="names there are text")
def test_links_that_lead_nowhere_and_names_that_are_no_text_are_boards_too(
    model: Path, boards: Path, tmp_path: Path
) -> None:
    (boards / "a2.png").unlink()
    (boards / "gone.png").symlink_to(boards / "nowhere.png")
    (boards / "loop.png").symlink_to(boards / "loop.png")
    (boards / "folder.png").mkdir()
    os.mkfifo(boards / "pipe.png")
    (boards / "endless.png").symlink_to("/dev/zero")
    shutil.copy(boards / "a1.png", boards / "板子 é.png")
    shutil.copy(boards / "a1.png", boards / os.fsdecode(b"z\xff.png"))
    result = aoi("inspect", boards, "--model", model, "--json", tmp_path / "out.jsonl", "--overlay", tmp_path / "o")
    assert result.exit_code == 2
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    verdicts = {o["board"]: o["verdict"] for o in lines}
    assert verdicts == dict.fromkeys(("a1", "a3", "板子 é", "z\\xff"), "FAILED") | dict.fromkeys(
        ("gone", "loop", "pipe", "endless"), "ERROR"
    )
    assert next(o for o in lines if o["board"] == "gone")["reason"].endswith("No such file or directory")


def test_boards_of_every_shape(model: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    grey = rng.integers(0, 256, (700, 700), np.uint8)
    shapes = {
        "a.png": grey,
        "colour.png": np.dstack([grey] * 3),
        "deep.tif": grey.astype(np.uint16) * 16,
        "narrow.png": grey[:, :16],
        "short.png": grey[:10],
        "too-narrow.png": grey[:, :15],
        "wide.png": np.tile(grey, (1, 4)),
    }
    for name, pixels in shapes.items():
        cv2.imwrite(str(tmp_path / name), pixels)
    result = aoi("inspect", tmp_path, "--model", model, "--json", "-")
    objects = {o["board"]: o for o in map(json.loads, result.stdout.splitlines())}
    assert list(objects) == [Path(name).stem for name in shapes]
    refused = objects.pop("too-narrow")
    assert refused["verdict"] == "ERROR" and "15 x 700 px" in refused["reason"]
    for name, pixels in shapes.items():
        if name != "too-narrow.png":
            found = objects[Path(name).stem]
            assert (found["lines"], found["width"]) == pixels.shape[:2], name
            assert found["verdict"] != "ERROR", found["reason"]
            for x1, y1, x2, y2 in (d["box"] for d in found["defects"]):
                assert 0 <= x1 < x2 <= pixels.shape[1] and 0 <= y1 < y2 <= pixels.shape[0]


def test_pictures_of_boards_of_the_same_name_are_both_kept(model: Path, boards: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(boards, other)
    aoi("inspect", boards / "a1.png", other / "a1.png", "--model", model, "--overlay", tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a1-2.png", "a1.png"]


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_help(name: str) -> None:
    result = aoi(name, "--help")
    assert result.exit_code == 0, result.output
    assert len(result.output) > 200


def test_options_of_the_runtime_are_typed_and_refused_by_name(model: Path, boards: Path) -> None:
    command = ("inspect", boards / "a1.png", "--model", model, "--json", "-")
    answer = json.loads(aoi(*command, "--option", "threads=2").stdout)
    assert answer["engine"]["device"] == "CPU, 2 threads"
    for option, said in (("speed=11", "no option speed"), ("threads=many", "'many'"), ("threads", "NAME=VALUE")):
        with pytest.raises(AoiError, match=said):
            raise aoi(*command, "--option", option).exception or AssertionError
