"""Numbers as people and programs write them: decimal commas, units beside them."""

from __future__ import annotations

import math
import re

_NUMBER = re.compile(r"([+-]?(?:\d[\d.,' ]*\d|\d|[.,]\d+)(?:[eE][+-]?\d+)?)\s*([a-zA-Zµ\"°]*)\.?")
_UNIT = {
    "": "", "mm": "mm", "mil": "mil", "mils": "mil", "th": "mil", "thou": "mil", "in": "inch", "inch": "inch",
    '"': "inch", "um": "um", "µm": "um", "cm": "cm", "deg": "", "°": "", "d": "",
}  # fmt: skip


def read_number(text: str) -> tuple[float, str]:
    """Return a number and the unit written beside it, empty for none.

    Both `1234.5` and `1234,5` are read, and thousands set apart (`1,234.5`, `1.234,5`). A single comma or point is
    always the decimal one: no board is so large that coordinates need thousands set apart.

    Raises
    ------
    ValueError
        It is no number, not finite, or its unit is not known.
    """
    match = _NUMBER.fullmatch(text.strip())
    if match is None or match.group(2).lower() not in _UNIT:
        raise ValueError(f"{text.strip()!r} is no number")
    digits = match.group(1).replace("'", "").replace(" ", "")
    comma, point = digits.rfind(","), digits.rfind(".")
    if comma >= 0 and point >= 0:
        thousands, decimal = (",", ".") if point > comma else (".", ",")
        digits = digits.replace(thousands, "").replace(decimal, ".")
    else:
        digits = digits.replace(",", ".")
    if digits.count(".") > 1:
        raise ValueError(f"{text.strip()!r} is no number")
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{text.strip()!r} is not finite")
    return value, _UNIT[match.group(2).lower()]
