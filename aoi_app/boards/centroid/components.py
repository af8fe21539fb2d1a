"""From the rows of a centroid file to the components of a recipe."""

from __future__ import annotations

from collections.abc import Sequence

from aoi_app.boards.centroid.outlines import outline_of
from aoi_app.boards.centroid.part import Part
from aoi_app.core.components import Component
from aoi_app.core.text import one_line


def components_of(parts: Sequence[Part]) -> tuple[Component, ...]:
    """Return components with the outlines and solder joints that their packages' names tell."""
    found = []
    for part in parts:
        outline = outline_of(part.package)
        found.append(
            Component(
                reference=one_line(part.reference, 80) or "?",
                package=one_line(part.package),
                value=one_line(part.value),
                x_mm=part.x_mm,
                y_mm=part.y_mm,
                rotation=part.rotation,
                w_mm=round(outline.w_mm, 3),
                h_mm=round(outline.h_mm, 3),
                terminations=outline.terminations,
            )
        )
    return tuple(found)
