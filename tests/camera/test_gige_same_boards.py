"""Boards over GigE Vision are, byte for byte, those that the folder driver delivers."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from aoi_app.boards import BoardSpec, draw_board
from aoi_app.camera import aravis_library
from aoi_app.camera.aravis import AravisCamera
from aoi_app.camera.folder import ImageSource, folder_camera
from aoi_app.camera.gige.device import GigeDevice
from aoi_app.core.protocols import AcquisitionConfig
from tests.camera.boards import grab, loopback

BOARDS = 12


@pytest.mark.link
@pytest.mark.skipif(aravis_library.missing() is not None, reason=str(aravis_library.missing()))
def test_boards_with_defects_are_the_same_over_the_wire(tmp_path: Path) -> None:
    for number in range(BOARDS):
        board = draw_board(BoardSpec(width=320, lines=300 + number), (5, number))
        cv2.imwrite(str(tmp_path / f"{number}.png"), board.image)
    folder = folder_camera(ImageSource([tmp_path]))
    folder.open()
    expected = grab(folder, AcquisitionConfig(height=64, acquisition_line_rate=None), BOARDS)
    folder.close()
    device = GigeDevice(ImageSource([tmp_path]), loopback(51), gap_lines=100)
    device.start()
    camera = AravisCamera(loopback(51))
    try:
        camera.open()
        got = grab(camera, AcquisitionConfig(height=64, acquisition_line_rate=20_000.0), BOARDS)
    finally:
        camera.close()
        device.stop()
    assert len(expected) == BOARDS and all(end.completeness.ok for end in (*expected, *got))
    assert [end.input_hash for end in got] == [end.input_hash for end in expected]
