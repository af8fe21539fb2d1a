"""Can two regular expressions match one and the same code? Answered by walking both as automata. Pure."""

from __future__ import annotations

import sys
from collections import deque
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


class _Unknown(Exception):
    """The expression uses something that is not followed (look-ahead, back reference)."""


@dataclass
class _Automaton:
    """Nondeterministic: state -> states reached for nothing, and (letters, state) pairs."""

    free: list[list[int]] = field(default_factory=list)
    steps: list[list[tuple[Letters, int]]] = field(default_factory=list)

    def state(self) -> int:
        if len(self.free) >= MOST_STATES:
            raise _Unknown("it is too long")
        self.free.append([])
        self.steps.append([])
        return len(self.free) - 1

    def closure(self, states: Iterable[int]) -> frozenset[int]:
        found, todo = set(states), list(states)
        while todo:
            for other in self.free[todo.pop()]:
                if other not in found:
                    found.add(other)
                    todo.append(other)
        return frozenset(found)


def common_code(one: str, other: str) -> str | None:
    """Return the shortest code that both expressions match whole; None where there is none.

    Only printable ASCII is looked at.

    Raises
    ------
    ValueError
        One of them uses something that cannot be followed, such as a look-ahead or a back reference.
    """
    (a, a_start, a_end), (b, b_start, b_end) = (_built(pattern) for pattern in (one, other))
    start = (a.closure([a_start]), b.closure([b_start]))
    seen, todo = {start}, deque([(start, "")])
    while todo:
        (mine, theirs), text = todo.popleft()
        if a_end in mine and b_end in theirs:
            return text
        if len(seen) > MOST_STATES:
            raise ValueError("the two patterns are too long to be compared")
        for letter in _letters(a, mine, b, theirs):
            after = (_after(a, mine, letter), _after(b, theirs, letter))
            if after[0] and after[1] and after not in seen:
                seen.add(after)
                todo.append((after, text + chr(letter)))
    return None


def _letters(a: _Automaton, mine: frozenset[int], b: _Automaton, theirs: frozenset[int]) -> list[int]:
    """Return one letter for each way in which both can go on: what behaves alike is tried once."""
    sets = [letters for states, m in ((mine, a), (theirs, b)) for s in states for letters, _ in m.steps[s]]
    kinds: dict[tuple[bool, ...], int] = {}
    for letter in sorted(frozenset().union(*sets), key=lambda k: (not chr(k).isalnum(), k)):
        kinds.setdefault(tuple(letter in letters for letters in sets), letter)
    return list(kinds.values())


def _after(automaton: _Automaton, states: frozenset[int], letter: int) -> frozenset[int]:
    return automaton.closure([to for s in states for letters, to in automaton.steps[s] if letter in letters])


def _built(pattern: str) -> tuple[_Automaton, int, int]:
    automaton = _Automaton()
    start = automaton.state()
    try:
        end = _sequence(automaton, parser.parse(pattern), start)
    except _Unknown as error:
        raise ValueError(f"{pattern!r} cannot be compared: {error}") from error
    return automaton, start, end


def _sequence(automaton: _Automaton, items: Iterable[tuple[Any, Any]], state: int) -> int:
    for kind, value in items:
        state = _item(automaton, kind, value, state)
    return state


def _item(automaton: _Automaton, kind: Any, value: Any, state: int) -> int:
    letters = _letters_of(kind, value)
    if letters is not None:
        to = automaton.state()
        automaton.steps[state].append((letters, to))
        return to
    if kind is sre.AT:
        # ^ and $ around a whole match say nothing; a word boundary within it would.
        if value in (sre.AT_BEGINNING, sre.AT_BEGINNING_STRING, sre.AT_END, sre.AT_END_STRING):
            return state
        raise _Unknown("it asks for a word boundary")
    if kind is sre.SUBPATTERN:
        if value[1] or value[2]:
            raise _Unknown("it switches flags")
        return _sequence(automaton, value[3], state)
    if kind is sre.BRANCH:
        end = automaton.state()
        for branch in value[1]:
            automaton.free[_sequence(automaton, branch, state)].append(end)
        return end
    if kind in _REPEATS:
        return _repeat(automaton, value[0], value[1], value[2], state)
    raise _Unknown(f"{str(kind).lower()} is not followed")


def _repeat(automaton: _Automaton, least: int, most: Any, item: Sequence[Any], state: int) -> int:
    if least > MOST_REPEATS:
        raise _Unknown(f"it repeats something {least} times")
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
