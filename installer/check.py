"""Every check of the project, one after the other, with a summary: ``check.py [arguments of pytest]``.

Runs in the project's virtual environment; returns 1 if any check failed. A few tests that failed are run once more,
alone: they talk to real servers, sockets and disks, which a busy machine can starve. The summary names those tests.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS_FAILED = 1
"""pytest's exit status when tests ran and some failed."""
SECOND_TRY = 5
"""More failed tests than this are no accident."""


def pytest_command(arguments: list[str]) -> list[str]:
    """Give pytest's command line: three workers for two cores, up to six, unless the caller says how many.

    A third of the tests' time is waiting: for packets at a line's rate, for servers, disks and processes.
    """
    cores = os.cpu_count() or 1
    workers = min(cores + (cores + 1) // 2, 6)
    chosen = any(argument.startswith(("-n", "--numprocesses")) for argument in arguments)
    # Neighbours stay on one worker, since a file's tests share fixtures that take seconds to make. Not loadfile: xdist
    # 3.8 waits for ever there when a worker dies among the last tests.
    spread = [] if chosen else ["-n", str(workers), "--dist", "worksteal"]
    return [sys.executable, "-m", "pytest", *spread, *arguments]


def failed_tests(root: Path) -> list[str]:
    """Return the tests that failed in the last run, from pytest's cache; empty where there is none."""
    try:
        found = json.loads((root / ".pytest_cache/v/cache/lastfailed").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return sorted(found)


def second_try(root: Path, environment: dict[str, str]) -> tuple[int, list[str]]:
    """Run the few tests that failed once more, alone; return the exit status and what was run again."""
    failed = failed_tests(root)
    if not 0 < len(failed) <= SECOND_TRY:
        return TESTS_FAILED, []
    print(f"\n== pytest, once more: {', '.join(failed)}", flush=True)
    return subprocess.run([sys.executable, "-m", "pytest", *failed], cwd=root, env=environment).returncode, failed


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
    again: list[str] = []
    for name, command in checks(arguments).items():
        print(f"\n== {name}", flush=True)
        start = time.monotonic()
        status = subprocess.run(command, cwd=ROOT, env=environment).returncode
        if name == "pytest" and status == TESTS_FAILED:
            status, again = second_try(ROOT, environment)
        results.append((name, status, time.monotonic() - start))
    print("\n== summary")
    for name, status, seconds in results:
        print(f"{name:<16}{'ok' if status == 0 else f'FAILED ({status})':<14}{seconds:7.1f} s")
    for test in again:
        print(f"needed a second try: {test}")
    return 0 if all(status == 0 for _, status, _ in results) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
