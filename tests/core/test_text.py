from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi_app.core.text import one_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("MB-000123", "MB-000123"),
        ("板 7 Ä\u00a0é", "板 7 Ä\u00a0é"),
        ("A1\nERROR record: all boards passed", "A1ERROR record: all boards passed"),
        ("\x1b[2J\x1b]0;x\x07A1", "[2J]0;xA1"),
        ("]d2\x1d0104012345\x1d10AB", "]d2010401234510AB"),
        ("A\u202e1B", "A1B"),
        ("scan\udcff", "scan"),
        (" \t\r\n ", ""),
    ],
)
def test_what_cannot_be_seen_goes(text: str, shown: str) -> None:
    assert one_line(text) == shown


@given(st.text(alphabet=st.characters(), max_size=400), st.integers(1, 300))
def test_it_fits_one_line_of_any_file(text: str, most: int) -> None:
    line = one_line(text, most)
    assert len(line) <= most and len(f"x{line}x".splitlines()) == 1
    assert line.encode("utf-8").decode("utf-8") == line and "\0" not in line
    assert one_line(line, most) == line
