"""The command that brings an optional part, for messages."""

from __future__ import annotations

import sys


def install_line(extra: str) -> str:
    """Return what a person types in the project's folder to install an extra, in the pinned versions."""
    if sys.platform == "win32":
        return f'$env:AOI_EXTRAS="{extra}"; powershell -ExecutionPolicy Bypass -File installer\\run.ps1'
    return f'AOI_EXTRAS="{extra}" bash installer/run'
