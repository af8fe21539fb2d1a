"""System packages: installed with apt-get when root, otherwise the exact command is told."""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from steps.environment import can_make_environments
from steps.errors import SetupError
from steps.libraries import CHINESE_FONT_PACKAGE, Library, has_chinese_font, loads, missing_libraries


def provide_system_packages(window: bool, venv: bool) -> None:
    """Make sure of the system packages, or say which are missing.

    Parameters
    ----------
    window
        Whether a window will be opened; without one the X11 libraries are not asked for.
    venv
        Whether a virtual environment is about to be made.

    Raises
    ------
    SetupError
        If something is missing that cannot be installed here; the text holds the command to type.
    """
    libraries = missing_libraries(window)
    packages = package_names(libraries)
    if venv and not can_make_environments():
        packages.insert(0, f"python3.{sys.version_info.minor}-venv")
    fonts = [] if has_chinese_font() else [CHINESE_FONT_PACKAGE]
    if not packages and not fonts:
        return
    if shutil.which("apt-get") is None:
        if packages:
            sonames = ", ".join(library.soname for library in libraries) or "Python's venv module"
            raise SetupError(f"this machine lacks {sonames}; install them with its package manager (no apt-get here)")
        return
    if packages or os.geteuid() == 0:
        _provide([*packages, *fonts], needed=len(packages))
        return
    command = install_command(fonts)
    print(
        f"No font with Chinese characters found: such texts will show as boxes. To have one:\n  {command}", flush=True
    )


def provide_build_packages() -> None:
    """Make sure of what PyInstaller needs beside Python, before anything is downloaded for it.

    Raises
    ------
    SetupError
        If something is missing that cannot be installed here; the text holds the command to type.
    """
    library = f"libpython3.{sys.version_info.minor}"
    folder = Path(str(sysconfig.get_config_var("LIBDIR")))
    packages = [] if shutil.which("objdump") else ["binutils"]
    # Debian's and Ubuntu's Python has it in a package of its own; one that was built here has it beside itself.
    if not loads(f"{library}.so.1.0") and not (folder / f"{library}.so.1.0").exists():
        packages.append(library)
    if not packages:
        return
    if shutil.which("apt-get") is None:
        raise SetupError(
            f"the package cannot be built without {' and '.join(packages)}: install them with this machine's package "
            "manager, or take a Python that was built with --enable-shared (AOI_PYTHON names one)"
        )
    _provide(packages, needed=len(packages))


def _provide(packages: Sequence[str], needed: int) -> None:
    """Install packages as root; for others, say the command. The first `needed` are those that nothing goes without."""
    if os.geteuid() == 0:
        _install(packages)
        return
    raise SetupError(
        f"{needed} system package(s) are missing: {' '.join(packages[:needed])}\n"
        f"Install them, then start this again:\n  {install_command(packages)}"
    )


def package_names(libraries: Sequence[Library]) -> list[str]:
    """Names of the packages that hold ``libraries``, on this release of Debian or Ubuntu."""
    names = [
        library.package_t64 if library.package_t64 and _in_catalogue(library.package_t64) else library.package
        for library in libraries
    ]
    return list(dict.fromkeys(names))


def install_command(packages: Sequence[str]) -> str:
    """Write the command for a person to type."""
    return "sudo apt-get install --no-install-recommends " + shlex.join(packages)


def _in_catalogue(package: str) -> bool:
    if shutil.which("apt-cache") is None:
        return False
    return subprocess.run(["apt-cache", "show", package], capture_output=True).returncode == 0


def _install(packages: Sequence[str]) -> None:
    print(f"Installing {len(packages)} system package(s): {' '.join(packages)}", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # A list that could not be fetched is no reason to stop: the packages may be known from an earlier one
    subprocess.run(["apt-get", "update", "--quiet=2"], env=environment)
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    # Without a pseudo-terminal: a container may have none
    quiet = ["--quiet=2", "-o=Dpkg::Use-Pty=0"]
    if subprocess.run([*command, *quiet], env=environment).returncode != 0:
        raise SetupError(f"apt-get failed (its message stands above). The command was:\n  {shlex.join(command)}")
