"""Take out of a frozen folder what the target system provides itself."""

import subprocess
from pathlib import Path

from steps.errors import SetupError
from steps.libraries import QT

# The system's graphics drivers and camera library are loaded into the process: what they share with it (the C++ and
# GLib libraries) must be the system's own, or a newer one of theirs does not load
_FROM_THE_SYSTEM = (
    "libstdc++.so.6",
    "libgcc_s.so.1",
    "libaravis-0.8.so.0",
    "libgio-2.0.so.0",
    "libgmodule-2.0.so.0",
    "libgobject-2.0.so.0",
    *(library.soname for library in QT),
)
# Draws file dialogs with the desktop's GTK, and would bring half of it along
_UNUSED_PLUGINS = ("PySide6/Qt/plugins/platformthemes/libqgtk3.so",)


def prune(folder: Path) -> list[str]:
    """Remove the libraries that the Debian package depends on, then those that only they needed.

    Parameters
    ----------
    folder
        PyInstaller's ``_internal``. Libraries directly in it come from the build machine; the wheels' own lie deeper.

    Returns
    -------
    list of str
        Names of what was removed.

    Raises
    ------
    SetupError
        If ``objdump`` cannot read a library.
    """
    removed = []
    for name in (*_FROM_THE_SYSTEM, *_UNUSED_PLUGINS):
        if (folder / name).exists():
            (folder / name).unlink()
            removed.append(name)
    while True:
        needed = needed_libraries([path for path in folder.rglob("*.so*") if path.is_file()])
        # the program itself opens the Python library by its name
        loose = [
            path
            for path in folder.glob("lib*.so*")
            if not path.is_symlink() and path.name not in needed and not path.name.startswith("libpython")
        ]
        if not loose:
            return removed
        for path in loose:
            path.unlink()
            removed.append(path.name)


def needed_libraries(files: list[Path]) -> set[str]:
    """Names of the libraries that the given ones are linked to.

    Raises
    ------
    SetupError
        If ``objdump`` is missing or cannot read one.
    """
    run = subprocess.run(["objdump", "-p", *files], capture_output=True, text=True)
    if run.returncode != 0:
        raise SetupError(f"objdump cannot read the frozen libraries: {run.stderr.strip()}")
    return {line.split()[1] for line in run.stdout.splitlines() if line.strip().startswith("NEEDED")}
