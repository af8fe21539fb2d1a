"""Sentences that the station makes, found again in a table: "3 lines are missing" by "{0} lines are missing".

Plain strings in and out, no Qt.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

_VALUE = re.compile(r"{(\d+)}")
_FILLED = re.compile(r"{(\d+)(?::(\w+))?}")
_WORD = re.compile(r"[A-Za-z]{3}")
_APART = ("\n", " · ")
"""What never stands within a sentence."""
_JOINS = {"; ": "；", ". ": ""}
"""What stands between two sentences -> the same in Chinese, where a full stop needs no space after it."""
_DEPTH = 5
"""Sentences within sentences: an error, its cause, a list in the cause, the cause of one of them."""
_KEPT = 4_000


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A sentence with values.

    Attributes
    ----------
    pieces
        What stands before, between and after the values.
    numbers
        Of the values, in their order.
    """

    pieces: tuple[str, ...]
    numbers: tuple[str, ...]
    target: str

    @property
    def bare(self) -> bool:
        """Whether it has hardly a word of its own, such as "{0}: {1}" and "{0} to {1}"."""
        return not _WORD.search("".join(self.pieces))

    def values(self, text: str) -> dict[str, str] | None:
        """Return what a text has in the places of the values; None where it is another sentence.

        Each piece is taken where it first fits, as a wildcard of a file name is: one pass, however long the text.
        """
        first, *inner, last = self.pieces
        end = len(text) - len(last)
        if not text.startswith(first) or not text.endswith(last):
            return None
        found: dict[str, str] = {}
        at = len(first)
        for number, piece in zip(self.numbers, [*inner, None], strict=True):
            stop = end if piece is None else text.find(piece, at + 1, end)
            value = text[at:stop]
            if stop <= at or found.setdefault(number, value) != value:
                return None
            at = stop + len(piece or "")
        return found


class Sentences:
    """Looks sentences up, and those within them; what is not known stays as it is. Never raises.

    Parameters
    ----------
    table
        From a sentence with values {0}, {1}, ... to the same in another language. There, {0:kind} is a value that is a
        name of some kind, and so has one in that language as well.
    names
        From a kind to what looks its names up.
    """

    def __init__(self, table: Mapping[str, str], names: Mapping[str, Callable[[str], str]] | None = None) -> None:
        self._names = names or {}
        self._exact = {source: target for source, target in table.items() if not _VALUE.search(source)}
        made = [_pattern(source, target) for source, target in table.items() if _VALUE.search(source)]
        # The one that says most is right: "{0} cannot be read: {1}." before "{0} cannot be {1}."
        made.sort(key=lambda pattern: -sum(map(len, pattern.pieces)))
        self._patterns = [pattern for pattern in made if not pattern.bare]
        self._long = [pattern for pattern in self._patterns if any(join in "".join(pattern.pieces) for join in _JOINS)]
        self._bare = [pattern for pattern in made if pattern.bare]
        self._known = lru_cache(_KEPT)(self._look_up)

    def of(self, text: str) -> str:
        """Return a sentence, or several, in the other language."""
        return self._known(text, _DEPTH, True) or text

    def _look_up(self, text: str, depth: int, loose: bool) -> str | None:
        """Return the text in the other language; None where it is not known, if `loose` where nothing of it is."""
        exact = self._exact.get(text) or self._exact.get(text[:1].lower() + text[1:])
        if exact is not None:
            return exact
        if depth == 0 or not text or not self._patterns:
            return None
        for apart in _APART:
            if apart in text:
                parts = text.split(apart)
                return apart.join(self._known(part, depth - 1, loose) or part for part in parts)
        found = (
            self._matched(text, depth, self._long)
            or self._parts(text, depth, loose=False)
            or self._matched(text, depth, self._patterns)
        )
        if found is None and loose:
            found = self._parts(text, depth, loose=True) or self._matched(text, depth, self._bare)
        return found

    def _parts(self, text: str, depth: int, loose: bool) -> str | None:
        """Return a text made of several sentences, all of which are known; if `loose`, some of which are."""
        for join, joined in _JOINS.items():
            parts = _split(text, join)
            found = [self._known(part, depth - 1, loose) for part in parts] if len(parts) > 1 else [None]
            known = any if loose else all
            if known(part is not None for part in found):
                return joined.join(part if new is None else new for new, part in zip(found, parts, strict=True))
        return None

    def _matched(self, text: str, depth: int, patterns: Sequence[_Pattern]) -> str | None:
        for pattern in patterns:
            values = pattern.values(text)
            if values is None:
                continue
            inner = {number: self._within(value, depth - 1) for number, value in values.items()}
            # What has hardly a word fits anything; it is meant only where something within it is known.
            if not pattern.bare or inner != values:
                return self._filled(pattern.target, values, inner)
        return None

    def _filled(self, target: str, values: Mapping[str, str], inner: Mapping[str, str]) -> str:
        return _FILLED.sub(
            lambda m: self._names[m[2]](values[m[1]]) if m[2] in self._names else inner.get(m[1], m[0]), target
        )

    def _within(self, value: str, depth: int) -> str:
        """Return a value; one that is a sentence itself, perhaps without its full stop, in the other language."""
        found = self._known(value, depth, True)
        if found is None and " " in value and not value.endswith("."):
            found = self._known(f"{value}.", depth, True)
            found = None if found is None else found.removesuffix("。")
        return value if found is None else found


def _pattern(source: str, target: str) -> _Pattern:
    parts = _VALUE.split(source)
    return _Pattern(tuple(parts[::2]), tuple(parts[1::2]), target)


def _split(text: str, join: str) -> list[str]:
    """Split into sentences; each keeps its full stop."""
    parts = text.split(join)
    return [f"{part}." for part in parts[:-1]] + parts[-1:] if join == ". " else parts
