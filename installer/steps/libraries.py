"""The system libraries that Qt needs, and a font with Chinese characters: which are missing, by trying to load them."""

import ctypes
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Library:
    """A shared library, the Debian / Ubuntu package that has it, and that package's name since the 64-bit time change.

    ``window`` libraries are needed to open a window only, not for ``--offscreen``.
    """

    soname: str
    package: str
    package_t64: str = ""
    window: bool = False


QT = (
    Library("libglib-2.0.so.0", "libglib2.0-0", "libglib2.0-0t64"),
    Library("libgthread-2.0.so.0", "libglib2.0-0", "libglib2.0-0t64"),
    Library("libGL.so.1", "libgl1"),
    Library("libEGL.so.1", "libegl1"),
    Library("libX11.so.6", "libx11-6"),
    Library("libxkbcommon.so.0", "libxkbcommon0"),
    Library("libfontconfig.so.1", "libfontconfig1"),
    Library("libfreetype.so.6", "libfreetype6"),
    Library("libdbus-1.so.3", "libdbus-1-3"),
    Library("libX11-xcb.so.1", "libx11-xcb1", window=True),
    Library("libxkbcommon-x11.so.0", "libxkbcommon-x11-0", window=True),
    Library("libxcb-cursor.so.0", "libxcb-cursor0", window=True),
    Library("libxcb-icccm.so.4", "libxcb-icccm4", window=True),
    Library("libxcb-image.so.0", "libxcb-image0", window=True),
    Library("libxcb-keysyms.so.1", "libxcb-keysyms1", window=True),
    Library("libxcb-randr.so.0", "libxcb-randr0", window=True),
    Library("libxcb-render.so.0", "libxcb-render0", window=True),
    Library("libxcb-render-util.so.0", "libxcb-render-util0", window=True),
    Library("libxcb-shape.so.0", "libxcb-shape0", window=True),
    Library("libxcb-shm.so.0", "libxcb-shm0", window=True),
    Library("libxcb-sync.so.1", "libxcb-sync1", window=True),
    Library("libxcb-util.so.1", "libxcb-util1", window=True),
    Library("libxcb-xfixes.so.0", "libxcb-xfixes0", window=True),
    Library("libxcb-xkb.so.1", "libxcb-xkb1", window=True),
)

# 5 MB; the usual fonts-noto-cjk takes 90 MB. Any of these names means that Chinese text can be shown.
CHINESE_FONT_PACKAGE = "fonts-wqy-microhei"
_CHINESE_FONT_NAMES = ("cjk", "wqy", "droidsansfallback", "uming", "ukai", "sourcehan", "notosanssc", "msyh", "simsun")
_FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts")


def loads(soname: str) -> bool:
    """Whether the loader finds a library."""
    try:
        ctypes.CDLL(soname)
    except OSError:
        return False
    return True


def missing_libraries(window: bool) -> list[Library]:
    """Find what Qt needs and this machine lacks; ``window`` asks for what a real window needs as well."""
    return [library for library in QT if (window or not library.window) and not loads(library.soname)]


def has_chinese_font(folders: Sequence[str] = _FONT_FOLDERS) -> bool:
    """Whether a font with Chinese characters is installed."""
    return any(
        name in path.name.lower()
        for folder in folders
        for path in Path(folder).expanduser().rglob("*.[to]t[fc]")
        for name in _CHINESE_FONT_NAMES
    )


def unresolved(files: Sequence[Path]) -> list[str]:
    """Names of libraries that ``ldd`` does not find for the given files: the last word on what is missing.

    Qt's own message names libxcb-cursor0 whichever library of that family is missing.
    """
    names = set()
    for file in files:
        answer = subprocess.run(["ldd", file], capture_output=True, text=True)
        names |= {line.split()[0] for line in answer.stdout.splitlines() if "not found" in line}
    return sorted(names)
