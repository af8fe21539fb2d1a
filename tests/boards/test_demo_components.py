"""The demonstration's recipe names the defects of its drawn boards by their components."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aoi_app.boards.drawn import SMT_CODES
from aoi_app.camera.drawn_source import DrawnSource
from aoi_app.core.detection import Detections
from aoi_app.core.inspection import judge
from aoi_app.core.recipe import load_recipe
from aoi_app.core.scan import Completeness

RECIPE = load_recipe(Path(__file__).parents[2] / "resources" / "recipes" / "demo-assembled.json")


def test_every_part_of_the_drawn_board_is_a_component_of_the_recipe() -> None:
    product = DrawnSource("assembled", {"colour": True})._product()
    assert {c.reference: (c.x_mm, c.y_mm) for c in RECIPE.components} == {
        p.reference: pytest.approx((p.x_mm, p.y_mm)) for p in product.placements
    }
    assert RECIPE.opportunity_count == 2_270


def test_defects_are_named_by_the_component_that_was_spoilt() -> None:
    product = DrawnSource("assembled", {"colour": True, "good_share": 0.0})._product()
    right = total = 0
    for number in range(12):
        labels = [label for label in product.board(number).labels if label.component]
        boxes = np.array([label.box for label in labels], np.float32).reshape(-1, 4)
        codes = np.array([SMT_CODES.index(label.defect_code) for label in labels], np.int32)
        found = Detections(boxes, np.full(len(labels), 0.9, np.float32), codes)
        judged = judge(found, Completeness(2_048), RECIPE, SMT_CODES, 3_072)
        named = {d.box: d.component for d in judged.defects}
        right += sum(
            named.get((float(x1), float(y1), float(x2), float(y2))) == label.component
            for label in labels
            for x1, y1, x2, y2 in (label.box,)
        )
        total += len(labels)
    assert total > 15
    assert right >= 0.9 * total
