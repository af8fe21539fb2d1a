"""The window's program: no display, screenshots, quitting by itself."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtGui import QImage

from aoi_app.gui.application import display_problem, run_window
from tests.gui.world import GuiWorld

NAMES = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")


@pytest.mark.parametrize("name", NAMES)
def test_display_is_found(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for other in NAMES:
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, "wayland-0")
    assert display_problem() is None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux can be without a display")
def test_a_display_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("QT_QPA_PLATFORM", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("DISPLAY", ":48123.0")
    assert display_problem() == "The display :48123.0, which DISPLAY names, does not answer."
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0/tmp/.X11-unix/X48123")
        server.listen()
        assert display_problem() is None
    monkeypatch.setenv("DISPLAY", "elsewhere:10.0")
    assert display_problem() is None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux can be without a display")
def test_no_display_is_said_without_qt() -> None:
    code = (
        "import sys; from aoi_app.gui.application import display_problem; print(display_problem()); "
        "assert not any(name.startswith('PySide6') for name in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], env={}, capture_output=True, text=True, check=True)
    assert "neither DISPLAY nor WAYLAND_DISPLAY is set" in done.stdout


def test_the_window_quits_by_itself_and_leaves_a_picture(world: GuiWorld, tmp_path: Path) -> None:
    file = tmp_path / "new" / "window.png"
    seen: list[object] = []
    code = run_window(
        world.station,
        world.services(),
        offscreen=True,
        quit_after=0.6,
        screenshot=file,
        size=(1366, 768),
        on_shown=seen.append,
    )
    assert code == 0
    assert world.station.calls == ["start"]
    assert len(seen) == 1
    picture = QImage(str(file))
    assert (picture.width(), picture.height()) == (1366, 768)


def test_a_picture_is_taken_as_soon_as_a_verdict_stands(world: GuiWorld, tmp_path: Path) -> None:
    file = tmp_path / "window.png"
    world.station.next_board((1, 2))
    world.station.finish()
    assert run_window(world.station, world.services(), offscreen=True, screenshot=file) == 0
    assert file.exists()


def test_a_picture_that_cannot_be_written_is_a_failure(
    world: GuiWorld, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "window.png"
    folder.mkdir()
    assert run_window(world.station, world.services(), offscreen=True, quit_after=0.3, screenshot=folder) == 1
    assert "could not be written" in capsys.readouterr().err
