"""Which Python the scripts choose on a machine with several, with none, and with one that does not run."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(shutil.which("bash") is None or sys.platform == "win32", reason="needs bash")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Return a folder that is the whole PATH: a few tools, and no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in ("bash", "sh", "cut", "dirname", "head", "sort"):
        program = shutil.which(tool)
        assert program
        (folder / tool).symlink_to(program)
    add(folder, "id", "echo 1000")
    (tmp_path / "installer").mkdir()
    shutil.copy(ROOT / "installer/prepare.sh", tmp_path / "installer/prepare.sh")
    return folder


def add(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    (folder / name).chmod(0o755)


def find(machine: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    script = f'. "{machine.parent}/installer/prepare.sh"; find_python && echo "chosen: $python"'
    return subprocess.run(
        [machine / "bash", "-c", script], capture_output=True, text=True, env={"PATH": str(machine), **environment}
    )


def test_the_newest_that_can_make_environments(machine: Path) -> None:
    add(machine, "python3.13", "exit 127")  # a pyenv shim of a version that is not chosen
    add(machine, "python3.12", "echo 0 3.12 /usr/bin/python3.12")
    add(machine, "python3.10", "echo 1 3.10 /opt/python 3.10/bin/python")
    add(machine, "python3", "echo 1 3.11 /usr/bin/python3.11")
    assert find(machine).stdout == "chosen: /usr/bin/python3.11\n"


def test_one_without_venv_is_better_than_none(machine: Path) -> None:
    """The set-up then names the package to install."""
    add(machine, "python3", "echo 0 3.12 /usr/bin/python3.12")
    assert find(machine).stdout == "chosen: /usr/bin/python3.12\n"


def test_a_folder_with_a_blank_in_its_name(machine: Path) -> None:
    add(machine, "python3", "echo 1 3.12 '/opt/my python/bin/python3'")
    assert find(machine).stdout == "chosen: /opt/my python/bin/python3\n"


def test_the_environment_keeps_its_version(machine: Path) -> None:
    add(machine, "python3.13", "echo 1 3.13 /usr/bin/python3.13")
    own = machine.parent / ".venv/bin"
    own.mkdir(parents=True)
    add(own, "python", "echo 1 3.11 /usr/bin/python3.11")
    assert find(machine).stdout == f"chosen: {own}/python\n"
    add(own, "python", "exit 127")
    assert find(machine).stdout == "chosen: /usr/bin/python3.13\n"


def test_the_one_asked_for(machine: Path) -> None:
    add(machine, "python3.13", "echo 1 3.13 /usr/bin/python3.13")
    assert find(machine, AOI_PYTHON=sys.executable).stdout == f"chosen: {sys.executable}\n"
    answer = find(machine, AOI_PYTHON="/nowhere/python3")
    assert answer.returncode == 1
    assert "AOI_PYTHON=/nowhere/python3 is not a Python 3.10 to 3.13 that runs" in answer.stderr
    add(machine, "python3.14", 'case "$1" in --version) echo Python 3.14.0;; *) exit 1;; esac')
    assert "found: Python 3.14.0" in find(machine, AOI_PYTHON="python3.14").stderr


def test_none_at_all_says_what_to_install(machine: Path) -> None:
    add(machine, "python3", 'case "$1" in --version) echo Python 3.9.2;; *) exit 1;; esac')
    add(machine, "apt-get", "exit 100")
    answer = find(machine)
    assert answer.returncode == 1
    assert "found: Python 3.9.2" in answer.stderr
    assert "sudo apt-get install python3 python3-venv" in answer.stderr


def test_root_gets_one_installed(machine: Path) -> None:
    add(machine, "id", "echo 0")
    (machine / "ln").symlink_to(str(shutil.which("ln")))
    add(machine, "new", "echo 1 3.11 /usr/bin/python3.11")
    add(machine, "apt-get", f'case "$*" in install*python3-venv*) ln -s {machine}/new {machine}/python3;; esac')
    assert find(machine).stdout.endswith("chosen: /usr/bin/python3.11\n")


def test_root_without_a_package_source_is_told(machine: Path) -> None:
    add(machine, "id", "echo 0")
    add(machine, "apt-get", "exit 100")
    answer = find(machine)
    assert answer.returncode == 1
    assert "no Python 3.10 to 3.13 found" in answer.stderr


@pytest.mark.parametrize("name", ["run", "test", "bundle", "package", "lock", "prepare.sh"])
def test_every_script_parses(name: str) -> None:
    subprocess.run(["bash", "-n", ROOT / "installer" / name], check=True)
