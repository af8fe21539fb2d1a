from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi_app.core.inspection import Defect
from aoi_app.core.recipe import ClassRule, Recipe, Region
from aoi_app.storage.difference import RecipeChange, compare_defects, compare_recipes, overlap


def _at(x: float, code: str = "short", size: float = 20.0) -> Defect:
    return Defect(code, 0.9, (x, 10.0, x + size, 10.0 + size))


found = st.lists(st.builds(_at, st.floats(0, 200), st.sampled_from(["short", "open"]), st.floats(5, 40)), max_size=8)


@given(found, found)
def test_every_defect_is_somewhere_once(before: list[Defect], after: list[Defect]) -> None:
    difference = compare_defects(before, after)
    key = repr
    assert sorted([a for a, _ in difference.both] + list(difference.gone), key=key) == sorted(before, key=key)
    assert sorted([b for _, b in difference.both] + list(difference.new), key=key) == sorted(after, key=key)
    assert all(a.defect_code == b.defect_code and overlap(a.box, b.box) > 0 for a, b in difference.both)


@given(found)
def test_a_board_is_the_same_as_itself(defects: list[Defect]) -> None:
    assert compare_defects(defects, defects).same
    assert compare_defects(defects, list(reversed(defects))).same


def test_the_better_overlap_wins() -> None:
    old, near, nearer = _at(100), _at(106), _at(101)
    difference = compare_defects([old], [near, nearer])
    assert difference.both == ((old, nearer),) and difference.new == (near,) and not difference.same


def test_another_class_is_another_defect() -> None:
    difference = compare_defects([_at(100)], [_at(100, "open")])
    assert difference.gone == (_at(100),) and difference.new == (_at(100, "open"),)


def test_a_defect_that_no_longer_counts_is_a_difference() -> None:
    assert not compare_defects([_at(1)], [replace(_at(1), counts=False)]).same


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ((0, 0, 10, 10), 1.0),
        ((5, 0, 15, 10), 1 / 3),
        ((10, 0, 20, 10), 0.0),
        ((2, 2, 4, 4), 0.04),
        ((50, 50, 60, 60), 0),
    ],
)
def test_overlap(other: tuple[float, float, float, float], expected: float) -> None:
    assert overlap((0, 0, 10, 10), other) == pytest.approx(expected)


def test_recipes() -> None:
    before = Recipe(name="panel", revision=3, rules={"short": ClassRule(min_confidence=0.5)}, min_lines=10)
    after = before.model_copy(
        update={
            "revision": 4,
            "rules": {"short": ClassRule(min_confidence=0.6), "open": ClassRule()},
            "ignore_regions": (Region(name="edge", x=0, y=0, w=5, h=6),),
            "min_lines": 12,
        }
    )
    changes = {c.field: (c.before, c.after) for c in compare_recipes(before, after)}
    assert changes["rules.short.min_confidence"] == (0.5, 0.6)
    assert changes["min_lines"] == (10, 12)
    assert changes["ignore_regions.1.name"] == (None, "edge")
    assert changes["rules.open.severity"] == (None, 1)
    assert "revision" not in changes
    assert compare_recipes(before, before.model_copy(update={"revision": 9})) == ()
    assert RecipeChange("min_lines", 12, 10) in compare_recipes(after, before)
