from __future__ import annotations

import json
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from aoi_app.camera import aravis_library
from aoi_app.camera.commands import app, parse_options
from aoi_app.camera.flat_field import FlatField
from aoi_app.core.errors import CameraError
from tests.camera.boards import device, loopback, pictures

needs_aravis = pytest.mark.skipif(aravis_library.missing() is not None, reason=str(aravis_library.missing()))


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def picture(file: Path) -> np.ndarray:
    pixels = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    return np.asarray(pixels)


def test_list_names_the_simulated_line() -> None:
    lines = [json.loads(line) for line in run("list", "--wait", "0.1", "--json").splitlines() if line]
    assert any(line["driver"] == "simulated" for line in lines)
    assert "simulated" in run("drivers")


def test_grab_writes_the_boards(tmp_path: Path) -> None:
    boards = pictures(2)
    for n, board in enumerate(boards):
        cv2.imwrite(str(tmp_path / f"{n}.png"), board)
    text = run("grab", str(tmp_path), "--out", str(tmp_path / "got"), "-n", "5", "--line-rate", "0", "--wait", "4")
    assert text.count("complete") == 2
    for n, board in enumerate(boards):
        assert np.array_equal(picture(tmp_path / "got" / f"{n}.png"), board)


def test_grab_exits_with_1_when_lines_are_missing(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "0.png"), pictures(1)[0])
    arguments = ["grab", f"simulated:{tmp_path}", "--out", str(tmp_path / "got"), "--line-rate", "0", "-n", "2"]
    result = CliRunner().invoke(app, [*arguments, "--height", "32", "-s", "faults=drop_block@1:100"])
    assert result.exit_code == 1 and "1 block was lost" in result.output


@pytest.mark.link
@needs_aravis
def test_serve_grab_and_info_over_gige_vision(tmp_path: Path) -> None:
    board = pictures(1)[0]
    cv2.imwrite(str(tmp_path / "0.png"), board)
    address = loopback(41)
    serve = [sys.executable, "-m", "aoi_app", "camera", "serve", str(tmp_path), "--address", address]
    # A test run in the background has interrupts ignored, and so would the program.
    heed = partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    server = subprocess.Popen([*serve, "--seconds", "200"], stdout=subprocess.PIPE, text=True, preexec_fn=heed)
    try:
        assert server.stdout is not None and "answers at" in server.stdout.readline()
        shown = run("info", f"gige:{address}")
        run("grab", f"gige:{address}", "--out", str(tmp_path / "got"), "--line-rate", "20000")
        server.send_signal(signal.SIGINT)
        assert "Ended." in server.communicate(timeout=60)[0] and server.returncode == 0
    finally:
        server.kill()
    assert "AcquisitionLineRate" in shown and "1 to 200000" in shown and "Hz" in shown
    (file,) = (tmp_path / "got").iterdir()
    assert np.array_equal(picture(file), board)


@pytest.mark.link
@needs_aravis
def test_a_flat_field_is_captured_and_applied(tmp_path: Path) -> None:
    # the first board is the covered lens, the others an uneven target
    shading = np.linspace(90, 210, 256).astype(np.uint8)
    boards = [np.full((256, 256), 10, np.uint8), *[np.tile(shading, (256, 1))] * 200]
    file = tmp_path / "flat.npz"
    address = loopback(42)
    with device(boards, address):
        rate = ("--line-rate", "20000", "--height", "64")
        run("flat-field", f"gige:{address}", str(file), "--lines", "200", "--yes", *rate)
        text = ("grab", f"gige:{address}", "--out", str(tmp_path / "got"), "-s", f"flat_field={file}", *rate)
        run(*text)
        with pytest.raises(CameraError, match="acquisition_line_rate was 20000"):
            run(*text[:-3], "9000", *rate[2:])
    field = FlatField.load(file)
    assert field.bad_columns == () and np.allclose(field.dark, 10)
    (got,) = (tmp_path / "got").iterdir()
    corrected = picture(got)
    assert int(corrected.max()) - int(corrected.min()) <= 2


def test_serve_refuses_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match="no file or folder"):
        run("serve", str(tmp_path / "boards"), "--address", loopback(43), "--seconds", "1")


def test_serve_refuses_what_is_no_address() -> None:
    with pytest.raises(CameraError, match="no IPv4 address"):
        run("serve", "--address", "camera-1", "--seconds", "1")


def test_a_folder_that_cannot_be_written_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CameraError, match="could not be written"):
        run("grab", "simulated", "--out", str(tmp_path / "file" / "boards"))


def test_a_flat_field_of_a_line_without_a_sensor_is_refused_before_the_lens_is_covered(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match="simulated corrects no flat field"):
        run("flat-field", "simulated", str(tmp_path / "flat.npz"))


def test_bench_counts_lines_and_losses() -> None:
    figures = json.loads(run("bench", "simulated", "--seconds", "1.5", "--json", "-s", "width=512", "-s", "lines=256"))
    assert figures["lines"] > 0 and figures["lost_lines"] == 0 and figures["width"] == 512


def test_options_are_typed() -> None:
    options = parse_options(["a=1", "b=2.5", "c=true", "d=Line0", "TriggerMode[TriggerSelector=LineStart]=On"])
    assert options == {"a": 1, "b": 2.5, "c": True, "d": "Line0", "TriggerMode[TriggerSelector=LineStart]": "On"}
    with pytest.raises(CameraError, match="is no option"):
        parse_options(["nothing"])
