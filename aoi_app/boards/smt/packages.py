"""Packages: sizes of bodies and pads in millimetres, as in the usual land-pattern libraries (IPC-7351, nominal)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True, slots=True)
class Pad:
    """One land: centre and size in millimetres, and the way its lead points away from the body."""

    x: float
    y: float
    width: float
    height: float
    out: tuple[int, int]


@dataclass(frozen=True)
class Package:
    """One kind of part.

    Attributes
    ----------
    name
        Package name.
    family
        How it looks; key of the table of bodies.
    prefix
        Letters of its reference designators.
    body
        Width and height of the body, millimetres.
    pads
        Its lands.
    values
        What is printed on it or stands in the parts list.
    """

    name: str
    family: str
    prefix: str
    body: tuple[float, float]
    pads: tuple[Pad, ...]
    values: tuple[str, ...]

    @cached_property
    def courtyard(self) -> tuple[float, float]:
        """Width and height that the part and its pads take, with 0.25 mm around, millimetres."""
        across = max([self.body[0] / 2, *(abs(p.x) + p.width / 2 for p in self.pads)])
        down = max([self.body[1] / 2, *(abs(p.y) + p.height / 2 for p in self.pads)])
        return 2 * across + 0.5, 2 * down + 0.5

    @property
    def is_chip(self) -> bool:
        """Whether it is a two-terminal part that can stand up."""
        return self.family in ("resistor", "capacitor")


def _chip(
    name: str, family: str, prefix: str, body: tuple[float, float], pad: float, values: tuple[str, ...]
) -> Package:
    reach = body[0] / 2 + pad * 0.28
    lands = tuple(Pad(side * reach, 0.0, pad, body[1] * 1.08, (side, 0)) for side in (-1, 1))
    return Package(name, family, prefix, body, lands, values)


def _rows(pins: int, pitch: float, reach: float, land: tuple[float, float]) -> tuple[Pad, ...]:
    """Return lands along the two long sides (left and right), `reach` from the middle."""
    half = pins // 2
    return tuple(
        Pad(side * reach, (i - (half - 1) / 2) * pitch, land[0], land[1], (side, 0))
        for side in (-1, 1)
        for i in range(half)
    )


def _ring(pins: int, pitch: float, reach: float, land: tuple[float, float]) -> tuple[Pad, ...]:
    """Return lands along all four sides."""
    sides = _rows(pins // 2, pitch, reach, land)
    return sides + tuple(Pad(p.y, p.x, p.height, p.width, (0, p.out[0])) for p in sides)


_OHMS = ("103", "472", "101", "220", "1002", "4701", "000", "331")
_FARADS = ("100n", "1u", "10u", "22p", "4u7")

PACKAGES: dict[str, Package] = {
    p.name: p
    for p in (
        _chip("R0402", "resistor", "R", (1.0, 0.5), 0.5, _OHMS),
        _chip("R0603", "resistor", "R", (1.6, 0.8), 0.8, _OHMS),
        _chip("R0805", "resistor", "R", (2.0, 1.25), 0.95, _OHMS),
        _chip("R1206", "resistor", "R", (3.2, 1.6), 1.1, _OHMS),
        _chip("C0402", "capacitor", "C", (1.0, 0.5), 0.5, _FARADS),
        _chip("C0603", "capacitor", "C", (1.6, 0.8), 0.8, _FARADS),
        _chip("C0805", "capacitor", "C", (2.0, 1.25), 0.95, _FARADS),
        _chip("C1206", "capacitor", "C", (3.2, 1.6), 1.1, _FARADS),
        _chip("CASE-B", "tantalum", "C", (3.5, 2.8), 1.6, ("107", "476", "226")),
        _chip("SOD-123", "diode", "D", (2.7, 1.6), 1.0, ("1N4148", "BAT54")),
        _chip("LED0805", "led", "D", (2.0, 1.25), 0.95, ("GREEN", "RED", "AMBER")),
        _chip("IND4040", "inductor", "L", (4.0, 4.0), 1.3, ("100", "4R7", "220")),
        Package(
            "SOT-23",
            "ic",
            "Q",
            (2.9, 1.3),
            (Pad(-0.95, 1.1, 0.7, 0.9, (0, 1)), Pad(0.95, 1.1, 0.7, 0.9, (0, 1)), Pad(0.0, -1.1, 0.7, 0.9, (0, -1))),
            ("1AM", "A1", "W1P"),
        ),
        Package("SOIC-8", "ic", "U", (3.9, 4.9), _rows(8, 1.27, 2.7, (1.55, 0.6)), ("LM358", "24C64", "NE555")),
        Package("SOIC-16", "ic", "U", (3.9, 9.9), _rows(16, 1.27, 2.7, (1.55, 0.6)), ("74HC595", "RS232D", "CD4051")),
        Package("TSSOP-20", "ic", "U", (4.4, 6.5), _rows(20, 0.65, 2.9, (1.45, 0.36)), ("M003F3", "74LVC245")),
        Package("QFP-48", "ic", "U", (7.0, 7.0), _ring(48, 0.5, 4.2, (1.5, 0.28)), ("M103C8", "M230C6")),
        Package("QFP-64", "ic", "U", (10.0, 10.0), _ring(64, 0.5, 5.7, (1.5, 0.28)), ("M407VG", "M1768X")),
        Package("CAN-6.3", "can", "C", (6.6, 6.6), _chip("", "", "", (6.0, 1.5), 2.0, ()).pads, ("100 25V", "47 35V")),
        Package(
            "XTAL-5032",
            "crystal",
            "Y",
            (5.0, 3.2),
            tuple(Pad(sx * 1.85, sy * 1.2, 1.4, 1.15, (sx, 0)) for sx in (-1, 1) for sy in (-1, 1)),
            ("8.000", "16.00", "25.00"),
        ),
    )
}
"""Every package by its name."""
