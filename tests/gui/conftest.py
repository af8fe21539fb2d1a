"""A window without a display, on a fake station and a real record."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from tests.gui.world import GuiWorld


@pytest.fixture
def world(tmp_path: Path, qapp: object) -> Iterator[GuiWorld]:
    """Give a window that is not shown yet."""
    made = GuiWorld(tmp_path)
    yield made
    made.close()
