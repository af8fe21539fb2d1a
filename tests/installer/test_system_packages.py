"""What the set-up says and does about system packages."""

import os
import shutil
import stat
import sys
import sysconfig
from pathlib import Path

import pytest

from steps import packages
from steps.errors import SetupError
from steps.libraries import Library, has_chinese_font, loads, missing_libraries, unresolved

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux packages")

ABSENT = Library("libaoi-not-there.so.9", "libaoi9", "libaoi9t64", window=True)


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put an apt-get and an apt-cache of our own on the PATH; returns the file that they note their calls in."""
    log = tmp_path / "calls"
    for name, status in (("apt-get", 0), ("apt-cache", 1)):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\necho {name} "$@" >> {log}\nexit {status}\n', encoding="utf-8")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return log


def machine(monkeypatch: pytest.MonkeyPatch, *, user: int, libraries: list[Library], font: bool = True) -> None:
    monkeypatch.setattr(packages, "missing_libraries", lambda window: libraries)
    monkeypatch.setattr(packages, "has_chinese_font", lambda: font)
    monkeypatch.setattr(os, "geteuid", lambda: user)


def test_root_gets_the_packages_installed(apt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, user=0, libraries=[ABSENT], font=False)
    packages.provide_system_packages(window=True, venv=False)
    calls = apt.read_text(encoding="utf-8")
    assert "apt-get update" in calls
    assert "apt-get install --yes --no-install-recommends libaoi9 fonts-wqy-microhei" in calls


def test_anyone_else_gets_the_exact_command(apt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, user=1000, libraries=[ABSENT])
    with pytest.raises(SetupError, match=r"sudo apt-get install --no-install-recommends libaoi9$"):
        packages.provide_system_packages(window=True, venv=False)
    assert "apt-get" not in apt.read_text(encoding="utf-8")


def test_python_without_venv_is_named_in_the_same_command(apt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, user=1000, libraries=[ABSENT])
    monkeypatch.setattr(packages, "can_make_environments", lambda: False)
    with pytest.raises(SetupError, match=rf"recommends python3\.{sys.version_info.minor}-venv libaoi9$"):
        packages.provide_system_packages(window=True, venv=True)


def test_a_missing_font_stops_nobody(
    apt: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machine(monkeypatch, user=1000, libraries=[], font=False)
    packages.provide_system_packages(window=True, venv=False)
    assert "sudo apt-get install --no-install-recommends fonts-wqy-microhei" in capsys.readouterr().out


def test_a_failing_apt_get_is_told(apt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, user=0, libraries=[ABSENT])
    (apt.parent / "bin/apt-get").write_text("#!/bin/sh\nexit 100\n", encoding="utf-8")
    with pytest.raises(SetupError, match="apt-get failed"):
        packages.provide_system_packages(window=True, venv=False)


def test_without_apt_the_libraries_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, user=1000, libraries=[ABSENT])
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match=r"lacks libaoi-not-there\.so\.9"):
        packages.provide_system_packages(window=True, venv=False)


def test_the_release_decides_the_name(apt: Path) -> None:
    assert packages.package_names([ABSENT, ABSENT]) == ["libaoi9"]
    (apt.parent / "bin/apt-cache").write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    assert packages.package_names([ABSENT]) == ["libaoi9t64"]


def test_libraries_are_found_by_loading_them() -> None:
    assert loads("libc.so.6")
    assert not loads(ABSENT.soname)
    assert {library.window for library in missing_libraries(window=False)} <= {False}


def test_a_chinese_font_is_known_by_its_file(tmp_path: Path) -> None:
    (tmp_path / "truetype").mkdir()
    (tmp_path / "truetype/DejaVuSans.ttf").touch()
    assert not has_chinese_font([str(tmp_path)])
    (tmp_path / "truetype/wqy-microhei.ttc").touch()
    assert has_chinese_font([str(tmp_path)])


def test_ldd_has_the_last_word() -> None:
    assert unresolved([Path(sys.executable)]) == []


def test_what_builds_the_package_is_asked_for_before_anything_is_downloaded(
    apt: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    library = f"libpython3.{sys.version_info.minor}"
    monkeypatch.setattr(packages, "loads", lambda soname: False)
    monkeypatch.setattr(sysconfig, "get_config_var", lambda name: str(tmp_path))
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "objdump" else f"/usr/bin/{name}")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SetupError, match=rf"binutils {library}\n.*\n  sudo apt-get install .* binutils {library}$"):
        packages.provide_build_packages()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    packages.provide_build_packages()
    assert f"install --yes --no-install-recommends binutils {library}" in apt.read_text(encoding="utf-8")


def test_a_python_with_its_library_beside_it_builds_the_package(
    apt: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(packages, "loads", lambda soname: False)
    monkeypatch.setattr(sysconfig, "get_config_var", lambda name: str(tmp_path))
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    (tmp_path / f"libpython3.{sys.version_info.minor}.so.1.0").touch()
    packages.provide_build_packages()
    assert not apt.exists()
