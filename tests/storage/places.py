"""Where a test keeps its record: a folder, and a database of its own."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class At(NamedTuple):
    """What `Store`, `History` and the others take."""

    folder: Path
    url: str = ""
