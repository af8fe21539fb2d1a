"""What the check does with tests that fail: a few are run once more, and said."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import check

AT_THE_SECOND = """
from pathlib import Path
def test_busy():
    seen = Path(__file__).with_name("seen")
    again = seen.exists()
    seen.touch()
    assert again
def test_calm():
    pass
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(check, "ROOT", tmp_path)
    monkeypatch.setattr(check, "checks", lambda arguments: {"pytest": [sys.executable, "-m", "pytest", *arguments]})
    return tmp_path


def test_what_passes_at_the_second_try_is_said(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (project / "test_it.py").write_text(AT_THE_SECOND)
    assert check.main([]) == 0
    said = capfd.readouterr().out
    assert "needed a second try: test_it.py::test_busy" in said and "test_calm" not in said.rpartition("summary")[2]


def test_what_fails_twice_has_failed(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (project / "test_it.py").write_text("def test_no():\n    assert 0\n")
    assert check.main([]) == 1
    assert "FAILED (1)" in capfd.readouterr().out


def test_many_failures_are_no_accident(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    numbers = range(check.SECOND_TRY + 1)
    (project / "test_it.py").write_text("".join(f"def test_{n}():\n    assert 0\n" for n in numbers))
    assert check.main([]) == 1
    assert "once more" not in capfd.readouterr().out


def test_no_tests_at_all_is_a_failure(project: Path) -> None:
    assert check.main([]) == 1


def test_a_worker_that_dies_among_the_last_tests_ends_the_run(tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / f"test_{number}.py").write_text("def test_a(): pass\ndef test_b(): pass\n")
    (tmp_path / "test_z1.py").write_text("import os, time\ndef test_it():\n    time.sleep(1)\n    os._exit(1)\n")
    (tmp_path / "test_z2.py").write_text("def test_it(): pass\n")
    command = check.pytest_command(["-q"])
    if "-n" not in command:
        command += ["-n", "2", "--dist", "worksteal"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert ran.returncode == check.TESTS_FAILED
    assert "1 failed, 9 passed" in ran.stdout
    assert check.failed_tests(tmp_path) == ["test_z1.py::test_it"]
