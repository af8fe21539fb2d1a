"""Boards with defects over GigE Vision through the whole station, its model and its record; and from files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import pytest

from aoi_app.app import build_station
from aoi_app.boards import BoardSpec, draw_board
from aoi_app.camera import aravis_library
from aoi_app.camera.folder import ImageSource
from aoi_app.camera.gige.device import GigeDevice
from aoi_app.core.recipe import Recipe
from aoi_app.core.settings import CameraSettings, Settings
from aoi_app.storage.history import History
from aoi_app.storage.query import HistoryQuery
from tests.camera.boards import loopback
from tests.station.conftest import wait_until

BOARDS, SIDE = 50, 640

pytestmark = [
    pytest.mark.slow,
    pytest.mark.link,
    pytest.mark.skipif(aravis_library.missing() is not None, reason=str(aravis_library.missing())),
]


def inspected(camera: CameraSettings, data: Path) -> Sequence[tuple[object, ...]]:
    """Return what the record says of each board after a run: verdict, proof of its pixels, defects box for box."""
    settings = Settings(camera=camera, data_dir=str(data), model="pcb-bare.onnx", ring_slots=64)
    station = build_station(settings, Recipe(width_px=SIDE))
    station.start()
    try:
        wait_until(lambda: station.status().counters.boards >= BOARDS, timeout_s=120)
    finally:
        station.close()
    history = History(data)
    try:
        records = list(history.records(HistoryQuery()))[::-1][:BOARDS]
    finally:
        history.close()
    return [
        (
            record.row.verdict,
            record.inspection.input_hash,
            record.inspection.defects,
        )
        for record in records
    ]


def test_fifty_boards_with_defects_have_the_same_record_box_for_box(tmp_path: Path) -> None:
    images = tmp_path / "boards"
    images.mkdir()
    for number in range(BOARDS):
        board = draw_board(BoardSpec(width=SIDE, lines=SIDE), (11, number))
        cv2.imwrite(str(images / f"{number:02d}.png"), board.image)
    expected = inspected(CameraSettings(source=f"folder:{images}", line_rate=None), tmp_path / "folder")
    device = GigeDevice(ImageSource([images]), loopback(71), gap_lines=200)
    device.start()
    try:
        camera = CameraSettings(source=f"gige:{loopback(71)}", line_rate=8_000.0)
        got = inspected(camera, tmp_path / "gige")
    finally:
        device.stop()
    assert got == expected and len(got) == BOARDS
    assert sum(len(defects) for *_, defects in got) >= BOARDS  # type: ignore[misc, arg-type]
