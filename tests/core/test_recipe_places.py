"""Limits by region, components, changeover, opportunities: the recipe's newer parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from aoi_app.core.changeover import Changeover, UnknownProduct, chosen_by
from aoi_app.core.components import BoardFrame, Component, ComponentFinder, fit_frame, outline
from aoi_app.core.detection import Detections
from aoi_app.core.errors import RecipeError
from aoi_app.core.inspection import Judgement, Verdict, judge, relevant
from aoi_app.core.recipe import ClassRule, Recipe, Region, load_recipe, parse_recipe, recipe_text
from aoi_app.core.scan import Completeness

NAMES = ("open", "short")
WHOLE = Completeness(1_000)
RESOURCES = Path(__file__).parents[2] / "resources" / "recipes"


def found(*rows: tuple[float, float, float, float, float, int]) -> Detections:
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Detections(table[:, :4], table[:, 4], table[:, 5].astype(np.int32))


def at(x: float, y: float, confidence: float, index: int) -> tuple[float, float, float, float, float, int]:
    return (x - 2, y - 2, x + 2, y + 2, confidence, index)


def judged(recipe: Recipe, *rows: tuple[float, float, float, float, float, int]) -> Judgement:
    return judge(found(*rows), WHOLE, recipe, NAMES, 640)


def test_a_recipe_of_the_first_version_still_loads() -> None:
    shipped = load_recipe(RESOURCES / "demo-bare.json")
    assert (shipped.schema_version, shipped.components) == (2, ())
    old = parse_recipe('{"schema_version": 1, "name": "x", "regions": [{"x": 1, "y": 2, "w": 3, "h": 4}]}')
    assert old.schema_version == 2
    assert parse_recipe(recipe_text(old)) == old


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('{"regions": [{"x": 0, "y": 0, "w": 1, "h": 1, "classes": ["open"], "rules": {"short": {}}}]}', "short"),
        ('{"ignore_regions": [{"x": 0, "y": 0, "w": 1, "h": 1, "rules": {"open": {}}}]}', "ignore region"),
        ('{"regions": [{"x": 0, "y": 0, "w": 1, "h": 1, "rules": {"open": {"min_confidence": 2}}}]}', "min_confidence"),
        ('{"regions": [{"x": 0, "y": 0, "w": 1, "h": 1, "colour": 2}]}', "colour"),
        ('{"components": [{"reference": "R1", "x_mm": 1, "y_mm": 1, "w_mm": 0, "h_mm": 1}]}', "w_mm"),
        ('{"changeover": {"pattern": "("}}', "regular expression"),
        ('{"opportunities": 0}', "opportunities"),
        ('{"golden_sha256": "abc"}', "golden_sha256"),
    ],
)
def test_what_does_not_fit_together_is_refused_by_name(text: str, names: str) -> None:
    with pytest.raises(RecipeError, match=names):
        parse_recipe(text)


def test_a_component_that_is_listed_twice_is_refused() -> None:
    part = {"reference": "R1", "x_mm": 1, "y_mm": 1, "w_mm": 1, "h_mm": 1}
    with pytest.raises(ValueError, match="R1"):
        Recipe.model_validate({"components": [part, part]})


def test_a_regions_own_rule_replaces_the_recipes() -> None:
    region = Region(name="U1", x=100, y=100, w=100, h=100, rules={"open": ClassRule(min_confidence=0.9, severity=4)})
    recipe = Recipe(regions=(region,))
    inside, outside = at(150, 150, 0.7, 0), at(300, 300, 0.7, 0)
    assert [d.region for d in judged(recipe, inside, outside).defects] == [""]
    strong = judged(recipe, at(150, 150, 0.95, 0)).defects[0]
    assert (strong.region, strong.severity) == ("U1", 4)
    # Another class keeps the recipe's rule, and is named by the region all the same.
    assert judged(recipe, at(150, 150, 0.7, 1)).defects[0].region == "U1"


def test_the_smallest_region_for_the_class_counts() -> None:
    outer = Region(name="block", x=0, y=0, w=400, h=400, rules={"open": ClassRule(enabled=False)})
    inner = Region(name="pad", x=100, y=100, w=50, h=50, rules={"open": ClassRule(min_confidence=0.3)})
    other = Region(name="shorts", x=110, y=110, w=10, h=10, classes=("short",))
    recipe = Recipe(regions=(outer, inner, other))
    assert [d.region for d in judged(recipe, at(115, 115, 0.4, 0), at(300, 300, 0.9, 0)).defects] == ["pad"]
    assert [d.region for d in judged(recipe, at(115, 115, 0.9, 1)).defects] == ["shorts"]


def test_an_ignore_region_may_be_for_some_classes_only() -> None:
    recipe = Recipe(ignore_regions=(Region(x=0, y=0, w=100, h=100, classes=("open",)),))
    assert [d.defect_code for d in judged(recipe, at(50, 50, 0.9, 0), at(50, 50, 0.9, 1)).defects] == ["short"]


def test_a_class_may_be_confined_to_its_regions() -> None:
    recipe = Recipe(
        rules={"open": ClassRule(only_in_regions=True)}, regions=(Region(name="R", x=0, y=0, w=100, h=100),)
    )
    assert [d.region for d in judged(recipe, at(50, 50, 0.9, 0), at(500, 50, 0.9, 0)).defects] == ["R"]


def test_what_a_region_tolerates_is_counted_in_the_region() -> None:
    one = Region(name="a", x=0, y=0, w=100, h=100, rules={"open": ClassRule(max_defects=1)})
    two = one.model_copy(update={"name": "b", "x": 200.0})
    recipe = Recipe(regions=(one, two))
    assert judged(recipe, at(50, 50, 0.9, 0), at(250, 50, 0.9, 0)).verdict is Verdict.PASSED
    both = judged(recipe, at(50, 50, 0.9, 0), at(60, 50, 0.9, 0), at(250, 50, 0.9, 0))
    assert both.verdict is Verdict.FAILED
    assert sorted((d.region, d.counts) for d in both.defects) == [("a", True), ("a", True), ("b", False)]


def test_regions_are_on_the_golden_board_wherever_the_scan_lies() -> None:
    recipe = Recipe(
        ignore_regions=(Region(x=0, y=0, w=100, h=100),), regions=(Region(name="J", x=200, y=0, w=50, h=50),)
    )

    def to_golden(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return points - 60.0

    boxes = found(at(120, 120, 0.9, 0), at(270, 70, 0.9, 1))
    result = judge(boxes, WHOLE, recipe, NAMES, 640, to_golden)
    assert [(d.region, d.place) for d in result.defects] == [("J", (210.0, 10.0))]
    assert len(relevant(boxes, recipe, NAMES, to_golden)) == 1


def test_nothing_is_judged_where_the_bar_code_is() -> None:
    recipe = Recipe(changeover=Changeover(code_region=Region(x=0, y=0, w=100, h=100)))
    assert judged(recipe, at(50, 50, 0.9, 0)).verdict is Verdict.PASSED


@given(
    st.lists(st.tuples(st.floats(0, 900), st.floats(0, 900), st.floats(0.01, 0.99), st.integers(0, 1)), max_size=12),
    st.lists(st.tuples(st.floats(0, 800), st.floats(0, 800), st.floats(10, 400), st.floats(0, 1)), max_size=4),
    st.floats(0, 1),
)
def test_judging_agrees_with_relevant_and_thresholds(
    rows: list[tuple[float, float, float, int]], areas: list[tuple[float, float, float, float]], least: float
) -> None:
    regions = tuple(
        Region(name=str(k), x=x, y=y, w=side, h=side, rules={"open": ClassRule(min_confidence=c)})
        for k, (x, y, side, c) in enumerate(areas)
    )
    recipe = Recipe(default_rule=ClassRule(min_confidence=least), regions=regions)
    boxes = found(*(at(x, y, c, k) for x, y, c, k in rows))
    result = judge(boxes, WHOLE, recipe, NAMES, 1_000)
    assert len(result.defects) == len(relevant(boxes, recipe, NAMES))
    lowest = recipe.lowest_confidence
    assert all(d.confidence >= lowest for d in result.defects)
    assert (result.verdict is Verdict.FAILED) == any(d.counts for d in result.defects)
    # Pure: the same once more.
    assert judge(boxes, WHOLE, recipe, NAMES, 1_000) == result


# Components

R1 = Component(reference="R1", x_mm=10, y_mm=10, w_mm=2, h_mm=1, rotation=90, terminations=2)
U1 = Component(reference="U1", x_mm=20, y_mm=10, w_mm=8, h_mm=8, terminations=48)
FRAME = BoardFrame(origin_px=(0, 600), px_per_mm=(20, 20))


def test_a_defect_is_named_by_its_component() -> None:
    recipe = Recipe(components=(R1, U1), component_frame=FRAME)
    result = judged(recipe, at(200, 400, 0.9, 0), at(400, 330, 0.8, 0), at(600, 50, 0.7, 0))
    assert [d.component for d in result.defects] == ["R1", "U1", ""]


def test_the_smaller_of_two_outlines_has_the_defect() -> None:
    under = Component(reference="C7", x_mm=20, y_mm=10, w_mm=1, h_mm=0.5)
    finder = ComponentFinder((U1, under), FRAME)
    assert finder.names(np.array([[400.0, 400.0], [340.0, 400.0]])) == ["C7", "U1"]


def test_the_outline_turns_with_the_component() -> None:
    corners = outline(R1, FRAME)
    assert np.ptp(corners, axis=0) == pytest.approx([20, 40])


frames = st.builds(
    BoardFrame,
    origin_px=st.tuples(st.floats(-500, 5_000), st.floats(-500, 5_000)),
    px_per_mm=st.floats(2, 100).map(lambda s: (s, s)),
    rotation_deg=st.floats(-179, 179),
    mirrored=st.booleans(),
    y_down=st.booleans(),
)


@given(frames, st.floats(-100, 100), st.floats(-100, 100))
def test_a_frame_goes_there_and_back(frame: BoardFrame, x: float, y: float) -> None:
    there = frame.to_pixels(np.array([[x, y]]))
    assert frame.to_mm(there) == pytest.approx(np.array([[x, y]]), abs=1e-6)


@given(frames, st.floats(0.5, 2.0), st.lists(st.tuples(st.floats(-99, 99), st.floats(-99, 99)), min_size=2, max_size=6))
def test_two_points_give_the_frame_back(frame: BoardFrame, aspect: float, places: list[tuple[float, float]]) -> None:
    frame = frame.model_copy(update={"px_per_mm": (frame.px_per_mm[1] * aspect, frame.px_per_mm[1])})
    mm = np.array([*places, (0.0, 0.0), (50.0, 30.0)])
    fitted, residual = fit_frame(mm, frame.to_pixels(mm), aspect, mirrored=frame.mirrored, y_down=frame.y_down)
    assert residual < 1e-5
    assert fitted.to_pixels(mm) == pytest.approx(frame.to_pixels(mm), abs=1e-5)
    assert fitted.px_per_mm == pytest.approx(frame.px_per_mm, rel=1e-6)


@pytest.mark.parametrize("places", [[], [(1.0, 1.0)], [(1.0, 1.0), (1.0, 1.0)]])
def test_too_few_places_are_refused(places: list[tuple[float, float]]) -> None:
    points = np.array(places).reshape(-1, 2)
    with pytest.raises(RecipeError, match="places"):
        fit_frame(points, points * 20)


@given(frames, st.floats(-180, 180), st.floats(-0.99, 0.99), st.floats(-0.99, 0.99))
def test_whatever_lies_in_the_outline_belongs_to_the_component(
    frame: BoardFrame, rotation: float, u: float, v: float
) -> None:
    part = R1.model_copy(update={"rotation": rotation})
    a, b, _, d = outline(part, frame)
    place = (a + (b - a) * (u + 1) / 2 + (d - a) * (v + 1) / 2)[None]
    assert ComponentFinder((part,), frame).names(place) == ["R1"]


# Opportunities


def test_opportunities_are_components_placements_and_terminations() -> None:
    assert Recipe(components=(R1, U1)).opportunity_count == 2 + 2 + 2 + 48
    assert Recipe(components=(R1, U1), opportunities=99).opportunity_count == 99
    unknown = U1.model_copy(update={"terminations": None})
    assert Recipe(components=(R1, unknown)).opportunity_count is None
    assert Recipe().opportunity_count is None


# Changeover


def for_codes(name: str, pattern: str, priority: int = 0) -> Recipe:
    return Recipe(name=name, changeover=Changeover(pattern=pattern, priority=priority))


def test_a_code_chooses_its_recipe() -> None:
    book = [for_codes("a", r"A\d{6}"), for_codes("b", r"B.*"), for_codes("special", r"B9.*", 5), Recipe(name="hand")]
    assert chosen_by("A123456", book).name == "a"
    assert chosen_by("B1", book).name == "b"
    assert chosen_by("B91", book).name == "special"


@pytest.mark.parametrize(("code", "what"), [("", "no recipe"), ("A1", "no recipe"), ("C7", "2 recipes")])
def test_a_code_without_one_recipe_is_refused(code: str, what: str) -> None:
    book = [for_codes("a", r"A\d{6}"), for_codes("c", "C.*"), for_codes("d", ".7")]
    with pytest.raises(UnknownProduct, match=what):
        chosen_by(code, book)
