"""Where the files that the window shows lie: style, texts, icons."""

from __future__ import annotations

import os
from pathlib import Path

RESOURCES_VARIABLE = "AOI_RESOURCES"


def resources_dir() -> Path:
    """Return the folder of the resources: `AOI_RESOURCES`, else `resources` beside the package."""
    chosen = os.environ.get(RESOURCES_VARIABLE)
    return Path(chosen) if chosen else Path(__file__).resolve().parents[2] / "resources"
