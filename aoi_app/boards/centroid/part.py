"""What a centroid file says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from aoi_app.core.errors import AoiError

Side = Literal["top", "bottom"]


class CentroidError(AoiError):
    """A centroid file cannot be used."""


@dataclass(frozen=True, slots=True)
class Part:
    """One row.

    Attributes
    ----------
    reference, package, value
        Reference designator, package name, value or part number.
    x_mm, y_mm
        Centre in the file's axes.
    rotation
        Degrees, anticlockwise.
    side
        The side of the board that it is mounted on.
    """

    reference: str
    package: str
    value: str
    x_mm: float
    y_mm: float
    rotation: float
    side: Side = "top"


@dataclass(frozen=True, slots=True)
class CentroidFile:
    """A file, and how it was read: what a person checks before believing it.

    Attributes
    ----------
    encoding, delimiter
        `delimiter` is "," ";" "|" "!", a tab, or " " for columns set with blanks.
    unit
        Of its coordinates: mm, mil or inch, and whence that is known: "header", "file" (says so somewhere), "values"
        (written beside each number) or "assumed".
    columns
        Meaning -> the file's own name of the column.
    skipped
        Line number and why, of rows that are no parts: fiducial marks and rows without coordinates.
    sided
        It says on which side its parts are. Some programs write a file a side instead, with nothing about it inside.
    """

    parts: tuple[Part, ...]
    encoding: str
    delimiter: str
    unit: str
    unit_from: str
    columns: tuple[tuple[str, str], ...]
    skipped: tuple[tuple[int, str], ...] = ()
    sided: bool = True

    def of_side(self, side: Side) -> Sequence[Part]:
        """Return the parts of one side: all of them where the file does not say on which they are."""
        if not self.sided:
            return self.parts
        return tuple(part for part in self.parts if part.side == side)
