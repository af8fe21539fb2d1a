"""A Debian package around the frozen program."""

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

from steps.errors import SetupError
from steps.libraries import CHINESE_FONT_PACKAGE, QT

NAME = "aoi-station"


def build_deb(frozen: Path, root: Path, version: str, licences: str, output: Path, build: Path) -> Path:
    """Write the package; returns its path.

    The program goes to ``/opt/aoi-station``; ``/usr/bin/aoi`` starts it. Settings and the record live in the user's own
    folders, and are left alone when the package is upgraded or removed.

    Raises
    ------
    SetupError
        If ``dpkg-deb`` is missing or fails.
    """
    if shutil.which("dpkg-deb") is None:
        raise SetupError("dpkg-deb is not on this machine; build the .deb on Debian or Ubuntu")
    tree = build / "deb"
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(frozen, tree / "opt" / NAME, symlinks=True)
    (tree / "usr/bin").mkdir(parents=True)
    (tree / "usr/bin/aoi").symlink_to(f"/opt/{NAME}/aoi")
    _copy(root / "resources/aoi-station.desktop", tree / "usr/share/applications/aoi-station.desktop")
    _copy(root / "resources/icons/aoi.svg", tree / f"usr/share/icons/hicolor/scalable/apps/{NAME}.svg")
    _write(tree / f"usr/share/doc/{NAME}/copyright", f"{(root / 'LICENSE').read_text(encoding='utf-8')}\n{licences}")
    size = sum(path.lstat().st_size for path in tree.rglob("*")) // 1024
    architecture = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True).stdout.strip()
    _write(tree / "DEBIAN/control", control(version, architecture, size))
    package = output / f"{NAME}_{version}_{architecture}.deb"
    command = ["dpkg-deb", "--root-owner-group", "-Zzstd", "--build", str(tree), str(package)]
    if subprocess.run(command, stdout=subprocess.DEVNULL).returncode != 0:
        raise SetupError("dpkg-deb failed (its message stands above)")
    return package


def control(version: str, architecture: str, size_kib: int) -> str:
    """Write the control file. It asks for the C library of the build machine: build on the oldest system to support."""
    libc = os.confstr("CS_GNU_LIBC_VERSION") if sys.platform == "linux" else None
    if libc is None:
        raise SetupError("a .deb needs a build machine with the GNU C library")
    libraries = [
        f"{library.package_t64} | {library.package}" if library.package_t64 else library.package for library in QT
    ]
    depends = [f"libc6 (>= {libc.split()[-1]})", "libstdc++6", "libgcc-s1", *dict.fromkeys(libraries)]
    return textwrap.dedent(f"""\
        Package: {NAME}
        Version: {version}
        Architecture: {architecture}
        Section: science
        Priority: optional
        Maintainer: AOI station developers <aoi-station@localhost>
        Installed-Size: {size_kib}
        Depends: {", ".join(depends)}
        Recommends: {CHINESE_FONT_PACKAGE} | fonts-noto-cjk
        Suggests: libaravis-0.8-0, postgresql
        Description: automated optical inspection of circuit boards
         A station that inspects circuit boards while they pass under a line-scan
         camera, and has the verdict when the board leaves.
        """)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
