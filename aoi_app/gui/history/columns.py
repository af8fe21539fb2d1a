"""The columns of the history table. Data."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from aoi_app.core.inspection import Verdict
from aoi_app.gui.line.verdict_looks import LOOKS
from aoi_app.gui.texts import defect_name, message, tr
from aoi_app.storage.history import BoardRow


@dataclass(frozen=True, slots=True)
class Column:
    """A column: title, width in pixels, a row's text, and whether figures stand to the right.

    A width of 0 takes what is left.
    """

    name: str
    title: str
    width: int
    text: Callable[[BoardRow], str]
    right: bool = False


def local_time(us: int) -> str:
    """Return UTC microseconds as local time."""
    return datetime.fromtimestamp(us / 1e6).strftime("%Y-%m-%d %H:%M:%S")


def _verdict(row: BoardRow) -> str:
    word = tr(LOOKS[row.verdict].word)
    if row.final_verdict is row.verdict:
        return word
    return tr("{first} → {final}", first=word, final=tr(LOOKS[row.final_verdict].word))


def reason_text(verdict: Verdict, reason: str) -> str:
    """Return why a verdict stands, in the language in use: the judge writes "2 x short, 1 x open" of failed boards."""
    parts = [re.fullmatch(r"(\d+) x (.+)", part) for part in reason.split(", ")]
    if verdict is Verdict.FAILED and all(parts):
        return ", ".join(f"{part[1]} × {defect_name(part[2])}" for part in parts if part)
    return message(reason)


def _defects(row: BoardRow) -> str:
    return f"{row.defects:,}" if row.defects else "–"


def _open(row: BoardRow) -> str:
    return f"{row.open_defects:,}" if row.open_defects else "–"


COLUMNS = (
    Column("preview", "", 68, lambda row: ""),
    Column("time", "Time", 152, lambda row: local_time(row.ended_us)),
    Column("verdict", "Verdict", 124, _verdict),
    Column("serial", "Serial number", 158, lambda row: row.serial),
    Column("recipe", "Recipe", 112, lambda row: f"{row.recipe} r{row.recipe_revision}"),
    Column("defects", "Defects", 74, _defects, right=True),
    Column("open", "To review", 84, _open, right=True),
    Column("ms", "Verdict, ms", 92, lambda row: "–" if row.verdict_ms is None else f"{row.verdict_ms:,.0f}", True),
    Column("reason", "Reason", 0, lambda row: reason_text(row.verdict, row.reason)),
)
