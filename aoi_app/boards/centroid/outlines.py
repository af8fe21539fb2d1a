"""Size and solder joints of a component, guessed from the name of its package (IPC-7351 names and common ones)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outline:
    """Outline with pads at a rotation of 0, millimetres, and solder joints.

    Attributes
    ----------
    terminations
        None where the name does not tell.
    known
        Whether the size was guessed from the name; otherwise it is the usual size of small parts.
    """

    w_mm: float
    h_mm: float
    terminations: int | None
    known: bool = True


UNKNOWN = Outline(2.0, 2.0, None, known=False)

_CHIPS = {
    "01005": (0.7, 0.4), "0201": (1.0, 0.5), "0402": (1.6, 0.7), "0603": (2.4, 1.0), "0805": (3.0, 1.5),
    "1206": (4.2, 1.9), "1210": (4.2, 2.8), "1808": (5.6, 2.3), "1812": (5.6, 3.5), "2010": (6.0, 2.8),
    "2512": (7.4, 3.5), "2220": (6.8, 5.4),
}  # fmt: skip
_TWO_PINS = {
    "SOD123": (4.0, 1.8), "SOD323": (2.9, 1.5), "SOD523": (2.0, 1.0), "SOD80": (4.4, 1.9), "MELF": (6.2, 2.8),
    "MINIMELF": (4.4, 1.9), "DO214AA": (6.2, 4.0), "DO214AB": (8.8, 6.4), "DO214AC": (5.8, 3.0), "SMA": (5.8, 3.0),
    "SMB": (6.2, 4.0), "SMC": (8.8, 6.4), "CASEA": (4.4, 2.0), "CASEB": (4.7, 3.2), "CASEC": (7.6, 3.6),
    "CASED": (9.0, 4.8), "EIA3216": (4.4, 2.0), "EIA3528": (4.7, 3.2), "EIA6032": (7.6, 3.6), "EIA7343": (9.0, 4.8),
    "HC49": (13.0, 5.0),
}  # fmt: skip
_FIXED = {
    "SOT23": (3.0, 3.4, 3), "SOT323": (2.4, 2.6, 3), "SOT89": (4.8, 4.6, 4), "SOT223": (7.0, 7.6, 4),
    "SOT143": (3.0, 3.4, 4), "DPAK": (7.0, 10.8, 3), "TO252": (7.0, 10.8, 3), "D2PAK": (10.8, 16.0, 3),
    "TO263": (10.8, 16.0, 3), "SC70": (2.4, 2.6, 3), "TO220": (10.6, 5.0, 3), "TO92": (5.2, 4.2, 3),
}  # fmt: skip
_DUAL = {
    # pitch and width over the leads, millimetres
    "TSSOP": (0.65, 7.2), "SSOP": (0.65, 8.4), "MSOP": (0.65, 5.6), "VSSOP": (0.5, 5.6), "TSOP": (0.5, 19.0),
    "SOIC": (1.27, 7.0), "SOP": (1.27, 8.4), "SO": (1.27, 7.0), "SOJ": (1.27, 9.0), "PDIP": (2.54, 10.0),
    "DIP": (2.54, 10.0), "DFN": (0.5, 3.6), "SON": (0.5, 3.6), "WSON": (0.5, 3.6),
}  # fmt: skip
_QUAD = {
    # pitch, and what the leads reach beyond the outermost row on each side
    "LQFP": (0.5, 4.0), "TQFP": (0.5, 4.0), "PQFP": (0.65, 4.5), "QFP": (0.5, 4.0), "QFN": (0.5, 1.6),
    "VQFN": (0.5, 1.6), "MLF": (0.5, 1.6), "PLCC": (1.27, 5.0), "LCC": (1.27, 4.0),
}  # fmt: skip
_GRID = {"FBGA": 0.8, "TFBGA": 0.8, "UFBGA": 0.5, "WLCSP": 0.4, "CSP": 0.5, "BGA": 1.0, "LGA": 1.0}


def outline_of(package: str) -> Outline:
    """Return the outline of a package by its name; `UNKNOWN` for one that tells nothing."""
    name = re.sub(r"[^A-Z0-9]", "", package.upper())
    for rule in _RULES:
        found = rule(name, package.upper())
        if found is not None:
            return found
    return UNKNOWN


def _fixed(name: str, _: str) -> Outline | None:
    # SOT23-5 and the like: more pins in the same outline.
    for known, (w, h, pins) in _FIXED.items():
        match = re.search(rf"{known}(?![0-9]{{3}})(\d)?", name)
        if match:
            return Outline(w, h, int(match.group(1) or pins) or pins)
    return None


def _two_pins(name: str, _: str) -> Outline | None:
    size = next((size for known, size in _TWO_PINS.items() if known in name), None)
    return None if size is None else Outline(*size, 2)


def _chip(name: str, raw: str) -> Outline | None:
    for code in re.findall(r"(?<!\d)(01005|\d{4})(?!\d)", raw):
        if code in _CHIPS:
            return Outline(*_CHIPS[code], 2)
    return None


def _pins(family: str, raw: str) -> int:
    """Return the number of pins before or after the family's name, as in `SOIC-8`, `8-SOIC`, `SOIC127P600X175-8N`."""
    after = re.search(rf"{family}[A-Z]*\d+P\d+X\d+(?:X\d+)?-(\d+)", raw) or re.search(rf"{family}[-_ ]?(\d+)", raw)
    found = after or re.search(rf"(\d+)[-_ ]?[A-Z]?{family}", raw)
    return int(found.group(1)) if found else 0


def _dual(name: str, raw: str) -> Outline | None:
    for family, (pitch, over) in _DUAL.items():
        if family in name and 4 <= (pins := _pins(family, raw)) <= 128:
            return Outline(over, pins / 2 * pitch + 1.0, pins)
    return None


def _quad(name: str, raw: str) -> Outline | None:
    for family, (pitch, beyond) in _QUAD.items():
        if family in name and 8 <= (pins := _pins(family, raw)) <= 400:
            side = pins / 4 * pitch + beyond
            return Outline(side, side, pins)
    return None


def _grid(name: str, raw: str) -> Outline | None:
    for family, pitch in _GRID.items():
        if family in name and 4 <= (pins := _pins(family, raw)) <= 4_000:
            side = math.ceil(math.sqrt(pins)) * pitch + 1.0
            return Outline(side, side, pins)
    return None


def _metric_chip(name: str, raw: str) -> Outline | None:
    """Read IPC-7351 names such as `RESC1608X55N`: length and width of the body in tenths of a millimetre."""
    match = re.match(r"(?:RES|CAP|IND|LED|DIO|FUS|THRM)(?:C|CP|M|MP|MELF)(\d\d)(\d\d)X", name)
    return Outline(int(match[1]) / 10 + 0.8, int(match[2]) / 10 + 0.2, 2) if match else None


def _can(name: str, raw: str) -> Outline | None:
    """Read electrolytic cans by their diameter: `CAN-6.3`, `CP_Elec_6.3x5.4`."""
    match = re.search(r"(?:CAN|ELEC)[-_ ]?(\d+(?:\.\d+)?)", raw)
    size = float(match[1]) if match else 0.0
    return Outline(size + 2.6, size + 0.3, 2) if 2 <= size <= 40 else None


def _sized(name: str, raw: str) -> Outline | None:
    """Read inductors and crystals by the four digits of their body: `IND4040`, `XTAL-5032`."""
    match = re.search(r"(IND|^L|XTAL|CRYSTAL|OSC)[A-Z]*(\d\d)(\d\d)(?!\d)", name)
    if match is None:
        return None
    return Outline(int(match[2]) / 10 + 0.8, int(match[3]) / 10 + 0.4, 2 if match[1] in ("IND", "L") else 4)


_RULES: tuple[Callable[[str, str], Outline | None], ...] = (
    _metric_chip, _grid, _quad, _dual, _fixed, _can, _sized, _two_pins, _chip,
)  # fmt: skip
"""Families with many pins first: a chip's four digits are found in many names."""
