"""The wheels of a lock file for another machine: which ones, and fetching them."""

import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

from steps.errors import SetupError

SYSTEMS: dict[str, dict[str, str]] = {
    "linux": {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64", "os_name": "posix"},
    "windows": {"sys_platform": "win32", "platform_system": "Windows", "platform_machine": "AMD64", "os_name": "nt"},
}
"""Marker variables of each system."""

# glibc 2.34 is what PySide6 asks for; Debian 12 and Ubuntu 22.04 have it
_PLATFORMS = {
    "linux": (*(f"manylinux_2_{minor}_x86_64" for minor in range(34, 4, -1)), "manylinux2014_x86_64"),
    "windows": ("win_amd64",),
}


@dataclass(frozen=True)
class Target:
    """The machine that the wheels are for: ``linux`` or ``windows``, and a Python version such as ``3.11``."""

    system: str
    python: str

    def markers(self) -> dict[str, str]:
        """Values of the marker variables there."""
        version = {
            "python_version": self.python,
            "python_full_version": f"{self.python}.0",
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
        }
        return {**SYSTEMS[self.system], **version}

    def pip_options(self) -> list[str]:
        """Options by which ``pip download`` chooses wheels for there."""
        abi = f"cp{self.python.replace('.', '')}"
        options = ["--python-version", self.python, "--implementation", "cp"]
        for name in (abi, "abi3", "none"):
            options += ["--abi", name]
        for platform in _PLATFORMS[self.system]:
            options += ["--platform", platform]
        return options


def requirements_for(lock: str, target: Target) -> list[str]:
    """Choose the lines of a lock file that hold on ``target``, each with its hashes and without its marker.

    pip evaluates markers for the machine that it runs on, whatever platform it is told to download for.
    """
    chosen = []
    for line in lock.replace("\\\n", " ").splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        text, *hashes = re.split(r"\s+--hash=", line.strip())
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate(target.markers()):
            requirement.marker = None
            chosen.append(" ".join([str(requirement), *(f"--hash={digest}" for digest in hashes)]))
    return chosen


def download(locks: Sequence[Path], target: Target, folder: Path) -> None:
    """Fetch every wheel of ``locks`` for ``target`` into ``folder``.

    Raises
    ------
    SetupError
        If pip fails, as when a package has no wheel for that machine.
    """
    for lock in locks:
        with tempfile.TemporaryDirectory() as scratch:
            chosen = Path(scratch) / "requirements.txt"
            lines = requirements_for(lock.read_text(encoding="utf-8"), target)
            chosen.write_text("\n".join(lines) + "\n", encoding="utf-8")
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
            command += ["--require-hashes", "--dest", str(folder), *target.pip_options(), "-r", str(chosen)]
            if subprocess.run(command).returncode != 0:
                raise SetupError(f"pip could not fetch the wheels for Python {target.python} on {target.system}")
