"""The virtual environment ``.venv`` and what is installed into it."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from steps.errors import SetupError


class Environment:
    """The project's virtual environment.

    Packages come from the lock files, with hashes; the project itself is installed in place (editable), so that a
    pulled change takes effect without a set-up. A folder ``wheelhouse`` in the project, as an offline bundle has
    it, takes the place of the network.
    """

    def __init__(self, root: Path, folder: Path | None = None) -> None:
        self.root = root
        self.folder = folder or root / ".venv"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")

    def works(self) -> bool:
        """Whether it runs, has pip, is of this Python version, and was made for this place."""
        code = "import pip, sys; print(*sys.version_info[:2], sys.prefix)"
        try:
            answer = subprocess.run([self.python, "-c", code], capture_output=True, text=True, timeout=60)
        except (OSError, subprocess.TimeoutExpired):
            return False
        if answer.returncode != 0:
            return False
        major, minor, prefix = answer.stdout.rstrip("\n").split(" ", 2)
        return (int(major), int(minor)) == sys.version_info[:2] and Path(prefix).samefile(self.folder)

    def make(self) -> None:
        """Make it anew, empty.

        Raises
        ------
        SetupError
            If this Python cannot make one, or the folder is not writable.
        """
        base = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
        if self.folder.is_dir():
            shutil.rmtree(self.folder)
        print(f"Making {self.folder} with {base}", flush=True)
        made = subprocess.run([base, "-m", "venv", self.folder], capture_output=True, text=True)
        if made.returncode != 0:
            raise SetupError(
                f"{base} could not make the virtual environment {self.folder}:\n{made.stdout}{made.stderr}".rstrip()
            )

    def install_locked(self, lock: Path) -> None:
        """Install what a lock file names; a package whose hash differs is refused.

        Raises
        ------
        SetupError
            If pip fails.
        """
        self._pip("--require-hashes", "-r", str(lock))

    def install_project(self) -> None:
        """Install the project in place, with no download.

        Raises
        ------
        SetupError
            If pip fails.
        """
        self._pip("--no-deps", "--no-build-isolation", "--editable", str(self.root))

    def install_extras(self, extras: Sequence[str], constraints: Path) -> None:
        """Install extras of the project, such as ``train``.

        Raises
        ------
        SetupError
            If pip fails.
        """
        project = f"{self.root}[{','.join(extras)}]"
        self._pip("--no-build-isolation", "--constraint", str(constraints), "--editable", project)

    def _pip(self, *arguments: str) -> None:
        command = [str(self.python), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
        if not sys.stdout.isatty():
            command.append("--quiet")  # no progress bars in a log
        wheels = self.root / "wheelhouse"
        if wheels.is_dir():
            command += ["--no-index", "--find-links", str(wheels)]
        environment = {**os.environ, "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}
        environment.pop("PYTHONPATH", None)
        if subprocess.run([*command, *arguments], env=environment).returncode != 0:
            raise SetupError(
                "pip could not install the packages (its message stands above). Check the network and the free disk "
                "space, then start this again. For a machine without network see docs/offline.md."
            )


def can_make_environments() -> bool:
    """Whether this Python brings venv and pip; Debian and Ubuntu ship them as a package of their own."""
    return importlib.util.find_spec("ensurepip") is not None and importlib.util.find_spec("venv") is not None
