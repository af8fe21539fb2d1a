"""Patterns match what the standard library says, and none keeps a line waiting."""

from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi_app.core.changeover import Changeover
from aoi_app.core.pattern_match import check_pattern, matches

pieces = st.sampled_from(["a", "b", "[ab]", "[^a]", ".", "a?", "b*", "(a|b)+", "(?:ab)?", "a{1,2}", r"\w", "(a|)"])
CODES = ["".join(letters) for n in range(5) for letters in product("ab", repeat=n)]


@given(st.lists(pieces, max_size=3).map("".join), st.booleans())
def test_it_agrees_with_the_standard_library(body: str, anchored: bool) -> None:
    pattern = f"^{body}$" if anchored else body
    assert [matches(pattern, code) for code in CODES] == [bool(re.fullmatch(pattern, code)) for code in CODES]


@pytest.mark.parametrize("pattern", [r"(\w+\s?)+X", ".*" * 60 + "X", "(a|aa)+X", "(a?){40}a{40}X", r"(a*)*\d"])
def test_no_pattern_takes_long(pattern: str) -> None:
    check_pattern(pattern)
    assert not matches(pattern, "a" * 250)


@pytest.mark.parametrize(
    "pattern",
    [r"(?=a)(\w+\s?)+X", r"(a+)+\1X", "(?i)" + ".*" * 60 + "X", r"(?:(?!b)(a|aa))+X", r"(a)?(?(1)b*c*d*e*f*|g)"],
)
def test_one_that_cannot_be_followed_and_may_take_long_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="too many ways"):
        Changeover(pattern=pattern)


def test_what_cannot_be_followed_is_left_to_the_standard_library() -> None:
    assert Changeover(pattern=r"(?i)pcb-\d+").fits("PCB-12")
    assert Changeover(pattern=r"(?!X)[A-Z]\d{6}").fits("A123456")
    assert not Changeover(pattern=r"(?!X)[A-Z]\d{6}").fits("X123456")


def test_letters_beyond_ascii() -> None:
    assert Changeover(pattern=r"板-\d+").fits("板-12")
    assert Changeover(pattern=r".+").fits("A\x1dB")
    assert not Changeover(pattern=".*").fits("a" * 300)
