"""The board view as an operator uses it: mouse, keys, boxes, growing boards."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from aoi_app.core.inspection import Defect
from aoi_app.gui.board.minimap import Minimap
from aoi_app.gui.board.picture import BoardPicture, Marks, picture_of_image
from aoi_app.gui.board.view import BoardView, Mode
from aoi_app.gui.texts import use_language
from aoi_app.gui.theme import apply_theme
from aoi_app.station.live import Pyramid

SIZE = (640, 480)


@pytest.fixture
def view(qapp: QApplication, qtbot: QtBot) -> Iterator[BoardView]:
    use_language("en")
    apply_theme(qapp, "dark")
    made = BoardView()
    qtbot.addWidget(made)
    made.resize(*SIZE)
    made.show()
    qtbot.waitExposed(made)
    yield made


def pixels(view: BoardView) -> NDArray[np.uint8]:
    view.clearFocus()  # its ring lies on the outermost pixels
    image = view.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return np.array(rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3), np.uint8)


def board(width: int = 1_000, lines: int = 1_500) -> NDArray[np.uint8]:
    y, x = np.mgrid[:lines, :width]
    return np.asarray((x * 7 + y * 3) % 251, np.uint8)


def marks() -> Marks:
    return Marks.of_defects(
        (Defect("short", 0.9, (400, 600, 440, 640), 120.0), Defect("open", 0.8, (100, 100, 130, 120)))
    )


@pytest.mark.parametrize("colour", [False, True])
def test_one_to_one_shows_the_very_pixels(view: BoardView, colour: bool) -> None:
    image = board()
    if colour:
        image = np.stack([image, 255 - image, image // 2], axis=2)
    view.show_picture(picture_of_image("a", image))
    view.actual_size()
    shown = pixels(view)
    left, top = (round(v) for v in view.viewport.visible()[:2])
    wanted = image[top : top + SIZE[1], left : left + SIZE[0]]
    assert np.array_equal(shown, wanted if colour else np.repeat(wanted[..., None], 3, axis=2))


def test_an_enlarged_pixel_is_a_square_of_one_value(view: BoardView) -> None:
    view.show_picture(picture_of_image("a", board()))
    view.actual_size()
    for _ in range(10):
        view.zoom_in()
    shown = pixels(view)[..., 0]
    assert set(np.unique(shown)) <= set(range(251))
    side = view.viewport.scale
    changes = np.count_nonzero(np.diff(shown[200].astype(int)))
    assert changes <= SIZE[0] / side + 2


def test_a_small_scratch_is_seen_on_the_whole_board(view: BoardView) -> None:
    image = np.full((6_000, 6_000), 200, np.uint8)
    image[3_000:3_012, 1_000:5_000] = 0
    view.show_picture(picture_of_image("a", image))
    assert (pixels(view)[..., 0][100:-100] < 190).any()


def test_growing_board_shows_only_lines_that_are_in(view: BoardView) -> None:
    image = np.full((1_000, 1_000), 77, np.uint8)
    pyramid = Pyramid(image)
    pyramid.grow(400)
    view.show_picture(BoardPicture("a", pyramid.levels, 400, False, Marks.of_defects(())))
    shown = pixels(view)[..., 0]
    fraction = np.count_nonzero(shown[:, SIZE[0] // 2] == 77) / SIZE[1]
    assert 0.36 < fraction < 0.42
    assert view.board_size == (1_000, 1_000)


def test_follow_stays_with_the_scan_until_the_operator_moves(view: BoardView, qtbot: QtBot) -> None:
    image = board(1_000, 4_000)
    pyramid = Pyramid(image)
    view.follow()
    for lines in (500, 2_000, 3_900):
        pyramid.grow(lines)
        view.show_picture(BoardPicture("a", pyramid.levels, lines, False, Marks.of_defects(())))
        _, top, _, bottom = view.viewport.visible()
        assert top < lines <= bottom
    QTest.keyClick(view, Qt.Key.Key_Left)
    assert view.mode is Mode.FREE
    before = view.viewport
    view.show_picture(BoardPicture("a", pyramid.levels, 3_950, False, Marks.of_defects(())))
    assert view.viewport == before


@pytest.mark.parametrize(
    ("key", "changes"),
    [
        (Qt.Key.Key_Plus, lambda a, b: b.scale > a.scale),
        (Qt.Key.Key_Minus, lambda a, b: b.scale < a.scale),
        (Qt.Key.Key_1, lambda a, b: b.scale == pytest.approx(1)),
        (Qt.Key.Key_Left, lambda a, b: b.x < a.x and b.y == a.y),
        (Qt.Key.Key_Down, lambda a, b: b.y > a.y and b.x == a.x),
    ],
)
def test_keys(view: BoardView, key: Qt.Key, changes: object) -> None:
    view.show_picture(picture_of_image("a", board()))
    before = view.viewport
    QTest.keyClick(view, key)
    assert callable(changes) and changes(before, view.viewport)
    QTest.keyClick(view, Qt.Key.Key_F)
    assert view.viewport == before and view.mode is Mode.FIT


def test_wheel_zooms_at_the_cursor(view: BoardView) -> None:
    view.show_picture(picture_of_image("a", np.zeros((8_000, 8_000), np.uint8)))
    at = QPointF(300, 200)
    before = view.viewport.to_board(at.x(), at.y())
    event = QWheelEvent(
        at, at, QPoint(), QPoint(0, 360), Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(view, event)
    assert view.viewport.to_board(at.x(), at.y()) == pytest.approx(before)
    assert view.mode is Mode.FREE


def test_click_selects_the_defect_under_it_and_beside_it_none(view: BoardView, qtbot: QtBot) -> None:
    view.show_picture(picture_of_image("a", board(), marks()))
    patch = view.viewport.patch(1_000, 1_500, 6)
    assert patch is not None
    x1, y1, x2, y2 = patch.to_screen(marks().boxes)[0]
    with qtbot.waitSignal(view.defect_clicked) as told:
        QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(round((x1 + x2) / 2), round((y1 + y2) / 2)))
    assert told.args == [0]
    with qtbot.waitSignal(view.defect_clicked) as told:
        QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(5, 5))
    assert told.args == [-1]


def test_drag_moves_the_picture_and_selects_nothing(view: BoardView, qtbot: QtBot) -> None:
    view.show_picture(picture_of_image("a", board(), marks()))
    view.actual_size()
    before = view.viewport
    with qtbot.assertNotEmitted(view.defect_clicked):
        QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=QPoint(300, 200))
        QTest.mouseMove(view, QPoint(260, 170))
        QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=QPoint(260, 170))
    assert view.viewport.x == pytest.approx(before.x + 40)
    assert view.viewport.y == pytest.approx(before.y + 30)


def test_boxes_are_drawn_in_the_colour_of_their_class_and_can_be_hidden(view: BoardView) -> None:
    image = np.full((1_500, 1_000), 128, np.uint8)
    view.show_picture(picture_of_image("a", image, marks()))
    shown = pixels(view).astype(int)
    coloured = np.ptp(shown, axis=2) > 60
    assert 60 < np.count_nonzero(coloured) < 3_000
    view.set_marks_shown(False)
    assert not (np.ptp(pixels(view).astype(int), axis=2) > 60).any()


def test_selected_defect_comes_to_the_centre(view: BoardView) -> None:
    view.show_picture(picture_of_image("a", board(), marks()))
    view.select(1, centre=True)
    assert view.viewport.to_board(SIZE[0] / 2, SIZE[1] / 2) == pytest.approx((115, 110))
    view.show_picture(picture_of_image("b", board(), marks()))
    assert view.mode is Mode.FREE


def test_paints_are_coalesced_and_limited(view: BoardView, qtbot: QtBot) -> None:
    picture = picture_of_image("a", board())
    qtbot.wait(50)
    painted = view.meter.total
    for _ in range(500):
        view.show_picture(picture)
    qtbot.waitUntil(lambda: view.meter.total > painted, timeout=60_000)
    qtbot.wait(60)
    assert view.meter.total - painted <= 6


def test_minimap_is_there_only_when_part_of_the_board_is_in_view(view: BoardView) -> None:
    minimap = Minimap(view)
    view.show_picture(picture_of_image("a", board(), marks()))
    assert not minimap.isVisible()
    view.actual_size()
    assert minimap.isVisible()
    QTest.mouseClick(minimap, Qt.MouseButton.LeftButton, pos=QPoint(minimap.width() // 2, minimap.height() - 2))
    assert view.viewport.y > 1_400
    view.fit()
    assert not minimap.isVisible()


def test_largest_board_moves_without_touching_most_of_its_pixels(view: BoardView) -> None:
    image = np.zeros((16_384, 16_384), np.uint8)
    view.show_picture(picture_of_image("a", image))
    for act in (view.zoom_in, view.actual_size, view.fit, view.zoom_out):
        act()
        patch = view.viewport.patch(16_384, 16_384, 6)
        assert patch is not None
        read = (patch.rows[1] - patch.rows[0]) * (patch.columns[1] - patch.columns[0])
        assert read <= 4.2 * SIZE[0] * SIZE[1]
        pixels(view)


def test_empty_view_says_so(view: BoardView) -> None:
    shown = pixels(view)
    assert (shown != np.array((0x14, 0x15, 0x17))).any()
