"""What the readers of all layouts share."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aoi_app.training.corpus import DataError
from aoi_app.training.data.dataset import Annotation, Fault, Problem
from aoi_app.training.data.pictures import picture_size

SPLITS = ("train", "val", "test")
"""Names of splits as folders bear them."""
_SPLIT_NAMES = {**{name: name for name in SPLITS}, "training": "train", "valid": "val", "validation": "val",
                "testing": "test"}  # fmt: skip

_LEAST_PX = 0.9  # a box of one pixel, rounded by an exporter
_LONGEST = 200  # bytes of a file name, so that a number and a suffix find room in the 255 of most file systems
_DEVICES = frozenset({"CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10))})


class Findings:
    """Problems met while a data set is read."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def add(self, fault: Fault, where: Path | str, what: str, fatal: bool = True) -> None:
        """Note one problem."""
        self.problems.append(Problem(fault, str(where), what, fatal))


def split_of(name: str) -> str:
    """Return the split that a folder is called after, whatever the exporter calls it; empty where it is none."""
    return _SPLIT_NAMES.get(name.lower(), "")


def numbers(texts: Sequence[str]) -> tuple[float, ...] | None:
    """Return texts as finite numbers, or None where one is no number."""
    try:
        values = tuple(float(t) for t in texts)
    except ValueError:
        return None
    return values if all(map(math.isfinite, values)) else None


def box_of(values: Any) -> tuple[float, float, float, float] | None:
    """Return four finite numbers, or None for anything else."""
    if not isinstance(values, list | tuple) or len(values) != 4:
        return None
    if not all(isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in values):
        return None
    x1, y1, x2, y2 = (float(v) for v in values)
    return x1, y1, x2, y2


def accept(
    label: Annotation, size: tuple[int, int], classes: Sequence[str], where: str, findings: Findings
) -> Annotation | None:
    """Return a label that is sound, cut to the image; None, with a finding, for one that is not.

    A box may reach over the image's edge by one pixel: exporters round.
    """
    width, height = size
    x1, y1, x2, y2 = label.box
    if label.defect_code not in classes:
        known = ", ".join(classes)
        findings.add(Fault.UNKNOWN_CLASS, where, f"the class {label.defect_code!r} is none of {known}")
        return None
    if x1 < -1 or y1 < -1 or x2 > width + 1 or y2 > height + 1:
        box = ", ".join(f"{v:g}" for v in label.box)
        findings.add(Fault.OUTSIDE_IMAGE, where, f"the box {box} lies outside the image of {width} x {height} px")
        return None
    x1, y1, x2, y2 = max(0.0, x1), max(0.0, y1), min(float(width), x2), min(float(height), y2)
    if x2 - x1 <= 0 or y2 - y1 <= 0:
        findings.add(Fault.ZERO_AREA, where, "the box has no area")
        return None
    if x2 - x1 < _LEAST_PX or y2 - y1 < _LEAST_PX:
        what = f"the box is {x2 - x1:g} x {y2 - y1:g} px: less than a pixel, or in shares of the image"
        findings.add(Fault.ZERO_AREA, where, what)
        return None
    return Annotation(label.defect_code, (x1, y1, x2, y2))


def inside(root: Path, name: object) -> Path | None:
    """Return the path of a file that a data set names; None where it leads out of the data set's folder."""
    if not isinstance(name, str) or not name or "\0" in name:
        return None
    path = (root / name).resolve()
    return path if path.is_relative_to(root.resolve()) else None


def read_text(path: Path) -> str:
    """Return a text file. Raises DataError."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}.", "Give a text file in UTF-8.") from error


def read_json(path: Path) -> Any:
    """Return a JSON file's content. Raises DataError."""
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is no JSON: {error}.", "Export the data set again.") from error


def size_of(path: Path, findings: Findings) -> tuple[int, int] | None:
    """Return a picture's size, or None, with a finding, where it is none."""
    try:
        return picture_size(path)
    except DataError as error:
        findings.add(Fault.UNREADABLE_IMAGE, path, error.what)
        return None


def safe_name(text: str) -> str:
    """Return `text` as a file name: anything but letters, digits, `-`, `_` and `.` becomes `_`; cut where too long."""
    name = "".join(c if c.isalnum() or c in "-_." else "_" for c in text).strip(".")
    name = name.encode("utf-8")[:_LONGEST].decode("utf-8", "ignore").rstrip(".")
    # Windows keeps these names for devices, whatever their suffix
    return f"_{name}" if name.partition(".")[0].upper() in _DEVICES else name or "_"
