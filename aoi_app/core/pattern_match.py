"""Does a code match a pattern? Answered in a short time, whatever the pattern and the code. Pure.

The standard library tries every way to read a code: for `(a+ ?)+X` and forty letters that takes years, and the line
would stand. Patterns are therefore walked as automata; one that cannot be (look-ahead, back reference, flags) must
leave few ways.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from aoi_app.core.pattern_automaton import Automaton, NotFollowed, built, parser, sre

MOST_LETTERS = 255
"""Of a code: no longer one stands in the record."""
MOST_STATES = 4_000
MOST_CHOICES = 4
"""Parts of variable length in a pattern that is left to the standard library."""
_REPEATS = tuple(getattr(sre, name) for name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT") if hasattr(sre, name))
_FIRST, _LAST = 0x20, 0x7E


def check_pattern(pattern: str) -> None:
    """Raise ValueError for what is no regular expression, or one that may take too long."""
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"it is no regular expression: {error}") from error
    if _followed(pattern) is None and _choices(parser.parse(pattern), 1) > MOST_CHOICES:
        raise ValueError("it leaves too many ways to read a code; use fewer repetitions")


def matches(pattern: str, code: str) -> bool:
    """Tell whether a pattern that `check_pattern` let pass matches a whole code."""
    if len(code) > MOST_LETTERS:
        return False
    followed = _followed(pattern)
    if followed is None:
        return re.fullmatch(pattern, code) is not None
    if any(not _FIRST <= ord(letter) <= _LAST for letter in code):
        # Only a pattern that leaves few ways is tried on letters that no automaton here knows.
        return _choices(parser.parse(pattern), 1) <= MOST_CHOICES and re.fullmatch(pattern, code) is not None
    automaton, start, end = followed
    states = automaton.closure([start])
    for letter in code:
        states = automaton.after(states, ord(letter))
    return end in states


@lru_cache(256)
def _followed(pattern: str) -> tuple[Automaton, int, int] | None:
    try:
        found = built(pattern)
    except NotFollowed:
        return None
    return found if len(found[0].free) <= MOST_STATES else None


def _choices(items: Iterable[tuple[Any, Any]], times: int) -> int:
    """Return how many parts of a pattern may be read in several ways; those within a repetition count for each."""
    found = 0
    for kind, value in items:
        if kind is sre.BRANCH:
            found += (times > 1) * times + sum(_choices(branch, times) for branch in value[1])
        elif kind in _REPEATS:
            least, most, item = value
            inner = MOST_CHOICES + 1 if most is sre.MAXREPEAT else min(int(most), MOST_CHOICES + 1)
            found += (least != most) * times + _choices(item, times * max(1, inner))
        else:
            found += sum(_choices(part, times) for part in _parts(value))
    return found


def _parts(value: Any) -> list[Any]:
    """Return what is nested in an item: of a group, of a look-ahead, of a condition."""
    if isinstance(value, parser.SubPattern):
        return [value]
    return [part for part in value if isinstance(part, parser.SubPattern)] if isinstance(value, tuple) else []
