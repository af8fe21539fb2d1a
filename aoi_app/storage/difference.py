"""What changed: between two inspections of a board, and between two revisions of a recipe. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from aoi_app.core.inspection import Defect
from aoi_app.core.recipe import Recipe

SAME_IOU = 0.3
"""Boxes of one class that overlap so much are the same defect; engines differ by a pixel or two, not by more."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class DefectDifference:
    """Defects of a board, inspected twice.

    Attributes
    ----------
    both
        Found both times: as before, and as now.
    gone, new
        Found only before, and only now.
    """

    both: tuple[tuple[Defect, Defect], ...]
    gone: tuple[Defect, ...]
    new: tuple[Defect, ...]

    @property
    def same(self) -> bool:
        """Whether the same defects were found, and the same of them fail the board."""
        return not self.gone and not self.new and all(a.counts == b.counts for a, b in self.both)


def compare_defects(before: Sequence[Defect], after: Sequence[Defect]) -> DefectDifference:
    """Pair the defects of two inspections, the best overlap first; each defect has one partner at most."""
    overlaps = (
        (overlap(a.box, b.box), i, j)
        for i, a in enumerate(before)
        for j, b in enumerate(after)
        if a.defect_code == b.defect_code
    )
    partners: dict[int, int] = {}
    taken: set[int] = set()
    for iou, i, j in sorted(overlaps, key=lambda pair: (-pair[0], pair[1], pair[2])):
        if iou >= SAME_IOU and i not in partners and j not in taken:
            partners[i] = j
            taken.add(j)
    return DefectDifference(
        tuple((a, after[partners[i]]) for i, a in enumerate(before) if i in partners),
        tuple(a for i, a in enumerate(before) if i not in partners),
        tuple(b for j, b in enumerate(after) if j not in taken),
    )


def overlap(one: Box, other: Box) -> float:
    """Return the intersection of two boxes over their union."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / ((one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1]) - both)


@dataclass(frozen=True, slots=True)
class RecipeChange:
    """One field of a recipe that differs; None stands for one that is not there."""

    field: str
    before: Any
    after: Any


def compare_recipes(before: Recipe, after: Recipe) -> tuple[RecipeChange, ...]:
    """Return the fields in which two recipes differ, by name; the revision number is not one."""
    old, new = dict(_fields("", before.model_dump(mode="json"))), dict(_fields("", after.model_dump(mode="json")))
    return tuple(
        RecipeChange(name, old.get(name), new.get(name))
        for name in sorted({*old, *new} - {"revision"})
        if old.get(name) != new.get(name)
    )


def _fields(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the leaves of a recipe with their names, e.g. `rules.short.min_confidence`; lists count from 1."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _fields(f"{name}.{key}" if name else key, inner)
    elif isinstance(value, list) and value:
        for place, inner in enumerate(value, 1):
            yield from _fields(f"{name}.{place}", inner)
    elif not isinstance(value, dict | list):
        yield name, value
