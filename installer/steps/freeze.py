"""One folder with the program, its Python and all its libraries, by PyInstaller."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from steps.environment import Environment
from steps.errors import SetupError

# Never part of the station: tests' and training's libraries, and what others use only where they find it
_EXCLUDED = ("tkinter", "PIL", "matplotlib", "IPython", "torch", "tensorrt", "pytest", "setuptools", "psycopg", "pip")

# The system's graphics drivers are loaded into the process, and need the C++ library of their own system
_FROM_THE_SYSTEM = ("libstdc++.so.6", "libgcc_s.so.1")


def freeze(environment: Environment, build: Path, icon: Path) -> Path:
    """Build the folder ``build/dist/aoi``, with the program ``aoi`` in it; returns the folder.

    Parameters
    ----------
    environment
        One with the program's packages and PyInstaller.
    build
        A scratch folder.
    icon
        The program's icon on Windows.

    Raises
    ------
    SetupError
        If PyInstaller fails.
    """
    root = environment.root
    data = {
        # Alembic reads its scripts as files
        root / "aoi_app" / "storage" / "migrations": "aoi_app/storage/migrations",
        root / "resources": "resources",
        # engines/built holds plans of this machine's GPU, of no use elsewhere: models and cards only
        **dict.fromkeys(sorted((root / "engines").glob("*.*")), "engines"),
    }
    command = [
        str(environment.python),
        "-m",
        "PyInstaller",
        "--noconfirm",
        "--log-level=WARN",
        "--onedir",
        "--name=aoi",
    ]
    command += [f"--distpath={build / 'dist'}", f"--workpath={build / 'work'}", f"--specpath={build}"]
    command += [f"--paths={root}", "--collect-submodules=aoi_app", "--collect-data=aoi_app"]
    command += [f"--add-data={source}{os.pathsep}{target}" for source, target in data.items()]
    command += [f"--exclude-module={name}" for name in _EXCLUDED]
    if sys.platform == "win32":
        # One program for both: it keeps the console it was started from, and hides one that was opened for it
        command += ["--hide-console=hide-early", f"--icon={icon}"]
    command.append(str(root / "aoi_app" / "__main__.py"))
    if subprocess.run(command, cwd=build).returncode != 0:
        raise SetupError("PyInstaller failed (its message stands above)")
    folder = build / "dist" / "aoi"
    for name in _FROM_THE_SYSTEM:
        (folder / "_internal" / name).unlink(missing_ok=True)
    return folder


def check_start(folder: Path) -> None:
    """Start the frozen program for two seconds, without a display and with an empty record.

    Raises
    ------
    SetupError
        If it does not come up, or ends with an error.
    """
    with tempfile.TemporaryDirectory() as scratch:
        command = [str(folder / "aoi"), "--offscreen", "--quit-after", "2", "--data", scratch]
        run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if run.returncode != 0:
        raise SetupError(f"the packaged program does not start (exit {run.returncode}):\n{run.stdout}{run.stderr}")
