"""Which golden board a line that draws its boards has: its own while it runs, the recipe's in the record."""

from __future__ import annotations

import numpy as np
import pytest

from aoi_app.core.recipe import Recipe
from aoi_app.core.scan import BoardScan, PixelFormat
from aoi_app.core.settings import CameraSettings, Settings
from aoi_app.golden_boards import LineGolden

SIZE = {"width": 700, "lines": 640}
SCAN = BoardScan("b", "b", np.zeros((640, 700), np.uint8), PixelFormat.MONO8, 0, 0)


@pytest.mark.parametrize("recipe", ["demo-bare", "demo-assembled", "other"])
def test_a_running_line_is_compared_with_its_own_product_whatever_its_recipe_is_called(recipe: str) -> None:
    settings = Settings(camera=CameraSettings(source="simulated:bare", options=SIZE))
    golden = LineGolden(lambda: settings, None)(SCAN, Recipe(name=recipe))
    assert golden is not None and golden.shape == (640, 700)


def test_a_recorded_board_is_compared_with_the_product_of_its_recipe() -> None:
    settings = Settings(camera=CameraSettings(source="simulated:assembled", options={**SIZE, "colour": True}))
    find = LineGolden(lambda: settings, None, recorded=True)
    bare, assembled = find(SCAN, Recipe(name="demo-bare")), find(SCAN, Recipe(name="demo-assembled"))
    assert bare is not None and bare.ndim == 2
    assert assembled is not None and assembled.shape == (640, 700, 3)
