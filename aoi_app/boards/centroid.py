"""Centroid (pick-and-place) files: where the parts of an assembled board sit."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

from aoi_app.boards.drawn import Placement
from aoi_app.core.errors import AoiError

_COLUMNS = ("Designator", "Package", "Value", "Mid X (mm)", "Mid Y (mm)", "Rotation")


class CentroidError(AoiError):
    """A centroid file cannot be used."""


def write_centroid(placements: Sequence[Placement], path: Path) -> None:
    """Write a centroid file (CSV, UTF-8), one part a row."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for p in placements:
            writer.writerow([p.reference, p.package, p.value, f"{p.x_mm:.4f}", f"{p.y_mm:.4f}", f"{p.rotation:g}"])


def read_centroid(path: Path) -> tuple[Placement, ...]:
    """Read a centroid file.

    Raises
    ------
    CentroidError
        The file cannot be read, lacks a column, or a row has text for a number.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            found = list(reader.fieldnames or ())
            missing = [c for c in _COLUMNS if c not in found]
            if missing:
                raise CentroidError(
                    f"{path} lacks the columns {', '.join(missing)}; found {', '.join(found) or 'none'}.",
                    f"Export it with the columns {', '.join(_COLUMNS)}.",
                )
            return tuple(_placement(row, path, reader.line_num) for row in reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CentroidError(f"{path} cannot be read: {error}.", "Give a CSV file in UTF-8.") from error


def _placement(row: dict[str, str], path: Path, line: int) -> Placement:
    try:
        x, y, rotation = (float(row[c]) for c in _COLUMNS[3:])
        if not all(map(math.isfinite, (x, y, rotation))):
            raise ValueError("a number is not finite")
    except (TypeError, ValueError) as error:
        raise CentroidError(f"{path}, line {line}: {error}.", "Correct the row.") from error
    return Placement(row[_COLUMNS[0]], row[_COLUMNS[1]], row[_COLUMNS[2]], x, y, rotation)
