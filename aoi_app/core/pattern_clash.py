"""Can two regular expressions match one and the same code? Answered by walking both as automata. Pure."""

from __future__ import annotations

from collections import deque

from aoi_app.core.pattern_automaton import MOST_STATES, Automaton, NotFollowed, built


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
            after = (a.after(mine, letter), b.after(theirs, letter))
            if after[0] and after[1] and after not in seen:
                seen.add(after)
                todo.append((after, text + chr(letter)))
    return None


def _letters(a: Automaton, mine: frozenset[int], b: Automaton, theirs: frozenset[int]) -> list[int]:
    """Return one letter for each way in which both can go on: what behaves alike is tried once."""
    sets = [letters for states, m in ((mine, a), (theirs, b)) for s in states for letters, _ in m.steps[s]]
    kinds: dict[tuple[bool, ...], int] = {}
    for letter in sorted(frozenset().union(*sets), key=lambda k: (not chr(k).isalnum(), k)):
        kinds.setdefault(tuple(letter in letters for letters in sets), letter)
    return list(kinds.values())


def _built(pattern: str) -> tuple[Automaton, int, int]:
    try:
        return built(pattern)
    except NotFollowed as error:
        raise ValueError(f"{pattern!r} cannot be compared: {error}") from error
