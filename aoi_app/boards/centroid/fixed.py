"""Columns set with blanks: names of two words, empty cells, texts with blanks in them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from aoi_app.boards.centroid.columns import meaning_of
from aoi_app.boards.centroid.part import CentroidError
from aoi_app.boards.centroid.text import COMMENTS, Row

_CELL = re.compile(r'"[^"]*"|\S+')
_SAYS = re.compile(r"\w")
_UNIT_BESIDE = re.compile(r"[\[(].*[\])]")


@dataclass(frozen=True, slots=True)
class _Cell:
    """A cell and where it stands in its line: from `start` up to `end`."""

    text: str
    start: int
    end: int

    def meets(self, other: _Cell) -> bool:
        return self.start < other.end and other.start < self.end

    def and_(self, other: _Cell) -> _Cell:
        return _Cell(f"{self.text} {other.text}".strip(), min(self.start, other.start), max(self.end, other.end))


def set_out(rows: Sequence[Row], header: int) -> tuple[list[Row], tuple[str, ...]]:
    """Return rows whose cells are those of the columns that a header names, and these names.

    A row with as many cells as there are names is taken in their order. In any other a cell belongs to the name, and to
    the cells of the complete rows, that it stands under.

    Raises
    ------
    CentroidError
        A row has other cells than there are names, and its columns do not stand under each other.
    """
    after = [row for row in rows[header + 1 :] if row.text.lstrip()[:1] not in COMMENTS and _SAYS.search(row.text)]
    counts = [len(_cells(row.text)) for row in after]
    # "Mid X" and "Pad X" read word by word are two columns named X.
    names = max(
        _readings(rows[header].text),
        key=lambda read: (len({name.text for name in read}) == len(read), counts.count(len(read)), len(read)),
    )
    whole = [_cells(row.text) for row, n in zip(after, counts, strict=True) if n == len(names)]
    columns = list(names)
    columns[0] = replace(columns[0], start=0)
    for cells in whole:
        columns = [
            replace(c, start=min(c.start, x.start), end=max(c.end, x.end)) for c, x in zip(columns, cells, strict=True)
        ]
    beside = not any(one.meets(other) for one, other in pairwise(columns))
    out = list(rows[: header + 1])
    for row in after:
        cells = _cells(row.text)
        if len(cells) != len(columns):
            found = _under(cells, columns) if beside else None
            if found is None:
                raise CentroidError(
                    f"Line {row.number} has {len(cells)} cells, the columns have {len(columns)} names.",
                    f"Export it with another delimiter or with quotes, or correct the line: {row.text.strip()[:80]!r}.",
                )
            cells = found
        out.append(Row(row.number, tuple(cell.text for cell in cells), row.text))
    return out, tuple(name.text for name in names)


def _cells(line: str) -> list[_Cell]:
    return [_Cell(found[0].strip('"'), found.start(), found.end()) for found in _CELL.finditer(line)]


def _readings(line: str) -> list[list[_Cell]]:
    """Return how a header may be read: each word a name; known names of two words; names set apart by two blanks."""
    # KiCad sets a blank between "#" and the first name.
    words = [cell for cell in _cells(line) if cell.text != "#"]
    apart = [_Cell(found[0], found.start(), found.end()) for found in re.finditer(r"[^\s#]\S*(?: \S+)*", line)]
    return [words, _joined(words), apart]


def _joined(words: Sequence[_Cell]) -> list[_Cell]:
    names: list[_Cell] = []
    for word in words:
        if names and word.start - names[-1].end == 1:
            both = names[-1].and_(word)
            if _UNIT_BESIDE.fullmatch(word.text) or meaning_of([both.text]):
                names[-1] = both
                continue
        names.append(word)
    return names


def _under(cells: Sequence[_Cell], columns: Sequence[_Cell]) -> list[_Cell] | None:
    """Return one cell a column, empty where nothing stands under it; None where a cell cannot be told a column."""
    found = [_Cell("", column.start, column.start) for column in columns]
    last = -1
    for k, cell in enumerate(cells):
        over = [number for number, column in enumerate(columns) if cell.meets(column)]
        if not over and k and cell.start - cells[k - 1].end == 1:
            over = [last]  # a further word of a text that is longer than those above it
        if len(over) != 1 or over[0] < last:
            return None
        last = over[0]
        found[last] = found[last].and_(cell) if found[last].text else cell
    return found
