"""Which column means what: the names that the usual programs give them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

REFERENCE, X, Y, ROTATION, SIDE, PACKAGE, VALUE = "reference", "x", "y", "rotation", "side", "package", "value"
NEEDED = (REFERENCE, X, Y)
MIRROR = ("mirror", "mirrored", "symmirror", "symbolmirror")
"""Columns of sides that say who is mirrored, rather than name a layer."""

NAMES: Mapping[str, tuple[str, ...]] = {
    # The first name that a file has wins: Altium has the centre of the body beside that of pad 1.
    REFERENCE: (
        "designator", "refdes", "ref", "reference", "referencedesignator", "refdesignator", "refname", "part", "name",
        "component", "comp", "componentname", "compname", "partname", "item", "位号",
    ),
    X: (
        "midx", "centerx", "centrex", "centreofbodyx", "posx", "x", "xcoord", "xcoordinate", "xpos", "xposition",
        "locationx", "xlocation", "locx", "placementx", "symx", "symbolx", "symcenterx", "refx", "padx", "坐标x",
        "x坐标",
    ),
    Y: (
        "midy", "centery", "centrey", "centreofbodyy", "posy", "y", "ycoord", "ycoordinate", "ypos", "yposition",
        "locationy", "ylocation", "locy", "placementy", "symy", "symboly", "symcentery", "refy", "pady", "坐标y",
        "y坐标",
    ),
    ROTATION: (
        "rotation", "rot", "rotate", "angle", "orientation", "orient", "theta", "r", "rotationdegrees", "symrotate",
        "symbolrotation", "locationrotation", "placementrotation", "角度", "旋转角度",
    ),
    SIDE: ("layer", "side", "tb", "topbottom", "boardside", "mountside", *MIRROR, "面", "层"),
    PACKAGE: (
        "package", "footprint", "pattern", "pkg", "packagename", "geometry", "symname", "symbolname", "shape", "decal",
        "partdecal", "cellname", "comppackage", "case", "jedectype", "封装",
    ),
    VALUE: (
        "value", "val", "comment", "partnumber", "partno", "pn", "description", "partdescription", "compvalue",
        "componentvalue", "parttype", "devicetype", "compdevicetype", "型号",
    ),
}  # fmt: skip
"""Names in small letters without anything but letters and digits, without unit."""

UNITS: Mapping[str, float] = {"mm": 1.0, "mil": 0.0254, "inch": 25.4, "um": 0.001, "cm": 10.0}
"""Millimetres to a unit."""

_UNIT_NAMES = {
    "mm": "mm", "millimeter": "mm", "millimeters": "mm", "millimetre": "mm", "millimetres": "mm", "metric": "mm",
    "mil": "mil", "mils": "mil", "thou": "mil", "in": "inch", "inch": "inch", "inches": "inch", "imperial": "mil",
    "um": "um", "µm": "um", "micron": "um", "microns": "um", "cm": "cm",
}  # fmt: skip
_UNIT = re.compile(r"(?<![a-z])(" + "|".join(sorted(_UNIT_NAMES, key=len, reverse=True)) + r")(?![a-z])", re.IGNORECASE)


def meaning_of(cells: Sequence[str]) -> dict[str, int]:
    """Return meaning -> number of its column, for a line that may be a header."""
    names = [plain_name(cell) for cell in cells]
    return {
        meaning: names.index(known)
        for meaning, several in NAMES.items()
        for known in [next((name for name in several if name in names), None)]
        if known is not None
    }


def is_header(cells: Sequence[str]) -> bool:
    """Tell whether a line names the columns that are needed."""
    found = meaning_of(cells)
    return all(meaning in found for meaning in NEEDED)


def unit_in_header(cell: str) -> str:
    """Return the unit that a column's name carries, as in `PosX (mm)` or `Center-X(mil)`; empty for none."""
    match = re.search(r"[\[(]\s*([a-zµ]+)\s*[\])]|[_\-. ]([a-zµ]+)$", cell.strip().lower())
    return _UNIT_NAMES.get(next(filter(None, match.groups()), ""), "") if match else ""


def unit_in_text(line: str) -> str:
    """Return the unit that a comment names, as in `## Unit = mm` or `Units used: mil`; empty for none."""
    if "unit" not in line.lower() and "uom" not in line.lower():
        return ""
    match = _UNIT.search(line)
    return _UNIT_NAMES[match.group(1).lower()] if match else ""


def plain_name(cell: str) -> str:
    """Return a column's name as `NAMES` has it: small letters, without unit, blanks and marks."""
    bare = re.sub(r"[\[(].*?[\])]", "", cell.lower().lstrip("#*! "))
    bare = re.sub(r"[_\-. ](mm|mils?|inch(es)?|um|µm|cm|deg(rees)?)$", "", bare.strip())
    return re.sub(r"[^a-z0-9\u4e00-\u9fff]", "", bare)
