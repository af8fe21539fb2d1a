from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi_app.core.detection import Detections
from aoi_app.core.errors import RecipeError
from aoi_app.core.inspection import Verdict, judge
from aoi_app.core.recipe import ClassRule, Recipe, Region, parse_recipe, recipe_text
from aoi_app.core.scan import Completeness

NAMES = ("open", "short")
WHOLE = Completeness(1_000)


def found(*rows: tuple[float, float, float, float, float, int]) -> Detections:
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Detections(table[:, :4], table[:, 4], table[:, 5].astype(np.int32))


def test_a_clean_whole_board_passes() -> None:
    assert judge(Detections.empty(), WHOLE, Recipe(), NAMES, 640).verdict is Verdict.PASSED


def test_a_defect_fails_and_is_named() -> None:
    result = judge(found((10, 10, 30, 30, 0.9, 1), (50, 50, 60, 60, 0.8, 1)), WHOLE, Recipe(), NAMES, 640)
    assert result.verdict is Verdict.FAILED
    assert result.reason == "2 x short"
    assert [d.confidence for d in result.defects] == pytest.approx([0.9, 0.8])


def test_thresholds_are_per_class() -> None:
    recipe = Recipe(rules={"open": ClassRule(min_confidence=0.95)})
    result = judge(found((0, 0, 9, 9, 0.9, 0), (0, 0, 9, 9, 0.6, 1)), WHOLE, recipe, NAMES, 640)
    assert [d.defect_code for d in result.defects] == ["short"]


def test_what_is_smaller_than_the_minimum_size_is_left_out() -> None:
    recipe = Recipe(pixel_size_um=(20.0, 10.0), default_rule=ClassRule(min_size_um=300))
    result = judge(found((0, 0, 10, 29, 0.9, 0), (0, 0, 15, 5, 0.9, 1)), WHOLE, recipe, NAMES, 640)
    assert [(d.defect_code, d.size_um) for d in result.defects] == [("short", 300.0)]


def test_ignore_regions_hide_and_regions_name() -> None:
    recipe = Recipe(
        ignore_regions=(Region(x=0, y=0, w=100, h=100),), regions=(Region(name="J1", x=200, y=200, w=50, h=50),)
    )
    result = judge(found((40, 40, 60, 60, 0.9, 0), (210, 210, 220, 220, 0.9, 0)), WHOLE, recipe, NAMES, 640)
    assert [d.region for d in result.defects] == ["J1"]


def test_tolerated_defects_are_kept_and_do_not_count() -> None:
    recipe = Recipe(rules={"open": ClassRule(max_defects=1)})
    one = judge(found((0, 0, 9, 9, 0.9, 0)), WHOLE, recipe, NAMES, 640)
    assert one.verdict is Verdict.PASSED and not one.defects[0].counts
    two = judge(found((0, 0, 9, 9, 0.9, 0), (50, 0, 59, 9, 0.9, 0)), WHOLE, recipe, NAMES, 640)
    assert two.verdict is Verdict.FAILED and all(d.counts for d in two.defects)


def test_a_board_of_the_wrong_size_is_an_error() -> None:
    recipe = Recipe(width_px=640, min_lines=900, max_lines=1_100)
    assert judge(Detections.empty(), Completeness(899), recipe, NAMES, 640).verdict is Verdict.ERROR
    assert judge(Detections.empty(), Completeness(1_101), recipe, NAMES, 640).verdict is Verdict.ERROR
    assert "641 px wide" in judge(Detections.empty(), WHOLE, recipe, NAMES, 641).reason
    assert judge(Detections.empty(), Completeness(1_100), recipe, NAMES, 640).verdict is Verdict.PASSED


@given(st.integers(0, 5_000), st.integers(0, 50), st.lists(st.text(min_size=1, max_size=5), max_size=3), st.booleans())
def test_no_incomplete_board_ever_passes(lines: int, missing: int, reasons: list[str], defect: bool) -> None:
    proof = Completeness(lines, missing, tuple(reasons))
    detections = found((0, 0, 9, 9, 0.9, 0)) if defect else Detections.empty()
    verdict = judge(detections, proof, Recipe(), NAMES, 640).verdict
    if missing or reasons or lines < 1:
        assert verdict is Verdict.ERROR
    else:
        assert verdict is (Verdict.FAILED if defect else Verdict.PASSED)


def test_a_recipe_survives_its_text() -> None:
    recipe = Recipe(name="x", pixel_size_um=(20.8, 20.8), rules={"open": ClassRule(min_confidence=0.3)})
    assert parse_recipe(recipe_text(recipe)) == recipe


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"name": "x", "colour": 1}', "colour"),
        ('{"name": "x", "default_rule": {"min_size_um": -1}}', "min_size_um"),
        ('{"name": "x", "min_lines": 5, "max_lines": 4}', "min_lines"),
        ('{"name": "x", "pixel_size_um": [0, 1]}', "pixel_size_um"),
        ('{"name": "x", "schema_version": 3}', "schema_version"),
        ("{", "JSON"),
    ],
)
def test_a_bad_recipe_is_refused_by_field(text: str, says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        parse_recipe(text)
