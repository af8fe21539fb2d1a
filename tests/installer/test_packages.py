"""The offline bundle and the desktop package: what goes into them."""

import hashlib
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import bundle
from steps.deb import build_deb, control
from steps.environment import Environment
from steps.errors import SetupError
from steps.freeze import check_start
from steps.nsis import build_setup, draw_icon
from steps.wheels import Target, requirements_for

ROOT = Path(__file__).resolve().parents[2]

LOCK = """
# a comment
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via typer
numpy==2.2.6 ; python_full_version < '3.11' \\
    --hash=sha256:cc
numpy==2.5.5 ; python_full_version >= '3.12' \\
    --hash=sha256:dd
rich==15.0.0 \\
    --hash=sha256:ee
"""


@pytest.mark.parametrize(
    ("target", "lines"),
    [
        (Target("linux", "3.10"), ["numpy==2.2.6 --hash=sha256:cc", "rich==15.0.0 --hash=sha256:ee"]),
        (Target("linux", "3.11"), ["rich==15.0.0 --hash=sha256:ee"]),
        (
            Target("windows", "3.13"),
            [
                "colorama==0.4.6 --hash=sha256:aa --hash=sha256:bb",
                "numpy==2.5.5 --hash=sha256:dd",
                "rich==15.0.0 --hash=sha256:ee",
            ],
        ),
    ],
)
def test_the_other_machine_decides_which_wheels(target: Target, lines: list[str]) -> None:
    assert requirements_for(LOCK, target) == lines


needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="no git on this machine")


@needs_git
def test_a_bundle_holds_the_project_the_wheels_and_their_hashes(tmp_path: Path) -> None:
    project, wheels = tmp_path / "project", tmp_path / "wheels"
    (project / "installer").mkdir(parents=True)
    wheels.mkdir()
    (project / "installer/run").write_bytes(b"run\n")
    (project / "untracked").write_bytes(b"not part of it")
    (wheels / "a-1-py3-none-any.whl").write_bytes(b"wheel")
    for command in (["init", "-q"], ["add", "installer/run"]):
        subprocess.run(["git", "-C", project, *command], check=True)
    archive = tmp_path / "bundle.zip"
    bundle.pack(archive, project, wheels, "aoi")
    with zipfile.ZipFile(archive) as content:
        assert set(content.namelist()) == {
            "aoi/installer/run",
            "aoi/wheelhouse/a-1-py3-none-any.whl",
            "aoi/SHA256SUMS",
        }
        for line in content.read("aoi/SHA256SUMS").decode().splitlines():
            digest, name = line.split("  ")
            assert hashlib.sha256(content.read(f"aoi/{name}")).hexdigest() == digest
    digest, name = (tmp_path / "bundle.zip.sha256").read_text(encoding="utf-8").split()
    assert (digest, name) == (hashlib.sha256(archive.read_bytes()).hexdigest(), "bundle.zip")


@needs_git
def test_a_bundle_needs_a_checkout(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="git checkout"):
        bundle.tracked_files(tmp_path)


def test_a_bundle_needs_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match="git is not on this machine"):
        bundle.tracked_files(tmp_path)


@pytest.fixture
def frozen(tmp_path: Path) -> Path:
    """Return a folder such as PyInstaller makes, with a program that says its name."""
    folder = tmp_path / "frozen"
    (folder / "_internal").mkdir(parents=True)
    (folder / "aoi").write_text("#!/bin/sh\necho aoi\n", encoding="utf-8")
    (folder / "aoi").chmod(0o755)
    (folder / "_internal/library.so").write_bytes(bytes(5000))
    return folder


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="no dpkg-deb on this machine")
def test_the_debian_package_installs_program_menu_entry_and_icon(tmp_path: Path, frozen: Path) -> None:
    package = build_deb(frozen, ROOT, "1.2.3", "licences of libraries", tmp_path, tmp_path / "build")
    assert package.name.startswith("aoi-station_1.2.3_")
    unpacked = tmp_path / "unpacked"
    subprocess.run(["dpkg-deb", "-x", package, unpacked], check=True)
    assert (unpacked / "usr/bin/aoi").readlink() == Path("/opt/aoi-station/aoi")
    assert subprocess.run([unpacked / "opt/aoi-station/aoi"], capture_output=True).stdout == b"aoi\n"
    entry = (unpacked / "usr/share/applications/aoi-station.desktop").read_text(encoding="utf-8")
    icon = next(line.removeprefix("Icon=") for line in entry.splitlines() if line.startswith("Icon="))
    assert (unpacked / f"usr/share/icons/hicolor/scalable/apps/{icon}.svg").is_file()
    assert "licences of libraries" in (unpacked / "usr/share/doc/aoi-station/copyright").read_text(encoding="utf-8")
    fields = subprocess.run(["dpkg-deb", "-f", package], capture_output=True, text=True, check=True).stdout
    assert "Version: 1.2.3" in fields


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux packages")
def test_the_debian_package_asks_for_what_qt_needs() -> None:
    depends = next(line for line in control("1", "amd64", 1).splitlines() if line.startswith("Depends: "))
    for name in ("libglib2.0-0t64 | libglib2.0-0", "libegl1", "libxcb-cursor0", "libxcb-keysyms1", "libc6 (>= 2."):
        assert name in depends


@pytest.mark.skipif(shutil.which("makensis") is None, reason="no makensis on this machine")
def test_the_windows_set_up_compiles(tmp_path: Path, frozen: Path) -> None:
    icon = tmp_path / "build/aoi.ico"
    draw_icon(_this_environment(), ROOT / "resources/icons/aoi.svg", icon)
    setup = build_setup(frozen, ROOT, "1.2.3", icon, tmp_path)
    assert setup.read_bytes()[:2] == b"MZ"


def test_the_windows_icon_is_drawn(tmp_path: Path) -> None:
    icon = tmp_path / "aoi.ico"
    draw_icon(_this_environment(), ROOT / "resources/icons/aoi.svg", icon)
    assert icon.read_bytes()[:4] == b"\x00\x00\x01\x00"


def _this_environment() -> Environment:
    return Environment(ROOT, Path(sys.prefix))


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for the program is a shell script")
@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("exit 0", "no verdict"),
        ('[ "$1" = inspect ] || exit 3', r"fails at 'aoi --offscreen .*exit 3"),
        ('[ "$1" = inspect ] && { echo broken >&2; exit 2; }; true', r"fails at 'aoi inspect(.|\n)*broken"),
        ('[ "$1" = inspect ] && echo \'{"board": "board", "verdict": "ERROR"}\'; true', "no verdict"),
    ],
)
def test_a_package_that_does_not_work_is_refused(frozen: Path, script: str, complaint: str) -> None:
    (frozen / "aoi").write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    with pytest.raises(SetupError, match=complaint):
        check_start(frozen)


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for the program is a shell script")
def test_a_package_that_inspects_is_accepted(frozen: Path) -> None:
    answer = '{"board": "board", "verdict": "FAILED"}'
    (frozen / "aoi").write_text(f"#!/bin/sh\n[ $1 = inspect ] && echo '{answer}' && exit 1\nexit 0\n", encoding="utf-8")
    check_start(frozen)
