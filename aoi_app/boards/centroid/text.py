"""From bytes to rows: encodings, delimiters, quotes."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

from aoi_app.boards.centroid.part import CentroidError

BLANKS = " "
"""Stands for columns set with runs of blanks, as KiCad and Eagle write them."""
DELIMITERS = ("\t", ";", "|", "!", ",")
COMMENTS = "#*"
MOST_LINES_OF_CELL = 8

_NEW_LINE = re.compile(r"\r\n|\r|\n")

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One line with its number in the file, its cells, and the line itself."""

    number: int
    cells: tuple[str, ...]
    text: str


def decoded(data: bytes) -> tuple[str, str]:
    """Return the text and the name of its encoding. Raises CentroidError for what is no text."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            return _decode(data, name), name.removesuffix("-sig")
    if b"\0" in data[:200]:
        # UTF-16 without its mark: every second byte of Latin text is 0.
        name = "utf-16-le" if data[1:200:2].count(0) > data[0:200:2].count(0) else "utf-16-be"
        return _decode(data, name), name
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        # The code page of Western Windows takes any byte; names may look odd, numbers never do.
        return data.decode("cp1252", "replace"), "cp1252"


def _decode(data: bytes, name: str) -> str:
    try:
        text = data.decode(name)
    except UnicodeDecodeError as error:
        raise CentroidError(f"The file is no text in {name}: {error}.", "Export it again as CSV.") from error
    if "\0" in text:
        raise CentroidError("The file holds NUL characters: it is no text.", "Export it as CSV, not as a workbook.")
    return text


def split_rows(text: str, delimiter: str) -> list[Row]:
    """Return the lines that hold anything, as cells. A cell in quotes may hold the delimiter, and a few lines."""
    rows = []
    lines = _NEW_LINE.split(text)  # not splitlines: a name may hold what that takes for a line's end
    at = 0
    while at < len(lines):
        taken = _lines_of_row(lines, at, delimiter)
        line = "\n".join(lines[at : at + taken])
        if line.strip():
            rows.append(Row(at + 1, _cells(line, delimiter), line))
        at += taken
    return rows


def _lines_of_row(lines: Sequence[str], at: int, delimiter: str) -> int:
    """Return how many lines the row takes that begins at line `at`; one where its quote is never closed."""
    if delimiter == BLANKS or lines[at].count('"') % 2 == 0:
        return 1
    for taken in range(1, MOST_LINES_OF_CELL + 1):
        if not _open(lines[at : at + taken], delimiter):
            return taken
    return 1


def _open(lines: Sequence[str], delimiter: str) -> bool:
    """Tell whether a cell in quotes goes on beyond these lines. An inch mark within a cell opens none."""
    row = [f"{line}\n" for line in lines]
    try:
        next(csv.reader(row, delimiter=delimiter, skipinitialspace=True, strict=True), None)
    except csv.Error as error:
        return "unexpected end" in str(error)
    return False


def _cells(line: str, delimiter: str) -> tuple[str, ...]:
    if delimiter == BLANKS:
        return tuple(quoted or plain for quoted, plain in re.findall(r'"([^"]*)"|(\S+)', line))
    try:
        cells: Sequence[str] = next(csv.reader(io.StringIO(line), delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error as error:
        raise CentroidError(f"A line cannot be split: {error}: {line[:60]!r}.", "Correct the line.") from error
    return tuple(" ".join(cell.split("\n")).strip() for cell in cells)
