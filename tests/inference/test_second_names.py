"""A place that could be of two classes gets both names where an evaluation asks for them, and one on a line."""

from __future__ import annotations

import numpy as np
import pytest

from aoi_app.inference.card import Family
from aoi_app.inference.heads import Decoder
from aoi_app.inference.layout import Form, HeadSpec

HEAD = HeadSpec(Family.AOI, Form.AOI, ("head",), classes=3, channels_first=True, strides=(8,), reg_max=4)


def outputs() -> list[np.ndarray]:
    values = np.full((1, 3 + 16, 16), -12.0, np.float32)
    values[0, :3, 5] = (1.0, 0.5, -9.0)  # 0.73, 0.62 and nothing
    values[0, 3 + 1 :: 4, 5] = 12.0  # one stride to each side
    return [values]


@pytest.mark.parametrize(("least", "names"), [(0.3, [0]), (0.05, [0]), (0.01, [0, 1])])
def test_second_names_are_told_to_an_evaluation_only(least: float, names: list[int]) -> None:
    found = Decoder(HEAD, (32, 32), least).decode(outputs(), 1)[0]
    assert found.classes.tolist() == names
    assert np.allclose(found.scores, [0.731, 0.311][: len(names)], atol=1e-3)
    assert np.allclose(found.boxes, [[4, 4, 20, 20]] * len(names), atol=0.01)
