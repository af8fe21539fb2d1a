"""What has to stand before the program or the tests can start, and making it so."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from steps.environment import Environment
from steps.errors import SetupError
from steps.libraries import unresolved
from steps.lock import setup_lock
from steps.packages import provide_system_packages
from steps.stamp import Stamps

_WITHOUT_WINDOW = ("--offscreen", "--help", "--version")


@dataclass(frozen=True)
class Plan:
    """What is wanted: the packages of the tests, a real window, extras of the project."""

    root: Path
    tests: bool = False
    window: bool = True
    extras: tuple[str, ...] = ()

    @property
    def _system_part(self) -> str:
        return "system-window" if self.window else "system-offscreen"

    def keys(self, stamps: Stamps) -> dict[str, str]:
        """Every part that is wanted, with the key of what it is made from."""
        installer = self.root / "installer"
        base = [self.root / "pyproject.toml", installer / "requirements.lock"]
        parts: dict[str, Sequence[Path | str]] = {"base": base}
        if sys.platform.startswith("linux"):
            parts[self._system_part] = [installer / "steps" / "libraries.py"]
        if self.tests:
            parts["test"] = [*base, installer / "requirements-test.lock"]
        if self.extras:
            parts["extras"] = [*base, installer / "extras.txt", " ".join(self.extras)]
        return {part: stamps.key(inputs) for part, inputs in parts.items()}

    def ready(self) -> bool:
        """Whether everything wanted stands. Reads a few small files; starts nothing."""
        stamps = Stamps(self.root)
        if stamps.interrupted:
            return False
        return all(stamps.holds(part, key) for part, key in self.keys(stamps).items())

    def carry_out(self) -> None:
        """Set up what is missing.

        Raises
        ------
        SetupError
            If a step fails; what stood before is kept, and the next start takes up from there.
        """
        with setup_lock(self.root / ".venv.lock"):
            environment, stamps = Environment(self.root), Stamps(self.root)
            anew = stamps.interrupted or not environment.works()
            keys = self.keys(stamps)
            open_parts = {part for part, key in keys.items() if anew or not stamps.holds(part, key)}
            if sys.platform.startswith("linux") and (anew or self._system_part in open_parts):
                provide_system_packages(self.window, venv=anew)
            if anew:
                environment.make()
            self._install(environment, stamps, open_parts)
            if sys.platform.startswith("linux"):
                self._check_qt(environment)
            for part, key in keys.items():
                stamps.write(part, key)
            stamps.end()

    def _install(self, environment: Environment, stamps: Stamps, parts: set[str]) -> None:
        stamps.begin()
        installer = self.root / "installer"
        if "base" in parts:
            print("Installing the program's packages (about 300 MB the first time) ...", flush=True)
            environment.install_locked(installer / "requirements.lock")
            environment.install_project()
        if "test" in parts:
            print("Installing the packages of the tests ...", flush=True)
            environment.install_locked(installer / "requirements-test.lock")
        if "extras" in parts:
            print(f"Installing the extras {', '.join(self.extras)} ...", flush=True)
            environment.install_extras(self.extras, installer / "extras.txt")

    def _check_qt(self, environment: Environment) -> None:
        platforms = next(environment.folder.glob("lib/python*/site-packages/PySide6/Qt/plugins/platforms"), None)
        if platforms is None:
            raise SetupError(f"PySide6 is not in {environment.folder}; remove that folder and start this again")
        plugins = [platforms / "libqoffscreen.so", *([platforms / "libqxcb.so"] if self.window else [])]
        missing = unresolved(plugins)
        if missing:
            raise SetupError(
                f"Qt still lacks {', '.join(missing)}. Find the package that holds it (apt-file search NAME, or "
                "packages.debian.org), install it, then start this again."
            )


def wants_window(arguments: Sequence[str]) -> bool:
    """Whether ``aoi`` with these arguments opens a window: no such option, and no command such as ``inspect``."""
    if any(argument in _WITHOUT_WINDOW for argument in arguments):
        return False
    return not arguments or arguments[0].startswith("-")


def extras_from(text: str, root: Path) -> tuple[str, ...]:
    """Read the names in ``AOI_EXTRAS``, separated by blanks or commas.

    Raises
    ------
    SetupError
        If pyproject.toml has no extra of that name; pip would only warn.
    """
    section = (root / "pyproject.toml").read_text(encoding="utf-8").partition("[project.optional-dependencies]")[2]
    known = re.findall(r"^([\w-]+) *= *\[", re.split(r"^\[\w", section, maxsplit=1, flags=re.M)[0], flags=re.M)
    names = tuple(sorted(set(text.replace(",", " ").split())))
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SetupError(f"AOI_EXTRAS names {', '.join(unknown)}; the extras are: {', '.join(known)}")
    return names
