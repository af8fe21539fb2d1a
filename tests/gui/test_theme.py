from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QFile
from PySide6.QtWidgets import QApplication

from aoi_app.gui.resources import resources_dir
from aoi_app.gui.theme import apply_theme


@pytest.fixture(params=["AOI Prüfstand 板", "it's (1) #2 100%", "a;b{c}"])
def elsewhere(
    qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Path]:
    """The resources in a folder of an odd name; the usual style stands again afterwards."""
    folder = tmp_path / request.param
    shutil.copytree(resources_dir(), folder)
    with monkeypatch.context() as changed:
        changed.setenv("AOI_RESOURCES", str(folder))
        yield folder
    apply_theme(qapp, "dark")


def test_the_style_holds_wherever_the_program_lies(qapp: QApplication, qtlog: Any, elsewhere: Path) -> None:
    apply_theme(qapp, "dark")
    assert [record.message for record in qtlog.records if "stylesheet" in record.message] == []
    assert str(elsewhere) not in qapp.styleSheet()
    for icon in ("tick", "chevron", "chevron-up"):
        assert f"icons:{icon}-dark.svg" in qapp.styleSheet() and QFile.exists(f"icons:{icon}-dark.svg")
