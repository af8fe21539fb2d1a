"""A Windows set-up program around the frozen one, by NSIS."""

import shutil
import subprocess
from pathlib import Path

from steps.environment import Environment
from steps.errors import SetupError

_DRAW = """
import sys
from PySide6.QtGui import QGuiApplication, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer
application = QGuiApplication(["icon", "-platform", "offscreen"])
image = QImage(256, 256, QImage.Format.Format_ARGB32)
image.fill(0)
painter = QPainter(image)
QSvgRenderer(sys.argv[1]).render(painter)
painter.end()
raise SystemExit(0 if image.save(sys.argv[2]) else 1)
"""


def draw_icon(environment: Environment, svg: Path, icon: Path) -> None:
    """Draw the Windows icon ``icon`` (.ico) from an SVG.

    Raises
    ------
    SetupError
        If Qt cannot.
    """
    icon.parent.mkdir(parents=True, exist_ok=True)
    run = subprocess.run([environment.python, "-c", _DRAW, svg, icon], capture_output=True, text=True)
    if run.returncode != 0:
        raise SetupError(f"cannot draw {icon} from {svg}: {run.stderr}")


def build_setup(frozen: Path, root: Path, version: str, icon: Path, output: Path) -> Path:
    """Write ``aoi-station-<version>-setup.exe``; returns its path.

    Raises
    ------
    SetupError
        If ``makensis`` is missing or fails.
    """
    program = shutil.which("makensis")
    if program is None:
        raise SetupError("makensis is not on this machine; install NSIS 3 (nsis.sourceforge.io)")
    setup = output.resolve() / f"aoi-station-{version}-setup.exe"
    values = {"VERSION": version, "PAYLOAD": frozen.resolve(), "ICON": icon.resolve(), "OUTPUT": setup}
    command = [program, "-V2", "-INPUTCHARSET", "UTF8", *(f"-D{name}={value}" for name, value in values.items())]
    run = subprocess.run([*command, "aoi-station.nsi"], cwd=root / "installer", capture_output=True, text=True)
    if run.returncode != 0:
        raise SetupError(f"makensis failed:\n{run.stdout}{run.stderr}")
    return setup
