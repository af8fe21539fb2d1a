"""Every check of the project, one after the other, with a summary: ``check.py [arguments of pytest]``.

Runs in the project's virtual environment; returns 1 if any check failed.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def pytest_command(arguments: list[str]) -> list[str]:
    """Give pytest's command line: as many workers as there are cores, up to four, unless the caller says how many."""
    workers = min(os.cpu_count() or 1, 4)
    chosen = any(argument.startswith(("-n", "--numprocesses")) for argument in arguments)
    # a file's tests stay on one worker: they share fixtures that take seconds to make
    spread = [] if chosen or workers == 1 else ["-n", str(workers), "--dist", "loadfile"]
    return [sys.executable, "-m", "pytest", *spread, *arguments]


def mypy_command() -> list[str]:
    """Give mypy's command line.

    On Python 3.11 it reads the code as 3.10 does, as pyproject.toml says. The types of the numpy that later versions
    get are written in the syntax of 3.12; on 3.10 itself they are those of numpy 2.2, which are others, and the last
    for it: there the code is only run.
    """
    running: tuple[int, ...] = sys.version_info[:2]
    if running < (3, 11):
        return [sys.executable, "-c", "print('left out on Python 3.10: the types are checked for it on 3.11')"]
    return [sys.executable, "-m", "mypy", *(["--python-version", "3.12"] if running >= (3, 12) else [])]


def checks(arguments: list[str]) -> dict[str, list[str]]:
    """Every check by name, with its command."""
    scripts = Path(sys.executable).parent
    return {
        "ruff check": [str(scripts / "ruff"), "check", "."],
        "ruff format": [str(scripts / "ruff"), "format", "--check", "."],
        "import-linter": [str(scripts / "lint-imports"), "--no-logo"],
        "mypy --strict": mypy_command(),
        "pytest": pytest_command(arguments),
    }


def main(arguments: list[str]) -> int:
    """Run every check; returns the exit status."""
    environment = {"QT_QPA_PLATFORM": "offscreen", **os.environ}
    results = []
    for name, command in checks(arguments).items():
        print(f"\n== {name}", flush=True)
        start = time.monotonic()
        status = subprocess.run(command, cwd=ROOT, env=environment).returncode
        results.append((name, status, time.monotonic() - start))
    print("\n== summary")
    for name, status, seconds in results:
        print(f"{name:<16}{'ok' if status == 0 else f'FAILED ({status})':<14}{seconds:7.1f} s")
    return 0 if all(status == 0 for _, status, _ in results) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
