"""Reads centroid files of any dialect.

Known: Altium and Protel (CSV and text report), KiCad (`.pos` and CSV), Eagle (`mountsmd.ulp`: no header), Allegro and
OrCAD (`!` or commas between columns), PADS, ODB++ (`components`), Mentor's tables, and whatever else names its columns
in a usual way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aoi_app.boards.centroid.columns import (
    MIRROR,
    NAMES,
    NEEDED,
    PACKAGE,
    REFERENCE,
    ROTATION,
    SIDE,
    UNITS,
    VALUE,
    X,
    Y,
    is_header,
    meaning_of,
    plain_name,
    unit_in_header,
    unit_in_text,
)
from aoi_app.boards.centroid.fixed import set_out
from aoi_app.boards.centroid.numbers import read_number
from aoi_app.boards.centroid.part import CentroidError, CentroidFile, Part
from aoi_app.boards.centroid.sides import first_layer, side_of
from aoi_app.boards.centroid.text import BLANKS, COMMENTS, DELIMITERS, Row, decoded, split_rows

MOST_BYTES = 50_000_000
MOST_BEFORE_HEADER = 60
"""Lines of a report's head in which the columns' names are looked for."""
ASSUMED_UNIT = "mm"

_FIDUCIAL = ("fid", "fiducial", "mark", "tooling")
_EAGLE = {REFERENCE: 0, X: 1, Y: 2, ROTATION: 3, VALUE: 4, PACKAGE: 5}
_ODB_MARK = "CMP"
_ODB = {X: 2, Y: 3, ROTATION: 4, SIDE: 5, REFERENCE: 6, VALUE: 7}
"""Columns of `CMP <package> <x> <y> <rotation> <mirror> <name> <part>`; its rotation runs clockwise."""


@dataclass(frozen=True, slots=True)
class _Table:
    """A file split into cells: where its rows of parts begin, and what their columns mean."""

    rows: Sequence[Row]
    first: int
    columns: dict[str, int]
    names: Sequence[str]
    delimiter: str
    clockwise: bool = False

    @property
    def first_layer(self) -> int:
        """The number of the top side, where sides are numbered."""
        column = self.columns.get(SIDE)
        of_mirror = column is not None and plain_name(self.names[column]) in MIRROR
        return first_layer((_cell(row, self, SIDE) for row in self.rows[self.first :]), of_mirror)


def read_centroid(path: Path, unit: str = "") -> CentroidFile:
    """Read a centroid file.

    Parameters
    ----------
    unit
        mm, mil or inch, whatever the file says; empty believes the file.

    Raises
    ------
    CentroidError
        The file cannot be read, its columns are not known, a row has text for a number, or a part is listed twice.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise CentroidError(f"{path} has more than {MOST_BYTES:,} bytes.", "Give the centroid file of one board.")
        data = path.read_bytes()
    except OSError as error:
        raise CentroidError(f"{path} cannot be read: {error.strerror}.", "Check the path.") from error
    try:
        return parse_centroid(data, unit)
    except CentroidError as error:
        raise CentroidError(f"{path}: {error.what}", error.hint) from error


def parse_centroid(data: bytes, unit: str = "") -> CentroidFile:
    """Read the bytes of a centroid file; see `read_centroid`."""
    if unit and unit not in UNITS:
        raise CentroidError(f"There is no unit {unit!r}.", f"Choose one of {', '.join(UNITS)}.")
    text, encoding = decoded(data)
    table = _table(text)
    unit, unit_from = (unit, "chosen") if unit else _unit(table)
    first_layer, sided = table.first_layer, SIDE in table.columns
    parts, skipped, beside = [], [], False
    for row in table.rows[table.first :]:
        if row.text.lstrip()[:1] in COMMENTS or is_header(row.cells):
            continue
        why = _is_no_part(row, table)
        if why:
            skipped.append((row.number, why))
            continue
        part, own_unit = _part(row, table, UNITS[unit], first_layer)
        beside, sided = beside or own_unit, sided or part.side == "bottom"
        parts.append(part)
    _check(parts, table)
    columns = tuple((meaning, table.names[k]) for meaning, k in table.columns.items())
    if beside:
        unit_from = "values"
    return CentroidFile(tuple(parts), encoding, table.delimiter, unit, unit_from, columns, tuple(skipped), sided)


def _table(text: str) -> _Table:
    best = _odb(text)
    if best is not None:
        return best
    for delimiter in (*DELIMITERS, BLANKS):
        rows = split_rows(text, delimiter)
        for index, row in enumerate(rows[:MOST_BEFORE_HEADER]):
            if is_header(row.cells):
                columns = meaning_of(row.cells)
                if best is None or len(columns) > len(best.columns):
                    best = _Table(rows, index + 1, columns, [cell.strip("# ") for cell in row.cells], delimiter)
                break
    best = best or _eagle(text)
    if best is None:
        first = next((line.strip() for line in text.splitlines() if line.strip()), "")
        wanted = "; ".join(f"{meaning}: {', '.join(NAMES[meaning][:4])}" for meaning in NEEDED)
        raise CentroidError(
            f"No line names the columns of a centroid file; it begins with {first[:60]!r}.",
            f"Export it with a line of column names. Needed are {wanted}.",
        )
    if best.delimiter != BLANKS or not best.first:
        return best
    rows, names = set_out(best.rows, best.first - 1)
    return _Table(rows, best.first, meaning_of(names), [name.strip("# ") for name in names], BLANKS)


def _odb(text: str) -> _Table | None:
    """Return the components of an ODB++ `components` file; None for any other."""
    if not text.lstrip().startswith(("UNITS=", "#", _ODB_MARK)) or f"\n{_ODB_MARK} " not in f"\n{text}":
        return None
    rows = split_rows(text, BLANKS)
    parts = [row for row in rows if row.cells[0] == _ODB_MARK]
    before = [row for row in rows[:MOST_BEFORE_HEADER] if "UNITS" in row.text]
    return _Table([*before, *parts], len(before), _ODB, [f"column {k + 1}" for k in range(8)], BLANKS, clockwise=True)


def _eagle(text: str) -> _Table | None:
    """Return a table without names if every row is `name x y rotation value package`, as Eagle writes it."""
    for delimiter in (";", "\t", ",", BLANKS):
        rows = [row for row in split_rows(text, delimiter) if row.text.lstrip()[:1] not in COMMENTS]
        if rows and all(_is_eagle(row) for row in rows):
            rows = [_with_value(row) for row in rows] if delimiter == BLANKS else rows
            columns = {meaning: k for meaning, k in _EAGLE.items() if k < min(len(row.cells) for row in rows)}
            return _Table(rows, 0, columns, [f"column {k + 1}" for k in range(6)], delimiter)
    return None


def _with_value(row: Row) -> Row:
    """Return an Eagle row with its value in one cell: it may be empty, or hold blanks. The package stands last."""
    if len(row.cells) == 4:
        return row
    return Row(row.number, (*row.cells[:4], " ".join(row.cells[4:-1]), row.cells[-1]), row.text)


def _is_eagle(row: Row) -> bool:
    if len(row.cells) < 4 or not row.cells[0][:1].isalpha():
        return False
    try:
        for cell in row.cells[1:4]:
            read_number(cell.lstrip("MSR") if cell is row.cells[3] else cell)
    except ValueError:
        return False
    return True


def _unit(table: _Table) -> tuple[str, str]:
    for meaning in (X, Y):
        unit = unit_in_header(table.names[table.columns[meaning]]) if table.first else ""
        if unit:
            return unit, "header"
    for row in table.rows[: max(table.first, MOST_BEFORE_HEADER)]:
        unit = unit_in_text(row.text)
        if unit:
            return unit, "file"
    return ASSUMED_UNIT, "assumed"


def _cell(row: Row, table: _Table, meaning: str) -> str:
    column = table.columns.get(meaning, len(row.cells))
    return row.cells[column].strip() if column < len(row.cells) else ""


def _is_no_part(row: Row, table: _Table) -> str:
    """Return why a row is no part, empty when it is one."""
    reference, package = _cell(row, table, REFERENCE), _cell(row, table, PACKAGE)
    if not reference or not any(letter.isalnum() for letter in reference):
        return "no reference designator"
    if not _cell(row, table, X) and not _cell(row, table, Y):
        return "no coordinates"
    if reference.lower().startswith(_FIDUCIAL) or package.lower().startswith(_FIDUCIAL):
        return f"{reference} is a fiducial mark"
    return ""


def _part(row: Row, table: _Table, mm: float, first_layer: int) -> tuple[Part, bool]:
    """Return a part, and whether its coordinates carry their own unit."""
    beyond = [cell for cell in row.cells[len(table.names) :] if cell.strip()]
    if beyond and table.first and table.columns is not _ODB:
        # A decimal comma or a text with the delimiter in it: all cells after it are those of other columns.
        raise CentroidError(
            f"Line {row.number} has {len(row.cells)} cells, the columns have {len(table.names)} names.",
            f"Export it with another delimiter or with quotes, or correct the line: {row.text.strip()[:80]!r}.",
        )
    try:
        x, x_unit = read_number(_cell(row, table, X))
        y, y_unit = read_number(_cell(row, table, Y))
        written = _cell(row, table, ROTATION)
        rotation, mirrored = _rotation(written)
        side = side_of(_cell(row, table, SIDE), mirrored, first_layer)
    except ValueError as error:
        raise CentroidError(f"Line {row.number}: {error}.", f"Correct the line: {row.text.strip()[:80]!r}.") from error
    return (
        Part(
            _cell(row, table, REFERENCE),
            _cell(row, table, PACKAGE),
            _cell(row, table, VALUE),
            round(x * UNITS.get(x_unit, mm), 6),
            round(y * UNITS.get(y_unit, mm), 6),
            -rotation % 360 if table.clockwise else rotation,
            side,
        ),
        bool(x_unit and y_unit),
    )


def _rotation(text: str) -> tuple[float, bool]:
    """Return degrees from 0 to 360, and whether Eagle's letter for mirrored stands before them (`MR90`)."""
    letters = text[: len(text) - len(text.lstrip("MSRmsr"))]
    value, _ = read_number(text[len(letters) :] or "0")
    return value % 360, "m" in letters.lower()


def _check(parts: Sequence[Part], table: _Table) -> None:
    if not parts:
        raise CentroidError("The file lists no part.", "Export it with the parts of the board.")
    seen: set[str] = set()
    for part in parts:
        if part.reference in seen:
            raise CentroidError(
                f"{part.reference} is listed twice.", "Export one board, not a panel, or give each part its own name."
            )
        seen.add(part.reference)
