"""What parts look like from above; one function a family, found through the table `BODIES`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from aoi_app.boards.smt.packages import Package
from aoi_app.boards.smt.pen import Colour, Pen, rectangle, tinted

_TERMINAL: Colour = (186, 190, 194)
_EPOXY: Colour = (38, 39, 43)
_LIGHT: Colour = (226, 228, 230)

Body = Callable[[Pen, Package, str], None]


def _terminals(pen: Pen, part: Package, share: float) -> None:
    w, h = part.body
    for side in (-1, 1):
        x = side * w * (1 - share) / 2
        pen.rectangle(x, 0, w * share, h, _TERMINAL, 0.04)
        pen.rectangle(x, -h * 0.24, w * share * 0.8, h * 0.22, (224, 227, 230))


def _resistor(pen: Pen, part: Package, value: str) -> None:
    w, h = part.body
    pen.rectangle(0, 0, w, h, (214, 212, 204), 0.03)
    _terminals(pen, part, 0.2)
    pen.rectangle(0, 0, w * 0.66, h * 0.9, (30, 30, 34), 0.03)
    pen.rectangle(0, -h * 0.36, w * 0.62, h * 0.08, (58, 58, 64))
    pen.text(0, 0, min(h * 0.42, w * 0.72 / len(value)), value, (222, 222, 216), 0.9)


def _capacitor(pen: Pen, part: Package, value: str) -> None:
    w, h = part.body
    tone = 0.9 + 0.05 * (sum(map(ord, value)) % 5)
    pen.rectangle(0, 0, w, h, tinted((150, 116, 84), tone), 0.05)
    pen.rectangle(0, -h * 0.22, w * 0.6, h * 0.3, tinted((176, 142, 108), tone), 0.05)
    _terminals(pen, part, 0.24)


def _tantalum(pen: Pen, part: Package, value: str) -> None:
    w, h = part.body
    _terminals(pen, part, 0.12)
    pen.rectangle(0, 0, w * 0.88, h, (222, 164, 54), 0.1)
    pen.rectangle(0, -h * 0.3, w * 0.82, h * 0.28, (238, 186, 84), 0.1)
    pen.rectangle(-w * 0.34, 0, w * 0.12, h * 0.98, (120, 66, 24))
    pen.text(w * 0.06, 0, h * 0.26, value, (96, 58, 22), 0.9)


def _diode(pen: Pen, part: Package, value: str) -> None:
    w, h = part.body
    pen.rectangle(0, 0, w * 1.25, h * 0.4, _TERMINAL)
    pen.rectangle(0, 0, w, h, _EPOXY, 0.06)
    pen.rectangle(0, -h * 0.34, w * 0.92, h * 0.12, tinted(_EPOXY, 1.6))
    pen.rectangle(-w * 0.33, 0, w * 0.13, h * 0.96, (206, 208, 206))


_LED = {"GREEN": (126, 206, 134), "RED": (226, 116, 106), "AMBER": (240, 192, 96)}


def _led(pen: Pen, part: Package, value: str) -> None:
    w, h = part.body
    pen.rectangle(0, 0, w, h, (232, 230, 218), 0.05)
    _terminals(pen, part, 0.2)
    pen.rectangle(0, 0, w * 0.58, h * 0.86, _LED[value], 0.2)
    pen.rectangle(-w * 0.06, -h * 0.14, w * 0.24, h * 0.24, tinted(_LED[value], 1.25), 0.1)


def _inductor(pen: Pen, part: Package, value: str) -> None:
    w, h = part.body
    pen.rectangle(0, 0, w, h, (64, 64, 68), 0.5)
    pen.rectangle(0, 0, w * 0.9, h * 0.9, (86, 86, 92), 0.5)
    pen.disc(0, 0, w * 0.36, (70, 70, 75))
    pen.text(0, 0, h * 0.2, value, _LIGHT, 0.9)


def _ic(pen: Pen, part: Package, value: str) -> None:
    """Gull-wing leads, an epoxy body with a bevel, the pin-1 dot and laser marking."""
    w, h = part.body
    for pad in part.pads:
        along = 0.55 * (pad.width if pad.out[0] else pad.height)
        wide = 0.62 * (pad.height if pad.out[0] else pad.width)
        x = pad.x - pad.out[0] * along * 0.6
        y = pad.y - pad.out[1] * along * 0.6
        size = (along * 1.9, wide) if pad.out[0] else (wide, along * 1.9)
        pen.rectangle(x, y, *size, _TERMINAL)
        gleam = (along * 0.5, wide * 0.7) if pad.out[0] else (wide * 0.7, along * 0.5)
        pen.rectangle(x + pad.out[0] * along * 0.4, y + pad.out[1] * along * 0.4, *gleam, (236, 238, 240))
    pen.rectangle(0, 0, w, h, tinted(_EPOXY, 0.75), 0.08)
    pen.rectangle(-0.03, -0.03, w * 0.95, h - w * 0.05, tinted(_EPOXY, 1.3), 0.08)
    pen.rectangle(0, 0, w * 0.91, h - w * 0.09, _EPOXY, 0.08)
    narrow = min(w, h)
    if len(part.pads) > 4:
        pen.disc(-w / 2 + narrow * 0.15, -h / 2 + narrow * 0.15, narrow * 0.05, tinted(_EPOXY, 2.2))
    tall = min(narrow * 0.16, w * 1.0 / max(len(value), 1))
    pen.text(0, -tall * 0.3, tall, value, (168, 170, 172), 0.8)
    if narrow > 3.5:
        pen.text(0, tall * 1.3, tall * 0.7, "2618 CN", (140, 142, 146), 0.7)


def _can(pen: Pen, part: Package, value: str) -> None:
    w, _ = part.body
    cut = w * 0.34
    base = [[-w / 2, -w / 2], [cut, -w / 2], [w / 2, -cut], [w / 2, cut], [cut, w / 2], [-w / 2, w / 2]]
    pen.polygon(base, (40, 42, 46))
    pen.disc(0, 0, w * 0.47, (150, 154, 158))
    pen.disc(0, 0, w * 0.44, (206, 209, 212))
    pen.disc(-w * 0.06, -w * 0.08, w * 0.3, (218, 221, 224))
    turns = np.linspace(np.pi * 0.68, np.pi * 1.32, 16)
    pen.polygon(np.stack([np.cos(turns), np.sin(turns)], 1) * w * 0.44, (44, 46, 54))
    pen.text(w * 0.06, 0, w * 0.12, value, (60, 62, 66), 0.9)


def _crystal(pen: Pen, part: Package, value: str) -> None:
    w, h = part.body
    pen.rectangle(0, 0, w, h, (206, 186, 132), 0.2)
    pen.rectangle(0, 0, w * 0.92, h * 0.88, (170, 174, 180), 0.3)
    pen.rectangle(-w * 0.02, -h * 0.04, w * 0.84, h * 0.74, (196, 200, 205), 0.3)
    pen.text(0, 0, h * 0.2, value, (92, 94, 98), 0.9)


BODIES: dict[str, Body] = {
    "resistor": _resistor,
    "capacitor": _capacitor,
    "tantalum": _tantalum,
    "diode": _diode,
    "led": _led,
    "inductor": _inductor,
    "ic": _ic,
    "can": _can,
    "crystal": _crystal,
}
"""How each family is drawn: pen at the part's centre and turn, package, value."""


def draw_body(pen: Pen, part: Package, value: str) -> None:
    """Draw a part and its shadow."""
    w, h = part.body
    pen.shade(rectangle(0, 0, w * 1.02, h * 1.04), 0.55, 0.1)
    BODIES[part.family](pen, part, value)


def draw_standing(pen: Pen, part: Package, side: int) -> None:
    """Draw a chip that stands on its terminal of one `side` (-1 or 1): its end face, seen from above."""
    w, h = part.body
    x = side * w * 0.42
    tall = h * 0.62
    pen.shade(rectangle(x + side * w * 0.12, 0, tall * 1.5, h * 1.1), 0.4, 0.12)
    pen.rectangle(x, 0, tall, h, (150, 154, 158), 0.05)
    pen.rectangle(x - tall * 0.05, -h * 0.05, tall * 0.76, h * 0.78, (222, 225, 228), 0.08)
    pen.rectangle(x + side * tall * 0.48, 0, tall * 0.14, h * 0.92, (60, 58, 56))
