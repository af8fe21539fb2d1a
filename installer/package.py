"""Build the desktop package: one folder with PyInstaller, and a set-up around it: ``package.py [--output FOLDER]``.

On Debian and Ubuntu a .deb, on Windows a set-up program (NSIS). Neither can be built on the other system.
"""

import argparse
import sys
from pathlib import Path

import tomli

from steps.deb import build_deb
from steps.environment import Environment
from steps.errors import SetupError
from steps.freeze import check_start, freeze
from steps.licences import licence_list
from steps.nsis import build_setup, draw_icon
from steps.packages import provide_build_packages

ROOT = Path(__file__).resolve().parent.parent


def project_version() -> str:
    """Read the version in pyproject.toml."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        return str(tomli.load(file)["project"]["version"])


def main() -> int:
    """Build the package; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "dist", help="folder to write to (default: dist)")
    output = parser.parse_args().output
    build = ROOT / "build" / "package"
    try:
        output.mkdir(parents=True, exist_ok=True)
        if sys.platform.startswith("linux"):
            provide_build_packages()
        # An environment of its own: what tests and extras brought into .venv has no place in the package
        environment = Environment(ROOT, build / "venv")
        if not environment.works():
            environment.make()
        for lock in ("requirements.lock", "requirements-package.lock"):
            environment.install_locked(ROOT / "installer" / lock)
        print("Freezing the program (a minute or two) ...", flush=True)
        icon = build / "aoi.ico"
        draw_icon(environment, ROOT / "resources/icons/aoi.svg", icon)
        frozen = freeze(environment, build, icon)
        check_start(frozen)
        print(frozen)
        if sys.platform == "win32":
            package = build_setup(frozen, ROOT, project_version(), icon, output)
        else:
            licences = licence_list(environment)
            package = build_deb(frozen, ROOT, project_version(), licences, output.resolve(), build)
        print(f"{package}: {package.stat().st_size / 1e6:.0f} MB")
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
