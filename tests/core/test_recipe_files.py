"""Recipe files as people and their editors write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from aoi_app.core.errors import RecipeError
from aoi_app.core.recipe import MAX_FILE_BYTES, Recipe, load_recipe, parse_recipe, recipe_text
from aoi_app.core.rules import ClassRule, Region

WRONG = {
    "an unknown field": ('{"nope": 1}', "nope: there is no such field"),
    "a negative size": ('{"width_px": -5}', "width_px: Input should be greater than or equal to 1"),
    "no number": ('{"default_rule": {"min_confidence": NaN}}', "default_rule.min_confidence: "),
    "more than any number": ('{"pixel_size_um": [1e400, 1]}', "pixel_size_um.0: "),
    "a text for a number": ('{"width_px": "700"}', "width_px: Input should be a valid integer"),
    "yes for a number": ('{"width_px": true}', "width_px: Input should be a valid integer"),
    "a part of a pixel": ('{"width_px": 700.5}', "width_px: Input should be a valid integer"),
    "a newer version": (
        '{"schema_version": 3}',
        "schema_version is 3: a newer station wrote it, this one reads up to 2",
    ),
    "a version there never was": ('{"schema_version": 0}', "schema_version: "),
    "a field twice": ('{"name": "a", "name": "b"}', "it says name more than once"),
    "a class twice": (
        '{"rules": {"short": {"min_confidence": 0.9}, "short": {"min_confidence": 0.1}}}',
        "it says short more than once",
    ),
    "a list": ("[]", "Input should be an object"),
    "nothing": ("", "Invalid JSON"),
    "half of it": ('{"name":', "Invalid JSON"),
    "depth without end": ("[" * 100_000, "Invalid JSON"),
    "a name that cannot be seen": ('{"name": "a\\u0000b"}', "name: it holds line breaks, control characters"),
    "a name that moves a cursor": ('{"name": "\\u001b[2Ja"}', "name: it holds line breaks, control characters"),
    "a name of blanks": ('{"name": "  "}', "name: "),
    "a part beyond the world": (
        '{"components": [{"reference": "R1", "x_mm": 1e300, "y_mm": 0, "w_mm": 1, "h_mm": 1}]}',
        "components.0.x_mm: ",
    ),
    "more chances than atoms": ('{"opportunities": 1' + "0" * 40 + "}", "opportunities: "),
    "a hundred thousand fields, one of them twice": (
        "{" + "".join(f'"k{n}": 1, ' for n in range(100_000)) + '"k1": 1}',
        "it says k1 more than once",
    ),
    "a pattern that takes years": (
        '{"changeover": {"pattern": "(?=a)(a+ ?)+X"}}',
        "changeover.pattern: it leaves too many ways",
    ),
    "another format": ("name: a\nrules: &r [*r, *r]\n", "Invalid JSON"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_named_with_the_file(case: str, tmp_path: Path) -> None:
    text, says = WRONG[case]
    file = tmp_path / "board.json"
    file.write_text(text)
    with pytest.raises(RecipeError) as caught:
        load_recipe(file)
    assert says in caught.value.what and str(file) in caught.value.what and caught.value.hint


@pytest.mark.parametrize("content", [b"\x8e\xff\x00", '{"name": "a"}'.encode("utf-16")])
def test_what_is_no_text_is_no_recipe(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "board.json"
    file.write_bytes(content)
    with pytest.raises(RecipeError, match="not UTF-8 text"):
        load_recipe(file)


def test_a_folder_and_a_missing_file_are_said_plainly(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "none.json"):
        with pytest.raises(RecipeError, match="cannot be read") as caught:
            load_recipe(place)
        assert "Errno" not in caught.value.what


def test_editors_of_windows_put_a_mark_before_the_text(tmp_path: Path) -> None:
    file = tmp_path / "board.json"
    file.write_bytes(b'\xef\xbb\xbf{"name": "a"}')
    assert load_recipe(file).name == "a"


def test_what_is_written_is_read_again() -> None:
    region = Region(name="u1", x=1, y=2, w=3, h=4, classes=("open",), rules={"open": ClassRule(max_defects=2)})
    recipe = Recipe(name="板", width_px=700, pixel_size_um=(20, 20), regions=(region,), rules={"short": ClassRule()})
    assert parse_recipe(recipe_text(recipe)) == recipe


def test_counting_from_a_confidence_holds_in_regions_too() -> None:
    region = Region(x=0, y=0, w=3, h=4, classes=("open",), rules={"open": ClassRule(min_confidence=0.9)})
    ignored = Region(x=0, y=0, w=1, h=1, classes=("spur",))
    recipe = Recipe(
        rules={"short": ClassRule(min_confidence=0.1, severity=3)}, regions=(region,), ignore_regions=(ignored,)
    )
    loose = recipe.counting_from(0.4)
    assert loose.lowest_confidence == 0.4
    assert loose.regions[0].rules["open"].min_confidence == 0.4
    assert loose.rules["short"] == ClassRule(min_confidence=0.4, severity=3)
    assert recipe.named_classes == {"short", "open", "spur"}


def test_what_is_no_file_or_too_large_is_not_read(tmp_path: Path) -> None:
    large = tmp_path / "large.json"
    with large.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    for place in (large, Path("/dev/zero")):
        if place.exists():
            with pytest.raises(RecipeError, match="no file, or has more than"):
                load_recipe(place)
