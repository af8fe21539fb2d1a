"""`aoi` without a command, without a display: what cannot work is one message, and an exit status that tells."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aoi_app.cli import build_app
from aoi_app.core.errors import AoiError, StoreError
from aoi_app.core.settings import Settings, save_settings
from aoi_app.storage.history import History
from aoi_app.storage.query import HistoryQuery
from tests.station.conftest import wait_until


def aoi(data: Path, *arguments: str | Path, seconds: float = 0.5) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "aoi_app", "--offscreen", "--data", str(data), "--quit-after", str(seconds)]
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    return subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, timeout=200, env=environment
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--lang", "fr"), "language: Input should be 'en' or 'zh'"),
        (("--precision", "fp8"), "precision: Input should be"),
        (("--recipe", "nobody"), "There is no recipe 'nobody'"),
        (("--recipe", "recipe.json"), "foo: there is no such field"),
    ],
)
def test_what_cannot_be_used_is_one_message(tmp_path: Path, arguments: tuple[str, str], said: str) -> None:
    recipe = tmp_path / "recipe.json"
    recipe.write_text('{"name": "x", "foo": 1}')
    command = ["--offscreen", "--data", str(tmp_path), *(str(recipe) if a == recipe.name else a for a in arguments)]
    with pytest.raises(AoiError) as caught:
        raise CliRunner().invoke(build_app(command), command).exception or AssertionError
    assert said in str(caught.value) and caught.value.hint


def test_a_settings_file_that_is_cut_short_is_named(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"language"')
    done = aoi(tmp_path)
    assert done.returncode == 2
    assert "settings.json cannot be used" in done.stderr and "Traceback" not in done.stderr


def test_a_corrupt_model_stops_the_line_and_is_named(tmp_path: Path) -> None:
    model = tmp_path / "cut.onnx"
    model.write_bytes(b"\x08\x08\x12\x07pytorch")
    # It quits by itself, on a busy machine before it has looked at the model.
    done = next(run for run in (aoi(tmp_path, "--model", model, seconds=s) for s in (2, 10, 60)) if run.returncode)
    assert done.returncode == 2
    assert "The line had stopped: cut.onnx" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals are others there")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_station_as_closing_its_window_does(tmp_path: Path, number: signal.Signals) -> None:
    board = {"width": 640, "lines": 640, "gap_lines": 50}
    camera = {"source": "simulated:bare", "line_rate": 4_000.0, "options": board}
    save_settings(Settings().with_changes(camera=camera, recipe="demo-bare"), tmp_path / "settings.json")
    command = [sys.executable, "-m", "aoi_app", "--offscreen", "--data", str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_until(lambda: process.poll() is not None or len(serials(tmp_path)) >= 3, 180, every_s=0.2)
            process.send_signal(number)
            _, errors = process.communicate(timeout=100)
        finally:
            process.kill()
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    # The board that the end cut off is in the record as well.
    recorded = serials(tmp_path)
    assert [serial.rpartition("-")[2] for serial in recorded] == [f"{n:06d}" for n in range(len(recorded))]


def serials(data: Path) -> list[str]:
    try:
        history = History(data)
    except StoreError:
        return []
    found = [row.serial for row in history.rows(HistoryQuery())]
    history.close()
    return found[::-1]


def test_the_version_is_said_without_opening_anything() -> None:
    said = CliRunner().invoke(build_app([]), ["--version"])
    assert (said.exit_code, said.output.split()[0]) == (0, "aoi")
