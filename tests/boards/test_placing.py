"""Components laid onto the golden board by places that are known, and places that cannot be right."""

from __future__ import annotations

import numpy as np
import pytest

from aoi_app.boards.centroid import Part, fitted_frame
from aoi_app.core.components import BoardFrame
from aoi_app.core.errors import RecipeError
from aoi_app.core.recipe import Recipe

PARTS = [Part(name, "0603", "", x, y, 0.0) for name, x, y in (("R1", 5.0, 4.0), ("R2", 45.0, 9.0), ("U1", 20.0, 30.0))]
RECIPE = Recipe(pixel_size_um=(50.0, 50.0))
FRAME = BoardFrame(origin_px=(30.0, 900.0), px_per_mm=(20.0, 20.0), rotation_deg=3.0)


def places(frame: BoardFrame, factor: float = 1.0) -> dict[str, tuple[float, float]]:
    mm = np.array([(part.x_mm, part.y_mm) for part in PARTS]) * factor
    return {part.reference: (x, y) for part, (x, y) in zip(PARTS, frame.to_pixels(mm).tolist(), strict=True)}


def test_places_tell_the_frame() -> None:
    frame, residual = fitted_frame(RECIPE, PARTS, places(FRAME), "top")
    assert residual < 0.01
    assert frame.origin_px == pytest.approx(FRAME.origin_px)
    assert frame.rotation_deg == pytest.approx(3.0)


def test_three_places_of_the_other_side_are_refused() -> None:
    with pytest.raises(RecipeError, match="do not fit the file") as caught:
        fitted_frame(RECIPE, PARTS, places(FRAME.model_copy(update={"mirrored": True})), "top")
    assert "side" in caught.value.hint


def test_a_file_in_another_unit_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"508 px/mm, the recipe's pixel size 20"):
        fitted_frame(RECIPE, PARTS, places(FRAME, 25.4), "top")
    # Without a pixel size the places are all that is known.
    assert fitted_frame(Recipe(), PARTS, places(FRAME, 25.4), "top")[0].px_per_mm == pytest.approx((508.0, 508.0))
