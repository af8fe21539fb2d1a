"""Regular expressions of codes as automata: walked letter by letter, in a time that no pattern makes long. Pure."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

_PARSER, _CONSTANTS = ("re._parser", "re._constants") if sys.version_info >= (3, 11) else ("sre_parse", "sre_constants")
parser: Any = import_module(_PARSER)
sre: Any = import_module(_CONSTANTS)
"""How the standard library itself reads regular expressions; the modules had other names before Python 3.11."""

MOST_STATES = 20_000
MOST_REPEATS = 64
"""Longest counted repetition that is followed; no serial number is longer."""
_LAST = 0x7E
_PRINTABLE = frozenset(range(0x20, _LAST + 1))
"""Codes are printable ASCII: bar codes on boards hold nothing else."""
_DIGITS = frozenset(map(ord, "0123456789"))
_SPACE = frozenset({0x20})
_WORD = _DIGITS | frozenset(k for k in _PRINTABLE if chr(k).isalpha() or chr(k) == "_")
_CATEGORIES = {
    sre.CATEGORY_DIGIT: _DIGITS,
    sre.CATEGORY_NOT_DIGIT: _PRINTABLE - _DIGITS,
    sre.CATEGORY_SPACE: _SPACE,
    sre.CATEGORY_NOT_SPACE: _PRINTABLE - _SPACE,
    sre.CATEGORY_WORD: _WORD,
    sre.CATEGORY_NOT_WORD: _PRINTABLE - _WORD,
}
_REPEATS = (sre.MAX_REPEAT, sre.MIN_REPEAT)

Letters = frozenset[int]


class NotFollowed(Exception):
    """The expression uses something that is not followed (look-ahead, back reference)."""


@dataclass
class Automaton:
    """Nondeterministic: state -> states reached for nothing, and (letters, state) pairs."""

    free: list[list[int]] = field(default_factory=list)
    steps: list[list[tuple[Letters, int]]] = field(default_factory=list)

    def state(self) -> int:
        """Return a new state."""
        if len(self.free) >= MOST_STATES:
            raise NotFollowed("it is too long")
        self.free.append([])
        self.steps.append([])
        return len(self.free) - 1

    def closure(self, states: Iterable[int]) -> frozenset[int]:
        """Return the states that are reached for nothing, the given ones among them."""
        found, todo = set(states), list(states)
        while todo:
            for other in self.free[todo.pop()]:
                if other not in found:
                    found.add(other)
                    todo.append(other)
        return frozenset(found)

    def after(self, states: frozenset[int], letter: int) -> frozenset[int]:
        """Return the states that one letter leads to."""
        return self.closure([to for s in states for letters, to in self.steps[s] if letter in letters])


def built(pattern: str) -> tuple[Automaton, int, int]:
    """Return the automaton of an expression, and its first and last state.

    Raises
    ------
    NotFollowed
        The expression uses something that no automaton can follow.
    """
    automaton = Automaton()
    parsed = parser.parse(pattern)
    if parsed.state.flags & ~re.UNICODE:
        raise NotFollowed("it switches flags")
    start = automaton.state()
    return automaton, start, _sequence(automaton, parsed, start)


def _sequence(automaton: Automaton, items: Iterable[tuple[Any, Any]], state: int) -> int:
    for kind, value in items:
        state = _item(automaton, kind, value, state)
    return state


def _item(automaton: Automaton, kind: Any, value: Any, state: int) -> int:
    letters = _letters_of(kind, value)
    if letters is not None:
        to = automaton.state()
        automaton.steps[state].append((letters, to))
        return to
    if kind is sre.AT:
        # ^ and $ around a whole match say nothing; a word boundary within it would.
        if value in (sre.AT_BEGINNING, sre.AT_BEGINNING_STRING, sre.AT_END, sre.AT_END_STRING):
            return state
        raise NotFollowed("it asks for a word boundary")
    if kind is sre.SUBPATTERN:
        if value[1] or value[2]:
            raise NotFollowed("it switches flags")
        return _sequence(automaton, value[3], state)
    if kind is sre.BRANCH:
        end = automaton.state()
        for branch in value[1]:
            automaton.free[_sequence(automaton, branch, state)].append(end)
        return end
    if kind in _REPEATS:
        return _repeat(automaton, value[0], value[1], value[2], state)
    raise NotFollowed(f"{str(kind).lower()} is not followed")


def _repeat(automaton: Automaton, least: int, most: Any, item: Sequence[Any], state: int) -> int:
    if least > MOST_REPEATS:
        raise NotFollowed(f"it repeats something {least} times")
    for _ in range(least):
        state = _sequence(automaton, item, state)
    end = automaton.state()
    if most is sre.MAXREPEAT or most - least > MOST_REPEATS:
        begin = automaton.state()
        automaton.free[state] += [begin, end]
        automaton.free[_sequence(automaton, item, begin)] += [begin, end]
        return end
    for _ in range(most - least):
        automaton.free[state].append(end)
        state = _sequence(automaton, item, state)
    automaton.free[state].append(end)
    return end


def _letters_of(kind: Any, value: Any) -> Letters | None:
    """Return the letters of an item that is one letter long; None for any other."""
    if kind is sre.LITERAL:
        return frozenset({value}) & _PRINTABLE
    if kind is sre.NOT_LITERAL:
        return _PRINTABLE - {value}
    if kind is sre.ANY:
        return _PRINTABLE
    if kind is sre.RANGE:
        return frozenset(range(value[0], min(value[1], _LAST) + 1)) & _PRINTABLE
    if kind is sre.CATEGORY:
        return _CATEGORIES[value]
    if kind is sre.IN:
        negated = value[0][0] is sre.NEGATE
        parts = [_letters_of(*entry) for entry in value[negated:]]
        found: Letters = frozenset().union(*(part for part in parts if part is not None))
        return _PRINTABLE - found if negated else found
    return None
