"""CSV that a spreadsheet opens as text and numbers: what comes from outside is never a formula in it."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from typing import TextIO

_BEGINS_FORMULA = ("=", "+", "-", "@", "\t", "\r")

WriteRow = Callable[[Iterable[object]], None]


def rows_into(target: TextIO) -> WriteRow:
    """Return what writes one row: comma, CR LF, and an apostrophe before a text that a spreadsheet would run.

    A serial number is read from a label that anybody can print: `=HYPERLINK(...)` on a board must not become a link
    or a command on the desk of who opens the export (OWASP: CSV injection).
    """
    table = csv.writer(target, lineterminator="\r\n")
    return lambda row: table.writerow([_inert(cell) for cell in row])


def _inert(cell: object) -> object:
    if not isinstance(cell, str) or not cell.startswith(_BEGINS_FORMULA) or _is_number(cell):
        return cell
    return f"'{cell}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
