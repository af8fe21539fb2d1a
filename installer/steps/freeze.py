"""One folder with the program, its Python and all its libraries, by PyInstaller."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from steps.environment import Environment
from steps.errors import SetupError
from steps.prune import prune

# Never part of the station: tests' and training's libraries, and what others use only where they find it
_EXCLUDED = ("tkinter", "PIL", "matplotlib", "IPython", "torch", "tensorrt", "pytest", "setuptools", "psycopg", "pip")


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
    # --paths is for the analysis; what collects submodules and data imports the package, and looks here
    variables = {**os.environ, "PYTHONPATH": str(root)}
    if subprocess.run(command, cwd=build, env=variables).returncode != 0:
        raise SetupError("PyInstaller failed (its message stands above)")
    folder = build / "dist" / "aoi"
    if sys.platform != "win32":
        prune(folder / "_internal")
    return folder


def check_start(folder: Path) -> None:
    """Start the frozen program without a display, and inspect an empty grey board with it.

    Raises
    ------
    SetupError
        If the window does not come up, or the board gets no verdict.
    """
    with tempfile.TemporaryDirectory() as scratch:
        board = Path(scratch) / "board.pgm"
        board.write_bytes(b"P5 640 640 255\n" + bytes([128]) * 640 * 640)
        _run(folder, "--offscreen", "--quit-after", "2", "--data", scratch)
        # A failed board ends with 1, as a crash does: the verdict tells them apart
        answer = _run(folder, "inspect", str(board), "--json", "-", allowed=(0, 1))
        if not any(f'"verdict": "{verdict}"' in answer.stdout for verdict in ("PASSED", "FAILED")):
            raise SetupError(f"the packaged program gives an empty board no verdict:\n{answer.stdout}{answer.stderr}")


def _run(folder: Path, *arguments: str, allowed: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
    program = folder / ("aoi.exe" if sys.platform == "win32" else "aoi")
    run = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=120)
    if run.returncode not in allowed:
        heading = f"the packaged program fails at 'aoi {' '.join(arguments)}' (exit {run.returncode}):"
        raise SetupError(f"{heading}\n{run.stdout}{run.stderr}")
    return run
