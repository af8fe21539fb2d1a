"""On which side of the board a part is, in the words of the usual programs."""

from __future__ import annotations

from collections.abc import Iterable

from aoi_app.boards.centroid.part import Side

_TOP = (
    "", "t", "top", "toplayer", "topside", "front", "f.cu", "no", "n", "false", "a", "aside", "primary", "primaryside",
    "componentside", "顶层", "顶面", "正面",
)  # fmt: skip
_BOTTOM = (
    "b", "bot", "bottom", "bottomlayer", "bottomside", "back", "b.cu", "yes", "y", "m", "true", "bside", "secondary",
    "secondaryside", "solderside", "底层", "底面", "反面",
)  # fmt: skip


def side_of(text: str, mirrored: bool, first: int) -> Side:
    """Return the side that a cell names.

    Parameters
    ----------
    mirrored
        Something else in the row says that the part is mirrored.
    first
        Number of the top side, see `first_layer`.

    Raises
    ------
    ValueError
        It names no side.
    """
    name = _plain(text)
    if name.isdecimal():
        return "top" if int(name) == first else "bottom"
    if name in _BOTTOM:
        return "bottom"
    if name in _TOP:
        return "bottom" if mirrored else "top"
    raise ValueError(f"{text!r} is no side of a board")


def first_layer(texts: Iterable[str], of_mirror: bool) -> int:
    """Return the number of the top side among the cells of a column.

    0 where the column tells who is mirrored, or where any cell is 0; otherwise layers are counted from 1 on the top.
    """
    return 0 if of_mirror or "0" in {_plain(text) for text in texts} else 1


def _plain(text: str) -> str:
    return text.lower().replace(" ", "").replace("_", "")
