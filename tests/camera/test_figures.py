from __future__ import annotations

import cv2
import numpy as np

from aoi_app.camera.figures import line_figures


def test_focus_is_greatest_when_it_is_sharp_whatever_the_light() -> None:
    stripes = np.tile(np.repeat(np.array([40, 140], np.uint8), 8), (32, 16))
    sharp, bright = line_figures(stripes), line_figures(stripes + 60)
    blurred = [line_figures(np.asarray(cv2.GaussianBlur(stripes, (0, 0), s), np.uint8)).focus for s in (1.0, 3.0)]
    assert sharp.focus > blurred[0] > blurred[1]
    assert np.isclose(sharp.focus, bright.focus)


def test_profile_histogram_and_saturation() -> None:
    block = np.zeros((4, 10), np.uint8)
    block[:, 5:] = 255
    figures = line_figures(block)
    assert figures.profile.tolist() == [0] * 5 + [255] * 5
    assert (figures.histogram[0], figures.histogram[255], figures.saturated) == (20, 20, 0.5)
    assert line_figures(np.full((2, 8, 3), 7, np.uint8)).focus == 0.0
