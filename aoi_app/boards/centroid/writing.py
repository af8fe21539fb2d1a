"""Writes a centroid file."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from aoi_app.boards.drawn import Placement

COLUMNS = ("Designator", "Package", "Value", "Mid X (mm)", "Mid Y (mm)", "Rotation", "Layer")


def write_centroid(placements: Sequence[Placement], path: Path) -> None:
    """Write a centroid file (CSV, UTF-8), one part a row; its y axis runs down the picture, as the placements' does."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for p in placements:
            row = (p.reference, p.package, p.value, f"{p.x_mm:.4f}", f"{p.y_mm:.4f}", f"{p.rotation:g}", "top")
            writer.writerow(row)
