"""What matters is told apart on a screen, or by an eye, without colours: by sign, shape and word."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from PySide6.QtCore import QRectF
from PySide6.QtGui import QImage, QPainter, QPixmap

from aoi_app.core.inspection import Defect, Verdict
from aoi_app.gui.board.marks_painter import draw_marks
from aoi_app.gui.board.picture import Marks
from aoi_app.gui.board.viewport import Viewport
from aoi_app.gui.history.again_dialog import SIGN_NAMES
from aoi_app.gui.line.verdict_looks import LOOKS
from aoi_app.gui.review.keys import ACTS
from aoi_app.gui.signs import verdict_pixmap
from aoi_app.gui.statistics.heat import heat_picture
from aoi_app.gui.theme import apply_theme
from aoi_app.station.again import BOTH, GONE, NEW
from tests.gui.world import GuiWorld

LEAST_STEP = 40
"""Levels of grey that an eye tells apart at a glance."""


def grey(pixmap: QPixmap | QImage) -> np.ndarray:
    source = pixmap if isinstance(pixmap, QImage) else pixmap.toImage()
    image = QImage(source.size(), QImage.Format.Format_RGB32)
    image.fill(0xFF808080)
    painter = QPainter(image)
    painter.drawImage(0, 0, source)
    painter.end()
    flat = image.convertToFormat(QImage.Format.Format_Grayscale8)
    rows = np.frombuffer(flat.constBits(), np.uint8).reshape(flat.height(), flat.bytesPerLine())
    return rows[:, : flat.width()].astype(int)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_signs_of_verdicts_differ_in_shape(world: GuiWorld, theme: str) -> None:
    apply_theme(world.application, theme)
    shapes = {verdict: np.abs(grey(verdict_pixmap(verdict)) - 128) > 12 for verdict in Verdict}
    for one, other in combinations((Verdict.PASSED, Verdict.FAILED, Verdict.ERROR), 2):
        differ = shapes[one] ^ shapes[other]
        assert differ.sum() > 0.2 * max(shapes[one].sum(), shapes[other].sum()), (one, other)
    assert len({look.word for look in LOOKS.values()}) == len(LOOKS)


def test_decisions_differ_in_word_sign_and_key() -> None:
    decisions = [act for act in ACTS if act.state is not None]
    for facts in zip(*((act.text, act.icon, act.key) for act in decisions), strict=True):
        assert len(set(facts)) == len(decisions)


def test_what_does_not_count_is_dashed(world: GuiWorld) -> None:
    defect = Defect("short", 0.9, (20.0, 20.0, 80.0, 80.0))
    drawn = {}
    for counts in (True, False):
        image = QImage(100, 100, QImage.Format.Format_RGB32)
        image.fill(0xFF404040)
        marks = Marks.of_defects((defect,))
        marks = Marks(marks.boxes, marks.codes, marks.confidences, np.array([counts]), marks.defects)
        patch = Viewport(100, 100).fitted((100.0, 100.0)).patch(100, 100, 1)
        assert patch is not None
        painter = QPainter(image)
        draw_marks(painter, marks, patch, QRectF(0, 0, 100, 100), None)
        painter.end()
        drawn[counts] = np.abs(grey(image)[:, 10:30] - 64).max(axis=1) > LEAST_STEP // 2
    left_edge = slice(30, 70)
    assert drawn[True][left_edge].all(), "one line"
    assert not drawn[False][left_edge].all() and drawn[False][left_edge].any(), "with gaps"


def test_a_second_look_has_signs() -> None:
    assert len({GONE, NEW, BOTH}) == 3 and set(SIGN_NAMES) == {GONE, NEW}


def test_heat_grows_lighter() -> None:
    rng = np.random.default_rng(1)
    few, many = rng.normal((200, 500), 10, (5, 2)), rng.normal((800, 500), 10, (80, 2))
    picture = heat_picture(np.concatenate([few, many]), None, (1_000, 1_000)).astype(float)
    luminance = picture @ np.array([0.299, 0.587, 0.114])
    scale = picture.shape[0] / 1_000
    at = [luminance[round(500 * scale), round(x * scale)] for x in (500, 200, 800)]
    assert at[0] < at[1] < at[2] and at[2] - at[0] > 2 * LEAST_STEP
