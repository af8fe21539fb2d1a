"""Text that comes from outside: labels on boards, names of files."""

from __future__ import annotations

import unicodedata

_NOT_SHOWN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories: control and format characters, lone surrogates, separators of lines and paragraphs."""


def one_line(text: str, most: int = 255) -> str:
    """Return a text as it can stand in a log, a table and a record: at most `most` characters, none of which is unseen.

    Anybody can print a label. A line break in a serial number would forge a line of the log, an escape sequence move a
    terminal's cursor, a change of direction show another name than the one that is kept, and thousands of characters
    are more than a database's index takes.
    """
    return "".join(c for c in text if unicodedata.category(c) not in _NOT_SHOWN)[:most].strip()


def check_one_line(text: str) -> str:
    """Return a name as it is. Raises ValueError for one that would not be seen whole."""
    if any(unicodedata.category(c) in _NOT_SHOWN for c in text):
        raise ValueError("it holds line breaks, control characters or others that are not shown")
    return text
