"""Do two patterns match a common code? Compared with trying codes one by one."""

from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi_app.core.changeover import Changeover, clashes
from aoi_app.core.pattern_clash import common_code
from aoi_app.core.recipe import Recipe

pieces = st.sampled_from(["a", "b", "[ab]", "[^a]", ".", "a?", "b*", "(a|b)", "(?:ab)?", "a{1,2}", "[ab]{2}", "(a|)"])
patterns = st.lists(pieces, max_size=3).map("".join)
CODES = ["".join(letters) for n in range(5) for letters in product("ab", repeat=n)]


@given(patterns, patterns)
def test_it_agrees_with_trying(one: str, other: str) -> None:
    common = [code for code in CODES if re.fullmatch(one, code) and re.fullmatch(other, code)]
    found = common_code(one, other)
    if found is None:
        assert not common
    else:
        assert re.fullmatch(one, found) and re.fullmatch(other, found)
        assert not common or len(found) <= len(common[0])


@pytest.mark.parametrize(
    ("one", "other", "code"),
    [
        (r"A\d{6}", r"B\d{6}", None),
        (r"A\d{6}", r"A0.*", "A000000"),
        (r"^PCB-\d+$", r"PCB-(1|2)\d{2}", "PCB-100"),
        (r"\w+-X", r"[A-F]{3}-\S", "AAA-X"),
        (r"\d*[02468]", r"\d*[13579]", None),
        ("", "a*", ""),
    ],
)
def test_codes_of_boards(one: str, other: str, code: str | None) -> None:
    assert common_code(one, other) == code


@pytest.mark.parametrize("pattern", [r"(?=a)a", r"(a)\1", r"\ba", r"(?i:a)", r"(?i)a", r"a{1000}"])
def test_what_cannot_be_followed_is_said(pattern: str) -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        common_code(pattern, "a")


def test_clashes_of_a_book() -> None:
    def recipe(name: str, pattern: str, priority: int = 0) -> Recipe:
        return Recipe(name=name, changeover=Changeover(pattern=pattern, priority=priority))

    book = [recipe("a", "A.*"), recipe("b", "B.*"), recipe("c", ".9"), recipe("d", "A.*", 2), recipe("e", r"(?=x)x")]
    found = {(c.one, c.other): (c.code, bool(c.why)) for c in clashes([*book, Recipe(name="by hand")])}
    assert found == {
        ("a", "c"): ("A9", False),
        ("b", "c"): ("B9", False),
        ("a", "e"): ("", True),
        ("b", "e"): ("", True),
        ("c", "e"): ("", True),
    }
